"""DVC's records of experiments: the settings of each, and the metrics that it computed with them.

`dvc exp show` also lists, for an experiment of some stages, the metrics of all other stages, as
they were before it. Here a metric is outdated, and left out, where `dvc repro` would run its stage
again, or one that it depends on, and where `dvc checkout` has not replaced its file.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.refs import ExpRefInfo
from pygit2 import Blob, Commit, GitError, Object, Repository, Tree
from scmrepo.exceptions import SCMError
from tqdm import tqdm

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, printable
from hotcold.runtime.params import parse

CHECK = "check_params"  # its output never changes, so it makes no other stage outdated
DONE = ("", "success")
COPIES = Path(".dvc/tmp/exps")  # of the files of git, in which experiments run
LONGEST_START = 120  # seconds
# In dvc.lock, which DVC writes: the start of a stage, and the path of an output
BLOCK, OUT = re.compile(r"^  (?=\S)", re.MULTILINE), re.compile(r"^    - path: (.+)", re.MULTILINE)
NO_ENTRIES = (UserError, AttributeError, TypeError, ValueError)  # as of a text of several lines


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
        path = printable(f"{prefix}{key}")
        if isinstance(value, dict):
            result |= flat(value, f"{path}.")
        else:
            value = list(value) if isinstance(value, tuple) else value
            result[path] = printable(value) if isinstance(value, (str, list)) else value
    return result


def cell(value: Any) -> Any:
    """A setting or a name that breaks no row of a table."""
    return printable(value).replace("|", "\N{BROKEN BAR}") if isinstance(value, str) else value


@dataclass(frozen=True)
class Recorded:
    """A stage in dvc.lock. deps, outs: path -> MD5. params: the values that it ran with, by key."""

    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


def union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Raises ValueError if two parts have the same key."""
    found = {key: value for part in parts for key, value in part.items()}
    if len(found) < sum(map(len, parts)):
        raise ValueError
    return found


@cache  # experiments have most parts of their files in common, and YAML takes milliseconds
def parsed(text: str, indent: str = "") -> Any:
    """The value of YAML; indent: of entries below a line `key:`, which are parsed one by one."""
    head, *items = re.split(rf"^{indent}(?=\w)", text, flags=re.MULTILINE) if indent else [text]
    with suppress(*NO_ENTRIES):
        ((key, *_), *_) = found = [parsed(f"{head}{indent}{item}") for item in items]
        return {key: union([part[key] for part in found])}
    return parse(text, str(paths.PARAMS))


@cache
def recorded(block: str) -> Recorded:
    """A stage, from its text in dvc.lock."""
    (stage,) = parsed(block, " " * 4).values()
    deps, outs = (
        {each["path"]: each["md5"] for each in stage.get(key, ())} for key in ("deps", "outs")
    )
    return Recorded(deps, stage.get("params", {}).get(str(paths.PARAMS), {}), outs)


@cache
def mapping(text: str) -> dict[str, Any]:
    """The content of params.yaml. Raises UserError if it is no mapping."""
    with suppress(*NO_ENTRIES):
        entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
        return union([parsed(entry, "  ") or {} for entry in entries])
    value = parse(text, str(paths.PARAMS))
    if not isinstance(value, dict | None):
        raise UserError(f"{paths.PARAMS} must be a mapping")
    return value or {}


@cache
def metrics_in(file: Path) -> dict[str, float]:
    """The metrics of a file in DVC's cache; none if it is not there."""
    return flat(json.loads(file.read_bytes())) if file.exists() else {}


