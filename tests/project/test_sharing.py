"""Results are shared through S3 or the committed remote, and a clone computes nothing."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from conftest import ROOT, TINY
from moto.server import ThreadedMotoServer

from tools.copy_project import copy_project

Dvc = Callable[..., str]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
DOWNLOADED = {"data/mnist_idx", "data/inception"}


def outputs() -> Iterator[tuple[str, bool]]:
    """Every output of the workflow, and whether git holds it."""
    for entry in STAGES.values():
        stage = entry.get("do", entry)
        for out in stage["outs"] + stage.get("metrics", []) + stage.get("plots", []):
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            for model in TINY["models"] if "do" in entry else [""]:
                yield path.replace("${key}", model), "cache" in options


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def digests(folder: Path, in_git: bool | None = None) -> dict[str, str]:
    """path -> MD5 of every file in the outputs: in all, or in those that git holds or does not."""
    found = {}
    for output, held in outputs():
        if in_git not in (None, held):
            continue
        path = folder / output
        for file in [path] if path.is_file() else path.rglob("*"):
            name = str(file.relative_to(folder))
            found[name] = hashlib.md5(file.read_bytes()).hexdigest()  # noqa: S324
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an output of every stage, as after a run."""
    folder = tmp_path / "project"
    copy_project(folder, TINY)
    for output, _ in outputs():
        path = folder / output
        if not path.suffix:
            path /= "file.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"what {output} holds\n")
    dvc(folder, "commit", "--force")
    return folder


@pytest.fixture
def remote(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Callable[[Path], None], Callable[[], set[str]]]]:
    """A function that adds the remote to a project, and one that gives the MD5 of its content."""

    def named(path: str) -> str:
        return re.sub(r".*files/md5/(..)/", r"\1", path).removesuffix(".dir")

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "anybody")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    client.create_bucket(Bucket="hotcold")

    def add(project: Path) -> None:
        dvc(project, "remote", "add", "--default", "store", "s3://hotcold/results")
        dvc(project, "remote", "modify", "store", "endpointurl", address)

    def held() -> set[str]:
        listed = client.list_objects_v2(Bucket="hotcold")["Contents"]
        return {named(item["Key"]) for item in listed}

    yield add, held
    server.stop()


@pytest.mark.slow
def test_a_colleague_gets_the_results_and_computes_nothing(
    project: Path, tmp_path: Path, remote: tuple[Callable[[Path], None], Callable[[], set[str]]]
) -> None:
    add, held = remote
    add(project)
    dvc(project, "push")
    results = digests(project)
    in_git = set(digests(project, in_git=True))
    public = {name for name in results if str(Path(name).parent) in DOWNLOADED}
    pushed = {name for name in results if results[name] in held()}
    assert pushed == set(results) - in_git - public

    clone = tmp_path / "clone"  # what git would bring
    others = ("media", "report.html")
    hidden = shutil.ignore_patterns("results", "mnist_idx", "inception", "cache", "tmp", *others)
    shutil.copytree(project, clone, ignore=hidden)
    dvc(clone, "pull", "--allow-missing")
    assert digests(clone) == {k: v for k, v in results.items() if k not in public}
    output = dvc(clone, "repro", "--pull", "--allow-missing")
    assert "Running stage" not in output
    assert "up to date" in output

    # Who then works on, downloads what is public; only what a change touches is computed.
    for name in public:
        (clone / name).parent.mkdir()
        shutil.copy(project / name, clone / name)
    params = clone / "params.yaml"
    params.write_text(params.read_text().replace("dropout: 0.15", "dropout: 0.2"))
    planned = set(re.findall("Running stage '(.*)'", dvc(clone, "repro", "--dry")))
    assert "train@model4" in planned
    assert not any("model2" in stage or "classifier" in stage for stage in planned)


def test_flipped_byte_in_the_committed_remote_is_not_restored(
    project: Path, tmp_path: Path
) -> None:
    dvc(project, "push")
    file = "results/models/model2/file.txt"
    name = digests(project)[file]
    path = project / f"data/pretrained/files/md5/{name[:2]}/{name[2:]}"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    hidden = shutil.ignore_patterns("results", "mnist_idx", "inception", "cache", "tmp")
    shutil.copytree(project, tmp_path / "clone", ignore=hidden)
    dvc(tmp_path / "clone", "pull", "--allow-missing")
    assert not (tmp_path / "clone" / file).exists()
    assert (tmp_path / "clone" / file.replace("model2", "model4")).exists()
    assert "results/models/model2" in dvc(tmp_path / "clone", "status")


def test_every_committed_object_has_the_hash_that_is_its_name() -> None:
    objects = [p for p in (ROOT / "data/pretrained/files/md5").rglob("*") if p.is_file()]
    assert objects
    for path in objects:
        name = path.parent.name + path.name.removesuffix(".dir")
        assert hashlib.md5(path.read_bytes()).hexdigest() == name, path  # noqa: S324
