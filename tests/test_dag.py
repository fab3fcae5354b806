"""dvc.yaml says the truth, and DVC runs what has changed and nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import networkx
import pytest
import yaml
from conftest import ROOT, TINY, write_fake_mnist

from tools.copy_project import copy_project
from tools.mend_dvc import mend

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PER_MODEL = [name for name, stage in STAGES.items() if "foreach" in stage]
BODIES = {name: stage.get("do", stage) for name, stage in STAGES.items()}


def imported(path: Path) -> Iterator[Path]:
    """Modules of the project that a module imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            candidate = ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if candidate.exists():
                yield candidate


def closure(path: Path, seen: set[Path]) -> set[Path]:
    if path not in seen:
        seen.add(path)
        for other in imported(path):
            closure(other, seen)
    return seen


def read_keys(path: Path) -> set[str]:
    """The keys that a stage reads: first argument of its calls of read()."""
    keys = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "read":
            key = node.args[0]
            if isinstance(key, ast.JoinedStr):
                keys.add(re.sub(r"\{\w+\}", "${key}", ast.unparse(key)[2:-1]))
            else:
                keys.add(ast.literal_eval(key))
        elif node.func.id == "load":
            keys |= {"seed", "data", "classifier", "training", "models"}
            keys |= {"sampling", "step_study", "evaluation", "figures"}
    return keys


@pytest.mark.parametrize("name", BODIES)
def test_deps_are_the_real_import_closure(name: str) -> None:
    needed = closure(ROOT / "stages" / f"{name}.py", set())
    declared = [dep for dep in BODIES[name]["deps"] if dep.endswith(".py")]
    assert declared == sorted({str(path.relative_to(ROOT)) for path in needed})


@pytest.mark.parametrize("name", BODIES)
def test_params_are_those_that_are_read(name: str) -> None:
    keys = read_keys(ROOT / "stages" / f"{name}.py")
    if name == "check_params":
        assert "params.yaml" in BODIES[name]["deps"]
    else:
        assert set(BODIES[name].get("params", [])) == keys


@pytest.mark.parametrize("name", BODIES)
def test_stages_run_as_modules(name: str) -> None:
    suffix = " ${key}" if "foreach" in STAGES[name] else ""
    assert BODIES[name]["cmd"] == f"python -m stages.{name}{suffix}"


def test_packages_are_empty_so_that_they_need_no_dependency() -> None:
    assert all(path.read_text() == "" for path in (ROOT / "stages").rglob("__init__.py"))


def test_expensive_stages_have_cached_outputs_only() -> None:
    """One uncached output disables the run cache of its stage."""
    for name, body in BODIES.items():
        uncached = [out for out in body["outs"] if isinstance(out, dict) and "cache" in str(out)]
        assert bool(uncached) == (name in ("figures", "report"))


def test_the_readme_draws_the_stages_as_they_depend_on_each_other() -> None:
    """No more arrows than needed: what follows from two arrows has none of its own."""
    made_by = {}
    for name, body in BODIES.items():
        for out in body["outs"] + body.get("metrics", []):
            path = next(iter(out)) if isinstance(out, dict) else out
            made_by[re.sub(r"/\$\{key\}.*", "", path)] = name
    needed = networkx.DiGraph(
        (made_by[path], name)
        for name, body in BODIES.items()
        for path in (dep.replace("/${key}", "") for dep in body["deps"])
        if path in made_by
    )
    drawn = set()
    chart = (ROOT / "README.md").read_text().split("flowchart LR\n")[1].split("```")[0]
    for line in chart.strip().splitlines():
        groups = [group.split(" & ") for group in line.strip().split(" --> ")]
        drawn |= {edge for a, b in pairwise(groups) for edge in product(a, b)}
    assert drawn == set(networkx.transitive_reduction(needed).edges)


class Workspace:
    """A copy of the project at a tiny budget, in which dvc runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DEVICE": "cpu",
            # A network that is gone: none of these tests may notice.
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
        }

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, output
        return output

    def repro(self, *arguments: str) -> set[str]:
        """The stages that ran."""
        return set(re.findall(r"Running stage '(.*)'", self.dvc("repro", *arguments)))

    def edit(self, old: str, new: str, file: str = "params.yaml") -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def json(self, path: str) -> dict:
        return json.loads((self.folder / path).read_text())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """After one whole run, on images of the layout of MNIST in place of the download."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    copy_project(folder, TINY)
    workspace = Workspace(folder)
    write_fake_mnist(folder / "data" / "mnist")
    assert workspace.repro("check_params") == {"check_params"}
    workspace.dvc("commit", "--force", "download")
    ran = workspace.repro()
    per_model = {f"{s}@{m}" for s in PER_MODEL for m in ("model2", "model4")}
    assert ran == per_model | {
        "download_inception",
        "train_classifier",
        "reference",
        "figures",
        "report",
    }
    return workspace


def test_a_second_run_runs_nothing(workspace: Workspace) -> None:
    assert workspace.repro() == set()
    assert "up to date" in workspace.dvc("status")


