"""The benchmark: its arithmetic, and that what it times is what it says."""

from __future__ import annotations

import copy
import itertools
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, prepare, write_params
from torch import nn

from benchmarks import in_diffusers, published_losses, reference, speed, timing
from benchmarks.plain import plain
from diffusion import mnist as data
from diffusion.models import cnn as network
from diffusion.models.degradations import Gaussian
from diffusion.models.fourier_conv import FEWEST, FourierConv2d
from diffusion.models.params import Model
from diffusion.models.schedules import linear_alpha_bar
from diffusion.runtime.errors import UserError
from diffusion.runtime.params import read
from diffusion.sampling import samplers

HOT = Gaussian(linear_alpha_bar(1e-4, 0.5, 20))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return network.build({"kind": "cnn", "hidden": (2, 2)}).eval()


def test_ways_take_turns_after_one_run_that_does_not_count() -> None:
    turns: list[str] = []
    ways = [timing.Way(name, lambda name=name: turns.append(name)) for name in "ab"]
    assert [len(own) for own in timing.interleaved(ways, 3)] == [3, 3]
    assert "".join(turns) == "abababab"


def test_costs_and_ratios_are_medians_over_repetitions() -> None:
    slow = timing.Way("slow", print, units=10, whole=1000)
    fast = timing.Way("fast", print, units=10, whole=50, flops=3e9)
    rows = timing.results([slow, fast], [[4.0, 2.0, 9.0], [1.0, 2.0, 3.0]])
    assert [row["cost"] for row in rows] == [400, 10]  # seconds of 1000 and of 50 units
    assert [row["ratio"] for row in rows] == [1, 60]  # 80, 20 and 60 in the three turns
    assert rows[1]["gflops"] == pytest.approx(3 * 50 / 10)


def test_peak_memory_is_that_of_the_command_alone() -> None:
    held = bytearray(10**9)  # of this process, which must not count
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    line = "x = bytearray(300_000_000); x[::4096] = b'x' * len(x[::4096])"
    assert 0.3 < timing.peak_memory([sys.executable, "-c", line], ROOT) < 0.4


def test_operations_are_those_of_the_convolutions() -> None:
    """Two a multiply-add; backward twice the forward, but for the images of the first layer."""
    model = read("models.model1", Model, ROOT / "params.yaml")
    hidden = (1, *model.network.hidden)
    layers = [2 * 784 * 49 * a * b for a, b in itertools.pairwise(hidden)]
    layers.append(2 * 784 * 9 * hidden[-1])
    forward = speed.operations(model, training=False)
    assert forward == pytest.approx(sum(layers), rel=0.01)
    assert speed.operations(model, training=True) == pytest.approx(
        3 * sum(layers) - layers[0], rel=0.01
    )


def test_the_reference_reads_the_same_pixels() -> None:
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    shown = torch.stack([reference.Digits(images)[i] for i in range(3)])
    torch.testing.assert_close(shown, data.to_pixels(images))


def test_the_reference_learns(net: nn.Module) -> None:
    source = itertools.repeat(torch.zeros(8, 1, 28, 28))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    cpu = torch.device("cpu")
    first = reference.train_steps(net, optimizer, HOT, source, 5, cpu)
    assert reference.train_steps(net, optimizer, HOT, source, 20, cpu) < 0.9 * first


def test_the_reference_draws_what_ours_draws(net: nn.Module) -> None:
    x_T = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    theirs = reference.sample(net, HOT, x_T)
    torch.manual_seed(1)
    with torch.no_grad():
        predict = samplers.predictor(net, HOT.T)
        ours = samplers.sample_ancestral(predict, HOT, x_T, torch.randn_like)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strided", [False, True])
