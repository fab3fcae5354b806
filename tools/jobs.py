"""Experiments of DVC, each in a clone of its own, with the cache and the objects of the project.

`dvc exp run --temp` copies the whole history for each experiment, and loses its result in a shallow
clone. In a clone of its own an experiment needs none of the stashes of `dvc exp run`: `dvc repro`
takes half the time, and what it leaves is then committed as an experiment.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc.exceptions import DvcException, InvalidArgumentError
from dvc.repo import Repo
from dvc.repo.experiments.refs import ExpRefInfo
from dvc.utils.hydra import apply_overrides
from filelock import FileLock, Timeout
from omegaconf.errors import OmegaConfBaseException
from ruamel.yaml.error import YAMLError
from scmrepo.exceptions import SCMError

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded

FOLDER = Path("scratch/experiments")


def git(*arguments: str | Path, folder: Path | None = None) -> str:
    """The output of git. Raises UserError if it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {' '.join(map(str, arguments))} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def changes() -> str:
    """A commit with the changes of tracked files since the last one; empty if there are none."""
    changed = git("status", "--porcelain", "--untracked-files=no")
    anybody = ("-c", "user.name=hotcold", "-c", "user.email=hotcold")  # no branch has this commit
    return git(*anybody, "stash", "create") if changed else ""


def experiment_names() -> set[str]:
    """The names of all experiments. Raises UserError where DVC cannot run any."""
    with Repo() as repo:
        try:
            repo.scm.get_rev()  # an empty repository has none
            listed = repo.experiments.ls(all_commits=True)
        except (DvcException, SCMError) as error:
            raise UserError(f"dvc cannot run experiments here: {error}") from None
    return {name for names in listed.values() for name, _ in names}


def override(path: Path, settings: Sequence[str]) -> None:
    """Write settings into a params.yaml, as `dvc exp run -S` does. Raises UserError if that would
    refuse them."""
    try:
        apply_overrides(path, list(settings))
    except (InvalidArgumentError, OmegaConfBaseException, TypeError, YAMLError) as error:
        raise UserError(bounded(str(error.__cause__ or error).partition("\n")[0])) from None


@contextlib.contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Hold the file `lock`. Raises UserError if another process holds it; what: for the message."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise UserError(f"{what} is running already") from None


def run_experiment(
    name: str,
    settings: Sequence[str],
    target: str | None = None,
    commit: str = "HEAD",
    further: str = "",
    gpu: int | None = None,
) -> None:
    """Run one experiment from a commit, and push it to the project, which is the working folder;
    an earlier experiment of this name is replaced.

    settings: of params.yaml, as `dvc exp run -S` has them. further: `changes`, which it has, too.
    An interrupted training continues. Raises UserError if the experiment fails or is running.
    """
    clone, environment = FOLDER / name, dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = str(gpu)
    reference = str(ExpRefInfo(git("rev-parse", commit), name))
    with alone(FOLDER / f".{name}.lock", f"the experiment {name}"):
        try:
            open_clone(clone, commit, further)
            if settings:
                override(clone / paths.PARAMS, settings)
            dvc = functools.partial(run_dvc, folder=clone, environment=environment)
            options = ("--allow-missing", *([target] if target else []))
            pulled = dvc("pull", "--with-deps", *options, output=subprocess.DEVNULL)
            if not (pulled and dvc("repro", "--pull", *options)):
                raise UserError(f"the experiment {name} failed, see above")
            git("add", "--all", folder=clone)
            tree, message = git("write-tree", folder=clone), f"Experiment {name}"
            done = git("commit-tree", tree, "-p", "HEAD", "-m", message, folder=clone)
            git("push", "--quiet", "--force", "origin", f"{done}:{reference}", folder=clone)
        finally:
            shutil.rmtree(clone, ignore_errors=True)


def open_clone(clone: Path, commit: str, further: str) -> None:
    """Make a clone of the project at a commit, with further changes, and with its cache of DVC, its
    interrupted trainings and its name and e-mail of git. One that is there is replaced."""
    shutil.rmtree(clone, ignore_errors=True)
    git("init", "--quiet", clone)
    # Like `git clone --shared`, which would copy all objects of a shallow clone.
    objects, shallow = (
        Path(git("rev-parse", "--path-format=absolute", "--git-path", name))
        for name in ("objects", "shallow")
    )
    (clone / ".git/objects/info/alternates").write_text(f"{objects}\n")
    if shallow.exists():
        shutil.copy(shallow, clone / ".git")
    settings = {"core.hooksPath": os.devnull, "push.gpgSign": "false"}
    for key in ("user.name", "user.email"):  # a branch by `dvc exp branch` has them
        settings[key] = git("config", "--default", "", key) or "hotcold"
    for key, value in settings.items():
        git("config", key, value, folder=clone)
    git("remote", "add", "origin", Path.cwd(), folder=clone)
    git("checkout", "--quiet", "--detach", git("rev-parse", commit), folder=clone)
    if further:
        git("stash", "apply", "--quiet", further, folder=clone)
    with Repo() as repo:
        cache = f'[cache]\n    dir = "{repo.cache.local_cache_dir}"\n'
    # If DVC wrote the index of git, git would miss a change of params.yaml that keeps the size of
    # the file, within a second of the checkout.
    (clone / ".dvc/config.local").write_text(f"[core]\n    autostage = false\n{cache}")
    resume = Path.cwd() / paths.RESUME
    resume.mkdir(parents=True, exist_ok=True)
    (clone / paths.RESUME.parent).mkdir(exist_ok=True)
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/exclude").write_text(f"/{paths.RESUME.parent}\n")
    (clone / paths.RESUME).symlink_to(resume)


def run_dvc(
    *arguments: str, folder: Path, environment: dict[str, str], output: int | None = None
) -> bool:
    """Run dvc; whether it succeeded. A signal to this process also ends dvc and its stage. output:
    as `stdout` of `subprocess`; errors are printed in any case."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job; dvc would ignore it
        signal.signal(signal.SIGINT, lambda *_: None)
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=output, start_new_session=True
    )
    try:
        return process.wait() == 0
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
