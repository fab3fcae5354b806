"""Images of a model, whatever the batch size."""

import math
import re
from typing import Any

import pytest
import torch
from conftest import build_model, build_process
from torch import Tensor

from hotcold import DDIM, ODE, Ancestral, Blurring, Categorical, Cold, InverseDissipation
from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.numerics.rng import NoiseAhead, Stream
from hotcold.runtime.errors import UserError
from hotcold.sampling import draw as draw_module
from hotcold.sampling.bases import Autoguidance, SamplerParams
from hotcold.sampling.draw import DrawOptions, draw, labels_in_turn, sample
from hotcold.sampling.film import Film

AUTO = Autoguidance(checkpoint=2, weight=2.0)
STREAM = Stream(1, "sample", "m", 5)
USES = [
    ("linear", "eps", Ancestral()),
    ("linear", "v", DDIM(steps=2, eta=0.5)),
    ("impulse", "x_0", Cold(start="validation")),
    ("impulse", "x_0", Cold(start="noise")),
    ("grey", "categorical", Categorical(steps=2, eta=0.5)),
    ("masked", "categorical", Categorical(steps=2, churn=0.5)),
    ("dissipation", "x_0", InverseDissipation()),
    ("dissipation", "x_0", Blurring(steps=2)),
    ("flow", "velocity", ODE(steps=2)),
]
every_use = pytest.mark.parametrize(
    ("name", "predicts", "sampler"),
    USES,
    ids=[f"{name}-{getattr(sampler, 'start', sampler.kind)}" for name, _, sampler in USES],
)


@every_use
def test_batches_of_100_200_and_300_give_the_same_images(
    name: str, predicts: str, sampler: SamplerParams, rng: torch.Generator
) -> None:
    model = build_model(name, predicts)
    originals = torch.rand(250, 1, 28, 28, generator=rng) - 0.5

    def images(batch_size: int) -> dict[str, Tensor]:
        steps: list[int] = []
        options = DrawOptions(batch_size=batch_size, advance=lambda: steps.append(1))
        sets = draw(model, originals, sampler, STREAM, options)
        assert len(steps) == options.steps(sampler, model.process.T, 250)
        return sets

    small = images(100)
    assert ("original" in small) == (isinstance(sampler, Cold) and sampler.start == "validation")
    for other in (images(200), images(300)):
        assert small.keys() == other.keys()
        for key, x in small.items():
            assert x.shape == (250, 1, 28, 28)
            assert len(x.flatten(1).unique(dim=0)) == 250
            difference = (x.int() - other[key].int()).abs()
            if predicts != "categorical":
                assert difference.max() <= 1  # level, at the edge between two levels
            assert (difference != 0).double().mean() < 1e-3
        if isinstance(sampler, Cold):
            assert torch.equal(small["degraded"], other["degraded"])


def test_100_images_share_a_generator_and_nothing_of_an_image_is_left_in_noise() -> None:
    start = draw(
        build_model("impulse", "x_0"), torch.zeros(250, 1, 28, 28), Cold(start="noise"), STREAM
    )["degraded"]
    for chunk, images in enumerate(start.split(100)):
        u = torch.rand(images.shape, generator=STREAM.generator(chunk))
        assert torch.equal(images, torch.where(u < 0.5, 255, 0))


@pytest.mark.parametrize(
    ("size", "ranks", "chunks"), [(100, 1, 1), (150, 1, 1), (1000, 1, 3), (1000, 2, 2), (200, 5, 1)]
)
def test_batch_has_full_chunks_and_every_rank_a_batch(
    size: int, ranks: int, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "size", lambda: ranks)
    options = DrawOptions(batch_size=size)
    assert options.chunks(250) == chunks
    assert options.steps(Ancestral(), 7, 250) == 7 * math.ceil(3 / chunks / ranks)