def test_the_same_seed_gives_the_same_bytes(workspace: Workspace) -> None:
    lock = (workspace.folder / "dvc.lock").read_text()
    stages = ("train_classifier", "train@model4", "sample@model2", "sample@model4")
    ran = workspace.repro("--force", "--single-item", *stages)
    assert ran == set(stages)
    assert (workspace.folder / "dvc.lock").read_text() == lock
    # The report shows how long the training took, which is never the same.
    assert workspace.repro() <= {"figures", "report"}


def read_if_file(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


@pytest.mark.parametrize(
    ("place", "content", "said"),
    [
        (".dvc/tmp/rwlock", "", "Unable to read RWLock-file"),
        (".dvc/cache/runs", "cmd: python -m stages.check_params\n", "'outs'"),
    ],
)
def test_what_an_ended_dvc_left_half_written_can_be_mended(
    workspace: Workspace, place: str, content: str, said: str
) -> None:
    path = workspace.folder / place
    if path.is_dir():
        record = next(p for p in path.rglob("*") if "stages.train model2" in read_if_file(p))
        path = record.with_name(".half.tmp")
    path.write_text(content)
    lock = workspace.folder / "dvc.lock"
    values = yaml.safe_load(lock.read_text())
    recorded = values["stages"].pop("train@model2")  # it had not come to that
    lock.write_text(yaml.safe_dump(values))
    assert said in workspace.dvc("repro", "--single-item", "train@model2", succeeds=False)
    assert mend(workspace.folder) == [path]
    workspace.dvc("repro", "--single-item", "train@model2")
    assert yaml.safe_load(lock.read_text())["stages"]["train@model2"] == recorded


def test_outputs_are_where_they_belong(workspace: Workspace) -> None:
    folder = workspace.folder
    assert {p.name for p in (folder / "results/models/model2").iterdir()} >= {
        "best.safetensors",
        "epoch_001.safetensors",
        "history.csv",
        "last.safetensors",
    }
    metrics = workspace.json("report/metrics.json")
    assert set(metrics) == {"classifier", "real", "model2", "model4"}
    ways = {"degraded", "median_filter", "one_step", "naive", "improved"}
    assert set(metrics["model4"]["restoration"]) == ways
    assert all(scores["psnr"] > 0 for scores in metrics["model4"]["restoration"].values())
    shown = workspace.dvc("metrics", "show")
    assert "model2.fid" in shown
    assert not list(folder.rglob("*.partial"))
    assert not list((folder / "results").rglob(".gitignore"))


def test_the_report_shows_every_figure_and_says_that_the_budget_is_small(
    workspace: Workspace,
) -> None:
    text = (workspace.folder / "report/report.md").read_text()
    linked = set(re.findall(r"\]\(figures/(.+?)\)", text))
    assert linked == {p.name for p in (workspace.folder / "report/figures").glob("*.png")}
    assert "Small budget: no conclusions" in text
    assert "Not asked for: evaluation.inception is 'off'" in text
    assert "restores" in text


def test_a_learning_rate_touches_its_model_alone(workspace: Workspace) -> None:
    before = workspace.json("report/metrics.json")
    workspace.edit("learning_rate: 0.001", "learning_rate: 1e-02")  # as exp run writes it
    changed = {f"{stage}@model2" for stage in PER_MODEL}
    assert workspace.repro() == {"check_params", "figures", "report"} | changed
    after = workspace.json("report/metrics.json")
    assert after["model4"] == before["model4"]
    assert after["model2"] != before["model2"]
    # Back to what was run before: everything comes from the run cache, with the same numbers.
    workspace.edit("learning_rate: 1e-02", "learning_rate: 0.001")
    assert not workspace.repro() & changed
    assert workspace.json("report/metrics.json") == before


def test_a_figure_setting_redraws_and_nothing_more(workspace: Workspace) -> None:
    workspace.edit("loss_scale: log", "loss_scale: linear")
    assert workspace.repro() == {"check_params", "figures", "report"}


def changed_stages(workspace: Workspace) -> set[str]:
    """Stages that DVC finds changed themselves; what depends on them would follow."""
    return set(json.loads(workspace.dvc("status", "--json")))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("bootstrap: 3", "bootstrap: 4",
         {"evaluate@model2", "evaluate@model4", "compare_steps@model2", "compare_steps@model4",
          "reference"}),
        ("dropout: 0.15", "dropout: 0.2", {"train@model4", "figures"}),
        ("images: 512", "images: 513", {"train_classifier"}),
        ("inception: 'off'", "inception: auto",
         {"download_inception", "reference", "evaluate@model2", "evaluate@model4",
          "compare_steps@model2", "compare_steps@model4"}),
    ],
)  # fmt: skip
def test_parameters_change_the_stages_that_read_them(
    workspace: Workspace, old: str, new: str, expected: set[str]
) -> None:
    workspace.edit(old, new)
    try:
        assert changed_stages(workspace) == expected | {"check_params", "report"}
    finally:
        workspace.edit(new, old)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("diffusion/reporting/plotting.py", {"figures"}),
        ("diffusion/reporting/params.py", {"check_params", "figures", "report"}),
        ("diffusion/sampling/samplers.py",
         {"sample@model2", "sample@model4", "compare_steps@model2", "compare_steps@model4"}),
        ("diffusion/training/loop.py", {"train@model2", "train@model4"}),
    ],
)  # fmt: skip
def test_modules_change_the_stages_that_import_them(
    workspace: Workspace, module: str, expected: set[str]
) -> None:
    path = workspace.folder / module
    text = path.read_text()
    path.write_text(text + "# edited\n")
    try:
        assert changed_stages(workspace) == expected
    finally:
        path.write_text(text)


