"""The blocks `degradation` and `network` of a model in params.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from hotcold.models import kinds
from hotcold.models.bases import NetworkParams as Network
from hotcold.models.bases import Predicted
from hotcold.models.bases import ProcessParams as Degradation
from hotcold.runtime.params import Section, load, read, validate

RESERVED = ("classifier", "real")  # keys of the metrics, next to the models


def _check_name(name: str) -> str:
    """Names become folders, arguments on a command line, and keys of the metrics."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            "is not a valid name of a model, must be a letter, then up to 63 letters, digits, "
            "_ or -"
        )
    if name in RESERVED:
        raise ValueError(
            f"is not a valid name of a model, must not be {' or '.join(RESERVED)}: "
            "the metrics have these keys"
        )
    return name


Name = Annotated[str, pydantic.AfterValidator(_check_name)]
if not TYPE_CHECKING:
    Degradation, Network = kinds.union("processes"), kinds.union("networks")


class DesignParams(Section):
    """What a model is: its degradation and its network (tables 1 and 3)."""

    degradation: Degradation
    network: Network

    def block(self) -> dict[str, Any]:
        """The blocks as `DiffusionModel.build` takes them, without keys that are not set."""
        return self.model_dump(mode="json", include={"degradation", "network"}, exclude_none=True)

    @property
    def predicted(self) -> Predicted:
        """What the network predicts."""
        return self.degradation.predictions[self.network.predicts]

    @property
    def classes(self) -> int:
        """How many labels the network knows; 0 if it gets none."""
        return self.network.known_classes

    @pydantic.model_validator(mode="after")
    def _prediction_fits(self) -> DesignParams:
        degradation, network = self.degradation, self.network
        if network.predicts not in degradation.predictions:
            allowed = " or ".join(map(repr, degradation.predictions))
            raise ValueError(
                f"network.predicts is {network.predicts!r}, must be {allowed} for "
                f"{degradation.kind} degradation"
            )
        degradation.check(network)
        if self.classes and not degradation.takes_labels:
            raise ValueError(
                f"network.classes is {self.classes}, must be absent for {degradation.kind} "
                "degradation"
            )
        return self


def read_design(model: str) -> DesignParams:
    """The degradation and the network of one model. Raises UserError for a wrong value."""
    blocks = {
        "degradation": read(f"models.{model}.degradation", Degradation),
        "network": read(f"models.{model}.network", Network),
    }
    return validate(blocks, DesignParams, prefix=("models", model))


def read_designs() -> dict[str, DesignParams]:
    """The degradation and the network of every model, in the order of params.yaml."""
    return {name: read_design(name) for name in load().get("models", {})}
