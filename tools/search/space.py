"""What a search may set a key of params.yaml to, as its command line says:

  KEY=LOW:HIGH      a number of this range, a whole one if both ends are whole
  KEY=log:LOW:HIGH  the same, uniform in its logarithm
  KEY=A|B|C         one of these values
  KEY=A             this value in every trial
  +KEY=...          the same for a key that params.yaml may lack

Values are written as for `dvc exp run -S`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dvc.utils.hydra import to_hydra_overrides
from hydra.errors import HydraException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read

FORMS = "LOW:HIGH, log:LOW:HIGH, A|B|C or a value"
KEY = r"\w+(\.\w+)*"
WHOLE = r"[-+]?\d+"


@dataclass(frozen=True)
class Key:
    """A key of params.yaml and its values."""

    name: str
    values: str  # as on the command line
    may_be_absent: bool
    distribution: BaseDistribution

    @property
    def varies(self) -> bool:
        return not self.distribution.single()

    def override(self, value: Any) -> str:
        """The argument of `dvc exp run -S` that sets the key."""
        return f"{'++' if self.may_be_absent else ''}{self.name}={value}"


def parse(arguments: Sequence[str]) -> list[Key]:
    """The keys of the command line. Raises UserError for a wrong one, or if none of them varies."""
    keys = {key.name: key for key in map(_parse, arguments)}
    if len(keys) < len(arguments):
        raise UserError("a key occurs twice: give all of its values at once")
    if not any(key.varies for key in keys.values()):
        raise UserError(f"no key has more than one value: write one as KEY={FORMS}")
    return list(keys.values())


def _parse(argument: str) -> Key:
    name, equals, values = argument.partition("=")
    name, may_be_absent = name.removeprefix("+"), name.startswith("+")
    if not equals or not re.fullmatch(KEY, name):
        raise UserError(f"'{argument}' must be KEY={FORMS}")
    if not may_be_absent:
        read(name, Any)
    # A mapping, a list or a string may have colons.
    if ":" in values and "|" not in values and values[0] not in "{[\"'":
        return Key(name, values, may_be_absent, _range(name, values))
    choices = values.split("|")
    for choice in choices:
        _check(name, choice)
    if len(set(choices)) < len(choices):
        raise UserError(f"{name}: '{values}' has a value twice")
    return Key(name, values, may_be_absent, CategoricalDistribution(choices))


def _range(name: str, values: str) -> FloatDistribution | IntDistribution:
    log = values.startswith("log:")
    ends = values.removeprefix("log:").split(":")
    try:
        low, high = map(float, ends)
    except ValueError:
        raise UserError(f"{name}: '{values}' must be {FORMS}") from None
    if not (0 if log else -float("inf")) < low < high < float("inf"):
        raise UserError(
            f"{name}: '{values}' must have finite ends, the smaller one first"
            + " and above 0, because it is logarithmic" * log
        )
    if all(re.fullmatch(WHOLE, end) for end in ends):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _check(name: str, value: str) -> None:
    """Raises UserError if `dvc exp run -S` would not take this as one value."""
    try:
        (override,) = to_hydra_overrides([f"{name}={value}"])
    except HydraException:
        raise UserError(f"{name}: '{value}' is not a value that dvc exp run -S reads") from None
    if not value or override.is_sweep_override():
        raise UserError(f"{name}: '{value}' is not one value: separate several by |")
