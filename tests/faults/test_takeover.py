"""A driver that was suspended until another took its out folder over, and then goes on, changes nothing any more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pipelines.lease import Lease
from tests.faults.kills import end
from tests.faults.outfolder import contents, differences
from tests.faults.test_drivers import start
from tests.pipelines.runs import small_run


def test_a_driver_that_slept_through_a_takeover_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """It holds its lease as from another machine, where nobody sees that its process still is."""
    small_run(tmp_path / "sound")
    sound = contents(tmp_path / "sound")
    monkeypatch.setattr(Lease.__init__, "__defaults__", (1.0,))
    out = tmp_path / "out"
    first = start(out, "elsewhere")
    try:
        os.kill(first.pid, signal.SIGSTOP)
        small_run(out)
        assert differences(out, sound) == []
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
        os.kill(first.pid, signal.SIGCONT)
        _, said = first.communicate(timeout=120)
        assert first.returncode == 6, said
        assert "another run took this out folder over" in said
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before
        assert differences(out, sound) == []
    finally:
        end(first)  # type: ignore[arg-type]
