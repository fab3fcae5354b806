"""No sentence of the report compares what is not alike, for any models and any scores."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from conftest import ROOT, TINY
from examples import MODELS
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hotcold.models import kinds
from hotcold.params import ModelParams, Params
from hotcold.reporting.reading.results import ModelResults
from hotcold.reporting.text import comparisons, summary, templates
from hotcold.reporting.text.labels import BIBLIOGRAPHY
from hotcold.runtime import paths
from hotcold.runtime.params import load, parse
from hotcold.scores import SCORES
from stages import report

NAMES = ("model1", "model2", "model3", "model4", "model7", "model12")
PARAMS = load(ROOT / paths.PARAMS) | {"step_study": parse(json.dumps(TINY["step_study"]))}
KINDS_OF_DIGITS = {"naive": 1, "improved": 10}  # a collapse, and none
COMPARING = re.compile(
    r"\b(ahead|where|lower|higher|followed|instead|against|compared|difference|reduces)\b"
)
SINGULAR = (
    "epoch|step|image|evaluation|training|claim|model|split|seed|environment|set|level|thread"
)


def made_up(rng: np.random.Generator, ties: bool) -> dict[str, float]:
    """All scores, with all spreads; ties: scores of other models are the same."""
    value = 5.0 if ties else float(rng.uniform(0.1, 60))
    found = {s.key: value / 60 for s in SCORES} | {"fid": value, "validation_fid": value}
    found |= {s.key: float(rng.normal()) for s in SCORES if s.key.endswith("_gain")}
    spreads = {f"{key}_{side}" for key in found for side in ("below", "above", "std")}
    return (
        found | {key: float(rng.uniform(0.01, 2)) for key in spreads - set(found)} | {"images": 40}
    )


def results(name: str, block: dict[str, Any], epochs: int, seed: int, ties: bool) -> ModelResults:
    design = ModelParams.model_validate(block)
    rng = np.random.default_rng(seed)
    sampler = design.sampler
    keys = [*sampler.sets]
    if sampler.restores:
        keys += ["one_step", "degraded", "median_filter"]
        keys += ["inferred"] if design.degradation.kind == "impulse" else []
    columns = ("train_loss", "validation_loss", "learning_rate")
    history = [
        {"epoch": epoch + 1.0} | {key: float(rng.uniform(0.01, 1)) for key in columns}
        for epoch in range(epochs)
    ]
    best = min(history, key=lambda row: row["validation_loss"])["epoch"]
    roles = {1: ["early"], int(best): [], epochs: []}
    roles[int(best)] = [*roles[int(best)], "best"]
    roles[epochs] = [*roles[epochs], "last"]
    checkpoints = [
        {"epoch": e, "roles": r, "main": keys[0], "sampler": sampler.model_dump()}
        | {"sets": {key: made_up(rng, ties) for key in keys}}
        for e, r in sorted(roles.items())
    ]
    predictions = [
        {
            "epoch": str(int(best)),
            "set": key,
            "digit": str(digit),
            "distance": f"{rng.uniform(3, 6)}",
        }
        for key in keys
        for digit in rng.integers(0, KINDS_OF_DIGITS.get(key, int(rng.integers(1, 11))), 40)
    ]
    T = design.degradation.T
    study = []
    if sampler.leaves_out_steps:
        study = [
            each.model_dump() | {"evaluations": each.evaluations(T)} | made_up(rng, ties)
            for each in kinds.params("samplers", sampler.kind).study(
                PARAMS["step_study"][sampler.kind], design.classes
            )
        ]
    coded = design.network.predicts == "categorical"
    likelihood = {"bits": 0.5, "standard_error": 0.01, "images": 40, "levels": 4}
    likelihood |= {"independent_pixels": 1.0, "lzma": 0.8}
    run = {"device": f"CPU with {rng.integers(2, 4)} threads", "precision": "float32"}
    run |= {"processes": 1, "python": "3", "torch": "2", "system": "Linux"}
    return ModelResults(
        name, design, history, checkpoints, predictions, study, likelihood if coded else {}, run
    )


CHOICES = st.lists(  # name, kind, which change, epochs, learning rate, seed of the scores
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([*MODELS]),
        st.integers(0, 3),
        st.integers(1, 3),
        st.sampled_from((0.1, 0.2)),
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda choice: choice[0],
)


def build(choices: list[Any], ties: bool) -> tuple[dict[str, Any], list[ModelResults]]:
    """params.yaml, and made-up results of its models."""
    blocks, models = {}, []
    for name, kind, change, epochs, rate, seed in choices:
        block, process = MODELS[kind], MODELS[kind]["degradation"]
        plain = set(block["sampler"]) - {"autoguidance"}  # by epoch 1
        changes = [{}, {"T": 7}] if "T" in process else [{}]
        changes += [{"rho": (0.01, 0.05)}] if kind == "impulse" else []
        changes += [{"levels": 2}] if "levels" in process else []
        changes += [{"noise": 0.0}] if "noise" in process else []
        blocks[name] = block | {
            "degradation": process | changes[change % len(changes)],
            "training": block["training"] | {"epochs": epochs, "learning_rate": rate},
            "sampler": {k: v for k, v in block["sampler"].items() if k in plain or epochs > 1},
        }
        models.append(results(name, blocks[name], epochs, seed, ties))
    return PARAMS | {"models": blocks}, models


class Everything:
    """The names of all figures that there could be."""

    def __contains__(self, _: object) -> bool:
        return True


def rendered(params: dict[str, Any], models: list[ModelResults], conclusive: bool) -> str:
    """The article and its supplement, without their references."""
    real = made_up(np.random.default_rng(0), ties=False)
    by_name = {model.name: model for model in models}
    again = [
        {"seed": "1", "commit": "1a", "model": models[0].name}
        | made_up(np.random.default_rng(1), False)
    ]
    axis = [
        again[0] | {"model": m.name, "noise": noise, "epoch": "1"}
        for m in models
        if hasattr(m.design.degradation, "noise")
        for noise in ("0", "0.1")
    ]
    doses = [
        {"model": m.name, "share": share, "commonest": 0.3}
        | made_up(np.random.default_rng(2), False)
        for m in models
        if m.restores
        for share in ("0", "0.5", "1")
    ]
    classifier = {"accuracy": 0.99, "test_images": 10_000, "training_images": 50_000}
    films = {name: {"steps": [1], "sets": []} for name in by_name}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for target, value in {
            "load": params,
            "read_real": real,
            "read_frequencies": np.full(10, 0.1),
            "read_classifier": classifier,
        }.items():
            patch.setattr(report, target, lambda value=value: value)
        patch.setattr(report, "read_model", lambda name, _: by_name[name])
        patch.setattr(summary, "training_compute", lambda models: {m.name: 1e12 for m in models})
        patch.setattr(summary, "films", lambda _: films)
        patch.setattr(report.files, "read_text", lambda _: "None.\n")
        patch.setattr(report.Budget, "conclusive", conclusive)
        empty = {key: [] for key in ("DRAWS", "EPOCHS", "REDRAWN", "OVERWRITTEN")}
        for table, rows in ({"SEEDS": again, "NOISE_AXIS": axis} | empty).items():
            others = [row | {"commit": "none", "torch": "2.13.0"} for row in rows]
            each = Mock(rows=Mock(return_value=rows), of_others=Mock(return_value=others))
            patch.setattr(report, table, each)
        patch.setattr(report, "doses", lambda *_: doses)
        others = [row | {"sampler": "other", "fid": 9 * row["fid"]} for row in axis]
        patch.setattr(report, "by_other_samplers", lambda *_: others)
        patch.setattr(report.provenance, "commit", lambda *_: "none")
        patch.setattr(report.provenance, "of_other_code", lambda: ["train (1 of 2)"])
        patch.setattr(report.provenance, "measured", lambda _: ["none"])
        environments = {"train": {m.environment["device"]: [m.name] for m in models}}
        patch.setattr(report.provenance, "environments", lambda: environments)
        _, context = report.gather(Params.model_validate(params))
        context |= {"figures": Everything(), "live": dict.fromkeys(("generate", "restore"))}
        environment = templates.environment(paths.TEMPLATES)
        texts = templates.markdown(environment, context, BIBLIOGRAPHY).values()
    return "\n".join(text[: text.index("## References")] for text in texts)


@settings(max_examples=40, phases=(Phase.generate,))  # a report takes long, examples are small
@given(choices=CHOICES, ties=st.booleans(), conclusive=st.booleans())
def test_the_report_of_any_models_says_nothing_wrong(
    choices: list[Any], ties: bool, conclusive: bool
) -> None:
    params, models = build(choices, ties)
    text = rendered(params, models, conclusive)
    assert not re.search(r"\b(nan|inf|None)\b", text.replace("None.", "")), text
    plural = re.search(rf"(?<![\d.,−+-])1 (?:published |further )?(?:{SINGULAR})s\b", text)
    assert not plural, text[plural.start() - 80 : plural.end()]
    headings = [*re.finditer(r"^(#+) .*$", text, flags=re.M), None]
    for this, following in itertools.pairwise(headings):
        end = following.start() if following else len(text)
        deeper = following and len(following[1]) > len(this[1])
        assert deeper or text[this.end() : end].strip(), this[0]
    by_name = {model.name: model for model in models}
    for paragraph in re.findall(r"^(?:- )?([A-Z*m].*)$", text, flags=re.M):
        plain = re.sub(r"\[\*\*.*?\*\*\]\(.*?\)|\*.*?\*|\[.*?\]\(.*?\)", "", paragraph)
        for sentence in re.split(r"(?<=[.?!]) ", plain):
            named = sorted(set(re.findall(r"\bmodel\d+\b", sentence)) & set(by_name))
            for a, b in itertools.combinations(named, 2) if COMPARING.search(sentence) else ():
                for part in comparisons.differences(by_name[a], by_name[b]):
                    assert part in plain, (part, paragraph)


@settings(max_examples=40)
@given(choices=CHOICES)
def test_models_with_other_starts_are_never_comparable(choices: list[Any]) -> None:
    _, models = build(choices, ties=False)
    for a, b in itertools.permutations(models, 2):
        assert comparisons.comparable(a, a, but=())
        assert comparisons.comparable(a, b) == comparisons.comparable(b, a)
        if a.generates != b.generates:
            assert not comparisons.comparable(a, b)
        assert comparisons.comparable(a, b, comparisons.differences(a, b))
