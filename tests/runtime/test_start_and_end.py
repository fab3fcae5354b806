"""How a command starts, shows its progress and ends."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from hotcold.runs import progress
from hotcold.runtime import errors


def out_of_memory() -> None:
    raise MemoryError


@pytest.mark.parametrize("work", [lambda: torch.empty(2**60), out_of_memory])
def test_lack_of_memory_ends_a_command_with_a_sentence(work: object) -> None:
    with pytest.raises(SystemExit) as end:
        errors.run(work)
    assert str(end.value).startswith("error: not enough memory (")
    assert str(end.value).endswith("use smaller batches, a smaller network or fewer images")


def test_other_errors_of_pytorch_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="must match the size"):
        errors.run(lambda: torch.zeros(2) + torch.zeros(3))


def test_text_of_others_is_shown_in_one_line() -> None:
    assert errors.bounded("a\nb  c é") == "a b c é"
    assert errors.bounded("x" * 10**4) == "x" * errors.LONGEST + "..."


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of the GNU C library")
@pytest.mark.parametrize("package", ["stages", "tools"])
def test_freed_memory_is_used_again_without_new_pages(package: str) -> None:
    program = f"""
import resource
import {package}

faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(2**26)  # is freed at once
before = faults()
for _ in range(10):
    bytearray(2**26)
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    pages_of_one_block = 2**26 / 4096
    assert int(done.stdout) < pages_of_one_block, done.stderr


def test_a_second_signal_does_not_interrupt_the_end() -> None:
    program = """
import os, signal, sys, time
from hotcold.runtime.startup import end_at_signals

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
end_at_signals(sys.exit)
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
finally:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
    print("kept")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    found = (done.returncode, done.stdout, done.stderr)
    assert found == (128 + signal.SIGTERM, "kept\n", "\nstopped by SIGTERM\n")


def test_progress_is_printed_as_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("train", 100) as bar:
        for _ in range(50):
            now[0] += 1
            bar.advance()
        bar.note("half done")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 21 of 100, 01:19 left"
    assert lines[1:] == ["train: 42 of 100, 00:58 left", "half done"]
