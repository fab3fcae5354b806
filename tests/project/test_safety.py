"""The code never executes what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

# ruff's S rules find most of these, unless a comment silences them: here none does.
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "torch.load",
    "yaml.load",
}
MODULES = {"pickle", "marshal", "shelve", "dill", "joblib"}
ALLOWED = {
    ("hotcold/runtime/params.py", "yaml.load"),  # with a loader derived from SafeLoader
    ("hotcold/metrics/inception.py", "pickle"),  # the name of an exception of PyTorch's
}
FOLDERS = ("hotcold", "stages", "tools")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def risks(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in CALLS:
                yield name
            if any(k.arg == "shell" and ast.unparse(k.value) != "False" for k in node.keywords):
                yield "shell"
        elif isinstance(node, ast.Import):
            yield from MODULES & {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            yield from MODULES & {(node.module or "").split(".")[0]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_executes_what_it_reads(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = set(risks(ast.parse(path.read_text())))
    assert found == {risk for file, risk in ALLOWED if file == name}


def test_risks_are_found() -> None:
    code = "import pickle\nfrom dill import x\ntorch.load(p)\nrun(c, shell=True)\neval(s)"
    assert set(risks(ast.parse(code))) == {"pickle", "dill", "torch.load", "shell", "eval"}
