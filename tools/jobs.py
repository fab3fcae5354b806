"""Experiments of DVC, each in a clone of its own, with the cache and the objects of the project.

`dvc exp run --temp` copies the whole history for each experiment, and loses its result in a shallow
clone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.refs import ExpRefInfo
from scmrepo.exceptions import SCMError

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError

FOLDER = Path("scratch/experiments")
IDENTITY = ("-c", "user.name=hotcold", "-c", "user.email=hotcold")  # of what no branch has


def git(*arguments: str | Path, folder: Path | None = None) -> str:
    """The output of git. Raises UserError if it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {' '.join(map(str, arguments))} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def changes() -> str:
    """A commit with the changes of tracked files since the last one; empty if there are none."""
    changed = git("status", "--porcelain", "--untracked-files=no")
    return git(*IDENTITY, "stash", "create") if changed else ""


def experiment_names() -> set[str]:
    """The names of all experiments. Raises UserError where DVC cannot run any."""
    with Repo() as repo:
        try:
            repo.scm.get_rev()  # an empty repository has none
            listed = repo.experiments.ls(all_commits=True)
        except (DvcException, SCMError) as error:
            raise UserError(f"dvc cannot run experiments here: {error}") from None
    return {name for names in listed.values() for name, _ in names}


def run_experiment(
    name: str,
    settings: Sequence[str],
    target: str | None = None,
    commit: str = "HEAD",
    further: str = "",
    gpu: int | None = None,
) -> None:
    """Run one experiment from a commit, and push it to the project, which is the working folder.

    settings: of params.yaml, as `dvc exp run -S` has them. further: `changes`, which it has, too.
    An interrupted training continues. Raises UserError if the experiment fails.
    """
    clone, environment = FOLDER / name, dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = str(gpu)
    commit, resume = git("rev-parse", commit), Path.cwd() / paths.RESUME
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
    git("remote", "add", "origin", Path.cwd(), folder=clone)
    # Compression costs DVC seconds: it writes the committed results again.
    git("config", "core.looseCompression", "0", folder=clone)
    try:
        git("checkout", "--quiet", "--detach", commit, folder=clone)
        if further:
            git(*IDENTITY, "stash", "apply", "--quiet", further, folder=clone)
        with Repo() as repo:
            cache = f"[cache]\n    dir = {repo.cache.local_cache_dir}\n"
        (clone / ".dvc/config.local").write_text(cache)
        resume.mkdir(parents=True, exist_ok=True)
        (clone / paths.RESUME.parent).mkdir(exist_ok=True)
        (clone / paths.RESUME).symlink_to(resume)
        words = [word for setting in settings for word in ("-S", setting)]
        words += [target] if target else []
        run = ("exp", "run", "--pull", "--allow-missing", "--name", name)
        if not run_dvc(*run, *words, folder=clone, environment=environment):
            raise UserError(f"the experiment {name} failed, see above")
        git("push", "--quiet", "origin", str(ExpRefInfo(commit, name)), folder=clone)
    finally:
        shutil.rmtree(clone)


def run_dvc(*arguments: str, folder: Path, environment: dict[str, str]) -> bool:
    """Run dvc; whether it succeeded. A signal to this process also ends dvc and its stage."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job; dvc would ignore it
        signal.signal(signal.SIGINT, lambda *_: None)
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        return process.wait() == 0
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
