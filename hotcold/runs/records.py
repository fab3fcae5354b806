"""Where results come from: a record beside the outputs of each stage that computes them.

results/records/<stage>/<model>.json has the device, precision and versions, variables that change
the rounding, a hash of the code that ran, the keys of params.yaml, and SHA-256 of inputs and
outputs. Equal runs write equal bytes. A stage that reads results refuses them if they are not
what their records say, see `check`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pydantic

from hotcold.numerics import checkpoints, tables
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, member, read, validate
from hotcold.runtime.sources import PACKAGES, ROOT

UNKNOWN = "not recorded"  # in records that were made later than their results
# How every stage runs: in the hash of its code, but no dependency, since no result is defined there
HOW = (Path("hotcold/runs"), Path("hotcold/runtime"))
VERSIONS = ("numpy", "scipy", "torchmetrics")  # beside PyTorch's
# Environment variables that change the rounding of PyTorch and of its libraries
ROUNDING = re.compile("ATEN_|CUBLAS_|DNNL_|MKL_|NVIDIA_TF32|ONEDNN_|OPENBLAS_|TORCH_ALLOW_TF32")


class Record(pydantic.BaseModel, frozen=True, extra="allow"):
    """The part of a record that is compared; the other entries describe the environment."""

    params: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    code: str = UNKNOWN


@dataclass(frozen=True)
class Stage:
    """What dvc.yaml declares for a stage. name: as DVC has it, such as train@model1. deps, outs:
    relative to the root of the repository. keys: of params.yaml."""

    name: str
    deps: tuple[Path, ...]
    keys: tuple[str, ...]
    outs: tuple[Path, ...]

    @property
    def code(self) -> list[Path]:
        """The modules and packages on which it depends."""
        return [dep for dep in self.deps if dep.parts[0] in PACKAGES]

    @property
    def inputs(self) -> list[Path]:
        """Every other file or folder on which it depends."""
        return [dep for dep in self.deps if dep.parts[0] not in PACKAGES]

    @property
    def record(self) -> Path | None:
        """Its record; None if it has none, because others can compute its outputs again."""
        return next((out for out in self.outs if paths.RECORDS in out.parents), None)

    @property
    def results(self) -> list[Path]:
        """Its outputs, but the record, and the times, which differ from run to run."""
        aside = (paths.RECORDS, paths.TIMES)
        return [out for out in self.outs if not any(each in out.parents for each in aside)]

    def digest(self) -> str:
        """SHA-256 of the code on which it depends, and of `HOW`."""
        parts = (f"{path} {sha256(ROOT / path)}\n" for path in sorted({*self.code, *HOW}))
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def params(self) -> dict[str, Any]:
        """The values of its keys, as JSON has them. Raises UserError if one is missing."""
        return json.loads(json.dumps({key: read(key, Any) for key in self.keys}))


def entries() -> dict[str, Any]:
    """The stages of dvc.yaml."""
    return load(ROOT / "dvc.yaml")["stages"]


def find(name: str, model: str = "") -> Stage:
    """A stage of dvc.yaml, for a model if it runs once for each. Raises UserError if params.yaml
    lacks what dvc.yaml takes from the block of the model."""
    return _complete(name, model, entries()[name])


def of_results() -> dict[Path, Stage]:
    """Each output that has a record -> the stage that makes it."""
    found = [
        _complete(name, model, entry)
        for name, entry in entries().items()
        for model in (read("models", dict[str, Any]) if "do" in entry else [""])
    ]
    return {out: stage for stage in found if stage.record for out in stage.results}


def _complete(name: str, model: str, entry: dict[str, Any]) -> Stage:
    entry = entry.get("do", entry)

    def complete(items: Iterable[Any]) -> Iterator[str]:
        for item in items:
            text = next(iter(item)) if isinstance(item, dict) else item
            text = text.replace("${key}", model)
            yield re.sub(r"\$\{item\.(.+?)\}", lambda m: _value(f"models.{model}.{m[1]}"), text)

    def under(*kinds: str) -> tuple[str, ...]:
        return tuple(complete(item for kind in kinds for item in entry.get(kind, ())))

    deps, outs = (
        tuple(map(Path, under("deps"))),
        tuple(map(Path, under("outs", "metrics", "plots"))),
    )
    return Stage("@".join(filter(None, (name, model))), deps, under("params"), outs)


def _value(key: str) -> str:
    value: Any = load()
    for part in key.split("."):
        value = member(value, part, key)
    return str(value)


def variables() -> dict[str, str]:
    """The environment variables of this process that change the rounding."""
    return {name: os.environ[name] for name in sorted(os.environ) if ROUNDING.match(name)}


@cache
def ignored() -> tuple[str, ...]:
    """The patterns of .dvcignore, which are of names."""
    lines = (ROOT / ".dvcignore").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def members(folder: Path) -> list[Path]:
    """The files in a folder but those that DVC ignores, such as of editors; in order."""
    return sorted(
        each
        for each in folder.rglob("*")
        if each.is_file()
        and not any(
            fnmatch(part, one) for part in each.relative_to(folder).parts for one in ignored()
        )
    )


def sha256(path: Path) -> str:
    """Of a file, or of the names and contents of the `members` of a folder; empty if there is
    none."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
    names = [(each.relative_to(path).as_posix(), sha256(each)) for each in members(path)]
    lines = "".join(f"{name} {digest}\n" for name, digest in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def check(stage: Stage) -> dict[str, str]:
    """SHA-256 of the inputs of a stage. Raises UserError if a result among them, or among what it
    was computed from, is not what its record says, or was computed with another params.yaml or
    from other data than the rest."""
    results = any(paths.RESULTS in dep.parents for dep in stage.inputs)
    makers = of_results() if results else {}
    known: dict[Stage, Record] = {}
    data: dict[str, tuple[str, str]] = {}  # an input that no stage made -> its SHA-256, and of what

    def agree(path: str, digest: str, reader: Stage) -> None:
        earlier, first = data.setdefault(path, (digest, reader.name))
        if digest != earlier:
            raise UserError(
                f"{reader.name} and {first} are of different {path}: run dvc repro, or restore it"
            )

    def follow(maker: Stage) -> Record:
        if maker not in known:
            known[maker] = record = read_record(maker)
            again = f"run dvc repro {maker.name}"
            for key, value in maker.params().items():
                if record.params.get(key, value) != value:
                    raise UserError(f"{maker.record} has another {key} than params.yaml: {again}")
            for path, digest in record.inputs.items():
                earlier = makers.get(Path(path))
                if not earlier:
                    agree(path, digest, maker)
                elif follow(earlier).outputs.get(path) != digest:
                    raise UserError(
                        f"{maker.record} is of another {path} than {earlier.record}: {again}"
                    )
        return known[maker]

    found = {}
    for dep in stage.inputs:
        inside = [out for out in makers if dep in (out, *out.parents)]
        for path in inside or [dep] * bool(stage.record):
            found[path.as_posix()] = digest = sha256(path)
            if not inside:
                agree(path.as_posix(), digest, stage)
                continue
            maker = makers[path]
            record = follow(maker)
            again = f"run dvc repro {maker.name}"
            if record.outputs.get(path.as_posix()) != digest:
                raise UserError(f"{path} is not what {maker.record} describes: {again}")
            for weights in path.glob("*.safetensors") if paths.MODELS in path.parents else ():
                if not is_of(path.name, checkpoints.load(weights)[1], record.params):
                    raise UserError(f"{weights} is of another model than {path.name}: {again}")
    return found


def is_of(model: str, description: dict[str, Any], params: dict[str, Any]) -> bool:
    """Whether the description of a file of weights has the name and the blocks of a model."""
    blocks = {key: params.get(f"models.{model}.{key}", {}) for key in ("degradation", "network")}
    return description.get("model") == model and all(
        value == description[key].get(name)
        for key, block in blocks.items()
        for name, value in block.items()
    )


def read_record(stage: Stage) -> Record:
    """Raises UserError if the record of a stage is missing or damaged."""
    path = stage.record or Path()
    return validate(tables.read_json(path), Record, path)


def write(stage: Stage, params: dict[str, Any], inputs: dict[str, str], code: str) -> None:
    """Write the record of a stage that has ended; code: its `Stage.digest` when it started."""
    import torch  # the report does not need it, and its import takes seconds

    from hotcold.numerics import devices, distributed

    if not distributed.is_rank_zero():
        return
    device = devices.device()
    record = devices.record(device, devices.dtype(params.get("precision", "float32"), device))
    content = record | {
        "cpu": devices.cpu(),
        "threads": torch.get_num_threads(),
        **{name: version(name) for name in VERSIONS},
        **({"variables": variables()} if variables() else {}),
        "code": code,
        "params": params,
        "inputs": inputs,
        "outputs": {out.as_posix(): sha256(out) for out in stage.results},
    }
    tables.write_json(stage.record or Path(), content)
