"""The tables and figures that compare experiments, from their settings and metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT
from dvc.scm import SCMError
from PIL import Image
from pygit2 import GitError

from hotcold.runtime.errors import UserError
from hotcold.runtime.params import parse
from tools import experiments, table
from tools.experiments import Experiment

RATE = "models.model1.training.learning_rate"
HIDDEN = "models.model1.network.hidden"


def experiment(rate: float, seed: int, fid: float | None, **settings: object) -> Experiment:
    """A finished experiment, or one that failed, as DVC records it."""
    return Experiment(
        f"e{rate}-{seed}",
        state="success" if fid is not None else "failed",
        settings={RATE: rate, "seed": seed, **settings},
        metrics={} if fid is None else {"model1.fid": fid},
    )


WORKSPACE = Experiment("workspace", is_baseline=True, settings={"seed": 42, RATE: 0.5})


def test_experiments_are_grouped_by_their_settings_other_than_the_seed(tmp_path: Path) -> None:
    runs = ((0.1, 1, 10.0), (0.1, 2, 12.0), (0.1, 2, 12.0), (0.1, 3, None), (0.01, 1, 20.0))
    found = [experiment(*run, **{"training.epochs": 5}) for run in runs]  # one of them twice
    found.append(experiment(0.01, 1, 30.0, **{"training.epochs": 9}))
    found = experiments.finished([WORKSPACE, *found])
    assert experiments.varied(found) == [RATE, "training.epochs"]
    lines = table.lines(found, RATE, "model1.fid")
    assert lines == {
        "training.epochs = 5": {0.01: [20.0], 0.1: [10.0, 12.0]},
        "training.epochs = 9": {0.01: [30.0]},
    }
    table.draw(lines, RATE, "model1.fid", tmp_path / "sweep.png")
    with Image.open(tmp_path / "sweep.png") as image:
        assert image.size == (900, 600)
    words = Experiment("words", "success", settings={RATE: "cosine"}, metrics={"model1.fid": 1.0})
    words.settings["training.epochs"] = 5
    points = table.lines([words, *found], RATE, "model1.fid")["training.epochs = 5"]
    assert list(points) == [0.01, 0.1, "cosine"]


def test_sweep_leaves_out_experiments_that_did_not_compute_the_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Experiment("other", settings={RATE: 0.2, "seed": 1}, outdated=frozenset({"model1.fid"}))
    records = [WORKSPACE, experiment(0.1, 1, 10.0), other]
    monkeypatch.setattr(experiments, "load", lambda: records)
    command = ["--plot", RATE, "model1.fid", "--output", str(tmp_path / "sweep.png")]
    table.main(command, standalone_mode=False)
    printed = capsys.readouterr().out
    assert "left out, because they did not compute model1.fid: other\n" in printed
    assert "1 experiments" in printed
    del records[1]
    with pytest.raises(UserError, match=f"no experiment has computed model1.fid and has {RATE}"):
        table.main(command, standalone_mode=False)


@pytest.mark.parametrize("error", [GitError("is not owned by current user"), SCMError("no git")])
def test_unreadable_repository_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(experiments, "Repo", fail)
    with pytest.raises(UserError, match=f"DVC cannot show experiments: {error}"):
        experiments.load()


def test_block_that_some_experiments_lack_is_one_setting() -> None:
    one, two = experiment(0.1, 1, 1.0), experiment(0.1, 1, 2.0)
    for std in (7.0, 5.0):
        blur = {"models.blur.degradation.kind": "blur", "models.blur.degradation.std": std}
        more = Experiment("blur", settings=one.settings | blur)
        assert experiments.varied([one, two, more]) == ["models.blur"]
        assert one.setting("models.blur") is None
        text = f"degradation.kind=blur, degradation.std={std}"
        assert more.setting("models.blur") == text


def test_heads_are_as_short_as_the_keys_allow() -> None:
    assert list(table.heads([RATE, HIDDEN]).values()) == ["learning_rate", "hidden"]
    keys = [RATE, RATE.replace("model1", "model2"), "seed", "evaluation.seed"]
    assert list(table.heads(keys).values()) == [key.removeprefix("models.") for key in keys]


def test_table_without_experiments_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(experiments, "load", lambda: [WORKSPACE, WORKSPACE])
    table.main([], standalone_mode=False)
    printed = capsys.readouterr().out
    assert printed.startswith("this commit has no experiments yet")
    assert printed.count("\n") == 1


def test_table_of_a_sweep_of_two_settings_is_at_most_100_characters_wide() -> None:
    metrics = {"model1.validation_loss": 0.18437, "model1.fid": 146.7212, "model1.is": 1.0625}
    metrics |= {"model1.psnr": 12.34567, "model2.fid": 26.0, "model1.kid": 0.5}
    rows = [
        Experiment(
            f"lairy-heck{k}",
            settings={RATE: 10.0**-k, HIDDEN: str([16, 32, 64, 32, 16][: k + 1]), "seed": 1},
            metrics={
                name: value + k * name.startswith("model1") for name, value in metrics.items()
            },
        )
        for k in range(4)
    ]
    rows.append(Experiment("dowdy-stew", state="queued", settings=rows[0].settings))
    rows.append(Experiment("zippy-cows", settings=rows[1].settings, outdated=frozenset(metrics)))
    lines = table.table(rows)
    assert max(map(len, lines)) <= 100
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert ",".join(cells[0]) == "experiment,hidden,learning_rate,model,loss,fid,is,psnr"
    assert ",".join(cells[3]) == "lairy-heck1,[16, 32],0.1,model1,1.184,147.7,2.062,13.35"
    assert cells[-2] == ["dowdy-stew", "[16]", "1", "queued", "", "", "", ""]
    assert cells[-1] == ["zippy-cows", "[16, 32]", "0.1", "", "", "", "", ""]
    assert f"hidden: {HIDDEN}" in lines
    long = {RATE.replace("model1", "m" * 30): 0.123456789, HIDDEN: "x" * 80}
    wide = [Experiment(f"dowdy-stew{k}", settings={"a": k} | long, metrics=metrics) for k in (0, 1)]
    wide[1].settings[HIDDEN] = "y" * 80
    assert max(map(len, table.table(wide))) <= 100


def test_diverged_training_is_named() -> None:
    rows = [experiment(rate, 1, 10.0) for rate in (0.1, 0.2)]
    for row, loss in zip(rows, (0.02, 686.0), strict=True):
        row.metrics["model1.validation_loss"] = loss
    (line,) = table.diverged(rows)
    assert line == "warning: model1.validation_loss of e0.2-1 is 686, the lowest one 0.02"
    assert table.table(rows)[-1] == line


def test_different_settings_stay_different_in_the_table() -> None:
    column = ["hidden", "[16, 32, 32, 16]", "[16, 32, 16]", "[16, 32, 32, 8]"]
    assert table.shortened(column, 10) == [column[0], "[16, 32, 32, 1…", *column[2:]]
    assert table.shortened(["a", "b" * 20], 10) == ["a", "b" * 9 + "…"]
    rates = [experiment(0.1 + k * 1e-7, 1, 10.0 + k) for k in range(2)]
    assert "0.1000001" in "".join(table.table(rates))


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "params.yaml").read_text(),
        "a: 1\nb:\n  c: [1,\n  2,\n  3]\n  d: x\n",
        "a: x\n  y\n  z\nb: |\n  c: 1\n  d: 2\n",
        "a: &x\n  b: 1\n  c: 2\nd:\n  <<: *x\n  b: 3\n",
        "# a\n  # b\na:\n  b:\n  # c\n  c: {d: 1,\n    e: 2}\n",
        "a:\n  - b\n  - c: 1\n    d: 2\n",
        "---\na: 1\n...\n",
        "",
    ],
)
def test_parts_of_a_file_have_the_values_of_the_file(text: str) -> None:
    assert experiments.mapping(text) == (parse(text) or {})
    for wrong in ("a: 1\n" * 2, "a:\n  b: 1\n  b: 2\n", "a: 1\nb: 1\na:\n  c: 1\n", "a", "- a\n"):
        with pytest.raises(UserError):
            experiments.mapping(wrong)


def test_a_setting_of_somebody_neither_breaks_a_row_nor_controls_the_terminal() -> None:
    values = experiments.flat({"a|b": {"c\x1b": "x|\x1b[31m\n\u202ey"}, "d": [8, 8]})
    assert values == {"a|b.c\N{REPLACEMENT CHARACTER}": "x|�[31m �y", "d": "[8, 8]"}
    assert [experiments.cell(each) for each in ("a|b\x07", 1)] == ["a¦b�", 1]
