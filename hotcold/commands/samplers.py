"""The sampler of a command line: that of the model's block in params.yaml, with the settings of the
user."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.models.params import DesignParams
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, parse, read, validate
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.draw import samplers_of
from hotcold.sampling.params import Sampler, recorded


def choose(
    name: str, model: DiffusionModel, steps: int | None, fixed: Mapping[str, Any]
) -> SamplerParams:
    """The sampler that generates images of a model.

    steps: by default those of the model's own sampler. fixed: further settings that the user wants.
    Raises UserError for a value that does not fit the model, and if the model restores images.
    """
    own = _own(name, model)
    if own.restores:
        return _from_noise(name, model, own, steps)
    T = model.process.T
    if "guidance" in fixed:
        if not model.classes:
            raise UserError(f"--guidance must be absent: {name} has no labels")
        plain = fixed["guidance"] in (0, 1) and not getattr(own, "autoguidance", None)
        without = {"guidance_interval": None} if plain else {}
        own = own.model_copy(update={"guidance": fixed["guidance"], **without})
    if steps is None:
        return own
    if not own.leaves_out_steps:
        raise UserError(f"--steps is {steps}, must be absent: {name} uses all of its steps")
    if not 1 <= steps <= T:
        raise UserError(f"--steps is {steps}, must be in 1..{T}")
    kind = own.in_steps()
    for key in fixed:
        if key not in kind.model_fields:
            raise UserError(f"--{key} must be absent: the sampler of {name} has no such setting")
    # eta is 1, as of the ancestral sampler, or that of the model's own sampler.
    settings = {"eta": 1.0} | own.model_dump() | dict(fixed) | {"steps": steps}
    settings["churn"] = 0.0 if "eta" in fixed else min(steps, settings.get("churn", 0.0))
    return recorded(settings | {"kind": kind.model_fields["kind"].default})


def design(model: DiffusionModel) -> DesignParams:
    """The blocks of a model as params.yaml has them, without what the process took from images."""
    block = {key: model.description[key] for key in ("degradation", "network")}
    known = kinds.params("processes", block["degradation"]["kind"]).model_fields
    block["degradation"] = {k: v for k, v in block["degradation"].items() if k in known}
    return validate(parse(json.dumps(block)), DesignParams)


def _own(name: str, model: DiffusionModel) -> SamplerParams:
    """The sampler of the model's block in params.yaml, at the epoch of the weights; if there is no
    block, or one that does not fit weights of another model, the first sampler that its process
    names, over all steps. Raises UserError if the block does not fit the model's own weights."""
    models, allowed = load().get("models"), samplers_of(model)
    if isinstance(models, dict) and name in models:
        own = read(f"models.{name}.sampler", Sampler)
        guided = getattr(own, "guidance", 1) != 1 and not model.classes
        if own.kind in allowed and getattr(own, "steps", 1) <= model.process.T and not guided:
            return own.at(model.description.get("epoch", math.inf))
        if model.description.get("model") == name:
            raise UserError(
                f"{paths.PARAMS}: models.{name}.sampler does not fit the weights of {name}: run "
                f"dvc repro train@{name}"
            )
    return kinds.params("samplers", allowed[0]).complete(model.process.T)


def _from_noise(
    name: str, model: DiffusionModel, own: SamplerParams, steps: int | None
) -> SamplerParams:
    """The sampler of a cold model, with a start from noise alone."""
    if not design(model).degradation.from_noise_alone:
        raise UserError(f"{name} restores images and cannot generate them: use hotcold restore")
    if steps is not None:
        raise UserError(f"--steps is {steps}, must be absent: {name} uses all of its steps")
    return own.model_copy(update={"start": "noise"})
