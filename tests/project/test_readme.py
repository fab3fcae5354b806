"""The commands in blocks of README.md and docs/ run one after another, in a clone at a tiny
budget."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, TINY, prepare, run_all, run_stage
from PIL import Image
from projects import ENVIRONMENT

from hotcold.data import mnist
from hotcold.runtime import paths
from stages import evaluate_real, train, train_classifier
from tools.copy_project import copy_project

README, DOCS = ROOT / "README.md", ROOT / "docs"
PAGES = [  # in the order in which their commands run; test_clones.py runs those of docs/dvc.md
    README,
    *(
        DOCS / f"{name}.md"
        for name in (
            *("installation", "tools", "configuration", "experiments", "sharing", "scaling"),
            *("README", "extending", "models", "performance", "reproducibility"),
            "troubleshooting",
        )
    ),
]
TEXT = "\n".join(page.read_text() for page in PAGES)
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.strip().splitlines()]
COMMANDS = list(dict.fromkeys(re.sub(r"\s{2,}# .*", "", line) for line in LINES))
(PYTHON,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
PIP = "pip install -r requirements.txt"


@pytest.mark.slow
def test_the_python_block_draws_and_scores_images_in_five_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    for stage, *names in ((train_classifier,), (evaluate_real,), (train, "model2")):
        run_stage(tmp_path, stage, *names)
    assert len([line for line in PYTHON.splitlines() if line]) <= 5
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PYTHON.replace("model5", "model2").replace("steps=50", "steps=3")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    scores = ast.literal_eval(done.stdout)
    assert scores["images"] == 16
    assert {"fid", "fid_below", "is", "kid", "precision"} <= set(scores)


class Shell:
    """Runs commands as a reader with an activated environment does."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def start(self, command: str) -> subprocess.Popen:
        print(f"$ {command}", flush=True)
        return subprocess.Popen(
            ["bash", "-euc", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, process: subprocess.Popen) -> str:
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def run(self, command: str) -> str:
        return self.end(self.start(command))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
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
    environment = os.environ | ENVIRONMENT
    environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"
    shell = Shell(tmp_path, environment)
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


def clone(shell: Shell, name: str) -> None:
    """Clone the hub, with the environment of these tests as its .venv, and work in the clone."""
    shell.folder = shell.folder.parent if (shell.folder / ".git").exists() else shell.folder
    shell.run(f"git clone -q hub {name}")
    shell.folder /= name
    (shell.folder / ".venv").symlink_to(sys.prefix)
    (Path(sys.prefix) / ".installed").touch()
    for file in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        os.utime(shell.folder / file, (0, 0))  # not newer than the environment
    shell.run("git update-index -q --refresh")  # a checkout of unchanged files leaves the time


def names(shell: Shell) -> list[str]:
    return shell.run("dvc exp list --all-commits --name-only").split()


def new_rate(shell: Shell, rate: str) -> None:
    """Change a parameter so that the training of model1 has to run again."""
    path = shell.folder / "params.yaml"
    text, count = re.subn(
        r"(model1:(?:\n    .*)*?\n +learning_rate:) \S+", rf"\1 {rate}", path.read_text()
    )
    assert count == 1
    path.write_text(text)


def ranks(shell: Shell) -> int:
    return json.loads((shell.folder / "results/models/model1/run.json").read_text())["processes"]


@pytest.mark.readme
def test_the_commands_in_blocks_run_one_after_another(shell: Shell) -> None:
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
    assert left.pop(0) == "git clone <this repository> && cd <its folder>"
    clone(shell, "mine")
    printed = run("make")
    restored = {"check_params", "download", "download_inception"}
    assert set(re.findall("Running stage '(.*)'", printed)) == restored
    assert "report/report.html" in printed
    left[0] = left[0].replace("model5", "model1")
    assert "64 images of model1" in run("hotcold generate model1")
    assert "images of model9" in run("hotcold generate model9 --digit 7 --guidance 2")
    assert "restored.png: degraded, one step, naive, improved" in run("hotcold restore")
    shipped = np.asarray(Image.open(ROOT / "docs/images/digit.png"))
    assert (mnist.images("test", shell.folder / "data/mnist_idx")[4, 0].numpy() == shipped).all()

    # Change a parameter, sweep, and write the report again.
    left[0] = left[0].replace("model5", "model1")
    ran = run("dvc exp run -S models.model1.sampler.eta=0.0")
    assert "Running stage 'sample@model1'" in ran
    assert "Running stage 'train@" not in ran
    assert "Running stage 'sample@model3'" not in ran
    assert "model1.fid" in run("dvc metrics diff")
    shell.run("git checkout -q . && dvc checkout -q")
    left[0] = left[0].replace("=[16,32,16],[8,8]", "=[8,8]")
    run("dvc exp run --queue")
    # Its workers have this output open, and one sometimes stays when the queue is empty.
    shell.run(f"{after('dvc queue start')} > started.txt")
    end = time.monotonic() + 600
    while re.search("Queued|Running", shell.run(left[0])):
        assert time.monotonic() < end
        time.sleep(2)
    assert run("dvc queue status").count("Success") == 2
    shell.run("dvc queue stop")
    table = run("make table")
    assert "models.model1.network.hidden" in table
    assert "| model1 " in table
    assert "| model3 " not in table  # its metrics do not differ
    with (shell.folder / "report/templates/report.md.j2").open("a") as file:
        file.write("One more line.\n")
    assert re.findall("Running stage '(.*)'", run("dvc repro report")) == ["report"]
    shell.run("git checkout -q . && dvc checkout -q")
    code = PYTHON.replace("model5", "model1").replace("steps=50", "steps=3")
    (shell.folder / "block.py").write_text(code)
    assert "'fid'" in shell.run("python block.py")
    (shell.folder / "block.py").unlink()

    # Installation.
    assert left[:2] == ["python3 -m venv .venv && . .venv/bin/activate", PIP]
    del left[:2]
    run("dvc pull --allow-missing")
    assert "up to date" in run("dvc repro --pull")

    # The command line.
    assert "receptive field" in run("hotcold describe model1")
    left[0] = left[0].replace("model2 --steps 50", "model1 --steps 2")
    assert "sampling in 2 steps with η " in run("hotcold generate model1 --steps 2")
    (samples,) = (shell.folder / "results/samples/model1").glob("epoch_002.npz")
    shutil.copy(samples, shell.folder / "samples.npz")
    assert "| fid_infinite |" in run("hotcold score")
    (shell.folder / "samples.npz").unlink()
    assert "dvc repro sample@MODEL" in run("python -m stages.sample")

    # Configuration.
    ran = run("dvc exp run -S +models.model1.training.epochs=10")
    assert "Running stage 'train@model1'" in ran
    assert "Running stage 'train@model3'" not in ran
    assert "Running stage 'download'" not in ran
    assert "models.model1.training.epochs" in run("dvc params diff")
    assert "model1.validation_loss" in shell.run("dvc metrics diff")
    assert "index.html" in run("dvc plots show")
    shell.run("git checkout -q . && dvc checkout -q")
    earlier = names(shell)
    assert "Running stage 'train@blur'" in run("dvc exp run --temp")
    (with_blur,) = set(names(shell)) - set(earlier)

    # Experiments.
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
    ran = run("dvc repro --pull")
    assert "Running stage" not in ran
    assert "up to date" in ran
    shell.run(f"dvc exp pull origin {with_blur}")
    assert names(shell) == [with_blur]

    # Several GPUs and machines.
    new_rate(shell, "0.003")
    ran = run("TORCHRUN=")
    assert "Running stage 'train@model1'" in ran
    assert ranks(shell) == 2
    assert "up to date" in shell.run("dvc status train@model1")  # for one rank, too
    new_rate(shell, "0.004")
    shutil.copy(shell.folder / "params.yaml", shell.folder.parent / "mine/params.yaml")
    address = {"first": "127.0.0.1"}
    commands = [after("TORCHRUN=", **address).replace("node=4", "node=1") for _ in range(2)]
    first = shell.start(commands[0])
    mine = Shell(shell.folder.parent / "mine", shell.environment)
    mine.run(commands[1])
    assert "Running stage 'train@model1'" in shell.end(first)
    assert ranks(shell) == 2

    # Extending: the same code gives the same results.
    for folder in ("before", "after"):
        assert "Running stage 'report'" in run(f"hotcold copy-project scratch/{folder}")
    compare, commit = after("diff -r --exclude times").split(" && ")
    shell.run(compare)
    assert commit == "dvc commit --force"  # which made the results of the hub
    assert left == []

    # Commands in the text.
    new_rate(shell, "0.005")
    assert "Running stage 'train@model1'" in shell.run("sbatch tools/train.sbatch model1")
    assert ranks(shell) == 2
    assert "is up to date" in shell.run("sbatch tools/train.sbatch model1")
    shell.run("git checkout -q . && dvc checkout -q --allow-missing")
    shell.run("dvc exp push origin --rev HEAD")
