"""The tables of settings, with the published value where it differs."""

from __future__ import annotations

from typing import Any

import yaml
from conftest import ROOT

from hotcold.params import ModelParams
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text.settings import FURTHER_LABELS, LABELS, settings_table
from hotcold.runtime import paths
from hotcold.runtime.params import load

PUBLISHED = yaml.safe_load((ROOT / paths.PUBLISHED / "scores.yaml").read_text())["models"]
BLOCKS = load(ROOT / paths.PARAMS)["models"]


def table(**blocks: dict[str, Any]) -> list[list[str]]:
    params = {name: ModelParams.model_validate(block) for name, block in blocks.items()}
    models = [ModelResults(name, p, [], [], [], []) for name, p in params.items()]
    recipes = {name: p.training.model_dump() for name, p in params.items()}
    return settings_table(models, recipes, "β or ρ", PUBLISHED)


def test_params_yaml_has_the_published_settings_of_the_published_models() -> None:
    rows = table(**{name: BLOCKS[name] for name in PUBLISHED})
    assert [row[0] for row in rows] == list((LABELS | {"schedule": "β or ρ"}).values())
    assert not [cell for row in rows for cell in row if "published" in cell]


def test_the_published_value_is_shown_only_where_it_differs() -> None:
    model4 = BLOCKS["model4"]
    changed = {
        "degradation": model4["degradation"] | {"T": 100},
        "network": {"kind": "cnn", "hidden": (16,), "predicts": "x_0"},
        "training": {"learning_rate": 2.0e-4},
        "sampler": model4["sampler"],
    }
    rows = {row[0]: row[1:] for row in table(model3=BLOCKS["model3"], model4=changed)}
    assert [cells[1] for cells in rows.values()] == [
        "16 (published: 32, 64, 128, 64, 32)",
        "0.05 to 0.25",
        "100 (published: 150)",
        "– (published: 0.15)",
        "0.0002",
        "– (published: 0.5, 3)",
    ]
    assert not [cells for cells in rows.values() if "published" in cells[0]]


def test_a_model_that_is_not_published_adds_rows_and_has_no_published_values() -> None:
    rows = {row[0]: row[1:] for row in table(model1=BLOCKS["model1"], model5=BLOCKS["model5"])}
    assert list(rows)[len(LABELS) :] == list(FURTHER_LABELS.values())[1:]
    assert next(iter(FURTHER_LABELS.values())) in rows
    further = [cells[1] for cells in rows.values()]
    assert further[:6] == ["U-Net: 32, 64, 64", "cosine", "1000", "–", "0.002", "–"]
    assert further[6:] == ["v", "0.999", "0.05", "yes", "–", "–"]


def test_what_a_network_sees_besides_the_image_has_a_row() -> None:
    rows = {row[0]: row[1:] for row in table(model8=BLOCKS["model8"], model9=BLOCKS["model9"])}
    assert rows["the network also sees"] == ["the mask", "the label"]
    assert rows["share of labels left out"] == ["–", "0.1"]
