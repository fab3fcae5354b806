"""Models beyond the report: recipe, U-Net, grey levels as categories, other degradations."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from conftest import TINY, prepare, run_stage
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from diffusion import image_sets
from diffusion.models import cnn as network
from diffusion.models import degradations, predictions
from diffusion.models.degradations import Blur, Fading, Gaussian, GreyImpulse, Impulse, Pixelation
from diffusion.models.schedules import cosine_alpha_bar, cosine_density, linear_alpha_bar
from diffusion.models.unet import UNet
from diffusion.reporting import flops as compute
from diffusion.runtime import checkpoints
from diffusion.sampling import samplers
from diffusion.training.loop import train_epoch
from diffusion.training.loss import loss
from diffusion.training.state import Learner, annealed
from stages import sample, train
from tools.describe import receptive_field

SALT = cosine_density(0.0, 0.5, 150)
GREY = GreyImpulse(SALT, levels=16)
COSINE = Gaussian(cosine_alpha_bar(1000))
LINEAR = Gaussian(linear_alpha_bar(1e-4, 0.02, 100))


# --- grey levels as categories


def tiny(levels: int = 3, T: int = 4) -> GreyImpulse:
    return GreyImpulse(cosine_density(0.0, 0.5, T), levels=levels)


def paths(process: GreyImpulse, x_0: int) -> dict[tuple[int, ...], float]:
    """Every path of the levels x_0, x_1, ..., x_T of one pixel and its probability.

    The chain of (level, replaced or not): what is not replaced turns into pepper or salt with
    probability (rho_t - rho_{t-1}) / (1 - 2 rho_{t-1}) each, and what is replaced stays.
    """
    rho = [0.0, *process.density.tolist()[1:]]
    found = {((x_0,), False): 1.0}
    for t in range(1, process.T + 1):
        turns = (rho[t] - rho[t - 1]) / (1 - 2 * rho[t - 1])
        after: dict[Any, float] = {}
        for (path, replaced), p in found.items():
            ways = [(path[-1], True, 1.0)] if replaced else [
                (path[-1], False, 1 - 2 * turns),
                (0, True, turns),
                (process.levels - 1, True, turns),
            ]  # fmt: skip
            for level, now, q in ways:
                key = ((*path, level), now)
                after[key] = after.get(key, 0.0) + p * q
        found = after
    levels: dict[tuple[int, ...], float] = {}
    for (path, _), p in found.items():
        levels[path] = levels.get(path, 0.0) + p
    return levels


def posterior(process: GreyImpulse, prior: list[float], t: int) -> Tensor:
    """p(x_0 | x_t), (levels of x_t, levels of x_0), by Bayes' rule over all paths."""
    joint = torch.zeros(process.levels, process.levels, dtype=torch.float64)
    for x_0, share in enumerate(prior):
        for path, p in paths(process, x_0).items():
            joint[path[t], x_0] += share * p
    return joint / joint.sum(1, keepdim=True).clamp(min=1e-300)


