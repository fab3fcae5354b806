"""dvc.yaml is complete, and DVC runs what has changed and nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import grimp
import networkx
import pytest
import yaml
from conftest import ROOT, TINY, run_all, run_stage, write_fake_mnist
from dvc.repo import Repo
from projects import Project

from hotcold.models.kinds import BEHAVIOUR
from hotcold.reporting.reading.measured import SETTINGS
from hotcold.runs import records
from hotcold.runtime import paths
from hotcold.runtime.params import load
from stages import download_inception
from tools.copy_project import copy_project, project_files

ENTRIES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = {name: entry.get("do", entry) for name, entry in ENTRIES.items()}
PER_MODEL = [name for name, entry in ENTRIES.items() if "do" in entry]
MODEL = "${key}"
KINDS = {  # a family -> where a model has its kind, as in dvc.yaml
    "processes": "${item.degradation.kind}",
    "networks": "${item.network.kind}",
    "samplers": "${item.sampler.kind}",
}
DEFINITIONS = (
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
    *(ast.FunctionDef, ast.ClassDef, ast.Expr),
)


def part(module: str) -> str:
    """The dependency that contains a module: a stage's own file, a part of the library, the folder
    of a kind, or all of the library for a module that is above its parts."""
    package, *rest = module.split(".")
    if package == "stages":
        return f"stages/{rest[0] if rest else '__init__'}.py"
    if rest[0] in KINDS and len(rest) > 2:
        return f"hotcold/{rest[0]}/{rest[1]}"
    if rest == ["params"]:
        return "hotcold"
    return f"hotcold/{rest[0]}" + ".py" * (ROOT / f"hotcold/{rest[0]}.py").exists()


HOW = {"hotcold/runtime", "hotcold/runs"}  # how a stage runs, which changes no byte of its results
# Executed by every stage, so that they must only define names.
PACKAGES = {"hotcold", *(f"hotcold.{family}" for family in KINDS)}
IMPORTS = grimp.build_graph("hotcold", "stages", cache_dir=None)
FREE = {module for module in IMPORTS.modules if module in PACKAGES or part(module) in HOW}
for importer in FREE:
    for imported in IMPORTS.find_modules_directly_imported_by(importer):
        IMPORTS.remove_import(importer=importer, imported=imported)


def imported_parts(*modules: str) -> set[str]:
    """The dependencies that contain these modules, and what they import at any depth."""
    found = {"stages"}.union(modules, *(IMPORTS.find_upstream_modules(name) for name in modules))
    return {part(module) for module in found - FREE}


def code_dependencies(name: str, model: str = "") -> set[str]:
    """The code that a stage names in dvc.yaml, for a model if it runs once for each."""
    return {str(path) for path in records.find(name, model).code}


def of_kinds(name: str, block: dict[str, Any]) -> set[str]:
    """The modules of the kinds of a model that a stage finds by their names."""
    kinds = (
        f"hotcold.{family}.{block[value.split('.')[1]]['kind']}."
        for family, value in KINDS.items()
        if value in str(STAGES[name]["deps"])
    )
    return {module for kind in kinds for module in IMPORTS.modules if module.startswith(kind)}


def declared_params(name: str) -> set[str]:
    """Keys of params.yaml, and the file itself where a stage reads all of it."""
    return set(STAGES[name].get("params", [])) | {"params.yaml"} & set(STAGES[name]["deps"])


def constant(node: ast.expr) -> str:
    """A key of params.yaml in a call, with the model and its sampler as dvc.yaml writes them."""
    if isinstance(node, ast.JoinedStr):
        text = ast.unparse(node)[2:-1].replace("{kind}", "${item.sampler.kind}")
        return re.sub(r"(?<!\$)\{\w+\}", MODEL, text)
    return ast.literal_eval(node)


def read_keys(path: Path) -> set[str]:
    """The keys that a stage reads, by its calls of the functions that read params.yaml."""
    keys = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id == "read":
            keys.add(constant(node.args[0]))
        elif node.func.id == "read_design":
            keys |= {f"models.{MODEL}.degradation", f"models.{MODEL}.network"}
        elif node.func.id == "read_designs":
            keys.add("models")
        elif node.func.id == "read_settings":
            keys |= {*SETTINGS, "models"}
        elif node.func.id == "load":
            keys.add("params.yaml")
    return keys


@pytest.mark.parametrize("name", sorted(set(STAGES) - set(PER_MODEL)))
def test_code_dependencies_are_the_parts_that_a_stage_imports(name: str) -> None:
    own, parts = f"stages/{name}.py", imported_parts(f"stages.{name}")
    if name == "check_params":  # a new kind is not in params.yaml, which therefore remains valid
        parts = {"stages/__init__.py", own, "hotcold/params.py"}
    if name == "figures":  # of all models
        parts |= {f"hotcold/{family}" for family in KINDS}
        parts -= {dep for dep in parts if dep.count("/") == 2}
    if "hotcold" in parts:
        parts = {"stages", "hotcold"}
    assert code_dependencies(name) == parts


@pytest.mark.parametrize("name", PER_MODEL)
def test_a_stage_of_a_model_depends_on_its_own_kinds_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sampler ancestral is studied by DDIM, on which every step study depends therefore."""
    monkeypatch.chdir(ROOT)
    for model, block in load()["models"].items():
        more = {"hotcold/samplers/ddim"} if name == "step_study" else set()
        parts = imported_parts(f"stages.{name}", *of_kinds(name, block))
        assert code_dependencies(name, model) == parts | more


