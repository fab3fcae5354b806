"""Images of a model, whatever the batch size."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hotcold.models.degradations import Gaussian
from hotcold.models.schedules import linear_alpha_bar
from hotcold.sampling.samplers import sample_ancestral
from torch import Tensor

from hotcold.models.model import DiffusionModel
from hotcold.numerics import distributed
from hotcold.numerics.rng import ChunkedNoise, NoiseAhead, Stream
from hotcold.runtime.errors import UserError
from hotcold.sampling import draw as draw_module
from hotcold.sampling.draw import DrawOptions, draw, labels_in_turn, sample
from hotcold.sampling.params import (
    DDIM,
    Ancestral,
    AnySampler,
    Categorical,
    Cold,
    InverseDissipation,
)

GAUSSIAN = {"kind": "gaussian", "beta": (0.01, 0.5), "T": 4}
IMPULSE = {"kind": "impulse", "rho": (0.05, 0.25), "T": 4}
GREY = {"kind": "impulse", "rho": (0.0, 0.5), "T": 4, "levels": 4}
MASKED = GREY | {"known_mask": True}
DISSIPATION = {
    "kind": "dissipation",
    "std": (0.3, 20.0),
    "noise": 0.1,
    "T": 4,
    "brightness": [-0.5, -0.2],
}
STREAM = Stream(1, "sample", "m", 5)


def build(degradation: dict[str, Any], predicts: str) -> DiffusionModel:
    torch.manual_seed(0)
    if predicts == "categorical":
        network: dict[str, Any] = {"kind": "unet", "channels": [8, 8, 8]}
    else:
        network = {"kind": "cnn", "hidden": [2]}
    model = DiffusionModel.build(
        {"degradation": degradation, "network": network | {"predicts": predicts}}
    )
    model.module.eval()
    return model


def wave(x_t: Tensor, t: int) -> Tensor:
    """A prediction that depends on the state and on t."""
    return torch.sin(3 * x_t + t / 100)


def compare(a: dict[str, Tensor], b: dict[str, Tensor]) -> tuple[int, float]:
    """The largest difference of two pixels in levels, and the share of pixels that differ."""
    assert a.keys() == b.keys()
    differences = torch.cat([(a[key].int() - b[key].int()).flatten() for key in a])
    return int(differences.abs().max()), (differences != 0).double().mean().item()


@pytest.mark.parametrize(
    ("degradation", "predicts", "samplers"),
    [
        (GAUSSIAN, "eps", [Ancestral()]),
        (IMPULSE, "x_0", [Cold(start="validation"), Cold(start="noise")]),
    ],
    ids=["gaussian", "impulse"],
)
def test_batches_of_100_200_and_500_give_the_same_images(
    degradation: dict[str, Any], predicts: str, samplers: list[AnySampler]
) -> None:
    model = build(degradation, predicts)
    originals = torch.rand(1000, 1, 28, 28) - 0.5

    def images(batch_size: int, sampler: AnySampler) -> dict[str, Tensor]:
        steps: list[int] = []
        options = DrawOptions(batch_size=batch_size, advance=lambda: steps.append(1))
        sets = draw(model, originals, sampler, STREAM, options)
        assert len(steps) == options.steps(sampler, model.process.T, 1000)
        return sets

    for sampler in samplers:
        small, medium, large = (images(size, sampler) for size in (100, 200, 500))
        for other in (medium, large):
            largest, share = compare(small, other)
            assert largest <= 1  # level, at the edge between two levels
            assert share < 1e-3
        for key in small:
            assert small[key].shape == (1000, 1, 28, 28)
            assert len(small[key].flatten(1).unique(dim=0)) == 1000
        if isinstance(sampler, Cold):
            assert torch.equal(small["degraded"], large["degraded"])
    if isinstance(sampler, Cold):
        # With start: noise nothing of the image is left, not even a grey level.
        assert set(large["degraded"].unique().tolist()) == {0, 255}
        assert "original" not in large


@pytest.mark.parametrize(
    ("degradation", "predicts", "sampler"),
    [
        (GAUSSIAN, "v", DDIM(steps=2, eta=0.5)),
        (GREY, "categorical", Categorical(steps=2, eta=0.5)),
        (MASKED, "categorical", Categorical(steps=2, churn=0.5)),
        (DISSIPATION, "x_0", InverseDissipation()),
    ],
    ids=["ddim", "categorical", "masked", "dissipation"],
)
def test_batches_of_100_and_200_give_the_same_images_of_other_samplers(
    degradation: dict[str, Any], predicts: str, sampler: AnySampler
) -> None:
    model, originals = build(degradation, predicts), torch.zeros(250, 1, 28, 28)
    small, large = (
        draw(model, originals, sampler, STREAM, DrawOptions(batch_size=size)) for size in (100, 200)
    )
    assert list(small) == [sampler.main_set]
    assert small[sampler.main_set].shape == (250, 1, 28, 28)
    assert compare(small, large)[1] < 1e-3


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


@pytest.mark.parametrize("name", ["gaussian", "impulse", "categorical", "dissipation"])
def test_noise_that_threads_draw_gives_the_same_images(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sampler = {
        "gaussian": (build(GAUSSIAN, "eps"), Ancestral()),
        "impulse": (build(IMPULSE, "x_0"), Cold(start="validation")),
        "categorical": (build(GREY, "categorical"), Categorical(steps=4, eta=0.5)),
        "dissipation": (build(DISSIPATION, "x_0"), InverseDissipation()),
    }[name]
    originals, options = torch.zeros(250, 1, 28, 28), DrawOptions(batch_size=200)
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


@pytest.mark.parametrize("sampler", [Ancestral(), DDIM(steps=3, eta=0.5)], ids=lambda s: s.kind)
def test_clip_of_the_sampler_changes_images_only_if_it_is_true(
    sampler: Ancestral | DDIM,
) -> None:
    assert "clip" not in sampler.model_dump()  # descriptions of images stay as they are
    bounded = sampler.model_copy(update={"clip": True})
    assert bounded.model_dump()["clip"] is True
    model, originals = build(GAUSSIAN, "eps"), torch.zeros(3, 1, 28, 28)
    free, clipped = (
        draw(model, originals, each, STREAM)[sampler.main_set] for each in (sampler, bounded)
    )
    assert not torch.equal(free, clipped)


class Stamp(torch.nn.Module):
    """A network whose output tells the label of each image in every pixel, and 10 without one."""

    def forward(self, x_t: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        known = torch.full((len(x_t),), 10) if label is None else label
        return ((100 + 5 * known) / 255 - 0.5).view(-1, 1, 1, 1).expand_as(x_t)


@pytest.mark.parametrize("batch_size", [100, 200])
def test_every_image_is_drawn_with_its_label(batch_size: int) -> None:
    description = {"network": {"classes": 10}}
    model = DiffusionModel(Stamp(), Gaussian(linear_alpha_bar(0.1, 0.5, 3)), "x_0", description)
    originals, sampler = torch.zeros(250, 1, 28, 28), DDIM(steps=1)

    def drawn(labels: Tensor | None, guidance: float) -> Tensor:
        options = DrawOptions(batch_size=batch_size)
        guided = sampler.model_copy(update={"guidance": guidance})
        levels = draw(model, originals, guided, STREAM, options, labels)["ddim"]
        assert (levels == levels[:, :, :1, :1]).all()
        return (levels[:, 0, 0, 0] - 100.0) / 5  # 0 .. 9, or 10 if there is no label

    sevens = torch.full((250,), 7)
    for labels, expected in ((None, labels_in_turn(250, 10)), (sevens, sevens)):
        assert torch.equal(drawn(labels, 1.0), expected.float())
        assert torch.equal(drawn(labels, 0.0), torch.full((250,), 10.0))
        assert torch.equal(drawn(labels, 2.0), 2.0 * expected - 10)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_chunked_noise_does_not_depend_on_the_chunks_in_a_batch(batch: int) -> None:
    """Five chunks of two images, `batch` chunks at a time."""
    process = Gaussian(linear_alpha_bar(1e-3, 0.2, 20))

    def draw_chunks(chunks: list[int]) -> Tensor:
        noise = ChunkedNoise([2] * len(chunks), [torch.Generator().manual_seed(c) for c in chunks])
        like = torch.empty(2 * len(chunks), 1, 28, 28)
        return sample_ancestral(wave, process, noise.normal(like), noise.normal)

    expected = draw_chunks([0, 1, 2, 3, 4])
    parts = [draw_chunks(list(range(i, min(i + batch, 5)))) for i in range(0, 5, batch)]
    torch.testing.assert_close(torch.cat(parts), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("degradation", "predicts", "sampler"),
    [
        (GAUSSIAN, "eps", Cold(start="validation")),
        (GAUSSIAN, "eps", Categorical(steps=2)),
        (IMPULSE, "x_0", Ancestral()),
        (IMPULSE, "x_0", Categorical(steps=2)),
        (GREY, "categorical", DDIM(steps=2)),
        (GREY, "categorical", Cold(start="validation")),
        (DISSIPATION, "x_0", Cold(start="validation")),
        (GAUSSIAN, "x_0", InverseDissipation()),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_sampler_that_does_not_fit_the_model_is_refused(
    degradation: dict[str, Any], predicts: str, sampler: AnySampler
) -> None:
    model = build(degradation, predicts)
    sentence = f"sampler.kind is '{sampler.kind}', which does not fit a model that predicts"
    with pytest.raises(UserError, match=sentence):
        draw(model, torch.zeros(2, 1, 28, 28), sampler, STREAM)


@pytest.mark.parametrize(
    ("degradation", "predicts", "sampler"),
    [
        (GAUSSIAN, "eps", None),
        (GAUSSIAN, "x_0", DDIM(steps=2)),
        (GREY, "categorical", None),
        (GREY, "categorical", Categorical(steps=2)),
    ],
)
def test_sample_gives_equal_images_for_equal_seeds(
    degradation: dict[str, Any], predicts: str, sampler: AnySampler | None
) -> None:
    model = build(degradation, predicts)
    images = sample(model, 5, sampler, seed=1)
    assert images.shape == (5, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert torch.equal(sample(model, 5, sampler, seed=1), images)
    assert not torch.equal(sample(model, 5, sampler, seed=2), images)


def test_sample_refuses_a_model_that_restores() -> None:
    model = build(IMPULSE, "x_0")
    with pytest.raises(UserError, match="restores images and cannot generate"):
        sample(model, 5)
