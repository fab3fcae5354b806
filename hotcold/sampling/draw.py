"""Images of a model by its sampler, the same for any batch size and any number of ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from hotcold.models.degradations import Dissipation, Gaussian, GreyImpulse, Impulse, restores
from hotcold.models.model import DiffusionModel
from hotcold.numerics import devices, distributed
from hotcold.numerics.pixels import HIGH, LOW, SIDE, to_levels
from hotcold.numerics.rng import CHUNK, ChunkedNoise, NoiseAhead, Stream
from hotcold.runtime.errors import UserError
from hotcold.sampling import samplers
from hotcold.sampling.film import Film
from hotcold.sampling.params import (
    DDIM,
    Ancestral,
    AnySampler,
    Categorical,
    Cold,
    InverseDissipation,
)

Sets = dict[str, Tensor]  # name of a set of images -> (N, 1, 28, 28)
Watching = Callable[[str], samplers.Watch]  # name of a set -> what watches its sampler
Compute = Callable[[], Sets]  # what computes a batch


def _compute(first: int, compute: Compute) -> Sets:
    return compute()


@dataclass(frozen=True)
class DrawOptions:
    """How images are drawn; up to rounding by dtype, the images do not depend on it.

    batch_size: images at once at most, see `chunks`. advance: called after each step.
    film: records the first batch. cached: may replace the computation of the batch whose first
    chunk has this number.
    """

    dtype: torch.dtype = torch.float32
    batch_size: int = CHUNK
    advance: Callable[[], None] = lambda: None
    film: Film | None = None
    cached: Callable[[int, Compute], Sets] = _compute

    def chunks(self, images: int) -> int:
        """Chunks in a batch: as many as batch_size allows, but at least one, and so few that every
        rank has a batch."""
        share = math.ceil(images / CHUNK / distributed.size())
        return max(1, min(self.batch_size // CHUNK, share))

    def steps(self, sampler: AnySampler, T: int, images: int) -> int:
        """How often `draw` calls advance on one rank."""
        batches = math.ceil(images / (self.chunks(images) * CHUNK * distributed.size()))
        return sampler.steps_of(T) * batches


def draw(
    model: DiffusionModel,
    originals: Tensor,
    sampler: AnySampler,
    stream: Stream,
    options: DrawOptions | None = None,
    labels: Tensor | None = None,
) -> Sets:
    """uint8 sets of len(originals) images on the CPU. `sampler.main_set` names the main one; a
    model that restores has further ones, see `restorations`.

    originals: (N, 1, 28, 28) pixels on the model's device, which a cold model degrades and
    restores; otherwise they only define number and shape. Each chunk of CHUNK images has its own
    generator, named by the stream and its number, and a batch consists of full chunks, which the
    ranks take in turn: the images do not depend on batch size or ranks. labels: (N,) int64, for a
    network with classes; by default `labels_in_turn`.
    Raises UserError if the sampler does not fit the model.
    """
    options = options or DrawOptions()
    if labels is None and model.classes:
        labels = labels_in_turn(len(originals), model.classes)
    chunks, size = originals.split(CHUNK), options.chunks(len(originals))
    firsts = range(0, len(chunks), size)
    kind = NoiseAhead if originals.device.type == "cuda" else ChunkedNoise
    drawn: dict[int, Sets] = {}
    with torch.inference_mode(), devices.autocast(originals.device, options.dtype):
        for first in firsts[distributed.rank() :: distributed.size()]:
            batch = chunks[first : first + size]
            generators = [stream.generator(first + k) for k in range(len(batch))]
            noise = kind([len(chunk) for chunk in batch], generators)
            watching = partial(_watch, model.process.T, options, first == 0)
            asked = None if labels is None else labels[first * CHUNK :][: sum(noise.sizes)]
            compute = partial(draw_batch, model, torch.cat(batch), sampler, noise, watching, asked)
            drawn[first] = options.cached(first, compute)
    drawn = distributed.all_gather(drawn)
    return {key: torch.cat([drawn[first][key] for first in firsts]) for key in drawn[0]}


def labels_in_turn(count: int, classes: int) -> Tensor:
    """The labels 0, 1, ... again and again, (count,) int64."""
    return torch.arange(count) % classes


def _watch(T: int, options: DrawOptions, films: bool, key: str) -> samplers.Watch:
    """What watches the sampler of one set: it counts steps and records the film."""

    def watch(t: int, x_t: Tensor) -> None:
        if t < T:
            options.advance()
        if films and options.film:
            options.film.take(key, t, x_t)

    return watch


def draw_batch(
    model: DiffusionModel,
    originals: Tensor,
    sampler: AnySampler,
    noise: ChunkedNoise,
    watching: Watching,
    labels: Tensor | None = None,
) -> Sets:
    """The sets of one batch, uint8 on the CPU; see `draw`. The threads of `noise` end with it."""
    with noise:
        sets = _run_sampler(model, originals, sampler, noise, watching, labels)
        return {key: to_levels(x).cpu() for key, x in sets.items()}


def _run_sampler(
    model: DiffusionModel,
    originals: Tensor,
    sampler: AnySampler,
    noise: ChunkedNoise,
    watching: Watching,
    labels: Tensor | None,
) -> Sets:
    process, seen = model.process, watching(sampler.main_set)
    predict: samplers.Predict = model.predict
    normal, uniform = noise.normal, noise.uniform
    if isinstance(process, Gaussian) and isinstance(sampler, Ancestral | DDIM):
        x_T = normal(originals)
        if labels is not None:
            predict = samplers.guided(model.predict, labels.to(originals.device), sampler.guidance)
        if sampler.clip:
            predict = samplers.clipped(predict, process)
        if isinstance(sampler, DDIM):
            x_0 = samplers.sample_ddim(predict, process, x_T, normal, sampler, seen)
        else:
            x_0 = samplers.sample_ancestral(predict, process, x_T, normal, seen)
        return {sampler.main_set: x_0}
    if isinstance(process, GreyImpulse) and isinstance(sampler, Categorical):
        x_T = process.degrade(originals, uniform(originals), process.T)
        x_0 = samplers.sample_categorical(predict, process, x_T, uniform, sampler, seen)
        return {sampler.main_set: x_0}
    if isinstance(process, Dissipation) and isinstance(sampler, InverseDissipation):
        x_0 = samplers.sample_inverse_dissipation(
            predict, process, normal, originals, sampler.noise, seen
        )
        return {sampler.main_set: x_0}
    if restores(process) and isinstance(sampler, Cold):
        return restorations(model, originals, sampler, noise, watching)
    raise UserError(
        f"sampler.kind is '{sampler.kind}', which does not fit a model that predicts "
        f"{model.predicts} for {type(process).__name__} degradation"
    )


def restorations(
    model: DiffusionModel,
    originals: Tensor,
    sampler: Cold,
    noise: ChunkedNoise,
    watching: Watching,
) -> Sets:
    """Restorations `naive`, `improved` and `one_step` of the same `degraded` images, and the
    `original` images unless the start is pure noise."""
    process = model.process
    if not restores(process):
        raise TypeError(f"{type(process).__name__} degradation is not restored")
    u = noise.uniform(originals)
    from_noise = sampler.start == "noise" and isinstance(process, Impulse)
    if from_noise:
        degraded = torch.where(u < 0.5, HIGH, LOW).to(originals)
    else:
        degraded = process.degrade(originals, u, process.T)
    sets = {
        "naive": samplers.sample_cold_naive(
            model.predict, process, degraded, u, noise.uniform, watching("naive")
        ),
        "improved": samplers.sample_cold_improved(
            model.predict, process, degraded, u, watching("improved")
        ),
        "one_step": model.predict(degraded, process.T),
        "degraded": degraded,
    }
    return sets if from_noise else sets | {"original": originals}


def full_sampler(model: DiffusionModel) -> AnySampler:
    """The sampler over all steps of a model that generates."""
    match model.process:
        case GreyImpulse():
            return Categorical(steps=model.process.T)
        case Dissipation():
            return InverseDissipation()
        case _:
            return Ancestral()


def sample(
    model: DiffusionModel, count: int, sampler: AnySampler | None = None, seed: int = 0
) -> Tensor:
    """`count` generated images, (count, 1, 28, 28) uint8 on the CPU, drawn on the model's device.

    sampler: by default the one over all steps of the model's process.
    Raises UserError if the sampler does not fit the model, or if the model restores images.
    """
    process = model.process
    if model.restores:
        raise UserError(
            f"a model of {type(process).__name__} degradation restores images and cannot generate "
            "them: give `draw` the original images"
        )
    if sampler is None:
        sampler = full_sampler(model)
    shapes = torch.zeros(count, 1, SIDE, SIDE, device=model.device)
    return draw(model, shapes, sampler, Stream(seed, "sample"))[sampler.main_set]
