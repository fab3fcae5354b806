"""The commands in blocks of README.md and docs/ run one after another, in a clone at a tiny
budget."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, TINY, run_all
from PIL import Image
from projects import ENVIRONMENT, Project, ran

from hotcold.data import mnist
from hotcold.runtime import paths
from tools.copy_project import copy_project

README, DOCS = ROOT / "README.md", ROOT / "docs"
NAMES = (  # in the order in which their commands run; test_clones.py runs those of docs/dvc.md
    *("installation", "tools", "configuration", "experiments", "sharing", "scaling", "README"),
    *("extending", "models", "performance", "reproducibility", "troubleshooting"),
)
PAGES = [README, *(DOCS / f"{name}.md" for name in NAMES)]
TEXT = "\n".join(page.read_text() for page in PAGES)
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.strip().splitlines()]
COMMANDS = list(dict.fromkeys(re.sub(r"\s{2,}# .*", "", line) for line in LINES))
(PYTHON,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
PIP = "pip install -r requirements.txt"


@pytest.fixture
def shell(tmp_path: Path) -> Project:
    """In a folder with substitutes for SLURM and a repository `hub`, which has results of a tiny
    budget."""
    model1 = TINY["models"]["model2"] | {
        "training": {"learning_rate": 2e-4},
        "sampler": {"kind": "ddim", "steps": 3, "eta": 1.0},
    }
    model9 = {
        "degradation": {"kind": "gaussian", "schedule": "cosine", "T": 4},
        "network": {"kind": "unet", "channels": [8, 8, 8], "classes": 10, "predicts": "v"},
        "training": {"learning_rate": 2e-3, "epochs": 1, "label_dropout": 0.1},
        "sampler": {"kind": "ddim", "steps": 2, "guidance": 2.0},
    }
    models = {"model1": model1, "model3": TINY["models"]["model4"], "model9": model9}
    hub = tmp_path / "hub"
    copy_project(hub, TINY | {"models": models})
    (hub / ".dvc/config.local").unlink()
    params = (hub / paths.PARAMS).read_text()
    for name, code in SLURM.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/usr/bin/env bash\n{code}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    shell = Project(tmp_path)
    shell.environment = os.environ | ENVIRONMENT  # with the network
    shell.environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{shell.environment['PATH']}"
    shell.run("git init -q -b main hub && cd hub && dvc repro download download_inception")
    run_all(hub, models=models)
    (hub / paths.PARAMS).write_text(params)
    shell.run("cd hub && dvc commit -q --force && dvc push && git add -A && git commit -q -m start")
    shell.run("cd hub && git config receive.denyCurrentBranch ignore")
    return shell


SLURM = {  # two nodes, both on this machine
    "sbatch": 'SLURM_NNODES=2 SLURM_JOB_ID=$$ SLURMD_NODENAME=127.0.0.1 exec bash "$@"',
    "srun": 'shift 3; SLURM_NODEID=0 exec "$@"',  # without its options
}


def clone(shell: Project, name: str) -> None:
    """Clone the hub, with the environment of these tests as its .venv, and work in the clone."""
    shell.folder = shell.folder.parent if (shell.folder / ".git").exists() else shell.folder
    shell.run(f"git clone -q --depth 1 file://$PWD/hub {name}")
    shell.folder /= name
    (shell.folder / ".venv").symlink_to(sys.prefix)
    (Path(sys.prefix) / ".installed").touch()
    for file in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        os.utime(shell.folder / file, (0, 0))  # not newer than the environment
    shell.run("git update-index -q --refresh")  # a checkout of unchanged files leaves the time


def names(shell: Project) -> list[str]:
    return shell.run("dvc exp list --all-commits --name-only").split()


def new_rate(shell: Project, rate: str) -> None:
    """Change a parameter so that the training of model1 has to run again."""
    path = shell.folder / "params.yaml"
    text, count = re.subn(
        r"(model1:(?:\n    .*)*?\n +learning_rate:) \S+", rf"\1 {rate}", path.read_text()
    )
    assert count == 1
    path.write_text(text)


def ranks(shell: Project) -> int:
    return shell.json("results/records/train/model1.json")["processes"]


@pytest.mark.readme
def test_the_commands_in_blocks_run_one_after_another(shell: Project) -> None:
    left = list(COMMANDS)

    def after(beginning: str, **placeholders: str) -> str:
        """The next command of the README, with words in place of its placeholders."""
        command = left.pop(0)
        assert command.startswith(beginning)
        for placeholder, word in placeholders.items():
            command = command.replace(f"<{placeholder.replace('_', ' ')}>", word)
        assert "<" not in command
        return command

    def run(beginning: str, **placeholders: str) -> str:
        return shell.run(after(beginning, **placeholders))

    # README: start, and try a model. The environment is that of these tests; .ci/run builds it.
    assert left.pop(0) == "git clone --depth 1 <this repository> && cd <its folder>"
    clone(shell, "mine")
    printed = run("make")
    restored = {"check_params", "download", "download_inception"}
    assert ran(printed) == restored
    assert "report/report.html" in printed
    (samples,) = (shell.folder / "results/samples/model1").glob("epoch_002.npz")
    shutil.copy(samples, shell.folder / "samples.npz")
    assert "| fid_infinite |" in run("hotcold score")
    (shell.folder / "samples.npz").unlink()
    left[0] = left[0].replace("model5", "model1")
    assert "64 images of model1" in run("hotcold generate model1")
    assert "images of model9" in run("hotcold generate model9 --digit 7 --guidance 2")
    assert "restored.png: degraded, one step, naive, improved" in run("hotcold restore")
    shipped = np.asarray(Image.open(ROOT / "docs/images/digit.png"))
    assert (mnist.images("test", shell.folder / "data/mnist_idx")[4, 0].numpy() == shipped).all()

    # Change a parameter.
    left[0] = left[0].replace("model5", "model1")
    stages = ran(run("dvc exp run evaluate@model1 -S models.model1.sampler.eta=0.0"))
    assert stages == {"check_params", "sample@model1", "evaluate@model1"}
    assert "model1.fid" in run("dvc metrics diff")
    shell.run("git checkout -q . && dvc checkout -q")
    with (shell.folder / "report/templates/report.md.j2").open("a") as file:
        file.write("One more line.\n")
    assert ran(shell.run("dvc repro report")) == {"report"}
    shell.run("git checkout -q . && dvc checkout -q")
    code = PYTHON.replace("model5", "model1").replace("steps=50", "steps=3")
    (shell.folder / "block.py").write_text(code)
    scores = ast.literal_eval(shell.run("python block.py").splitlines()[-1])
    assert scores["images"] == 16
    assert {"fid", "fid_below", "is", "kid", "precision"} <= set(scores)
    (shell.folder / "block.py").unlink()

    # Installation.
    assert left[:2] == ["python3 -m venv .venv && . .venv/bin/activate", PIP]
    del left[:2]
    run("dvc pull --allow-missing")
    assert "up to date" in run("dvc repro --pull")

    # The command line.
    assert "multiply-adds" in run("hotcold describe model1")
    left[0] = left[0].replace("model2 --steps 50", "model1 --steps 2")
    assert "ddim, in 2 steps with η " in run("hotcold generate model1 --steps 2")
    assert "dvc repro sample@MODEL" in run("python -m stages.sample")

    # Configuration.
    stages = ran(run("dvc exp run -S +models.model1.training.epochs=10"))
    assert "train@model1" in stages
    assert not stages & {"train@model3", "download"}
    assert "models.model1.training.epochs" in run("dvc params diff")
    assert "model1.validation_loss" in shell.run("dvc metrics diff")
    assert "index.html" in run("dvc plots show")
    shell.run("git checkout -q . && dvc checkout -q")
    earlier = names(shell)
    assert "1 experiments, 0 of them done" in run("hotcold sweep")
    (with_blur,) = set(names(shell)) - set(earlier)

    # Experiments.
    left[0] = left[0].replace("=[16,32,16],[8,8]", "=[8,8]")
    assert run("hotcold sweep").count(": done") == 2
    table = run("make table")
    assert "models.model1.network.hidden" in table
    assert "| model1 " in table
    assert "| model3 " not in table  # its metrics do not differ
    left[0] = left[0].replace("--trials 20", "--trials 2").replace("epochs=5", "epochs=1")
    printed = run("hotcold search")
    assert "best of 2 trials" in printed
    best = re.findall(r"dvc exp apply (\S+)", printed)[-1]
    run("dvc exp apply", best_trial=best)
    assert "train@" not in shell.run("dvc status")  # all that remains to run follows model1
    shell.run("git checkout -q . && dvc checkout -q")
    assert "experiments" in run("hotcold table --plot")
    assert (shell.folder / "sweep.png").stat().st_size > 10_000
    assert "model1" in run("dvc exp diff", one_experiment=with_blur, another=earlier[0])
    run("dvc exp apply", one_experiment=with_blur)
    assert "up to date" in shell.run("dvc status")
    shell.run("git checkout -q . && git clean -q -f report/figures && dvc checkout -q")
    assert "up to date" in shell.run("dvc status")
    left[0] = left[0].replace('"model5 model6 model8" SEEDS=1,2', "model3 SEEDS=1")
    assert "model3-seed-1: FID " in run("make seeds")
    assert "| model3 | FID" in (shell.folder / "report/supplement.md").read_text()
    shell.run("git clean -q -f report/measured && git checkout -q . && dvc checkout -q")

    # The commands that the DVC extension of VS Code runs.
    for query in ("exp show --json", "params diff --json", "plots diff --json --split -o p"):
        assert '"error": {' not in shell.run(f"dvc {query} 2> warnings.txt")

    # Sharing.
    store = str(shell.folder.parent / "store")
    run("dvc remote add", **{"a_folder,_or_s3://bucket/folder": store})
    run("dvc push")
    run("git commit")
    shell.run("git push -q origin main")
    shell.run(f"dvc exp push origin {with_blur}")
    clone(shell, "colleague")
    shell.run("dvc pull report/report.html")
    assert not (shell.folder / "results").exists()
    shell.run("dvc pull --allow-missing")
    assert (shell.folder / "results/models/model1/best.safetensors").exists()
    assert not (shell.folder / "data/mnist_idx").exists()
    printed = run("dvc repro --pull")
    assert not ran(printed)
    assert "up to date" in printed
    shell.run(f"dvc exp pull origin {with_blur}")
    assert names(shell) == [with_blur]

    # Several GPUs and machines.
    new_rate(shell, "0.003")
    assert "train@model1" in ran(run("TORCHRUN="))
    assert ranks(shell) == 2
    assert "up to date" in shell.run("dvc status train@model1")  # for one rank, too
    new_rate(shell, "0.004")
    shutil.copy(shell.folder / "params.yaml", shell.folder.parent / "mine/params.yaml")
    address = {"first": "127.0.0.1"}
    commands = [after("TORCHRUN=", **address).replace("node=4", "node=1") for _ in range(2)]
    mine = Project(shell.folder.parent / "mine")
    mine.environment = shell.environment
    with ThreadPoolExecutor() as pool:
        first, _ = pool.map(Project.run, (shell, mine), commands)
    assert "train@model1" in ran(first)
    assert ranks(shell) == 2

    # Extending: the same code gives the same results.
    for folder in ("before", "after"):
        assert "report" in ran(run(f"hotcold copy-project scratch/{folder}"))
    compare, commit = after("diff -r --exclude times").split(" && ")
    shell.run(compare)
    assert commit == "dvc commit --force"  # which made the results of the hub
    assert left == []

    # Commands in the text.
    new_rate(shell, "0.005")
    assert "train@model1" in ran(shell.run("sbatch tools/train.sbatch model1"))
    assert ranks(shell) == 2
    assert "is up to date" in shell.run("sbatch tools/train.sbatch model1")
    shell.run("git checkout -q . && dvc checkout -q --allow-missing")
    shell.run("dvc exp push origin --rev HEAD")
