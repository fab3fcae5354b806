"""Projects in which commands run without the network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT

from hotcold.runtime.params import load
from tools.copy_project import write_params

ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "tester",
    "GIT_CONFIG_KEY_1": "user.email",
    "GIT_CONFIG_VALUE_1": "tester@example.org",
}
NO_NETWORK = dict.fromkeys(
    ("http_proxy", "https_proxy", "npm_config_registry"), "http://127.0.0.1:9"
)


def ran(output: str) -> set[str]:
    """The stages that DVC ran."""
    return set(re.findall("Running stage '(.*)'", output))


class Project:
    """A folder in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | ENVIRONMENT | NO_NETWORK | {"PYTHONDONTWRITEBYTECODE": "1"}
        self.environment.pop("MNIST_MIRROR", None)

    def run(self, command: str, succeeds: bool = True) -> str:
        print(f"$ {command}", flush=True)
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    def repro(self, options: str = "") -> set[str]:
        """The stages that ran."""
        return ran(self.run(f"dvc repro {options}"))

    def edit(self, old: str, new: str, file: str = "params.yaml") -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def json(self, path: str) -> dict:
        return json.loads((self.folder / path).read_text())

    def clone(self, target: Path, options: str = "") -> Project:
        self.run(f"git clone -q {options} 'file://{self.folder}' '{target}'")
        return Project(target)

    def set_models(self, models: dict) -> None:
        path = self.folder / "params.yaml"
        write_params(path, load(path) | {"models": models})

    def results(self) -> set[str]:
        files = (self.folder / "results").rglob("*.*")
        return {str(path.relative_to(self.folder)) for path in files}

    def is_clean(self) -> bool:
        return self.run("git status --porcelain") == ""


def small(folder: Path, stages: dict[str, Any], params: str, **files: str) -> Project:
    """A repository of git and DVC with these stages, and with the commands of this project.

    files: of Python, by name.
    """
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    (folder / "params.yaml").write_text(params)
    (folder / ".gitignore").write_text("/scratch/\n/hotcold\n/tools\n")
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
    for name in ("hotcold", "tools"):
        (folder / name).symlink_to(ROOT / name)
    project = Project(folder)
    project.run("git init -q -b main && dvc init -q")
    return project


COMMIT = "git add -A && git commit -q -m start"