def test_a_bad_parameter_stops_dvc_before_any_work(workspace: Workspace) -> None:
    made = [p for p in (workspace.folder / "results").rglob("*.*") if "samplers" not in p.parts]
    made.remove(workspace.folder / "results/params_checked.txt")  # of the check itself
    before = [p.stat().st_mtime_ns for p in made]
    workspace.edit("T: 5", "T: 0")
    try:
        output = workspace.dvc("repro", succeeds=False)
    finally:
        workspace.edit("T: 0", "T: 5")
    assert "models.model4.degradation.T is 0: input should be greater than or equal to 2" in output
    assert "Traceback" not in output
    assert [p.stat().st_mtime_ns for p in made] == before
    workspace.repro("check_params")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  eta: 0.0", "  eta: 0.5", set()),  # of the strided sampler, which none is drawn by
        ("start: validation", "start: train", {"sample@model4"}),
        ("samplers: {}", "samplers: {model2: {kind: strided, steps: 2}}", {"sample@model2"}),
    ],
)
def test_another_sampler_draws_again_what_it_draws_and_trains_nothing(
    workspace: Workspace, old: str, new: str, expected: set[str]
) -> None:
    workspace.edit(old, new)
    try:
        assert workspace.repro("check_params") == {"check_params"}
        assert changed_stages(workspace) == expected | {"report"}
    finally:
        workspace.edit(new, old)
        workspace.repro("check_params")


def test_a_block_in_params_is_a_new_model_and_removing_it_leaves_no_trace(
    workspace: Workspace,
) -> None:
    path = workspace.folder / "params.yaml"
    text = path.read_text()
    values = yaml.safe_load(text)
    values["models"]["model5"] = values["models"]["model2"] | {"learning_rate": 3.0e-3}
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    new = {f"{stage}@model5" for stage in PER_MODEL}
    assert workspace.repro() == new | {"check_params", "figures", "report"}
    assert "model5" in workspace.json("report/metrics.json")
    report = workspace.folder / "report"
    assert (report / "figures/progress_model5.png").exists()
    assert "model5" in (report / "report.md").read_text()

    path.write_text(text)
    assert workspace.repro() <= {"check_params", "figures", "report"}
    assert "model5" not in workspace.json("report/metrics.json")
    assert "model5" not in (report / "report.md").read_text()
    assert not list((report / "figures").glob("*model5*"))


EXP_RUN_BAD = {
    "training.epochs=0": "training.epochs is 0: input should be greater than or equal to 1",
    "models.model4.degradation.rho=[0.1,0.6]": "rho.1 is 0.6: input should be less than or equal",
    "models.model2.learning_rate=nan": "models.model2.learning_rate is nan: input should be a fin",
    "sampling.sampler=ddim": "sampling.sampler is 'ddim': input should be 'ancestral' or 'strided'",
}


def test_bad_parameters_of_an_experiment_are_refused_before_any_work(tmp_path: Path) -> None:
    """`dvc exp run --temp -S`, which needs git; the workspace stays as it was."""
    folder = tmp_path / "project"
    copy_project(folder, TINY)
    (folder / ".dvc/config.local").unlink()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    experiment = Workspace(folder)
    overrides = [word for key in EXP_RUN_BAD for word in ("-S", key)]
    output = experiment.dvc("exp", "run", "--temp", *overrides, succeeds=False)
    for sentence in EXP_RUN_BAD.values():
        assert sentence in output
    assert "Traceback" not in output
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert status.stdout == ""
    assert not (folder / "results").exists()
    unknown = experiment.dvc("exp", "run", "--temp", "-S", "training.epoch=3", succeeds=False)
    assert "training.epoch" in unknown


def test_a_tree_without_git_gets_a_sentence_and_a_setting_that_helps(tmp_path: Path) -> None:
    """As in a downloaded archive; `make` makes the setting itself."""
    folder = tmp_path / "project"
    copy_project(folder, TINY)
    (folder / ".dvc/config.local").unlink()
    archive = Workspace(folder)
    assert "not a git repository" in archive.dvc("repro", "check_params", succeeds=False)
    setting = "dvc config --local core.no_scm true"
    assert setting in (ROOT / "Makefile").read_text()
    assert setting in (ROOT / "README.md").read_text()
    archive.dvc(*setting.split()[1:])
    assert archive.repro("check_params") == {"check_params"}
