"""Runs that continue after an interruption, from their last saved part.

DVC deletes the outputs of a stage before it runs the stage again. So the state is kept outside of
them, in scratch/resume/<stage>-<name>-<key> under the root of the repository, and after a run of
DVC for another week, because DVC can fail to record the outputs: on a full disk, or when it is
interrupted. The key is a hash of everything that the result depends on: the state of another
configuration is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from hotcold.numerics import checkpoints, distributed
from hotcold.runs import records
from hotcold.runtime import files, paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load
from hotcold.runtime.sources import LOADED
from hotcold.runtime.startup import is_orphaned, is_run_by_dvc

LOCK = Path("dvc.lock")
FINISHED = "finished"  # a file beside the state of complete outputs, with their MD5
KEPT = 7 * 24 * 3600  # seconds for which that state is kept


def key(settings: dict[str, Any], *data: Tensor | Path) -> str:
    """A name for the result of this code with these settings and data.

    settings: whatever JSON can hold. data: tensors on the CPU, and files. The code is every
    imported module of the project. PyTorch's build, instruction set and environment variables are
    part of the key, because they change the rounding.
    """
    code = [digest for _, digest in sorted(LOADED.items())]
    known = [settings, code, records.variables()]
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    digest.update(torch.__config__.show().encode())
    for item in data:
        content = item.read_bytes() if isinstance(item, Path) else item.contiguous().numpy().data
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


class ResumableRun:
    """with ResumableRun("train", "model1", key) as run:
        ...  # compute what no earlier run has saved, and write to run.outputs
        run.commit({run.outputs: folder})

    Two runs with the same key do not run at the same time: the second one waits. On several ranks,
    every rank may save parts, each on its machine; rank 0 writes the outputs.
    `outputs` is a folder for the outputs, which `commit` copies to their places.
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
            if self.is_recorded():  # so this run is forced, and computes
                shutil.rmtree(self.folder)
        distributed.barrier()
        self.outputs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and is_run_by_dvc():
            for path in self.shown:  # dvc checkout refuses to replace a file that is in no cache
                path.unlink(missing_ok=True)
        finished = (self.folder / FINISHED).exists()
        if finished and is_run_by_dvc():
            pass  # until DVC has recorded the outputs
        elif any(self.folder.glob("*.safetensors")) and not finished:
            print(f"{self.label}: the finished part is kept in {self.folder}", flush=True)
        elif distributed.is_rank_zero():
            shutil.rmtree(self.folder, ignore_errors=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()

    def is_recorded(self) -> bool:
        """Whether the outputs are complete, and DVC has them in dvc.lock."""
        marker = self.folder / FINISHED
        if not marker.exists() or not LOCK.exists():
            return False
        stages = load(LOCK).get("stages", {}).values()
        recorded = {out["path"]: out.get("md5") for each in stages for out in each.get("outs", ())}
        return json.loads(marker.read_text()).items() <= recorded.items()

    def save(self, part: str, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        """Save tensors, and what JSON can hold, under a name; replaces an earlier part."""
        checkpoints.save(self.folder / f"{part}.safetensors", tensors, description)

    def load(self, part: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The part that an earlier run saved under this name; None if there is none."""
        path = self.folder / f"{part}.safetensors"
        return checkpoints.load(path) if path.exists() else None

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
        """Copy the complete outputs, files or folders under `self.outputs`, to their places.

        Raises UserError, and keeps everything for the next run, if the dvc that started this run
        has ended: another run may have written its own outputs since.
        """
        if is_orphaned():
            raise UserError(
                f"{self.label} is finished, but the dvc that started it has ended: "
                "run dvc repro, which takes the finished result"
            )
        if distributed.is_rank_zero():
            for source, target in outputs.items():
                replace(source, target)
            hashes = {target.as_posix(): md5(target) for target in outputs.values()}
            (self.folder / FINISHED).write_text(json.dumps(hashes))
        distributed.barrier()


def md5(path: Path) -> str:
    """The hash of a file, or of a folder of files, as dvc.lock has it."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    inside = sorted(path.iterdir())
    content = json.dumps([{"md5": md5(each), "relpath": each.name} for each in inside])
    return f"{hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()}.dir"


def delete_old(folder: Path) -> None:
    """Delete the state of complete outputs that has been kept long enough, unless it is in use."""
    for marker in folder.glob(f"*/{FINISHED}"):
        lock = FileLock(marker.parent.with_name(marker.parent.name + ".lock"))
        if time.time() - marker.stat().st_mtime > KEPT:
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
