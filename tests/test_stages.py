"""The stages one after another in this process, on images of the layout of MNIST: what they
leave behind, and the ways through them that the committed params.yaml does not take."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from conftest import TINY, prepare, run_stage, write_random_inception

from diffusion import image_sets
from diffusion.metrics.inception import WEIGHTS
from diffusion.runtime import checkpoints
from diffusion.runtime.errors import UserError
from stages import evaluate, figures, report, sample, train, train_classifier
from stages import evaluate_real as reference
from stages import step_study as compare_steps
from tools import resample

Run = Callable[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    prepare(folder)
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """run(module, 'model2', **{'sampling.steps': 3}): one stage with other parameters."""
    monkeypatch.chdir(folder)
    return partial(run_stage, folder)


def history(name: str) -> list[dict[str, str]]:
    with Path(f"results/models/{name}/history.csv").open() as file:
        return list(csv.DictReader(file))


def test_checkpoints_and_history_of_training(run: Run, folder: Path) -> None:
    run(train, "model2", **{"training.epochs": 5, "training.checkpoints": [1, 3, 10]})
    rows, models = history("model2"), folder / "results/models/model2"
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["images"] for row in rows] == ["32", "64", "96", "128", "160"]
    assert {path.stem for path in models.glob("*.safetensors")} == {
        "epoch_001",
        "epoch_003",
        "best",
        "last",
    }
    losses = [float(row["validation_loss"]) for row in rows]
    _, best = checkpoints.load(models / "best.safetensors")
    assert best["epoch"] == 1 + losses.index(min(losses))
    assert best["network"] == {"kind": "cnn", "hidden": [2, 3], "dropout": 0.0}
    assert best["degradation"] == {"kind": "gaussian", "beta": [0.01, 0.5], "T": 6}
    assert checkpoints.load(models / "last.safetensors")[1]["epoch"] == 5
    times = json.loads((folder / "report/times/model2.json").read_text())
    assert times["history_sha256"] == sha256((models / "history.csv").read_bytes()).hexdigest()
    assert times["seconds"] == sorted(times["seconds"])
    assert len(times["seconds"]) == 5
    assert json.loads((models / "run.json").read_text())["precision"] in ("float32", "bfloat16")


def test_kept_weights_are_the_trained_ones_rounded(run: Run) -> None:
    kept = {}
    for dtype in ("float32", "float16"):
        run(train, "model2", **{"training.weights": dtype})
        kept[dtype], _ = checkpoints.load(Path("results/models/model2/last.safetensors"))
        assert {x.dtype for x in kept[dtype].values()} == {getattr(torch, dtype)}
    assert all(torch.equal(kept["float16"][name], x.half()) for name, x in kept["float32"].items())
    run(sample, "model2")
    images, _ = image_sets.load(Path("results/samples/model2/epoch_002.npz"))
    assert images["ancestral"].dtype == torch.uint8


@pytest.mark.parametrize("name", ["model2", "model4"])
def test_recorded_images_can_be_drawn_again_from_the_weights(
    run: Run, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(train, name)
    run(sample, name)
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setattr("sys.argv", ["resample", name])
    resample.main()
    said = capsys.readouterr().out
    assert "6 images drawn again; 100.00 % of the pixels" in said
    assert "mean difference is 0.000" in said
    path = Path(f"results/models/{name}/best.safetensors")
    weights, description = checkpoints.load(path)
    checkpoints.save(path, {key: 1.5 * x for key, x in weights.items()}, description)
    with pytest.raises(UserError, match=f"{name}: other images than the recorded ones"):
        resample.main()


def test_the_learning_rate_falls_on_a_plateau(run: Run) -> None:
    model4 = copy.deepcopy(TINY["models"]["model4"])
    model4 |= {"learning_rate": 1e-7, "plateau": {"factor": 0.5, "patience": 1}}
    run(train, "model4", **{"training.epochs": 6, "models": {"model4": model4}})
    rates = [float(row["learning_rate"]) for row in history("model4")]
    # Nothing improves: two epochs more than the first are waited for, then it halves.
    assert [rate / 1e-7 for rate in rates] == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25])


@pytest.mark.parametrize(
    ("asked", "best", "last", "roles"),
    [
        (10, 5, 5, {1: [], 5: ["epoch 5", "best", "last"]}),
        (1, 4, 5, {1: ["epoch 1"], 4: ["best"], 5: ["last"]}),
        (3, 1, 5, {1: ["epoch 1", "best"], 5: ["last"]}),  # a tie goes to the earlier one
    ],
)
def test_checkpoints_that_coincide_are_sampled_once(
    tmp_path: Path, asked: int, best: int, last: int, roles: dict[int, list[str]]
) -> None:
    for stem, epoch in (("epoch_001", 1), ("best", best), ("last", last)):
        checkpoints.save(tmp_path / f"{stem}.safetensors", {"w": torch.ones(1)}, {"epoch": epoch})
    assert {e: found for e, (_, found) in sample.chosen(tmp_path, asked).items()} == roles


def test_the_film_runs_from_the_start_to_the_image() -> None:
    film = sample.Film(T=1000, images=2, frames=5)
    for t in range(1000, -1, -10):
        film.take("strided", t, torch.full((3, 1, 28, 28), t / 1000 - 0.5))
    steps, states = zip(*film.taken["strided"], strict=True)
    assert steps == (1000, 750, 500, 250, 0)
    assert [len(x) for x in states] == [2] * 5
    assert [int(x.max()) for x in states] == [255, 191, 128, 64, 0]


def test_other_samplers_another_start_and_inception(run: Run, folder: Path) -> None:
    other = {
        "sampling.sampler": "strided",
        "sampling.steps": 3,
        "sampling.eta": 0.5,
        "sampling.start": "noise",
        "evaluation.inception_reference": 6,
        "sampling.images": 4,
        "evaluation.bootstrap": 2,
    }
    write_random_inception(folder / WEIGHTS)
    run(train_classifier, **other)
    run(reference, **other)
    for name in ("model2", "model4"):
        for stage in (train, sample, evaluate, compare_steps):
            run(stage, name, **other)
    run(figures, **other)
    run(report, **other)

    for name, main in (("model2", "strided"), ("model4", "naive")):
        scores = json.loads((folder / f"results/scores/{name}/scores.json").read_text())
        assert all(point["main"] == main for point in scores)
        assert all(point["sets"][main]["inception_fid"] > 0 for point in scores)
        assert "psnr" not in scores[0]["sets"][main]  # there is no original to compare with
    metrics = json.loads((folder / "report/metrics.json").read_text())
    assert metrics["real"]["inception_fid"] > 0
    assert (folder / "report/figures/inception_fid.png").exists()
    study = json.loads((folder / "results/steps/model2.json").read_text())
    assert [(entry["steps"], entry["eta"]) for entry in study] == [
        (2, 0.0), (2, 0.5), (3, 0.0), (3, 0.5)
    ]  # fmt: skip
    (best,) = [
        point["sets"]["strided"]
        for point in json.loads((folder / "results/scores/model2/scores.json").read_text())
        if "best" in point["roles"]
    ]
    # The same noise, steps and eta as in stages.sample give the same images, hence scores.
    shared = {"is", "is_below", "is_above", "fid", "fid_below", "fid_above", "kid", "images"}
    assert {key: study[3][key] for key in shared} == {key: best[key] for key in shared}
    assert study[2]["fid"] != study[3]["fid"]
    assert json.loads((folder / "results/steps/model4.json").read_text()) == []

    text = (folder / "report/report.md").read_text()
    assert "**model4** starts from pure impulse noise" in text
    assert "by the strided sampler" in text
    assert "There is no FID in Inception features" not in text
    (folder / WEIGHTS).unlink()