class Revision:
    """A commit, or the workspace: its parameters, and its stages in dvc.lock."""

    def __init__(self, root: Path, tree: Tree | None = None) -> None:
        """tree: of the folder `root` in a commit; None for the workspace."""
        self.root, self.tree = root, tree
        self.params = mapping(self.read(str(paths.PARAMS)).decode())
        blocks = BLOCK.split(self.read("dvc.lock").decode())[1:]
        self.blocks = {block.partition(":")[0]: block for block in blocks}
        outs = {name: block.partition("\n    outs:\n")[2] for name, block in self.blocks.items()}
        self.made_by = {out: name for name, text in outs.items() for out in OUT.findall(text)}
        self.found: dict[str, bool] = {}

    def stage(self, name: str) -> Recorded:
        return recorded(self.blocks[name])

    def read(self, path: str) -> bytes:
        """The content of a file; empty if there is none."""
        if self.tree:
            found = self.tree[path] if path in self.tree else None  # noqa: SIM401 (no mapping)
            return found.data if isinstance(found, Blob) else b""
        file = self.root / path
        return file.read_bytes() if file.is_file() else b""

    def md5(self, path: str) -> str | None:
        """The hash of a file or folder as DVC computes it; None if there is none."""
        if self.tree:
            return md5_in_git(self.tree[path]) if path in self.tree else None
        place = self.root / path
        if not place.is_dir():
            return md5(place.read_bytes()) if place.exists() else None
        files = [each for each in place.rglob("*") if each.is_file() and each.suffix != ".pyc"]
        return md5_of_folder({p.relative_to(place).as_posix(): md5(p.read_bytes()) for p in files})

    def metrics(self, cache: Path) -> tuple[dict[str, float], frozenset[str]]:
        """The metrics by name, and the names of those whose stages are not up to date, or whose
        files differ from dvc.lock. cache: the folder of DVC's files."""
        found: dict[str, float] = {}
        outdated: set[str] = set()
        for path, name in self.made_by.items():
            if not path.startswith(f"{paths.METRICS}/"):
                continue
            known = self.stage(name).outs[path]
            values, same = metrics_in(cache / known[:2] / known[2:]), True
            if not self.tree:
                text = self.read(path)
                same = md5(text) == known
                values = flat(json.loads(text)) if same else values
            if same and self.is_up_to_date(name):
                found |= values
            else:
                outdated |= set(values)
        return found, frozenset(outdated)

    def is_up_to_date(self, name: str) -> bool:
        """Whether a stage ran with its present parameters, code and data, and so did all stages
        that it depends on."""
        if name not in self.found:
            stage = self.stage(name)
            self.found[name] = all(self.param(k) == v for k, v in stage.params.items()) and all(
                self.is_same(path, known) for path, known in stage.deps.items()
            )
        return self.found[name]

    def is_same(self, path: str, known: str) -> bool:
        """Whether a dependency has this hash."""
        maker = self.made_by.get(path)
        if maker is None:
            return self.md5(path) == known
        return self.stage(maker).outs[path] == known and (
            maker == CHECK or self.is_up_to_date(maker)
        )

    def param(self, key: str) -> Any:
        value: Any = self.params
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5_of_folder(files: dict[str, str]) -> str:
    """files: path -> MD5."""
    entries = [{"md5": hashed, "relpath": path} for path, hashed in sorted(files.items())]
    return f"{md5(json.dumps(entries).encode())}.dir"


@cache
def md5_in_git(item: Object) -> str:
    """The hash of a file or folder of a commit."""
    if isinstance(item, Tree):
        return md5_of_folder(dict(inside(item)))
    return md5(item.data) if isinstance(item, Blob) else ""


def inside(tree: Tree) -> Iterator[tuple[str, str]]:
    """Path and MD5 of every file of a folder of a commit."""
    for item in tree:
        if isinstance(item, Tree):
            yield from ((f"{item.name}/{path}", hashed) for path, hashed in inside(item))
        else:
            yield str(item.name), md5_in_git(item)


def load(waited: int = 0) -> list[Experiment]:
    """The workspace, the last commit, and its experiments. While an experiment starts, whose copy
    DVC cannot read yet, this waits for it; waited: seconds. Raises UserError without a git
    repository of this user."""
    try:
        with Repo() as repo:
            return list(_all(repo))
    except (DvcException, GitError, SCMError) as error:
        if waited == LONGEST_START or not any(COPIES.rglob("tmp*")):
            raise UserError(f"DVC cannot show experiments: {error}") from None
    if not waited:
        print("an experiment is starting: waiting for it", file=sys.stderr, flush=True)
    time.sleep(1)
    return load(waited + 1)


def _all(repo: Repo) -> Iterator[Experiment]:
    """DVC itself needs half a second for an experiment: what it would show of those that do not
    run is read from git and from the cache here."""
    git, root = Repository(repo.scm.root_dir), Path(repo.root_dir)
    cache = Path(repo.cache.local.path)

    def read(name: str, rev: str, status: str = "", is_baseline: bool = False) -> Experiment:
        inner = root.relative_to(git.workdir).as_posix()
        path = rev if inner == "." else f"{rev}:{inner}"
        tree = None if rev == "workspace" else git.revparse_single(path).peel(Tree)
        try:
            revision = Revision(root, tree)
            done = status in DONE
            metrics, outdated = revision.metrics(cache) if done else ({}, frozenset[str]())
        except (UserError, ValueError):  # a damaged file
            return Experiment(cell(name), is_baseline, "failed")
        settings = {cell(key): cell(value) for key, value in flat(revision.params).items()}
        return Experiment(cell(name), is_baseline, status, settings, metrics, outdated)

    for state in repo.experiments.show(hide_queued=True, hide_failed=True, refs=["none"]):
        yield read(state.name or state.rev, state.rev, is_baseline=True)
        for group in state.experiments or ():
            name = group.name or group.revs[0].name or group.revs[0].rev[:7]
            yield read(name, group.revs[0].rev, group.executor.state if group.executor else "")
    head, queue = repo.scm.get_rev(), repo.experiments.celery_queue
    refs = repo.scm.iter_refs(str(ExpRefInfo(baseline_sha=head)))
    todo = [(ref.rpartition("/")[2], repo.scm.get_ref(ref), "") for ref in refs]
    todo.sort(key=lambda each: git[each[1]].peel(Commit).commit_time, reverse=True)
    for entries, status in ((queue.iter_queued(), "queued"), (queue.iter_failed(), "failed")):
        for each in entries:
            entry = each[0] if status == "failed" else each
            if entry.baseline_rev == head:
                todo.append((entry.name or entry.stash_rev[:7], entry.stash_rev, status))
    for each in tqdm(todo, "experiments", leave=False, disable=None):
        yield read(*each)


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
