"""Odd files and values: params.yaml is valid, or is refused in a few bounded sentences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_params import REMOVE, VALID, changed

from hotcold.params import Params
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, parse, validate

NESTED = "&a [x, x, x, x, x, x, x, x, x]"
REPEATED = [
    f"&{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
]
FILES: dict[str, bytes] = {
    "empty": b"",
    "null": b"~",
    "list at the top": b"- 1",
    "no text": bytes(range(256)),
    "NUL": b"seed: 4\0",
    "UTF-16": "seed: 1".encode("utf-16"),
    "UTF-16 without a BOM": "seed: 1".encode("utf-16-le"),
    "UTF-32": "seed: 1".encode("utf-32"),
    "Latin-1": "seed: 1  # é".encode("latin-1"),
    "tabs": b"data:\n\ttrain: 1",
    "two documents": b"seed: 1\n---\nseed: 2",
    "unknown version": b"%YAML 9.9\n---\nseed: 1",
    "cycle": b"seed: &a [*a]",
    "cycle of blocks": b"&a\nseed: *a\nmodels: {x: *a}",
    "key that is a cycle": b"? &a {x: *a}\n: 1",
    "many after aliases": "\n".join(
        f"k{i}: {text}" for i, text in enumerate([NESTED, *REPEATED, "*i"])
    ).encode(),
    "many after merges": b"x: &x0 {a: 1}\n"
    + b"".join(
        f"x{i}: &x{i} {{<<: [{', '.join([f'*x{i - 1}'] * 9)}]}}\n".encode() for i in range(1, 12)
    ),
    "nested lists": b"seed: " + b"[" * 100_000,
    "nested blocks": b"".join(b" " * i + b"a:\n" for i in range(1500)),
    "nested dashes": b"- " * 50_000,
    "many values": b"seed: [" + b"1," * 100_000 + b"]",
    "many unknown keys": b"".join(b"k%d: 1\n" % i for i in range(200)),
    "long scalar": b"seed: " + b"x" * 1_000_000,
    "long key": b"? " + b"x" * 1_000_000 + b"\n: 1",
    "key with a line break": b'"a\\nb": 1',
    "key twice": b"seed: 1\nseed: 1",
    "conflict of git": b"<<<<<<< HEAD\nseed: 1\n=======\nseed: 2\n>>>>>>> other",
}
TAGS = """!!int x|!!int ''|!!float x|!!float ''|!!bool x|!!null x|!!str {a: b}|!!map [a]
!!seq {a: b}|!!set {a, b}|!!set [a]|!!omap [a: 1]|!!omap [a: 1, a: 2]|!!omap {a: 1}|!!pairs [a: 1]
!!pairs [1]|!!binary aGVsbG8=|!!binary é|!!timestamp 2020-01-01|!!timestamp x|!!python/tuple [1]
!!python/object:os.system {}|!mine x|!<x> x|!%FF x|=|*nowhere|2020-02-30|@x|'x|"\\q"|{<<: 1}
2020-01-01T00:00:00+99:99|{<<: [1]}|{<<: {epochs: 1}}|&a {<<: *a}"""
SCALARS = f"""~|true|off|0|1|-1|{2**31}|{2**63}|{10**30}|0x{"f" * 6000}|{"9" * 4000}|1e400
1e-400|.nan|-.inf|0.5|1.0|1.5|1e3|"x"|""|"1"|"a\\nb"|"\\0\\e[31m"|"\\uFEFF"|gaussian|cnn|../..
{"x" * 5000}|[]|[1]|[0.1, 0.2]|[1, 1]|[[1], [2]]|[~]|{{}}|{{kind: cnn}}|{{kind: [1]}}|{{1: 2}}
{{~: 1}}|{{[1]: 2}}|{{true: 1}}|{{kind: impulse, rho: [0, 0.5], T: 5}}|{{2020-01-01: 1}}
{list(range(1, 200))}"""
TEXTS = [text for lines in (TAGS, SCALARS) for text in lines.replace("\n", "|").split("|")]


def keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key, of blocks, of items of blocks, and one that is unknown in each block."""
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")
    yield f"{prefix}unknown"


KEYS = list(keys(VALID))


def odd_values(count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of a dotted key and a value of it, as text in YAML or empty to remove the key."""
    source = random.Random(seed)  # noqa: S311
    return [(source.choice(KEYS), source.choice([*TEXTS, ""])) for _ in range(count)]


def check_sentence(error: UserError) -> None:
    message = str(error)
    assert message.startswith("params.yaml")
    assert message.replace("\n       ", "").isprintable()
    assert len(message) < 6000
    assert max(map(len, message.splitlines())) < 700


@pytest.mark.parametrize("name", FILES)
def test_odd_file_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes(FILES[name])
    with pytest.raises(UserError) as refused:
        validate(load(), Params)
    check_sentence(refused.value)


def test_odd_values_are_refused_or_valid() -> None:
    refused = 0
    for key, text in odd_values(300, seed=0):
        try:
            value = parse(f"key: {text}", "params.yaml")["key"] if text else REMOVE
            if value is not REMOVE or not key.endswith("unknown"):
                validate(changed(key, value), Params)
        except UserError as error:
            check_sentence(error)
            refused += 1
    assert 200 < refused < 300
