"""Images of a model by its sampler, the same for any batch size and any number of ranks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from hotcold.models import kinds
from hotcold.models.model import DiffusionModel
from hotcold.models.process import Process
from hotcold.numerics import devices, distributed
from hotcold.numerics.pixels import SIDE, to_levels
from hotcold.numerics.rng import CHUNK, ChunkedNoise, NoiseAhead, Stream
from hotcold.runtime.errors import UserError
from hotcold.sampling.bases import SamplerParams
from hotcold.sampling.film import Film
from hotcold.sampling.params import samplers_for
from hotcold.sampling.predictors import Predict, Sets, Watch, guided, weaker

Compute = Callable[[], Sets]  # what computes a batch


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
    cached: Callable[[int, Compute], Sets] = lambda first, compute: compute()

    def chunks(self, images: int) -> int:
        """Chunks in a batch: as many as batch_size allows, but at least one, and so few that every
        rank has a batch."""
        share = math.ceil(images / CHUNK / distributed.size())
        return max(1, min(self.batch_size // CHUNK, share))

    def steps(self, sampler: SamplerParams, T: int, images: int) -> int:
        """How often `draw` calls advance on one rank."""
        batches = math.ceil(images / (self.chunks(images) * CHUNK * distributed.size()))
        return sampler.steps_of(T) * batches


def draw(
    model: DiffusionModel,
    originals: Tensor,
    sampler: SamplerParams,
    stream: Stream,
    options: DrawOptions | None = None,
    labels: Tensor | None = None,
) -> Sets:
    """uint8 sets of len(originals) images on the CPU. `sampler.main_set` names the main one; a
    sampler that restores has further ones, and the `original` images if it starts from them.

    originals: (N, 1, 28, 28) pixels on the model's device, which a cold model degrades and
    restores; otherwise they only define number and shape. Each chunk of CHUNK images has its own
    generator, named by the stream and its number, and a batch consists of full chunks, which the
    ranks take in turn: the images do not depend on batch size or ranks. labels: (N,) int64, for a
    network with classes; by default `labels_in_turn`.
    Raises UserError if the sampler does not fit the model.
    """
    options = options or DrawOptions()
    if sampler.kind not in samplers_of(model):
        raise UserError(
            f"sampler.kind is '{sampler.kind}', must be {' or '.join(samplers_of(model))} for a "
            f"model that predicts {model.predicts} for {model.process.kind} degradation"
        )
    if not model.classes and (labels is not None or getattr(sampler, "guidance", 1) != 1):
        raise UserError("labels and sampler.guidance must be absent: the model has no labels")
    if labels is None and model.classes:
        labels = labels_in_turn(len(originals), model.classes)
    if labels is not None and not (
        labels.shape == originals.shape[:1] and ((labels >= 0) & (labels < model.classes)).all()
    ):
        raise UserError(
            f"labels must be {len(originals)} integers in 0..{model.classes - 1}, one an image"
        )
    chunks, size = originals.split(CHUNK), options.chunks(len(originals))
    firsts = range(0, len(chunks), size)
    kind = NoiseAhead if originals.device.type == "cuda" else ChunkedNoise
    earlier = weaker(model, sampler)
    drawn: dict[int, Sets] = {}
    with torch.inference_mode(), devices.autocast(originals.device, options.dtype):
        for first in firsts[distributed.rank() :: distributed.size()]:
            batch = chunks[first : first + size]
            generators = [stream.generator(first + k) for k in range(len(batch))]
            noise = kind([len(chunk) for chunk in batch], generators)
            watch = _watch(model.process.T, options, first == 0)
            asked = None if labels is None else labels[first * CHUNK :][: sum(noise.sizes)]
            known = None if asked is None else asked.to(originals.device)
            predict = guided(model, sampler, known, earlier)
            compute = partial(
                draw_batch, predict, model.process, torch.cat(batch), sampler, noise, watch
            )
            drawn[first] = options.cached(first, compute)
    drawn = distributed.all_gather(drawn)
    return {key: torch.cat([drawn[first][key] for first in firsts]) for key in drawn[0]}


def labels_in_turn(count: int, classes: int) -> Tensor:
    """The labels 0, 1, ... again and again, (count,) int64."""
    return torch.arange(count) % classes


def _watch(T: int, options: DrawOptions, films: bool) -> Watch:
    """What watches a sampler: it counts steps and records the film."""

    def watch(key: str, t: int, x_t: Tensor) -> None:
        if t < T:
            options.advance()
        if films and options.film:
            options.film.take(key, t, x_t)

    return watch


def draw_batch(
    predict: Predict,
    process: Process,
    originals: Tensor,
    sampler: SamplerParams,
    noise: ChunkedNoise,
    watch: Watch,
) -> Sets:
    """The sets of one batch, uint8 on the CPU; see `draw`. The threads of `noise` end with it."""
    run = kinds.behaviour("samplers", sampler.kind, "run")
    with noise:
        start = process.start(originals, noise, sampler.from_noise)
        sets: Sets = run(sampler, predict, process, start, noise, watch)
        if absent := set(sampler.sets) - set(sets):
            place = f"hotcold/samplers/{sampler.kind}/sampler.py"
            raise UserError(f"{place}: run returns no set {absent.pop()!r}")
        if sampler.restores and not sampler.from_noise:
            sets["original"] = originals
        return {key: to_levels(x).cpu() for key, x in sets.items()}


def samplers_of(model: DiffusionModel) -> list[str]:
    """The kinds of sampler that a model can use."""
    return samplers_for(model.process.kind, model.predicts)


def sample(
    model: DiffusionModel, count: int, sampler: SamplerParams | None = None, seed: int = 0
) -> Tensor:
    """`count` generated images, (count, 1, 28, 28) uint8 on the CPU. sampler: by default the first
    one of the model's process, over all steps. Raises UserError if it does not fit the model, or
    if it restores images."""
    if sampler is None:
        kind = samplers_of(model)[0]
        sampler = kinds.params("samplers", kind).complete(model.process.T)
    if count < 1:
        raise UserError(f"count is {count}, must be at least 1")
    if sampler.restores and not sampler.from_noise:
        raise UserError(
            f"the sampler '{sampler.kind}' restores images and cannot generate them: give `draw` "
            "the original images"
        )
    shapes = torch.zeros(count, 1, SIDE, SIDE, device=model.device)
    return draw(model, shapes, sampler, Stream(seed, "sample"))[sampler.main_set]