@pytest.mark.parametrize(("t", "s"), [(t, s) for t in range(1, 5) for s in range(t)])
def test_a_step_draws_from_the_posterior_that_enumeration_gives(t: int, s: int) -> None:
    """p(x_s | x_t) of the sampler, from the known p(x_0 | x_t), is that of all paths, for every
    state of one pixel and every pair of steps."""
    process, prior = tiny(), [0.5, 0.3, 0.2]
    expected = torch.zeros(3, 3, dtype=torch.float64)  # x_t, x_s
    for x_0, share in enumerate(prior):
        for path, p in paths(process, x_0).items():
            expected[path[t], path[s]] += share * p
    known, side = posterior(process, prior, t), 300
    n = side**2
    part = GreyImpulse(process.density[[0, *([s] if s else []), t]], levels=3)
    even = (torch.arange(side) + 0.5) / side  # each part of [0, 1) as often
    pairs = torch.cartesian_prod(even, even).T.view(2, n, 1, 1, 1)
    for x_t in expected.sum(1).nonzero().flatten().tolist():
        states: dict[int, Tensor] = {}
        left = itertools.cycle(pairs)
        samplers.sample_categorical(
            lambda x, _, x_t=x_t: known[x_t].view(1, 3, 1, 1).expand(len(x), 3, 1, 1),
            part,
            process.grey(torch.full((n, 1, 1, 1), x_t)),
            lambda x, left=left: next(left),
            part.T,
            watch=states.__setitem__,
        )
        drawn = process.level(states[part.T - 1]).flatten().bincount(minlength=3) / n
        torch.testing.assert_close(
            drawn.double(), expected[x_t] / expected[x_t].sum(), rtol=0, atol=2.5 / side
        )


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_draws_from_pure_noise_have_the_distribution_of_the_data(
    steps: int, eta: float, rng: torch.Generator
) -> None:
    process, prior, n = tiny(), [0.5, 0.3, 0.2], 200_000
    known = {t: posterior(process, prior, t) for t in range(1, 5)}

    def predict(x_t: Tensor, t: int) -> Tensor:
        return known[t][process.level(x_t)[:, 0]].movedim(-1, 1)

    def uniform(x: Tensor) -> Tensor:
        return torch.rand(x.shape, generator=rng)

    x_T = process.degrade(torch.zeros(n, 1, 1, 1), uniform(torch.zeros(n, 1, 1, 1)), 4)
    x_0 = samplers.sample_categorical(predict, process, x_T, uniform, steps, eta)
    shares = process.level(x_0).flatten().bincount(minlength=3) / n
    for share, p in zip(shares.tolist(), prior, strict=True):
        assert share == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))


def test_a_wrong_grey_pixel_stays_unless_pixels_are_degraded_anew(rng: torch.Generator) -> None:
    """The network is right but for one early step, in which it says grey everywhere."""
    black = nn.functional.one_hot(torch.zeros(4, 28, 28, dtype=torch.long), 16).movedim(-1, 1)
    grey = black.roll(8, 1)
    uniform = lambda x: torch.rand(x.shape, generator=rng)  # noqa: E731
    wrong = []
    for eta in (0.0, 1.0):
        x_T = GREY.degrade(torch.zeros(4, 1, 28, 28), uniform(torch.zeros(4, 1, 28, 28)), 150)
        drawn = samplers.sample_categorical(
            lambda x, t: (grey if t == 135 else black).float(), GREY, x_T, uniform, 50, eta
        )
        wrong.append((drawn != GREY.low).double().mean().item())
    assert wrong[0] > 0.01
    assert wrong[1] < wrong[0] / 10


def test_the_last_state_has_nothing_of_the_image(rng: torch.Generator) -> None:
    """q(x_T | x_0) is one half salt, one half pepper for every x_0: by enumeration exactly, and
    any two images with one field give the same x_T."""
    process = tiny()
    for x_0 in range(3):
        last: dict[int, float] = {}
        for path, p in paths(process, x_0).items():
            last[path[-1]] = last.get(path[-1], 0.0) + p
        assert {level: p for level, p in last.items() if p > 1e-12} == pytest.approx(
            {0: 0.5, 2: 0.5}
        )
    a, b = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5 for _ in range(2))
    u = GREY.field(a, rng)
    for each in (GREY, Impulse(SALT)):
        x_T = each.degrade(a, u, each.T)
        assert torch.equal(x_T, each.degrade(b, u, each.T))
        assert set(x_T.unique().tolist()) == {-0.5, 0.5}


def test_the_share_of_replaced_pixels_is_a_squared_sine() -> None:
    t = torch.arange(151, dtype=torch.float64)
    torch.testing.assert_close(2 * SALT, (math.pi * t / 300).sin() ** 2)


