from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

memory: Any = importlib.import_module("memory")

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's smaps_rollup")

#: A child that holds 200 MB, and works, while its parent waits.
HOLDS = """
import subprocess, sys
child = "import time; held = b'x' * 200_000_000; until = time.monotonic() + 1.2\\nwhile time.monotonic() < until: sum(range(1000))"
subprocess.run([sys.executable, "-c", child], check=True)
"""


def test_memory_and_time_of_children_count(tmp_path: Path) -> None:
    usage = memory.watch([sys.executable, "-c", HOLDS], cwd=tmp_path, log=tmp_path / "log")
    assert 200 < usage.peak_pss_mb < 300
    assert usage.cpu_seconds > 0.5
    assert usage.wall_seconds > 1.2
    assert max(usage.peak_by_process, key=lambda entry: entry[2])[1] == 1  # the child of what was started


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no such luck"):
        memory.watch([sys.executable, "-c", "raise SystemExit('no such luck')"], cwd=tmp_path, log=tmp_path / "log")
