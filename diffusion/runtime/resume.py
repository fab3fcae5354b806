"""Work that goes on after an interruption, from its last finished part.

DVC deletes the outputs of a stage before it runs the stage again. So the state lives outside
them, in scratch/resume/<stage>-<name>-<key> under the repository's root, and so do the outputs
until they are complete. The key is a hash of all that the result depends on: the state of
another configuration is never found.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from diffusion.runtime import checkpoints
from diffusion.runtime import distributed as parallel
from diffusion.runtime.errors import UserError, orphaned

FOLDER = Path("scratch/resume")
PROJECT = ("diffusion.", "stages.", "__main__.")  # the stage itself runs as the main module


def key(settings: dict[str, Any], *given: Tensor | Path) -> str:
    """A name for the result of this code with these settings on this data.

    settings: whatever JSON can hold. given: tensors on the CPU, and files. The code is every
    module of the stages that is imported; PyTorch's build, with the instructions it uses here,
    counts as well, because it changes how numbers are rounded.
    """
    package = Path(__file__).parents[2]
    loaded = [m for name, m in sys.modules.items() if f"{name}.".startswith(PROJECT)]
    files = {Path(getattr(module, "__file__", None) or "") for module in loaded}
    code = sorted(path for path in files if package in path.parents)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(torch.__config__.show().encode())
    for item in (*code, *given):
        content = item.read_bytes() if isinstance(item, Path) else item.contiguous().numpy().data
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


class Work:
    """with Work("train", "model1", key) as work: ... work.publish(folder)

    One run at a time: a second one with the same work says so and waits. Of several processes
    of a run, all may keep parts, each on its machine; the first one writes outputs.
    work.files is a folder for outputs; `publish` puts it in its place and forgets the state.
    """

    def __init__(self, stage: str, name: str, key: str) -> None:
        self.label = f"{stage} {name}"
        # In a temporary experiment of DVC this is the repository, not the experiment's folder.
        root = Path(os.environ.get("DVC_ROOT", ".")).resolve()
        self.folder = root / FOLDER / f"{stage}-{name}-{key}"
        self.files = self.folder / "files"
        self.lock = FileLock(self.folder.with_name(self.folder.name + ".lock"))

    def __enter__(self) -> Work:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if parallel.rank() == 0:
            try:
                self.lock.acquire(timeout=0)
            except Timeout:
                print(
                    f"{self.label}: another process does the same work; waiting for it", flush=True
                )
                self.lock.acquire()
        parallel.wait()
        self.files.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if any(self.folder.glob("*.safetensors")):
            print(f"{self.label}: what is finished is kept in {self.folder}", flush=True)
        elif parallel.rank() == 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()

    def save(self, part: str, tensors: dict[str, Tensor], description: dict) -> None:
        """Keep tensors and what JSON can hold, under a name; replaces what it named before."""
        checkpoints.save(self.folder / f"{part}.safetensors", tensors, description)

    def load(self, part: str) -> tuple[dict[str, Tensor], dict] | None:
        """What an earlier process saved under this name; None if nothing whole is there."""
        path = self.folder / f"{part}.safetensors"
        if not path.exists():
            return None
        try:
            return checkpoints.load(path)
        except UserError:
            print(f"{self.label}: {path} is damaged and not used", flush=True)
            path.unlink()
            return None

    def once(self, part: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The tensors that an earlier process made of this part, or else those of `make`, kept."""
        found = self.load(part)
        if found:
            tensors, description = found
            return {name: tensors[name] for name in description["order"]}
        made = make()
        self.save(part, made, {"order": list(made)})  # a file of tensors has an order of its own
        return made

    def count(self, beginning: str) -> int:
        """How many parts with such a name are kept."""
        return len(list(self.folder.glob(f"{beginning}*.safetensors")))

    def publish(self, target: Path) -> None:
        """Put the complete outputs in their place, and forget the state.

        Raises UserError, and keeps everything for the next run, where the DVC that asked for
        the outputs is gone: by now another run may have written its own there.
        """
        if orphaned():
            raise UserError(
                f"{self.label} is finished, but the dvc that started it has ended: "
                "run dvc repro, which takes what is kept"
            )
        if parallel.rank() == 0:
            partial = target.with_name(target.name + ".partial")
            for folder in (partial, target):
                shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.files, partial)  # perhaps to another file system
            partial.replace(target)
        parallel.wait()
        for path in self.folder.glob("*.safetensors"):
            path.unlink(missing_ok=True)