def test_levels_come_back_and_pepper_and_salt_are_the_ends() -> None:
    levels = torch.arange(16)
    assert torch.equal(GREY.level(GREY.grey(levels)), levels)
    assert GREY.grey(levels)[[0, 15]].tolist() == [GREY.low, GREY.high]


def test_a_grey_pixel_is_kept_and_a_sure_prediction_is_followed(rng: torch.Generator) -> None:
    x_0 = GREY.grey(torch.randint(16, (2, 1, 28, 28), generator=rng))
    sure = nn.functional.one_hot(GREY.level(x_0)[:, 0], 16).movedim(-1, 1).float()
    states = {}
    x_T = GREY.degrade(x_0, GREY.field(x_0, rng), GREY.T)
    uniform = lambda x: torch.rand(x.shape, generator=rng)  # noqa: E731
    drawn = samplers.sample_categorical(
        lambda x, t: sure, GREY, x_T, uniform, 10, watch=states.__setitem__
    )
    torch.testing.assert_close(drawn, x_0)
    assert list(states) == samplers.strided_steps(150, 10)
    for before, after in itertools.pairwise(states.values()):
        grey = before.abs() < 0.49
        assert torch.equal(before[grey], after[grey])


def test_the_loss_of_levels_is_their_cross_entropy(rng: torch.Generator) -> None:
    x_0, t = torch.rand(4, 1, 28, 28, generator=rng) - 0.5, torch.full((4,), 75)
    u = GREY.field(x_0, rng)
    flat = lambda x_t, t: torch.zeros(len(x_t), 16, 28, 28)  # noqa: E731
    assert loss(flat, GREY, x_0, t, u).item() == pytest.approx(math.log(16))
    sure = 50 * nn.functional.one_hot(GREY.level(x_0)[:, 0], 16).movedim(-1, 1).float()
    assert loss(lambda x_t, t: sure, GREY, x_0, t, u).item() == pytest.approx(0, abs=1e-6)


# --- v, x_0 and the cosine schedule