def test_what_every_stage_executes_without_depending_on_it_only_defines_names() -> None:
    """A statement there could change all results, and DVC would find them up to date: in how a
    stage runs, in packages, and in the blocks of kinds that a model does not have."""
    folders = [*HOW, *(f"hotcold/{family}" for family in KINDS)]
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    found.add(ROOT / "hotcold/__init__.py")
    for path in found - {p for p in found if p.stem in BEHAVIOUR.values()}:
        for node in ast.parse(path.read_text()).body:
            called = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
            known = isinstance(node, DEFINITIONS) and not called
            assert known or "TYPE_CHECKING" in ast.unparse(node), f"{path}: {ast.unparse(node)}"


@pytest.mark.parametrize("name", STAGES)
def test_params_are_those_that_are_read(name: str) -> None:
    assert declared_params(name) == read_keys(ROOT / "stages" / f"{name}.py")


def test_expensive_stages_have_cached_outputs_only() -> None:
    """One uncached output disables the run cache of its stage."""
    for name, stage in STAGES.items():
        uncached = [out for out in stage["outs"] if isinstance(out, dict) and "cache" in str(out)]
        assert bool(uncached) == (name in ("figures", "report"))


def outputs_in_git() -> dict[str, dict[str, bool]]:
    """The outputs that git holds, with their options."""
    outs = [out for stage in STAGES.values() for out in stage["outs"] + stage.get("metrics", [])]
    options = {path: o for out in outs if isinstance(out, dict) for path, o in out.items()}
    return {path: o for path, o in options.items() if "cache" in o}


def test_dvc_does_not_delete_what_git_holds() -> None:
    """It deletes an output without `persist` before its stage runs, also if the stage fails."""
    assert {"report/figures", "report/report.md", "report/supplement.md"} <= set(outputs_in_git())
    for options in outputs_in_git().values():
        assert options == {"cache": False, "persist": True}


def test_what_git_holds_of_a_run_is_small() -> None:
    held = [ROOT / name for name in project_files() if name.startswith(("report/", "dvc.lock"))]
    assert sum(path.stat().st_size for path in held) < 4_000_000
    assert {path.suffix for path in held} <= {
        *(".csv", ".json", ".lock", ".md", ".png", ".webp", ".yaml"),  # results
        *(".base64", ".bib", ".css", ".j2", ".js", ".mplstyle", ".ts"),  # inputs
    }


def folder_of(path: str) -> str:
    """results/models for results/models/${key}; results/real for a file in it."""
    return "/".join(path.split("/")[:2])


