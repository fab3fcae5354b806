"""A stage from its start to its end: its command line, its inputs, and the record of its results.

DVC hashes what a stage depends on when its command has ended. A stage whose parameters, sources or
inputs have changed meanwhile therefore fails: otherwise DVC would record its outputs as those of
the new ones, in dvc.lock and in the run cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from hotcold.runs import records
from hotcold.runtime import cli
from hotcold.runtime.errors import UserError
from hotcold.runtime.sources import LOADED, ROOT


def stage(name: str, doc: str | None) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Make main() of a function that runs a stage of dvc.yaml. It takes the name of the model if
    the stage runs once for each. doc: for its command line."""

    def decorate(body: Callable[..., None]) -> Callable[[], None]:
        @wraps(body)
        def main() -> None:
            model = cli.arguments(name, doc, of_model=body.__code__.co_argcount > 0)
            this = records.find(name, *model)
            before, params, code = identities(this.inputs), this.params(), this.digest()
            inputs = records.check(this)
            body(*model)
            changed = [
                *(
                    str(path)
                    for path, each in identities(this.inputs).items()
                    if each != before[path]
                ),
                *(key for key, value in this.params().items() if value != params[key]),
                *(str(path) for path in edited(this.code)),
            ]
            if changed:
                raise UserError(
                    f"{changed[0]} has changed while {this.name} ran, so its outputs are not "
                    "recorded: run dvc repro"
                )
            if this.record:
                records.write(this, params, inputs, code)

        return main

    return decorate


def identities(inputs: list[Path]) -> dict[Path, Any]:
    """What changes with each file of the inputs; much quicker than a hash."""
    found = {}
    for path in inputs:
        files = records.members(path) if path.is_dir() else [path]
        stats = [(str(each), each.stat()) for each in files if each.is_file()]
        found[path] = [(name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in stats]
    return found


def edited(code: list[Path]) -> list[Path]:
    """The modules of these dependencies that run, but have other sources now."""
    return [
        path
        for path, digest in LOADED.items()
        if any(dep in (path, *path.parents) for dep in code)
        and records.sha256(ROOT / path) != digest
    ]