def test_the_cosine_schedule_has_the_values_of_its_formula() -> None:
    alpha_bar = cosine_alpha_bar(1000)
    assert alpha_bar[0] == 1
    for t in (1, 250, 500, 900):
        angles = [(k / 1000 + 0.008) / 1.008 * math.pi / 2 for k in (t, 0)]
        expected = (math.cos(angles[0]) / math.cos(angles[1])) ** 2
        assert alpha_bar[t].item() == pytest.approx(expected)
    assert 0 < alpha_bar[1000] < 1e-8
    assert (alpha_bar.diff() < 0).all()


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
@pytest.mark.parametrize("process", [LINEAR, COSINE])
def test_every_prediction_of_the_truth_answers_with_the_true_noise(
    prediction: str, process: Gaussian, rng: torch.Generator
) -> None:
    x_0 = (torch.rand(3, 1, 28, 28, generator=rng) - 0.5).double()
    eps = process.field(x_0, rng)
    for t in (1, process.T // 2, process.T):
        said = predictions.target(process, prediction, x_0, eps, torch.full((3,), t))
        eps_hat = samplers.answers(lambda x, _, said=said: said, process, prediction)
        torch.testing.assert_close(eps_hat(process.degrade(x_0, eps, t), t), eps)
        assert loss(
            lambda x, _, said=said: said, process, x_0, torch.full((3,), t), eps, prediction
        ).item() == pytest.approx(0)


def test_v_has_the_size_of_the_noise_for_data_of_its_size(rng: torch.Generator) -> None:
    x_0 = torch.randn(50, 1, 28, 28, generator=rng)
    eps = COSINE.field(x_0, rng)
    for t in (1, 400, 1000):
        v = predictions.target(COSINE, "v", x_0, eps, torch.full((50,), t))
        assert v.std().item() == pytest.approx(1, abs=0.02)


# --- the recipe


def learner(steps: int = 10, **recipe: Any) -> Learner:
    torch.manual_seed(0)
    net = network.build({"kind": "unet", "channels": (8, 8, 8)})
    return Learner(net, 1e-2, None, **recipe, steps=steps)


def learn(each: Learner, steps: int, rng: torch.Generator) -> list[float]:
    """The learning rates of some steps on random images."""
    rates = []
    for _ in range(steps):
        rates.append(each.rate)
        each.optimizer.zero_grad()
        x = torch.rand(2, 1, 28, 28, generator=rng)
        each.network(x, torch.full((2,), 0.5)).square().mean().backward()
        each.optimizer.step()
    return rates


def test_the_rate_rises_and_falls_as_a_cosine(rng: torch.Generator) -> None:
    rates = learn(learner(annealing={"warmup": 0.2}), 10, rng)
    cosine = [1e-2 * (1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]
    assert rates == pytest.approx([0.5e-2, 1e-2, *cosine])
    assert annealed(10, 10, 0.2) == pytest.approx(0)
    assert annealed(0, 1, 0.0) == 1


def test_the_average_is_that_of_its_formula(rng: torch.Generator) -> None:
    each = learner(ema={"decay": 0.3})
    expected, found = None, []
    for k in range(1, 6):
        before = each.network.last.weight.detach().clone()
        learn(each, 1, rng)
        decay = min(0.3, k / (9 + k))
        expected = before if expected is None else expected
        expected = decay * expected + (1 - decay) * each.network.last.weight.detach()
        found.append(torch.allclose(each.average.last.weight, expected, atol=1e-7))
    assert found == [True] * 5
    assert each.result is each.average
    assert not any(p.requires_grad for p in each.average.parameters())


def test_without_parts_of_the_recipe_nothing_follows_the_optimiser() -> None:
    plain = learner()
    assert plain.result is plain.network
    assert not plain.optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize("recipe", [{"ema": {"decay": 0.9}}, {"annealing": {"warmup": 0.3}}])
def test_a_learner_goes_on_where_it_was(recipe: dict, rng: torch.Generator) -> None:
    whole, first, second = learner(**recipe), learner(**recipe), learner(**recipe)
    start = rng.get_state()
    learn(whole, 6, rng)
    rng.set_state(start)
    learn(first, 3, rng)
    tensors, description = first.state()
    tensors = {name: x.clone() for name, x in tensors.items()}
    second.restore(tensors, copy.deepcopy(description))
    assert second.rate == first.rate
    learn(second, 3, rng)
    for a, b in zip(whole.result.parameters(), second.result.parameters(), strict=True):
        assert torch.equal(a, b)
    assert second.rate == whole.rate


class Spy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: list[Tensor] = []

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.seen.append(t)
        return x_t * self.weight


def test_stratified_steps_cover_the_range_in_every_batch() -> None:
    net, images = Spy(), torch.zeros(80, 1, 28, 28, dtype=torch.uint8)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for epoch in range(50):
        train_epoch(
            net, optimizer, LINEAR, images, 20, 1, epoch, torch.float32, lambda: None, None, True
        )
    batches = torch.stack(net.seen).mul(100).round().long()  # (200, 20), of T = 100
    assert ((batches - 1) // 5 == torch.arange(20)).all()
    counts = batches.flatten().bincount(minlength=101)[1:]
    assert ((counts - 40) ** 2 / 40).sum() < 149  # chi^2, 99 degrees, 0.1 %


# --- the U-Net


def test_the_u_net_sees_everything_and_answers_for_every_pixel() -> None:
    net = network.build({"kind": "unet", "channels": (32, 64, 64), "outputs": 16})
    assert net(torch.zeros(2, 1, 28, 28), torch.zeros(2)).shape == (2, 16, 28, 28)
    assert 450_000 < sum(p.numel() for p in net.parameters()) < 550_000
    assert receptive_field(network.build({"kind": "unet", "channels": (8, 8, 8)})) == (28, 28)


def test_every_image_has_its_own_time_and_none_knows_of_the_others() -> None:
    torch.manual_seed(0)
    net, x = UNet((8, 16, 16)).eval(), torch.rand(3, 1, 28, 28)
    together = net(x, torch.tensor([0.1, 0.5, 0.9]))
    assert not torch.allclose(net(x[:1], torch.tensor([0.2])), together[:1])
    torch.testing.assert_close(net(x[1:2], torch.tensor([0.5])), together[1:2])


@pytest.mark.parametrize(
    "block",
    [
        {"kind": "cnn", "hidden": (2, 3)},
        {"kind": "unet", "channels": (8, 16, 24)},
        {"kind": "unet", "channels": (8, 8, 8), "outputs": 4},
    ],
)
def test_multiply_adds_are_those_that_pytorch_counts(block: dict) -> None:
    net = network.build(block)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 1, 28, 28), torch.zeros(1))
    assert compute.multiply_adds(net) == counter.get_total_flops() // 2


# --- other degradations

COLD = [
    {"kind": "blur", "std": 3.0, "T": 6},
    {"kind": "pixelation", "sides": (2, 4, 7, 14)},
    {"kind": "fading", "width": 6.0, "T": 5},
]


@pytest.mark.parametrize("block", COLD, ids=[b["kind"] for b in COLD])
def test_degradations_have_one_interface(block: dict, rng: torch.Generator) -> None:
    """t = 0 is the clean image; each image has its own t; the same field gives the same state;
    from step to step less is left; and a perfect restorer gives back the image."""
    process = degradations.build(block)
    place = torch.arange(28) - 11.0
    bump = torch.exp(-(place**2) / 20)
    x_0 = (bump[:, None] * bump - 0.5).expand(4, 1, 28, 28)
    u = process.field(x_0, rng)
    torch.testing.assert_close(process.degrade(x_0, u, 0), x_0)
    t = torch.tensor([0, 1, 2, process.T])
    together = process.degrade(x_0, u, t)
    for i in range(4):
        alone = process.degrade(x_0[i : i + 1], u[i : i + 1], int(t[i]))
        torch.testing.assert_close(alone, together[i : i + 1])
    states = [process.degrade(x_0, u, t) for t in range(process.T + 1)]
    lost = [(x - x_0).square().mean().item() for x in states]
    assert all(a < b for a, b in itertools.pairwise(lost))
    start = (lambda x, t: x_0, process, states[-1], u)  # with a perfect restorer
    seen: dict[int, torch.Tensor] = {}
    for x in (
        samplers.sample_cold_naive(*start, torch.rand_like, lambda t, x_t: seen.update({t: x_t})),
        samplers.sample_cold_improved(*start),
    ):
        torch.testing.assert_close(x, x_0, rtol=0, atol=1e-5)
    assert all(torch.equal(states[t], x_t) for t, x_t in seen.items())  # a spot stays


def test_blur_is_a_gaussian_and_keeps_the_mean() -> None:
    process = Blur(torch.tensor([0.0, 1.5], dtype=torch.float64))
    x_0 = torch.zeros(1, 1, 28, 28)
    x_0[0, 0, 14, 14] = 1
    x = process.degrade(x_0, x_0, 1)[0, 0]
    place = torch.arange(28) - 14
    assert x.sum().item() == pytest.approx(1, abs=1e-5)
    assert (x.sum(0) * place**2).sum().item() == pytest.approx(1.5**2, rel=0.03)
    assert x[14, 17].item() / x[14, 14].item() == pytest.approx(math.exp(-2), rel=1e-4)


def test_a_square_of_pixels_has_their_mean(rng: torch.Generator) -> None:
    x_0 = torch.rand(1, 1, 28, 28, generator=rng)
    x = Pixelation((2, 7)).degrade(x_0, x_0, 2)
    torch.testing.assert_close(x[0, 0, 7:14, 14:21], x_0[0, 0, 7:14, 14:21].mean().expand(7, 7))


def test_the_spot_is_black_in_its_centre_and_its_field_says_where() -> None:
    process = Fading(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    x_0, u = torch.full((1, 1, 28, 28), 0.5), torch.zeros(1, 1, 28, 28)
    u.flatten()[:2] = torch.tensor([9 / 27, 18 / 27])
    x = process.degrade(x_0, u, 2)[0, 0]
    assert x[9, 18] == pytest.approx(-0.5, abs=1e-5)
    kept = (1 - math.exp(-9 / 2)) * (1 - math.exp(-9 / 8))  # three pixels away
    assert x[9, 21].item() == pytest.approx(kept - 0.5, abs=1e-4)


# --- through the stages

BEYOND = {
    "hot": {
        "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 6},
        "network": {"kind": "unet", "channels": [8, 8, 8]},
        "learning_rate": 1.0e-3,
        "prediction": "v",
        "ema": {"decay": 0.9},
        "annealing": {"warmup": 0.1},
        "stratified_t": True,
    },
    "drawn": {
        "degradation": {"kind": "impulse", "rho": [0.0, 0.5], "T": 5, "levels": 4},
        "network": {"kind": "unet", "channels": [8, 8, 8]},
        "learning_rate": 1.0e-3,
        "prediction": "categorical",
    },
    "faded": {
        "degradation": COLD[2] | {"T": 3},
        "network": {"kind": "cnn", "hidden": [2]},
        "learning_rate": 1.0e-3,
    },
}


OWN = {"hot": {"kind": "strided", "steps": 3, "eta": 0.0}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("beyond")
    prepare(folder)
    for name in BEYOND:
        for stage in (train, sample):
            values = {"models": TINY["models"] | BEYOND, "sampling.samplers": OWN}
            run_stage(folder, stage, name, **values)
    return folder


def test_each_is_sampled_by_its_own_sampler(folder: Any) -> None:
    made = {name: image_sets.load(folder / f"results/samples/{name}/epoch_002.npz")
            for name in BEYOND}  # fmt: skip
    assert set(made["hot"][0]) == {"strided"}
    assert made["hot"][1]["steps"] == 3
    assert set(made["drawn"][0]) == {"posterior"}
    assert made["drawn"][1]["steps"] == 5
    assert set(made["drawn"][0]["posterior"].unique().tolist()) <= {0, 85, 170, 255}
    assert set(made["faded"][0]) == {"naive", "improved", "one_step", "degraded", "original"}


def test_weights_say_what_was_asked_and_nothing_more(folder: Any) -> None:
    _, said = checkpoints.load(folder / "results/models/hot/last.safetensors")
    assert said["prediction"] == "v"
    assert said["degradation"] == {"kind": "gaussian", "schedule": "cosine", "T": 6}
    _, said = checkpoints.load(folder / "results/models/drawn/last.safetensors")
    assert said["network"]["outputs"] == 4
    run_stage(folder, train, "model2")
    _, said = checkpoints.load(folder / "results/models/model2/last.safetensors")
    assert set(said) == {"model", "network", "degradation", "epoch", "validation_loss"}
    assert said["network"] == {"kind": "cnn", "hidden": [2, 3], "dropout": 0.0}


def test_what_is_kept_is_the_average(folder: Any) -> None:
    """A decay near 1 in a short training: the average has learned less, not another thing."""
    plain = {**BEYOND["hot"], "ema": None}
    run_stage(folder, train, "plain", models={"plain": plain})
    averaged, _ = checkpoints.load(folder / "results/models/hot/last.safetensors")
    last, _ = checkpoints.load(folder / "results/models/plain/last.safetensors")
    assert averaged.keys() == last.keys()
    assert any(not torch.equal(averaged[name], last[name]) for name in last)
    assert all(torch.allclose(averaged[name], last[name], atol=0.02) for name in last)
