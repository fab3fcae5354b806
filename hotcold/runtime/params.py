"""The only reader of params.yaml: typed, frozen, validated sections.

A stage reads the keys that it declares in dvc.yaml and no others, with one call each:
`read("training", TrainingParams)`. The schema of a section is in `params.py` of the part that it
configures; these modules do not import PyTorch, so a wrong value is reported at once.
"""

from __future__ import annotations

import copy
import difflib
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

import pydantic
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from hotcold.runtime import paths
from hotcold.runtime.errors import LONGEST, UserError, bounded, shown

Count = Annotated[int, pydantic.Field(ge=1, le=1_000_000)]
Rate = Annotated[float, pydantic.Field(gt=0, lt=1)]
LearningRate = Annotated[float, pydantic.Field(ge=1e-7, lt=1)]  # a smaller one changes no weight
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
TestImages = Annotated[int, pydantic.Field(ge=4, le=10_000)]  # of the 10,000 that MNIST has
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Precision = Literal["auto", "float32", "bfloat16"]
DEEPEST = 64  # levels of nesting; at thousands of them the YAML parser crashes
MOST = 20_000  # scalars and blocks in a file; the YAML parser takes seconds for more
FAULTS = 20  # in one message


class Section(pydantic.BaseModel):
    """A frozen mapping that refuses unknown keys, NaN, infinity and implicit type conversion."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


Schema = TypeVar("Schema")


class _Constructor(SafeConstructor):
    """Sequences are tuples, and integers have no more digits than Python writes."""

    def construct_tuple(self, node: Any) -> tuple:
        return tuple(self.construct_sequence(node, deep=True))

    def construct_integer(self, node: Any) -> int:
        number = self.construct_yaml_int(node)
        str(number)  # ValueError; a hexadecimal number can have any length
        return number


_Constructor.add_constructor("tag:yaml.org,2002:seq", _Constructor.construct_tuple)
_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_integer)


def parse(text: str, name: str = "the value") -> Any:
    """A value in YAML 1.2 as plain dicts, tuples, numbers and strings; name: for messages.

    The parser is that of DVC, so a stage reads the values that `dvc exp run -S` writes and that
    `dvc params diff` shows. Raises UserError for text that is not YAML, or has a key twice.
    """
    yaml = YAML(typ="safe")
    yaml.Constructor = _Constructor
    try:
        _check_size(yaml.parse(text), name)
        return yaml.load(text)
    except DuplicateKeyError as error:
        key = bounded(
            error.problem.partition(" with value")[0].removeprefix("found duplicate key ")
        )
        line = error.problem_mark.line + 1
        raise UserError(
            f"{name}: the key {key} occurs twice in one block, again in line {line}"
        ) from None
    except UserError:
        raise
    except Exception as error:  # of any kind: of a wrong tag, such as !!int x or !!omap
        reason = bounded(error) or type(error).__name__
        raise UserError(f"{name} is not valid YAML: {reason}") from None


def _check_size(events: Iterable[Event], name: str) -> None:
    """Raise UserError for more values or deeper nesting than a configuration has. An alias counts
    as what it stands for."""
    sizes: dict[str, int] = {}  # anchor -> values
    blocks: list[tuple[str | None, int]] = [(None, 0)]  # anchor and values of each open block
    for event in events:
        if isinstance(event, CollectionStartEvent):
            blocks.append((event.anchor, 0))
            if len(blocks) > DEEPEST:
                raise UserError(f"{name} is nested more than {DEEPEST} levels deep")
            continue
        anchor, size = None, 1
        if isinstance(event, CollectionEndEvent):
            anchor, inside = blocks.pop()
            size += inside
        elif isinstance(event, AliasEvent):
            size = sizes.get(event.anchor, 1)
        if anchor:
            sizes[anchor] = size
        outer, before = blocks[-1]
        blocks[-1] = (outer, before + size)
        if before + size > MOST:
            raise UserError(f"{name} has more than {MOST} values")


_parsed = functools.lru_cache(maxsize=4)(parse)  # a stage reads each of its keys by itself


def load(path: Path = paths.PARAMS) -> dict[str, Any]:
    """The file as plain dicts, tuples, numbers and strings; not validated."""
    if path.is_fifo():  # it would be waited for
        raise UserError(f"{path} is a pipe, must be a file")
    try:
        values = copy.deepcopy(_parsed(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        raise UserError(f"{path} not found: run from the repository's root") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: byte {error.start} is not") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must be a mapping of sections, not {shown(values)}")
    return values


def member(block: Any, key: str, name: str, path: Path = paths.PARAMS) -> Any:
    """The value of a key in a block of the file; name: the complete key.

    Raises UserError, with the most similar key, if there is none.
    """
    if not isinstance(block, dict) or key not in block:
        hint = nearest(key, block) if isinstance(block, dict) else ""
        raise UserError(f"{path}: {bounded(name)} is missing{hint}")
    return block[key]


@overload
def read(key: str, schema: type[Schema], path: Path = paths.PARAMS) -> Schema: ...
@overload
def read(key: str, schema: Any, path: Path = paths.PARAMS) -> Any: ...  # of an Annotated or a union
def read(key: str, schema: Any, path: Path = paths.PARAMS) -> Any:
    """The value at a dotted key, validated against its schema.

    Raises UserError with one line for each fault: the key, its value, what is allowed.
    """
    value: Any = load(path)
    for depth, part in enumerate(key.split("."), start=1):
        value = member(value, part, ".".join(key.split(".")[:depth]), path)
    return validate(value, schema, path, prefix=tuple(key.split(".")))


@overload
def validate(
    value: Any, schema: type[Schema], path: Path = paths.PARAMS, prefix: tuple[str, ...] = ()
) -> Schema: ...
@overload
def validate(
    value: Any, schema: Any, path: Path = paths.PARAMS, prefix: tuple[str, ...] = ()
) -> Any: ...  # of an Annotated or a union
def validate(
    value: Any, schema: Any, path: Path = paths.PARAMS, prefix: tuple[str, ...] = ()
) -> Any:
    """Validate plain values against a schema; prefix: their key in the file, part by part."""
    adapter = pydantic.TypeAdapter(schema)
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        found = error.errors()
        unknown = any(fault["type"] == "extra_forbidden" for fault in found)
        form = adapter.json_schema() if unknown else {}
        faults = [_sentence(fault, value, prefix, form) for fault in found[:FAULTS]]
        lines = [f"{path}: {bounded(fault, 3 * LONGEST)}" for fault in faults]
        if len(found) > FAULTS:
            lines.append(f"and {len(found) - FAULTS} more faults")
        raise UserError("\n       ".join(lines)) from None


def _keys(schema: Any, root: Any, path: list[str], value: Any) -> set[str]:
    """The keys that a JSON schema allows at a path, in any of its alternatives, or only in the one
    that the value selects by its discriminator."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "discriminator" in schema and isinstance(value, dict):
        by_tag = schema["discriminator"]["mapping"]
        tag = value.get(schema["discriminator"]["propertyName"])
        if tag in by_tag:
            return _keys({"$ref": by_tag[tag]}, root, path, value)
    alternatives = schema.get("oneOf", []) + schema.get("anyOf", [])
    found = {key for other in alternatives for key in _keys(other, root, path, value)}
    properties = schema.get("properties", {})
    if not path:
        return found | set(properties)
    below = properties.get(path[0], schema.get("additionalProperties"))
    inside = value.get(path[0]) if isinstance(value, dict) else None
    return found | (_keys(below, root, path[1:], inside) if isinstance(below, dict) else set())