def test_the_documentation_draws_the_stages_as_they_depend_on_each_other() -> None:
    """No more arrows than needed: what follows from two arrows has none of its own."""
    made_by = {}
    for name, stage in STAGES.items():
        for out in stage["outs"] + stage.get("metrics", []):
            path = next(iter(out)) if isinstance(out, dict) else out
            made_by[folder_of(path)] = name
    needed = networkx.DiGraph(
        (made_by[folder_of(dep)], name)
        for name, stage in STAGES.items()
        for dep in stage["deps"]
        if folder_of(dep) in made_by
    )
    drawn = set()
    chart = (ROOT / "docs/extending.md").read_text().split("flowchart LR\n")[1].split("```")[0]
    for line in chart.strip().splitlines():
        groups = [group.split(" & ") for group in line.strip().split(" --> ")]
        drawn |= {edge for a, b in pairwise(groups) for edge in product(a, b)}
    assert drawn == set(networkx.transitive_reduction(needed).edges)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """After a complete run, on images in the format of MNIST instead of the download. All stages
    but one run in this process, which saves the time in which each imports PyTorch."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    copy_project(folder, TINY)
    params = (folder / paths.PARAMS).read_text()
    write_fake_mnist(folder / paths.MNIST)
    run_stage(folder, download_inception)
    run_all(folder)
    (folder / paths.PARAMS).write_text(params)
    workspace = Project(folder)
    workspace.run("dvc commit --force")
    ran = workspace.repro("--force --single-item train@model2")
    assert ran == {"train@model2"}
    return workspace


def test_a_second_run_runs_nothing(workspace: Project) -> None:
    assert workspace.repro() == set()


def test_what_an_ended_dvc_left_half_written_can_be_deleted(workspace: Project) -> None:
    lock, runs = workspace.folder / "dvc.lock", workspace.folder / ".dvc/cache/runs"
    before = lock.read_text()
    record = next(p for p in runs.rglob("*") if p.is_file() and "train model2" in p.read_text())
    damaged = [(lock, ""), (record.with_name(".half.tmp"), "cmd: python -m stages.check_params\n")]
    damaged.append((workspace.folder / ".dvc/tmp/rwlock", ""))
    for path, content in damaged:
        path.write_text(content)
    again = "dvc repro --single-item train@model2"
    workspace.run(again, succeeds=False)
    page = (ROOT / "docs/troubleshooting.md").read_text()
    for command in re.findall(r"`((?:rm -f|find) \.dvc[^`]*)`", page):
        workspace.run(command)
    assert [path for path, _ in damaged if path.exists()] == [lock]
    values = yaml.safe_load(before)  # as of a commit before this stage
    recorded = values["stages"].pop("train@model2")
    lock.write_text(yaml.safe_dump(values))
    workspace.run(again)
    assert yaml.safe_load(lock.read_text())["stages"]["train@model2"] == recorded
    lock.write_text(before)  # for the other tests


def changed_stages(workspace: Project) -> set[str]:
    """Stages that DVC finds changed themselves; what depends on them would follow."""
    with Repo(str(workspace.folder)) as repo:
        return {address.rpartition(":")[2] for address in repo.status()}


def of_each(*stages: str) -> set[str]:
    """The stages of both models."""
    return {f"{stage}@{model}" for stage in stages for model in ("model2", "model4")}


GAUSSIAN = {f"{stage}@model2" for stage in ("train", "sample", "step_study", "likelihood")}
PARAMS = {  # what is replaced in params.yaml, and by what -> the stages that read it
    ("bootstrap: 3", "bootstrap: 4"): of_each("evaluate", "step_study")
    | {"evaluate_real", "figures"},
    ("learning_rate: 0.001", "learning_rate: 1e-02"): {"train@model2", "figures"},
    ("precision: auto", "precision: float32"): of_each(
        "train", "sample", "step_study", "likelihood"
    )
    | {"train_classifier", "figures"},
    ("kind: ancestral", "kind: ddim\n      steps: 2"): {
        *("sample@model2", "step_study@model2", "figures")
    },
    ("  ancestral:\n", "  ancestral:\n    more: {steps: 2}\n"): {"step_study@model2"},
    ("  ddim:\n", "  ddim:\n    more: {steps: 2}\n"): set(),  # of no model
    ("models:\n", f"models:\n  new: {json.dumps(TINY['models']['model2'])}\n"): {
        *("figures", *(f"{stage}@new" for stage in PER_MODEL))
    },
}
EDITS = {  # a module -> the stages of its part
    "hotcold/metrics/restoration.py": of_each("evaluate", "step_study") | {"evaluate_real"},
    "stages/train.py": of_each("train"),
    "hotcold/training/new_module.py": of_each("train"),  # which no list names
    "hotcold/runtime/paths.py": set(),  # how a stage runs
    "hotcold/processes/gaussian/process.py": GAUSSIAN | {"figures"},
    "hotcold/samplers/new/params.py": {"figures"},  # of no model
}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        *(("params.yaml", *change, found | {"check_params"}) for change, found in PARAMS.items()),
        *((module, "", "# edited\n", found) for module, found in EDITS.items()),
    ],
)
def test_a_change_runs_the_stages_that_depend_on_it(
    workspace: Project, file: str, old: str, new: str, expected: set[str]
) -> None:
    path = workspace.folder / file
    text = path.read_text() if path.exists() else ""
    assert old in text
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace(old, new, 1))
    try:
        assert changed_stages(workspace) == expected | {"report"}
    finally:
        path.write_text(text) if text else path.unlink()


def test_a_bad_parameter_stops_dvc_before_any_work(workspace: Project) -> None:
    made = list((workspace.folder / "results").rglob("*.*"))
    made.remove(workspace.folder / "results/params_checked.txt")  # of the check itself
    before = [p.stat().st_mtime_ns for p in made]
    workspace.edit("T: 5", "T: 0")
    try:
        output = workspace.run("dvc repro", succeeds=False)
    finally:
        workspace.edit("T: 0", "T: 5")
    assert "models.model4.degradation.T is 0: input should be greater than or equal to 2" in output
    assert "Traceback" not in output
    assert [p.stat().st_mtime_ns for p in made] == before
    workspace.repro("check_params")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(workspace: Project) -> None:
    """In a process for each stage, too; those of `workspace` ran in one process."""

    def outputs() -> dict[str, str]:
        """path -> md5 for all outputs in dvc.lock, without the times of training."""
        stages = yaml.safe_load((workspace.folder / "dvc.lock").read_text())["stages"].values()
        outs = {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}
        return {path: md5 for path, md5 in outs.items() if not path.startswith(f"{paths.TIMES}/")}

    before = outputs()
    stages = [
        f"{stage}@{model}" if stage in PER_MODEL else stage
        for stage in STAGES
        if stage not in ("check_params", "download", "download_inception")
        for model in (TINY["models"] if stage in PER_MODEL else [""])
    ]
    assert workspace.repro(f"--force --single-item {' '.join(stages)}") == set(stages)
    assert outputs() == before
    assert {"results/models/model4", "report/report.html"} <= set(before)
    assert changed_stages(workspace) == set()  # no other stage reads the times of training


@pytest.mark.slow
def test_a_tree_without_git_gets_a_sentence_and_a_setting_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a downloaded archive; `make` makes the setting itself."""
    folder = tmp_path / "project"
    copy_project(folder, TINY)
    (folder / ".dvc/config.local").unlink()
    archive = Project(folder)
    assert "not a git repository" in archive.run("dvc repro check_params", succeeds=False)
    # In another repository, which ignores the folder, DVC finds no stage, and git no file.
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("*\n")
    assert "check_params" not in archive.run("dvc status")
    monkeypatch.setattr("tools.copy_project.ROOT", folder)
    assert {"dvc.yaml", "params.yaml", "stages/train.py"} <= set(project_files())
    setting = "dvc config --local core.no_scm true"
    assert setting in (ROOT / "Makefile").read_text()
    assert setting in (ROOT / "docs/installation.md").read_text()
    archive.run(setting)
    assert archive.repro("check_params") == {"check_params"}
