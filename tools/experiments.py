"""DVC's records of experiments: the settings of each, and the metrics that it computed with them.

`dvc exp show` also lists, for an experiment of some stages, the metrics of all other stages, as
they were before it. Here a metric is outdated, and left out, where `dvc repro` would run its stage
again, or one that it depends on, and where `dvc checkout` has not replaced its file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dvc.dependency import Dependency, ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.repo.experiments.serialize import ExpState
from dvc.stage import Stage
from pygit2 import GitError

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, printable
from hotcold.runtime.params import load as load_params

CHECK = "check_params"  # its output never changes, so it makes no other stage outdated
DONE = ("", "success")


@dataclass(frozen=True)
class Experiment:
    """An experiment, or a commit or the workspace, from which experiments start.

    state: empty, or of an experiment of a queue, queued, running, failed or success.
    settings, metrics: by dotted key. outdated: names of the metrics that are left out.
    """

    name: str
    is_baseline: bool = False
    state: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    outdated: frozenset[str] = frozenset()

    @cached_property
    def blocks(self) -> set[str]:
        """The keys of params.yaml that have settings below them."""
        parts = [key.split(".") for key in self.settings]
        return {".".join(part[:depth]) for part in parts for depth in range(1, len(part))}

    def setting(self, key: str) -> Any:
        """A setting, or a block as text; None if the experiment does not have it."""
        if key not in self.blocks:
            return self.settings.get(key)
        inside = {k: v for k, v in self.settings.items() if k.startswith(f"{key}.")}
        return ", ".join(f"{k.removeprefix(key)[1:]}={v}" for k, v in inside.items())


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping with dotted keys; lists as text."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        path = shown(f"{prefix}{key}")
        if isinstance(value, dict):
            result |= flat(value, f"{path}.")
        else:
            result[path] = shown(value) if isinstance(value, (str, list)) else value
    return result


def shown(text: object) -> str:
    """A text from the repository of somebody, in a cell of a table on a terminal."""
    return printable(text).replace("|", "\N{BROKEN BAR}")


class Index:
    """The stages of the workspace or commit that a DVC repository shows at the moment.

    params: the content of its params.yaml.
    """

    def __init__(self, repo: Repo, params: dict[str, Any]) -> None:
        self.repo, self.params, stages = repo, params, repo.index.stages
        self.made_by: dict[str, Output] = {out.fs_path: out for s in stages for out in s.outs}
        self.found: dict[str, bool] = {}
        self.hashes: dict[str, Any] = {}

    def outdated_files(self) -> set[str]:
        """The files of metrics whose stages are not up to date, or that differ from dvc.lock."""
        relative = self.repo.fs.relpath
        outs = [out for out in self.made_by.values() if out.is_metric]
        return {
            relative(out.fs_path, self.repo.root_dir)
            for out in outs
            if not self.is_up_to_date(out.stage) or (out.exists and out.changed_checksum())
        }

    def is_up_to_date(self, stage: Stage) -> bool:
        """Whether a stage ran with its present command, parameters, code and data, and so did all
        stages that it depends on."""
        name = stage.addressing
        if name not in self.found:
            self.found[name] = not stage.cmd_changed and all(map(self._is_same, stage.deps))
        return self.found[name]

    def _is_same(self, dep: Dependency) -> bool:
        if isinstance(dep, ParamsDependency):
            recorded = dep.hash_info.value or {}
            return all(recorded.get(key, dep) == self._param(key) for key in dep.params)
        out = self.made_by.get(dep.fs_path)
        if out:
            is_check = out.stage.name == CHECK
            return dep.hash_info == out.hash_info and (is_check or self.is_up_to_date(out.stage))
        if dep.fs_path not in self.hashes:
            self.hashes[dep.fs_path] = dep.get_hash() if dep.exists else None
        return dep.hash_info == self.hashes[dep.fs_path]

    def _param(self, key: str) -> Any:
        value: Any = self.params
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value


def load() -> list[Experiment]:
    """The workspace, the last commit, and its experiments. Raises UserError without a git
    repository of this user, or in a folder without params.yaml."""
    load_params()
    try:
        with Repo() as repo:
            return list(_all(repo, repo.experiments.show()))
    except (DvcException, GitError) as error:
        raise UserError(f"DVC cannot show experiments: {error}") from None


def _all(repo: Repo, states: Iterable[ExpState]) -> Iterator[Experiment]:
    for state in states:
        yield _experiment(repo, state, state.name or state.rev, is_baseline=True)
        for group in state.experiments or ():
            name = group.name or group.revs[0].name or group.revs[0].rev[:7]
            status = group.executor.state if group.executor else ""
            yield _experiment(repo, group.revs[0], name, status)


def _experiment(
    repo: Repo, state: ExpState, name: str, status: str = "", is_baseline: bool = False
) -> Experiment:
    if not state.data:
        return Experiment(shown(name), is_baseline, "failed")
    params = state.data.params[str(paths.PARAMS)].get("data", {})
    metrics: dict[str, float] = {}
    outdated: set[str] = set()
    if status in DONE:
        with nullcontext() if state.rev == "workspace" else repo.switch(state.rev):
            files = Index(repo, params).outdated_files()
        for path, found in state.data.metrics.items():
            values = flat(found.get("data", {}))
            if path in files:
                outdated |= set(values)
            else:
                metrics |= values
    return Experiment(shown(name), is_baseline, status, flat(params), metrics, frozenset(outdated))


def run_dvc(*arguments: str) -> bool:
    """Run dvc; whether it succeeded. A signal to this process also ends dvc and its stage."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job; dvc would ignore it
        signal.signal(signal.SIGINT, lambda *_: None)
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait() == 0
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise


def finished(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments that have finished successfully."""
    return [each for each in experiments if not each.is_baseline and each.state in DONE]


def varied(experiments: list[Experiment]) -> list[str]:
    """Keys of settings, other than the seed, that differ between experiments. Of a block that some
    of them do not have at all, such as a new model, the key of the block."""
    keys = {key for each in experiments for key in each.settings} - {"seed"}
    blocks = set[str]().union(*(each.blocks for each in experiments))
    common = blocks.intersection(*(each.blocks for each in experiments))
    found = {_present(key, common) for key in keys}
    return sorted(k for k in found if len({str(each.setting(k)) for each in experiments}) > 1)


def _present(key: str, common: set[str]) -> str:
    """The key, or its first part that is a block of some experiments alone."""
    parts = key.split(".")
    prefixes = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    return next((prefix for prefix in prefixes if prefix not in common), key)
