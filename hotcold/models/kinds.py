"""Kinds of process, network and sampler: one folder each, found by its name.

A folder has two modules. `params.py`, without PyTorch, has one class: the block of params.yaml,
and the words for figures and report. The other has the behaviour:

    processes/<kind>/process.py    build(block) -> Process
    networks/<kind>/network.py     build(block, in_channels, out_channels) -> nn.Module
    samplers/<kind>/sampler.py     run(sampler, predict, process, start, noise, watch) -> Sets

A name of a kind, also one in a file of weights, is compared with the folders before anything is
imported.
"""

from collections.abc import Callable
from functools import lru_cache, reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, Any, get_args

import pydantic

from hotcold.runtime.errors import UserError, bounded
from hotcold.runtime.params import Section

BEHAVIOUR = {"processes": "process", "networks": "network", "samplers": "sampler"}  # -> its module
BASES = {"processes": "ProcessParams", "networks": "NetworkParams", "samplers": "SamplerParams"}
KEYS = {"processes": "degradation", "networks": "network", "samplers": "sampler"}  # in params.yaml


def names(family: str) -> list[str]:
    """The kinds of a family, `processes`, `networks` or `samplers`, in alphabetical order."""
    package = import_module(f"hotcold.{family}")
    for path in map(Path, package.__path__):
        for folder in path.iterdir():
            if (folder / "params.py").exists() and not (folder / "__init__.py").exists():
                raise UserError(f"hotcold/{family}/{folder.name}/__init__.py is missing")
    return sorted(module.name for module in iter_modules(package.__path__) if module.ispkg)


@lru_cache
def params(family: str, kind: str) -> type[Any]:
    """The class of the block of a kind. Raises UserError if the folder is not complete."""
    place = f"hotcold/{family}/{kind}/params.py"
    try:
        module = import_module(f"hotcold.{family}.{kind}.params")
    except ModuleNotFoundError as error:
        if error.name != f"hotcold.{family}.{kind}.params":
            raise
        raise UserError(f"{place} is missing") from None
    own: list[Any] = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Section)
        and each.__module__ == module.__name__
        and hasattr(each, "required")
        and get_args(getattr(each.model_fields.get("kind"), "annotation", None)) == (kind,)
    ]
    if len(own) != 1:
        raise UserError(
            f"{place} has {len(own)} {BASES[family]} with kind: Literal['{kind}'], must have 1"
        )
    for name in own[0].required:
        if not getattr(own[0], name, None) and name not in own[0].model_fields:
            raise UserError(f"{place}: {name} of {own[0].__name__} is missing")
    return own[0]


def union(family: str) -> Any:
    """The type of the block of any kind of a family, selected by its key `kind`."""
    kinds = reduce(or_, (params(family, kind) for kind in names(family)))
    return Annotated[kinds, pydantic.Field(discriminator="kind")]


def behaviour(family: str, kind: object, function: str) -> Callable[..., Any]:
    """A function of the behaviour of a kind. Raises ValueError for an unknown kind, and UserError
    if its folder has no such function."""
    if kind not in names(family):
        known = ", ".join(map(repr, names(family)))
        raise ValueError(f"{KEYS[family]}.kind is {bounded(repr(kind))}, must be one of {known}")
    module = BEHAVIOUR[family]
    try:
        return getattr(import_module(f"hotcold.{family}.{kind}.{module}"), function)
    except (ModuleNotFoundError, AttributeError) as error:
        place = f"hotcold/{family}/{kind}/{module}.py"
        if isinstance(error, ModuleNotFoundError) and error.name != place[:-3].replace("/", "."):
            raise
        raise UserError(f"{place} must have the function {function}") from None
