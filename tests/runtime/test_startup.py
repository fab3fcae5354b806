"""The settings that are made before PyTorch is imported."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from conftest import ROOT


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
