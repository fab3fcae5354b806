"""All stages in turn, with settings that differ from the committed params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, prepare, run_models, run_stage, write_random_inception
from examples import MODELS as EXAMPLES

from hotcold import samples_file
from hotcold.classifier.network import Classifier
from hotcold.data import mnist
from hotcold.data.params import DataParams
from hotcold.models import process
from hotcold.numerics import checkpoints
from hotcold.numerics.pixels import to_pixels
from hotcold.numerics.tables import read_csv, read_json
from hotcold.runtime import paths
from hotcold.runtime.errors import UserError
from hotcold.runtime.params import read
from stages import evaluate_real, figures, report, train_classifier

MODELS = {
    "model2": TINY["models"]["model2"] | {"sampler": {"kind": "ddim", "steps": 3, "eta": 0.5}},
    "model4": TINY["models"]["model4"] | {"sampler": {"kind": "cold", "start": "noise"}},
    **{name: EXAMPLES[name] for name in ("labels", "masked", "dissipation")},
}
for name in set(MODELS) - {"model2"}:  # each set of images has features of Inception
    MODELS[name] = MODELS[name] | {"training": MODELS[name]["training"] | {"epochs": 1}}
DATA = read("data", DataParams, ROOT / paths.PARAMS)
SETTINGS = {
    "models": MODELS,
    "sampling.images": 10,
    "sampling.epoch": 1,  # which is not the best of model2
    "evaluation.splits": 1,
    "inception.reference": 6,
    "sampling.guidances": [0.0, 1.0, 3.0],
    "evaluation.bootstrap": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After all stages, with Inception features; the features of real images are first computed
    without them."""
    folder = tmp_path_factory.mktemp("workflow")
    prepare(folder)
    run_stage(folder, train_classifier, **SETTINGS)
    run_stage(folder, evaluate_real, **SETTINGS)
    features = (folder / paths.REAL_FEATURES).read_bytes()
    (folder / "features_before").write_bytes(features)
    assert checkpoints.load(folder / paths.REAL_INCEPTION)[0] == {}
    write_random_inception(folder / paths.INCEPTION_WEIGHTS)
    run_stage(folder, evaluate_real, **SETTINGS)
    run_models(folder, **SETTINGS)
    for stage in (figures, report):
        run_stage(folder, stage, **SETTINGS)
    return folder


def test_inception_features_do_not_change_those_of_the_classifier(folder: Path) -> None:
    before = (folder / "features_before").read_bytes()
    assert (folder / paths.REAL_FEATURES).read_bytes() == before
    real, description = checkpoints.load(folder / paths.REAL_FEATURES)
    shapes = {key: tuple(x.shape) for key, x in real.items()}
    untrained = {f"{space}_mean": (64,) for space in ("pixel", "random")}
    untrained |= {f"{space}_cov": (64, 64) for space in ("pixel", "random")}
    own = {"features": (200, 128), "frequencies": (10,), "components": (784, 64)}
    assert shapes == own | untrained
    assert description == {"images": 200}
    inception, _ = checkpoints.load(folder / paths.REAL_INCEPTION)
    assert {key: tuple(x.shape) for key, x in inception.items()} == {"inception": (6, 2048)}
    assert read_json(folder / paths.REAL_SCORES)["inception_fid"] > 0


def test_a_report_takes_no_figures_of_other_results(folder: Path) -> None:
    table = folder / paths.COMPUTE
    content = table.read_text()
    table.write_text(content.replace("e+", "e+1"))
    with pytest.raises(UserError, match=f"{paths.PLOTS} is not what .*: run dvc repro figures"):
        run_stage(folder, report, **SETTINGS)
    table.write_text(content)


@pytest.mark.parametrize(("name", "main"), [("model2", "ddim"), ("model4", "naive")])
def test_scores_have_the_main_set_of_the_sampler(folder: Path, name: str, main: str) -> None:
    scores = read_json(folder / paths.SCORES / name / "scores.json")
    for entry in scores:
        assert entry.keys() == {"epoch", "roles", "main", "sampler", "sets"}
        assert entry["main"] == main
        assert entry["sampler"] == MODELS[name]["sampler"]
        assert entry["sets"][main]["inception_fid"] > 0
        assert entry["sets"][main]["validation_fid"] > 0  # its images start from noise
    assert "psnr" not in scores[0]["sets"][main]  # there is no original to compare with


def test_step_study_scores_the_images_of_the_stage_sample(folder: Path) -> None:
    """The same noise, steps and eta give the same images, hence the same scores, but for those that
    compare with real images: here with validation images."""
    study = read_json(folder / paths.STEP_STUDY / "model2.json")
    settings = [(2, 0.0), (2, 0.5), (3, 0.0), (3, 0.5)]
    assert [(entry["steps"], entry["eta"]) for entry in study] == settings
    entries = read_json(folder / paths.SCORES / "model2/scores.json")
    (best,) = [entry["sets"]["ddim"] for entry in entries if "best" in entry["roles"]]
    shared = {"is", "is_below", "is_above", "zeros", "components", "images"}
    assert {key: study[3][key] for key in shared} == {key: best[key] for key in shared}
    for key in ("fid", "fid_below", "fid_infinite"):
        assert study[3][key] == pytest.approx(best[f"validation_{key}"])
    assert study[3]["fid"] != pytest.approx(best["fid"])
    assert study[2]["fid"] != study[3]["fid"]
    assert read_json(folder / paths.STEP_STUDY / "model4.json") == []
    seconds = read_json(folder / paths.STUDY_TIMES / "model2.json")["seconds"]
    assert len(seconds) == len(study)


