"""The sampler of a command line: that of the model's block in params.yaml, or, in another number of
steps, one with the settings that the step study found best."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.models.params import DesignParams
from hotcold.numerics.tables import read_json
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import load, parse, read, validate
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.draw import samplers_of
from hotcold.sampling.params import Sampler, recorded

LABELS = ("guidance", "guidance_interval")  # settings that a model with labels keeps
Entry = dict[str, Any]  # an entry of results/step_study/<model>.json


def choose(
    name: str, model: DiffusionModel, steps: int | None, fixed: Mapping[str, Any]
) -> tuple[SamplerParams, list[str]]:
    """The sampler that generates images of a model, and lines that tell the user about it.

    steps: by default those of the model's own sampler. fixed: the settings that the user wants; the
    step study chooses the others. Raises UserError for a value that does not fit the model, and if
    the model restores images.
    """
    own = _own(name, model)
    if own.restores:
        return _from_noise(name, model, own, steps), []
    T = model.process.T
    if "guidance" in fixed:
        if not model.classes:
            raise UserError(f"--guidance must be absent: {name} has no labels")
        plain = {"guidance_interval": None} if fixed["guidance"] in (0, 1) else {}
        own = own.model_copy(update={"guidance": fixed["guidance"], **plain})
        fixed = {key: value for key, value in fixed.items() if key != "guidance"}
    if steps is None:
        return own, []
    if not own.leaves_out_steps:
        raise UserError(f"--steps is {steps}, must be absent: {name} uses all of its steps")
    if not 1 <= steps <= T:
        raise UserError(f"--steps is {steps}, must be in 1..{T}")
    kind = own.in_steps()
    for key in fixed:
        if key not in kind.model_fields:
            raise UserError(f"--{key} must be absent: the sampler of {name} has no such setting")
    if steps == own.steps_of(T) and not fixed:
        return own, []
    if "churn" in kind.model_fields and "eta" in fixed:
        fixed = {**fixed, "churn": 0.0}  # which is another way to set eta
    path = paths.STEP_STUDY / f"{name}.json"
    study = read_json(path) if path.exists() else []
    # Without a study, eta is 1, as of the ancestral sampler, or that of the model's own sampler.
    found = _nearest(study, steps, fixed) if study else {"eta": 1.0} | own.model_dump()
    of_labels = {key: getattr(own, key) for key in LABELS if model.classes}
    known = {key: value for key, value in found.items() if key in kind.model_fields}
    of_kind = {"kind": kind.model_fields["kind"].default, "steps": steps}
    sampler = recorded(known | of_labels | dict(fixed) | of_kind)
    line = f"sampling in {_words(sampler)}"
    if not study:
        return sampler, [f"{line} ({name} has no step study)"]
    score = f"FID {found['fid']:.1f} in {_words(recorded(found))}"
    return sampler, [f"{line} (step study: {score})", *_warning(found, min(study, key=_fid))]


def design(model: DiffusionModel) -> DesignParams:
    """The blocks of a model as params.yaml has them, without what the process took from images."""
    block = {key: model.description[key] for key in ("degradation", "network")}
    known = kinds.params("processes", block["degradation"]["kind"]).model_fields
    block["degradation"] = {k: v for k, v in block["degradation"].items() if k in known}
    return validate(parse(json.dumps(block)), DesignParams)


def _own(name: str, model: DiffusionModel) -> SamplerParams:
    """The sampler of the model's block in params.yaml; if there is none that fits the model, the
    first that its process names, over all steps."""
    block, allowed = load()["models"].get(name, {}).get("sampler", {}), samplers_of(model)
    if block.get("kind") in allowed and block.get("steps", 1) <= model.process.T:
        return read(f"models.{name}.sampler", Sampler)
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


def _fid(entry: Entry) -> float:
    return entry["fid"]


def _nearest(study: list[Entry], steps: int, fixed: Mapping[str, Any]) -> Entry:
    """The entry with the lowest FID among those nearest to these steps and fixed settings."""
    most = 0 if "eta" in fixed else steps  # an eta excludes churn, which cannot exceed the steps
    study = [entry for entry in study if entry.get("churn", 0) <= most]
    near = min((entry["steps"] for entry in study), key=lambda k: abs(math.log(k / steps)))
    entries = [entry for entry in study if entry["steps"] == near]
    for key, value in fixed.items():
        distances = [abs(entry.get(key, 0.0) - value) for entry in entries]
        near_by = zip(distances, entries, strict=True)
        entries = [entry for distance, entry in near_by if distance == min(distances)]
    return min(entries, key=_fid)


def _words(sampler: SamplerParams) -> str:
    """Steps and settings, such as "50 steps with η = 1, clipped"."""
    return sampler.how.removeprefix(", in ")


def _warning(found: Entry, best: Entry) -> list[str]:
    """A line if the intervals of two FIDs do not overlap, else none."""
    if found["fid"] - found["fid_below"] <= best["fid"] + best["fid_above"]:
        return []
    return [f"warning: the step study has an FID of {best['fid']:.1f} in {_words(recorded(best))}"]