def test_diffusers_draw_what_ours_draw(net: nn.Module, strided: bool) -> None:
    drawn = in_diffusers.draw(in_diffusers.pipeline(net, HOT, strided), 2, HOT.T, seed=3)
    g = torch.Generator().manual_seed(3)
    normal = lambda x: torch.randn(x.shape, generator=g)  # noqa: E731
    x_T, predict = normal(torch.empty(2, 1, 28, 28)), samplers.predictor(net, HOT.T)
    with torch.no_grad():
        if strided:
            ours = samplers.sample_strided(predict, HOT, x_T, normal, HOT.T)
        else:
            ours = samplers.sample_ancestral(predict, HOT, x_T, normal)
    expected = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-4)


def test_every_way_of_sampling_takes_the_steps_that_are_asked_for() -> None:
    model = read("models.model1", Model, ROOT / "params.yaml")
    ways = speed.sampling(model, speed.Setting(torch.device("cpu"), torch.bfloat16, 2, ROOT))
    assert [way.whole for way in ways] == [1000, 1000, 1000, 50, 50, 25, 25, 1, 1]
    for way in ways[:7]:
        calls: list[int] = []
        hook = nn.modules.module.register_module_forward_hook(
            lambda module, *_, calls=calls: calls.append(isinstance(module, network.Cnn))
        )
        way.run()
        hook.remove()
        assert sum(calls) == way.units == 2


def test_an_impulse_model_is_refused() -> None:
    with pytest.raises(UserError, match="model3 is an impulse model, must be a Gaussian one"):
        speed.parts(["model3"])


def test_the_table_says_what_was_extrapolated() -> None:
    row = {"part": "sampling m", "units": 5, "whole": 1000, "ratio": 2, "gflops": 100,
           "dtype": "float32", "peak": 0.5}  # fmt: skip
    rows = [
        row | {"way": "product", "cost": 1, "whole": 5, "gflops": 200},
        row | {"way": "ours", "cost": 50},
    ]
    assert speed.table(rows).splitlines()[2:] == [
        "| sampling m | product | 1 s |  | 200 | 100% | 0.50 |",
        "| sampling m | ours | 50 s, from 5 steps of 50.0 ms | 2.00 | 100 | 50% | 0.50 |",
    ]


def test_the_plain_network_says_the_same() -> None:
    torch.manual_seed(0)
    wide = network.build({"kind": "cnn", "hidden": (FEWEST, FEWEST)}).eval()
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([0.1, 0.9])
    with torch.no_grad():
        expected = wide(x, t)
        own = plain(copy.deepcopy(wide))
        torch.testing.assert_close(own(x, t), expected, rtol=1e-4, atol=1e-5)
    layers = {type(layer) for layer in own.modules()}
    assert not layers & {FourierConv2d, network.LayerNorm}


@pytest.mark.parametrize("stage", speed.STAGES)
def test_a_stage_starts_without_what_only_its_scores_need(stage: str) -> None:
    line = f"import sys, stages.{stage}; print([m for m in sys.modules if m == 'torchmetrics'])"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of GNU's allocator")
def test_freed_memory_is_taken_again_without_new_pages() -> None:
    line = """
import resource
import diffusion.runtime.errors

faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(2**26)  # is freed at once
before = faults()
for _ in range(10):
    bytearray(2**26)
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert int(done.stdout) < 2**26 / 4096, done.stderr  # one block anew would be as many


def test_losses_are_printed_beside_the_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    model = {
        "degradation": {"kind": "impulse", "rho": [0.05, 0.25], "T": 5},
        "network": {"kind": "cnn", "hidden": [1]},
        "learning_rate": 1e-3,
    }
    write_params(tmp_path, models={"model3": model})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr(sys, "argv", ["published_losses", "model3=1", "--precision", "float32"])
    published_losses.main()
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert row[:2] == ["| model3", "1"]
    for ours, theirs, ratio in (row[2:5], row[5:8]):
        assert float(ratio) == pytest.approx(float(ours) / float(theirs), rel=1e-2)
    assert row[3] == "0.02440"  # the report's
    assert 0 < float(row[5]) < 0.2
