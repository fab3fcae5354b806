"""The only reader of params.yaml: typed, frozen, validated sections.

A stage reads the keys that it declares in dvc.yaml and no others, with one call each:
`read("training", TrainingParams)`. The schema of a section is in `params.py` of the part that it
configures; these modules do not import PyTorch, so a wrong value is reported at once.
"""

from __future__ import annotations

import copy
import difflib
import functools
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

import pydantic
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import YAMLError

from hotcold.runtime import paths
from hotcold.runtime.errors import UserError, bounded

Count = Annotated[int, pydantic.Field(ge=1, le=1_000_000)]
Rate = Annotated[float, pydantic.Field(gt=0, lt=1)]
LearningRate = Annotated[float, pydantic.Field(ge=1e-7, lt=1)]  # a smaller one changes no weight
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
TestImages = Annotated[int, pydantic.Field(ge=4, le=10_000)]  # of the 10,000 that MNIST has
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Precision = Literal["auto", "float32", "bfloat16"]


class Section(pydantic.BaseModel):
    """A frozen mapping that refuses unknown keys, NaN, infinity and implicit type conversion."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _know_keys(cls, values: Any) -> Any:
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                known = sorted(cls.model_fields)
                hint = nearest(str(key), known) or f" (allowed keys: {', '.join(known)})"
                raise ValueError(f"{key} is {bounded(repr(values[key]))}: not a known key{hint}")
        return values


Schema = TypeVar("Schema")


class _Constructor(SafeConstructor):
    """Sequences are tuples."""

    def construct_tuple(self, node: Any) -> tuple:
        return tuple(self.construct_sequence(node, deep=True))

    yaml_constructors = SafeConstructor.yaml_constructors | {
        "tag:yaml.org,2002:seq": construct_tuple
    }


def parse(text: str, name: str = "the value") -> Any:
    """A value in YAML 1.2 as plain dicts, tuples, numbers and strings; name: for messages.

    The parser is that of DVC, so a stage reads the values that `dvc exp run -S` writes and that
    `dvc params diff` shows. Raises UserError for text that is not YAML, or has a key twice.
    """
    yaml = YAML(typ="safe")
    yaml.Constructor = _Constructor
    try:
        return yaml.load(text)
    except DuplicateKeyError as error:
        key = error.problem.partition(" with value")[0].removeprefix("found duplicate key ")
        line = error.problem_mark.line + 1
        raise UserError(
            f"{name}: the key {key} occurs twice in one block, again in line {line}"
        ) from None
    except (YAMLError, ValueError) as error:
        raise UserError(f"{name} is not valid YAML: {bounded(error)}") from None


_parsed = functools.lru_cache(maxsize=4)(parse)  # a stage reads each of its keys by itself


def load(path: Path = paths.PARAMS) -> dict[str, Any]:
    """The file as plain dicts, tuples, numbers and strings; not validated. Outside of a project,
    params.yaml is that from which the package was built."""
    if path == paths.PARAMS and not path.exists():
        path = next(filter(Path.exists, paths.DEFAULT_PARAMS), path)
    try:
        values = copy.deepcopy(_parsed(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        raise UserError(f"{path} not found: run from the repository's root") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must be a mapping of sections, not {bounded(repr(values))}")
    return values


def member(block: Any, key: str, name: str, path: Path = paths.PARAMS) -> Any:
    """The value of a key in a block of the file; name: the complete key. Raises UserError, with the
    most similar key, if there is none."""
    if not isinstance(block, dict) or key not in block:
        hint = nearest(key, block) if isinstance(block, dict) else ""
        raise UserError(f"{path}: {name} is missing{hint}")
    return block[key]


@overload
def read(key: str, schema: type[Schema], path: Path = paths.PARAMS) -> Schema: ...
@overload
def read(key: str, schema: Any, path: Path = paths.PARAMS) -> Any: ...  # of an Annotated or a union
def read(key: str, schema: Any, path: Path = paths.PARAMS) -> Any:
    """The value at a dotted key, validated against its schema. Raises UserError with one line for
    each fault: the key, its value, what is allowed."""
    value: Any = load(path)
    for depth, part in enumerate(key.split("."), start=1):
        value = member(value, part, ".".join(key.split(".")[:depth]), path)
    return validate(value, schema, path, prefix=tuple(key.split(".")))


def validate(
    value: Any, schema: Any, path: Path = paths.PARAMS, prefix: tuple[str, ...] = ()
) -> Any:
    """Validate plain values against a schema; prefix: their key in the file, part by part."""
    try:
        return pydantic.TypeAdapter(schema).validate_python(value)
    except pydantic.ValidationError as error:
        lines = [f"{path}: {_sentence(fault, value, prefix)}" for fault in error.errors()]
        raise UserError("\n       ".join(lines)) from None


def _sentence(fault: Any, value: Any, prefix: tuple[str, ...]) -> str:
    """One fault as a sentence, without the tags of unions that pydantic adds to the location."""
    kind, location = fault["type"], list(prefix)
    for part in fault["loc"]:
        try:
            value = value[part]
        except (LookupError, TypeError):
            if kind != "missing" or part != fault["loc"][-1]:
                continue
        location.append(str(part))
    where = ".".join(location) or "the file"
    message = fault["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return f"{where} is missing"
    if kind.startswith("union_tag"):
        context = fault["ctx"]
        where = f"{where}.{context['discriminator'].strip(chr(39))}"
        if kind == "union_tag_not_found":
            return f"{where} is missing"
        return f"{where} is {context['tag']!r}: input should be {context['expected_tags']}"
    if kind == "value_error":  # that of a section starts with a key: data.held_out is ...
        is_section = isinstance(fault["input"], dict)
        return ".".join([*location, message]) if is_section else f"{where} {message}"
    if fault["loc"][-1:] == ("[key]",):
        where = f"a key of {where}"
    return f"{where} is {bounded(repr(fault['input']))}: {message[0].lower()}{message[1:]}"


def nearest(word: str, known: Any) -> str:
    """A hint at the most similar known word, or an empty string."""
    near = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