@every_use
def test_noise_that_threads_draw_gives_the_same_images(
    name: str, predicts: str, sampler: SamplerParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, originals = build_model(name, predicts), torch.zeros(250, 1, 28, 28)
    options = DrawOptions(batch_size=200)
    expected = draw(model, originals, sampler, STREAM, options)
    used = []

    class Ahead(NoiseAhead):
        def _draw(self, *request: Any) -> Tensor:
            used.append(request)
            return super()._draw(*request)

    monkeypatch.setattr(draw_module, "ChunkedNoise", Ahead)
    drawn = draw(model, originals, sampler, STREAM, options)
    assert used
    assert all(torch.equal(drawn[key], expected[key]) for key in expected)


def test_settings_at_their_default_are_absent_from_the_description_of_images() -> None:
    assert Ancestral().model_dump() == {"kind": "ancestral"}
    assert DDIM(steps=3).model_dump() == {"kind": "ddim", "steps": 3, "eta": 0.0}
    assert DDIM(steps=3, clip=True).model_dump()["clip"] is True
    assert Categorical(steps=3).model_dump() == {"kind": "categorical", "steps": 3, "eta": 0.0}


class Stamp(torch.nn.Module):
    """A network whose output tells the label of each image in every pixel, and 10 without one."""

    classes = 10

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        known = torch.full((len(x_t),), 10) if label is None else label
        return ((100 + 5 * known) / 255 - 0.5).view(-1, 1, 1, 1).expand_as(x_t)


@pytest.mark.parametrize("batch_size", [100, 200])
def test_every_image_is_drawn_with_its_label(batch_size: int) -> None:
    model = DiffusionModel(Stamp(), build_process("linear"), "x_0")
    originals, sampler = torch.zeros(250, 1, 28, 28), DDIM(steps=1)

    def drawn(labels: Tensor | None, guidance: float) -> Tensor:
        options = DrawOptions(batch_size=batch_size)
        guided = sampler.model_copy(update={"guidance": guidance})
        levels = draw(model, originals, guided, STREAM, options, labels)["ddim"]
        assert (levels == levels[:, :, :1, :1]).all()
        return (levels[:, 0, 0, 0] - 100.0) / 5  # 0 .. 9, or 10 if there is no label

    asked = torch.arange(250) % 7  # in another order in each chunk
    for labels, expected in ((None, labels_in_turn(250, 10)), (asked, asked)):
        assert torch.equal(drawn(labels, 1.0), expected.float())
        assert torch.equal(drawn(labels, 0.0), torch.full((250,), 10.0))
        assert torch.equal(drawn(labels, 2.0), 2.0 * expected - 10)


@pytest.mark.parametrize(
    ("name", "predicts", "allowed", "sampler"),
    [
        ("linear", "eps", "ancestral or ddim", Cold(start="validation")),
        ("impulse", "x_0", "cold", Categorical(steps=2)),
        ("dissipation", "x_0", "blurring or inverse_dissipation", Cold(start="validation")),
    ],
)
def test_sampler_that_does_not_fit_the_model_is_refused(
    name: str, predicts: str, allowed: str, sampler: SamplerParams
) -> None:
    sentence = (
        f"sampler.kind is '{sampler.kind}', must be {allowed} for a model that predicts {predicts}"
    )
    with pytest.raises(UserError, match=sentence):
        draw(build_model(name, predicts), torch.zeros(2, 1, 28, 28), sampler, STREAM)


@pytest.mark.parametrize(
    ("classes", "labels", "sampler", "sentence"),
    [
        (0, [0, 1], DDIM(steps=2), "labels and sampler.guidance must be absent: the model has no"),
        (0, None, DDIM(steps=2, guidance=2.0), "sampler.guidance must be absent"),
        (3, [0, 3], DDIM(steps=2), "labels must be 2 integers in 0..2, one an image"),
        (3, [0, -1], DDIM(steps=2), "labels must be 2 integers in 0..2"),
        (3, [0], DDIM(steps=2), "labels must be 2 integers in 0..2"),
        (0, None, DDIM(steps=2, autoguidance=AUTO), "checkpoint is 2, must be less than 2, the ep"),
    ],
)
def test_guidance_that_the_model_cannot_have_is_refused(
    classes: int, labels: list[int] | None, sampler: SamplerParams, sentence: str
) -> None:
    model = build_model("linear", "eps")
    model.module.classes = classes
    model.description["epoch"] = 2
    asked = None if labels is None else torch.tensor(labels)
    with pytest.raises(UserError, match=re.escape(sentence)):
        draw(model, torch.zeros(2, 1, 28, 28), sampler, STREAM, labels=asked)


@pytest.mark.parametrize(
    ("name", "predicts", "sampler"),
    [
        ("linear", "eps", None),
        ("linear", "x_0", DDIM(steps=2)),
        ("grey", "categorical", None),
        ("impulse", "x_0", Cold(start="noise")),
    ],
)
def test_sample_gives_equal_images_for_equal_seeds(
    name: str, predicts: str, sampler: SamplerParams | None
) -> None:
    model = build_model(name, predicts)
    images = sample(model, 5, sampler, seed=1)
    assert images.shape == (5, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert torch.equal(sample(model, 5, sampler, seed=1), images)
    assert not torch.equal(sample(model, 5, sampler, seed=2), images)


def test_sample_refuses_a_model_that_restores_and_no_images() -> None:
    with pytest.raises(UserError, match="restores images and cannot generate"):
        sample(build_model("impulse", "x_0"), 5)
    with pytest.raises(UserError, match="count is 0, must be at least 1"):
        sample(build_model("linear", "eps"), 0)


def test_film_has_evenly_spaced_states_from_start_to_image() -> None:
    film = Film(T=1000, images=2, frames=5)
    for t in range(1000, -1, -10):
        film.take("ddim", t, torch.full((3, 1, 28, 28), t / 1000 - 0.5))
    steps, states = zip(*film.taken["ddim"], strict=True)
    assert steps == (1000, 750, 500, 250, 0)
    assert [len(x) for x in states] == [2] * 5
    assert [int(x.max()) for x in states] == [255, 191, 128, 64, 0]
    films, film_steps = film.states()
    assert films["ddim"].shape == (5, 2, 1, 28, 28)
    assert film_steps == {"ddim": [1000, 750, 500, 250, 0]}