def test_validation_features_are_of_held_out_images(folder: Path) -> None:
    classifier = Classifier.load(folder / paths.CLASSIFIER_WEIGHTS)
    images = mnist.images("train", folder / paths.MNIST)
    held_out = mnist.split(60_000, DATA).held_out[:200]
    recorded, _ = checkpoints.load(folder / paths.REAL_VALIDATION)
    torch.testing.assert_close(recorded["features"], classifier.classify(images[held_out]).features)
    assert recorded["frequencies"].sum().item() == pytest.approx(1)
    assert not set(held_out.tolist()) & set(mnist.split(60_000, DATA).train.tolist())


def test_images_of_a_model_with_labels_are_scored_by_them(folder: Path) -> None:
    sets, description = samples_file.load(folder / paths.SAMPLES / "labels/epoch_001.npz")
    assert description["labels"] == list(range(10))
    assert len(sets["ddim"]) == 10
    shown, _ = samples_file.load(folder / paths.SAMPLES / "labels/guidance.npz")
    assert {key: x.shape for key, x in shown.items()} == dict.fromkeys("013", (10, 1, 28, 28))
    assert len({x.numpy().tobytes() for x in shown.values()}) == 3
    for entry in read_json(folder / paths.SCORES / "labels/scores.json"):
        rows = read_csv(folder / paths.SCORES / "labels/predictions.csv")
        digits = [int(row["digit"]) for row in rows if int(row["epoch"]) == entry["epoch"]]
        right = sum(digit == label for label, digit in enumerate(digits))
        assert entry["sets"]["ddim"]["label_accuracy"] == right / 10
    study = read_json(folder / paths.STEP_STUDY / "labels.json")
    assert [(e["steps"], e["eta"], e.get("guidance", 1)) for e in study] == [
        (3, 0.5, guidance) for guidance in (0, 1, 3)
    ]
    assert all(0 <= entry["label_accuracy"] <= 1 for entry in study)


def test_rates_of_masking_again_are_studied_where_the_steps_allow_them(folder: Path) -> None:
    study = read_json(folder / paths.STEP_STUDY / "masked.json")
    etas = [(2, 0.0, None), (2, 0.5, None), (3, 0.0, None), (3, 0.5, None)]
    assert [(e["steps"], e["eta"], e.get("churn")) for e in study] == [*etas, (3, 0.0, 2.5)]


def test_weights_of_a_dissipation_have_the_brightness_of_its_training_images(folder: Path) -> None:
    _, description = checkpoints.load(folder / paths.MODELS / "dissipation/best.safetensors")
    quantiles = description["degradation"]["brightness"]
    train_part = mnist.split(60_000, DATA).train[: TINY["training.images"]]
    images = to_pixels(mnist.images("train", folder / paths.MNIST)[train_part])
    forward = process.build(description["degradation"])
    means = forward.degrade(images, torch.zeros_like(images), forward.T).mean((1, 2, 3))
    assert len(quantiles) == 101
    assert quantiles == sorted(quantiles)
    ends = means.min().item(), means.max().item()
    assert (quantiles[0], quantiles[-1]) == pytest.approx(ends, abs=1e-6)


def test_metrics_are_headline_scores_of_the_best_checkpoint(folder: Path) -> None:
    summary = read_json(folder / paths.SUMMARY)
    for name in MODELS:
        metrics = {
            key: value
            for stage in ("train", "evaluate")
            for key, value in read_json(folder / paths.metrics(stage, name))[name].items()
        }
        assert {"validation_loss", "best_epoch", "fid", "is", "kid"} <= set(metrics)
        assert metrics == {key: pytest.approx(summary[name][key]) for key in metrics}
    real = read_json(folder / paths.REAL_METRICS)["real"]
    assert real == {key: summary["real"][key] for key in real}
    classifier = read_json(folder / paths.CLASSIFIER_METRICS)
    assert classifier == {"classifier": summary["classifier"]}


def test_figures_and_report_show_samplers_start_and_inception_features(folder: Path) -> None:
    scores = read_json(folder / paths.SUMMARY)
    assert scores["real"]["inception_fid"] > 0
    assert (folder / paths.FIGURES / "inception_fid.png").exists()
    text = (folder / paths.REPORT / "supplement.md").read_text()
    assert "**model4** starts from salt-and-pepper noise alone" in text
    assert "with the DDIM sampler, in 3 steps with η = 0.5" in text
    assert "FID in Inception features is not part of this run" not in text


def test_only_categorical_models_have_a_likelihood(folder: Path) -> None:
    for name in MODELS:
        found = read_json(folder / paths.RESULTS / f"likelihood/{name}.json")
        assert bool(found) == (name == "masked")
