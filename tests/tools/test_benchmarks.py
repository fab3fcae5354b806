"""The benchmark: its arithmetic, and that all variants of a part do the same work."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT, prepare, write_params
from hotcold.models.cnn import Cnn, LayerNorm
from hotcold.models.degradations import Gaussian
from hotcold.models.fourier_conv import MIN_CHANNELS, FourierConv2d
from hotcold.models.schedules import linear_alpha_bar
from torch import nn

from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models.model import DiffusionModel, build_network
from hotcold.numerics.pixels import to_pixels
from hotcold.params import ModelParams
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read
from hotcold.sampling import samplers
from hotcold.sampling.params import DDIM
from tools.benchmarks import in_diffusers, published_losses, reference, speed, timing, variants
from tools.benchmarks.plain import plain

HOT = Gaussian(linear_alpha_bar(1e-4, 0.5, 20))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return build_network({"kind": "cnn", "hidden": (2, 2)}).eval()


@pytest.fixture
def model1() -> ModelParams:
    return read("models.model1", ModelParams, ROOT / "params.yaml")


def test_variants_take_turns_after_one_run_that_is_not_timed() -> None:
    turns: list[str] = []
    both = [timing.Variant(name, lambda name=name: turns.append(name)) for name in "ab"]
    assert [len(seconds) for seconds in timing.interleaved(both, 3)] == [3, 3]
    assert "".join(turns) == "abababab"


def test_costs_and_speedups_are_medians_over_repetitions() -> None:
    slow = timing.Variant("slow", print, units=10, total=1000)
    fast = timing.Variant("fast", print, units=10, total=50, flops=3e9)
    rows = timing.results([slow, fast], [[4.0, 2.0, 9.0], [1.0, 2.0, 3.0]])
    assert [row["cost"] for row in rows] == [400, 10]  # seconds of 1000 and of 50 units
    assert [row["speedup"] for row in rows] == [1, 60]  # 80, 20 and 60 in the three turns
    assert rows[1]["gflops"] == pytest.approx(3 * 50 / 10)


def test_peak_memory_is_that_of_the_command_alone() -> None:
    held = bytearray(10**9)  # memory of the test itself, which must not count
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    line = "x = bytearray(300_000_000); x[::4096] = b'x' * len(x[::4096])"
    assert 0.3 < timing.peak_memory([sys.executable, "-c", line], ROOT) < 0.4


def test_operations_are_those_of_the_convolutions(model1: ModelParams) -> None:
    """Two for each multiply-add. The backward pass has twice those of the forward pass, without
    the gradient of the input images in the first layer."""
    hidden = (1, *model1.network.hidden)
    layers = [2 * 784 * 49 * a * b for a, b in itertools.pairwise(hidden)]
    layers.append(2 * 784 * 9 * hidden[-1])
    forward = variants.operations(model1, training=False)
    assert forward == pytest.approx(sum(layers), rel=0.01)
    assert variants.operations(model1, training=True) == pytest.approx(
        3 * sum(layers) - layers[0], rel=0.01
    )


def test_reference_reads_the_same_pixels() -> None:
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    digits = reference.Digits(images)
    torch.testing.assert_close(torch.stack([digits[i] for i in range(3)]), to_pixels(images))


def test_reference_learns(net: nn.Module) -> None:
    source = itertools.repeat(torch.zeros(8, 1, 28, 28))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    cpu = torch.device("cpu")
    first = reference.train_steps(net, optimizer, HOT, source, 5, cpu)
    assert reference.train_steps(net, optimizer, HOT, source, 20, cpu) < 0.9 * first


def test_reference_draws_the_same_images(net: nn.Module) -> None:
    x_T = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    expected = reference.sample(net, HOT, x_T)
    torch.manual_seed(1)
    with torch.no_grad():
        predict = DiffusionModel(net, HOT, "eps").predict
        drawn = samplers.sample_ancestral(predict, HOT, x_T, torch.randn_like)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ddim", [False, True])
def test_diffusers_draws_the_same_images(net: nn.Module, ddim: bool) -> None:
    drawn = in_diffusers.draw(in_diffusers.pipeline(net, HOT, ddim), 2, HOT.T, seed=3)
    g = torch.Generator().manual_seed(3)
    normal = lambda x: torch.randn(x.shape, generator=g)  # noqa: E731
    x_T, predict = normal(torch.empty(2, 1, 28, 28)), DiffusionModel(net, HOT, "eps").predict
    with torch.no_grad():
        if ddim:
            ours = samplers.sample_ddim(predict, HOT, x_T, normal, DDIM(steps=HOT.T))
        else:
            ours = samplers.sample_ancestral(predict, HOT, x_T, normal)
    expected = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)


def test_every_variant_of_sampling_takes_the_requested_number_of_steps(
    model1: ModelParams,
) -> None:
    setting = variants.Setting(torch.device("cpu"), torch.bfloat16, 2, ROOT)
    built = variants.sampling(model1, setting)
    assert [variant.total for variant in built] == [1000, 1000, 1000, 50, 50, 25, 25, 1, 1]
    for variant in built[:7]:
        calls: list[int] = []
        hook = nn.modules.module.register_module_forward_hook(
            lambda module, *_, calls=calls: calls.append(isinstance(module, Cnn))
        )
        variant.run()
        hook.remove()
        assert sum(calls) == variant.units == 2


def test_impulse_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sentence = "model3 has impulse degradation, must be gaussian like the reference"
    with pytest.raises(UserError, match=sentence):
        variants.parts(["model3"])


def test_table_shows_which_results_are_extrapolated() -> None:
    row = {"part": "sampling m", "units": 5, "total": 1000, "speedup": 2, "gflops": 100,
           "dtype": "float32", "peak": 0.5}  # fmt: skip
    rows = [
        row | {"variant": "product", "cost": 1, "total": 5, "gflops": 200},
        row | {"variant": "ours", "cost": 50},
    ]
    assert speed.table(rows).splitlines()[2:] == [
        "| sampling m | product | 1 s |  | 200 | 100% | 0.50 |",
        "| sampling m | ours | 50 s, from 5 steps of 50.0 ms | 2.00 | 100 | 50% | 0.50 |",
    ]


def test_plain_network_computes_the_same_function() -> None:
    torch.manual_seed(0)
    wide = build_network({"kind": "cnn", "hidden": (MIN_CHANNELS, MIN_CHANNELS)}).eval()
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([0.1, 0.9])
    with torch.no_grad():
        expected = wide(x, t)
        replaced = plain(copy.deepcopy(wide))
        torch.testing.assert_close(replaced(x, t), expected, rtol=1e-4, atol=1e-5)
    layers = {type(layer) for layer in replaced.modules()}
    assert not layers & {FourierConv2d, LayerNorm}


def test_stages_start_without_the_library_that_only_their_scores_need() -> None:
    modules = ", ".join(f"stages.{stage}" for stage in variants.STAGES)
    line = f"import sys, {modules}; print([m for m in sys.modules if m == 'torchmetrics'])"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_losses_are_printed_next_to_the_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    model = {
        "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 5},
        "network": {"kind": "cnn", "hidden": [1], "predicts": "x_0"},
        "training": {"learning_rate": 1e-3},
        "sampler": {"kind": "cold", "start": "validation"},
    }
    write_params(tmp_path, models={"model3": model})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVICE", "cpu")
    few = mnist.split(60_000, read("data", DataParams, tmp_path / "params.yaml"))
    few = replace(few, train=few.train[:2560], validation=few.validation[:256])
    monkeypatch.setattr(mnist, "split", lambda *_: few)
    monkeypatch.setattr(sys, "argv", ["published_losses", "model3=1", "--precision", "float32"])
    published_losses.main()
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert row[:2] == ["| model3", "1"]
    for loss, published, ratio in (row[2:5], row[5:8]):
        assert float(ratio) == pytest.approx(float(loss) / float(published), rel=1e-2)
    assert row[3] == "0.02440"  # of the published report
    assert 0 < float(row[5]) < 0.2