def _sentence(fault: Any, value: Any, prefix: tuple[str, ...], schema: Any) -> str:
    """One fault as a sentence. Pydantic adds the tag of a union to the location; it is left out."""
    location, here = list(prefix), value
    for part in fault["loc"]:
        inside = isinstance(here, dict) and part in here
        inside |= isinstance(here, tuple) and isinstance(part, int) and part < len(here)
        if inside:
            here = here[part]
        elif part != fault["loc"][-1] or part == "[key]" or fault["type"] == "value_error":
            continue
        location.append(str(part))
    where = ".".join(location) or "the file"
    kind = fault["type"]
    if kind == "missing":
        return f"{where} is missing"
    if kind == "union_tag_not_found":
        return f"{where}.{fault['ctx']['discriminator'].strip(chr(39))} is missing"
    if kind == "union_tag_invalid":
        context = fault["ctx"]
        key = context["discriminator"].strip("'")
        tag = shown(context["tag"])
        return f"{where}.{key} is {tag}: input should be {context['expected_tags']}"
    if kind == "extra_forbidden":
        allowed = _keys(schema, schema, location[len(prefix) : -1], value)
        known = sorted(allowed - {location[-1]})
        hint = nearest(location[-1], known) or f" (allowed keys: {', '.join(known)})"
        return f"{where} is {shown(here)}: not a known key{hint}"
    message = fault["msg"].removeprefix("Value error, ")
    if kind == "value_error":  # that of a section starts with a key: data.held_out is ...
        if not isinstance(fault["input"], dict):
            return f"{where} {message}"
        return ".".join([*location, message])
    if fault["loc"][-1:] == ("[key]",):
        where = f"a key of {where}"
    return f"{where} is {shown(fault['input'])}: {message[0].lower()}{message[1:]}"


def nearest(word: str, known: Any) -> str:
    """A hint at the most similar known word, or an empty string."""
    near = difflib.get_close_matches(word[:LONGEST], [str(k) for k in known], n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
