"""Runs that continue after an interruption, from their last saved part.

DVC deletes the outputs of a stage before it runs the stage again. So the state is kept outside of
them, in scratch/resume/<stage>-<name>-<key> under the root of the repository, and so are the
outputs. The key is a hash of everything that the result depends on: the state of another
configuration is never used. After a run of DVC the complete outputs stay there for a week, because
DVC can fail to record them: on a full disk, or when it is interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from hotcold.numerics import checkpoints, distributed, tables
from hotcold.runtime import files, paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.startup import is_orphaned, is_run_by_dvc

PROJECT = ("hotcold.", "stages.", "__main__.")  # the stage itself is the main module
ROOT = Path(__file__).resolve().parents[2]
FINISHED = "finished"  # a file that marks complete outputs, and has their digests
KEPT = 7 * 24 * 3600  # seconds for which complete outputs are kept
DIGEST = "sha256"


def key(settings: dict[str, Any], *data: Tensor | Path) -> str:
    """A name for the result of this code with these settings and data.

    settings: whatever JSON can hold. data: tensors on the CPU, and files. The code is every
    imported module of the project. PyTorch's build and instruction set are part of the key,
    because they change the rounding.
    """
    modules = [m for name, m in sys.modules.items() if f"{name}.".startswith(PROJECT)]
    files = {Path(getattr(module, "__file__", None) or "").resolve() for module in modules}
    code = sorted(path for path in files if ROOT in path.parents)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(torch.__config__.show().encode())
    for item in (*code, *data):
        content = item.read_bytes() if isinstance(item, Path) else item.contiguous().numpy().data
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def digest(tensors: dict[str, Tensor], description: dict[str, Any]) -> str:
    """The SHA-256 of tensors and of what JSON can hold."""
    found = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        found.update(
            tensors[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
        )
    return found.hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by its path in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def is_intact(marker: Path, outputs: Path) -> bool:
    """Whether complete outputs are those whose digests their marker has."""
    try:
        return tables.read_json(marker) == digests(outputs)
    except UserError:  # the marker is damaged
        return False


class ResumableRun:
    """with ResumableRun("train", "model1", key) as run:
        if not run.is_finished(): ...  # compute, and write to run.outputs
        run.commit({run.outputs: folder})

    Two runs with the same key do not run at the same time: the second one waits. On several ranks,
    every rank may save parts, each on its machine; rank 0 writes the outputs.
    `outputs` is a folder for the outputs; `commit` copies it to its place and deletes the state.
    """

    def __init__(self, stage: str, name: str, key: str) -> None:
        self.label = f"{stage} {name}"
        # In a temporary experiment of DVC this is the repository, not the experiment's folder.
        root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
        self.folder = root / paths.RESUME / f"{stage}-{name}-{key}"
        self.outputs = self.folder / "files"
        self.lock = FileLock(self.folder.with_name(self.folder.name + ".lock"))
        self.shown: set[Path] = set()

    def __enter__(self) -> ResumableRun:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if distributed.is_rank_zero():
            try:
                self.lock.acquire(timeout=0)
            except Timeout:
                print(f"{self.label}: waiting for another run of the same work", flush=True)
                self.lock.acquire()
            delete_old(self.folder.parent)
        distributed.barrier()
        self.outputs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind and is_run_by_dvc():
            for path in self.shown:  # dvc checkout refuses to replace a file that is in no cache
                path.unlink(missing_ok=True)
        if any(self.folder.glob("*.safetensors")):
            print(f"{self.label}: the finished part is kept in {self.folder}", flush=True)
        elif is_run_by_dvc() and (self.folder / FINISHED).exists():
            pass  # until DVC has recorded the outputs
        elif distributed.is_rank_zero():
            shutil.rmtree(self.folder, ignore_errors=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()

    def is_finished(self) -> bool:
        """Whether an earlier run with this key completed the outputs, on every rank; prints it.

        Outputs that have changed since are deleted.
        """
        marker = self.folder / FINISHED
        finished = False
        if marker.exists() and distributed.is_rank_zero():
            finished = is_intact(marker, self.outputs)
            text = (
                f"takes the outputs of a finished run, from {self.folder}; delete that folder to "
                "compute them again"
            )
            if not finished:
                shutil.rmtree(self.folder)
                self.outputs.mkdir(parents=True)
                text = (
                    f"the outputs of a finished run in {self.folder} were damaged, and are "
                    "computed again"
                )
            print(f"{self.label}: {text}", flush=True)
        return distributed.broadcast(finished)

    def save(self, part: str, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Save tensors, and what JSON can hold, under a name; replaces an earlier part."""
        described = description | {DIGEST: digest(tensors, description)}
        checkpoints.save(self.folder / f"{part}.safetensors", tensors, described)

    def load(self, part: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The part that an earlier run saved under this name; None if there is no intact one."""
        path = self.folder / f"{part}.safetensors"
        if not path.exists():
            return None
        try:
            tensors, description = checkpoints.load(path)
            if description.pop(DIGEST, None) == digest(tensors, description):
                return tensors, description
        except UserError:
            pass
        print(f"{self.label}: {path} is damaged and not used", flush=True)
        path.unlink()
        return None

    def cached(self, part: str, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The tensors that an earlier run saved as this part, or else those of `compute`, saved."""
        saved = self.load(part)
        if saved:
            tensors, description = saved
            return {name: tensors[name] for name in description["order"]}
        computed = compute()
        self.save(part, computed, {"order": list(computed)})  # safetensors sorts its tensors
        return computed

    def count(self, prefix: str) -> int:
        """The number of saved parts whose names start with a prefix."""
        return len(list(self.folder.glob(f"{prefix}*.safetensors")))

    def preview(self, output: Path, target: Path) -> None:
        """Show a file of the unfinished outputs at its place, until `commit` or a failure.

        Only under DVC, which has deleted the outputs of the run before: it would mix with them.
        """
        if distributed.is_rank_zero() and output.exists() and is_run_by_dvc():
            files.write(target, output.read_bytes())
            self.shown.add(target)

    def commit(self, outputs: dict[Path, Path]) -> None:
        """Copy the complete outputs to their places, and delete the state.

        outputs: file or folder under `self.outputs`, or that folder -> its place.
        Raises UserError, and keeps everything for the next run, if the dvc that started this run
        has ended: another run may have written its own outputs since.
        """
        if distributed.is_rank_zero():
            tables.write_json(self.folder / FINISHED, digests(self.outputs))
        if is_orphaned():
            raise UserError(
                f"{self.label} is finished, but the dvc that started it has ended: "
                "run dvc repro, which takes the finished result"
            )
        if distributed.is_rank_zero():
            for source, target in outputs.items():
                replace(source, target)
        distributed.barrier()
        for path in self.folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)


def delete_old(folder: Path) -> None:
    """Delete complete outputs that have been kept long enough, unless a run is using them."""
    for marker in folder.glob(f"*/{FINISHED}"):
        if time.time() - marker.stat().st_mtime < KEPT:
            continue
        lock = FileLock(marker.parent.with_name(marker.parent.name + ".lock"))
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            shutil.rmtree(marker.parent, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Copy a file or folder, perhaps to another file system, in place of an earlier one."""
    partial = target.with_name(target.name + ".partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in (partial, target):
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, partial)
    else:
        shutil.copy2(source, partial)
    partial.replace(target)
