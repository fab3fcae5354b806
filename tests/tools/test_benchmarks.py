"""The benchmark: its arithmetic, and that all variants of a part do the same work."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, write_params
from torch import Tensor, nn

from hotcold.models.model import DiffusionModel
from hotcold.models.process import Start
from hotcold.networks.cnn.fourier_conv import MIN_CHANNELS, FourierConv2d
from hotcold.networks.cnn.network import Cnn, LayerNorm
from hotcold.numerics import devices
from hotcold.numerics.pixels import to_pixels
from hotcold.processes.gaussian.process import Gaussian, linear_alpha_bar
from hotcold.runtime.errors import UserError
from hotcold.samplers.ancestral import sampler as ancestral
from hotcold.samplers.ancestral.params import Ancestral
from hotcold.samplers.ddim import sampler as ddim_sampler
from hotcold.samplers.ddim.params import DDIM
from tools.benchmarks import reference, speed

HOT = Gaussian(linear_alpha_bar(1e-4, 0.5, 20))
CPU = torch.device("cpu")


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Cnn((2, 2)).eval()


def test_variants_take_turns_after_a_run_that_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    monkeypatch.setattr(time, "perf_counter", lambda: len(turns) ** 2)
    slow = speed.Variant("slow", lambda: turns.append("a"), units=10, total=1000)
    fast = speed.Variant("fast", lambda: turns.append("b"), units=10)
    costs = speed.interleaved([slow, fast], 2)
    assert "".join(turns) == "ababab"
    assert costs == [[5 * 100, 9 * 100], [7 / 10, 11 / 10]]  # for 1000 units and for one


def test_table_compares_every_variant_with_the_first_of_its_part(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(inside)
    monkeypatch.setattr(
        speed, "interleaved", lambda variants, _: [[0.002], *[[0.001]] * 6][: len(variants)]
    )
    speed.main(["model2", "--precision", "bfloat16"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()[1:]  # the first is that of `write_params`
    assert devices.cpu() in lines[0]
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| training model2"] * 3 + [
        "| sampling model2"
    ] * 7
    assert lines[4] == "| training model2 | reference, float32 | 500 images/s | 1.00 |"
    assert lines[5] == "| training model2 | ours, bfloat16 | 1000 images/s | 2.00 |"
    ancestral = "| sampling model2 | ours ancestral, float32, 6 steps"
    assert lines[9] == f"{ancestral} | 0.001 s, from 5 steps of 0.2 ms | 2.00 |"


def test_reference_reads_the_same_pixels() -> None:
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    digits = reference.Digits(images)
    torch.testing.assert_close(torch.stack([digits[i] for i in range(3)]), to_pixels(images))


@torch.no_grad()
def draw(net: nn.Module, x_T: Tensor, ddim: bool, normal: Callable[[Tensor], Tensor]) -> Tensor:
    """All steps of DDIM or of ancestral sampling."""
    sampler = DDIM(steps=HOT.T) if ddim else Ancestral()
    run = (ddim_sampler if ddim else ancestral).run
    predict, noise = DiffusionModel(net, HOT, "eps").predict, SimpleNamespace(normal=normal)
    return run(sampler, predict, HOT, Start(x_T, x_T), noise)[sampler.main_set]


def test_reference_draws_the_same_images(net: nn.Module) -> None:
    x_T = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    expected = reference.sample(net, x_T, HOT)
    torch.manual_seed(1)
    drawn = draw(net, x_T, ddim=False, normal=torch.randn_like)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ddim", [False, True])
def test_diffusers_draws_the_same_images(net: nn.Module, ddim: bool) -> None:
    drawn = reference.sample_in_diffusers(net, 2, ddim, HOT, seed=3)
    g = torch.Generator().manual_seed(3)
    normal = lambda x: torch.randn(x.shape, generator=g)  # noqa: E731
    ours = draw(net, normal(torch.empty(2, 1, 28, 28)), ddim, normal)
    expected = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)


def evaluations(variant: speed.Variant) -> int:
    """How often one run evaluates the network."""
    calls: list[bool] = []
    hook = nn.modules.module.register_module_forward_hook(
        lambda module, *_: calls.append(isinstance(module, Cnn))
    )
    variant.run()
    hook.remove()
    return sum(calls)


def test_every_variant_takes_the_requested_number_of_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    sampling = speed.Bench("model1", CPU, steps=2).sampling(["bfloat16", "float32"])
    assert [variant.total for variant in sampling] == [1000, 1000, 1000, 1000, 50, 50, 50]
    assert [(variant.units, evaluations(variant)) for variant in sampling] == [(2, 2)] * 7
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    training = speed.Bench("model2", CPU, steps=3).training(["float32"])
    assert [(variant.units, evaluations(variant)) for variant in training] == [(3 * 16, 3)] * 2


def test_impulse_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sentence = "model3 has impulse degradation, must be gaussian like the reference"
    with pytest.raises(UserError, match=sentence):
        speed.Bench("model3", CPU, steps=1)


def test_plain_network_computes_the_same_function() -> None:
    torch.manual_seed(0)
    wide = Cnn((MIN_CHANNELS, MIN_CHANNELS)).eval()
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([0.1, 0.9])
    with torch.no_grad():
        expected = wide(x, t)
        replaced = reference.plain(copy.deepcopy(wide))
        torch.testing.assert_close(replaced(x, t), expected, rtol=1e-4, atol=1e-5)
    layers = {type(layer) for layer in replaced.modules()}
    assert not layers & {FourierConv2d, LayerNorm}
