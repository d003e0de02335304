"""A driver that was suspended until another took its out folder over, and then goes on, changes nothing any more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from core.errors import LeaseError
from pipelines import ending
from pipelines.lease import Lease
from pipelines.store import lease_path
from sharding.index import read_index, write_index
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


def taken_over(out: Path) -> None:
    """What a newer run leaves first."""
    newest = max(int(path.stem) for path in (out / "lease").glob("*.json"))
    lease_path(str(out), newest + 1).write_text("{}")


def test_it_deletes_no_index_of_the_newer_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspended while it looked at the shards, which it thinks are of another recipe."""
    out = tmp_path / "out"
    small_run(out)
    before = {path: path.stat().st_mtime_ns for path in (out / "shards").rglob("*")}

    def look(*_: object) -> None:
        taken_over(out)

    monkeypatch.setattr(ending, "whole_index", look)
    with pytest.raises(LeaseError, match="took this out folder over"):
        small_run(out)
    assert {path: path.stat().st_mtime_ns for path in (out / "shards").rglob("*")} == before


def test_it_deletes_no_shards_of_the_newer_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspended between its index and the removal of what that does not list."""
    out = tmp_path / "out"
    small_run(out)
    folder = out / "shards" / "text"
    index = read_index(folder)
    with Lease(str(out)) as lease:
        commit = type(lease.store).commit

        def slow(self: object, *files: Path) -> None:
            commit(lease.store, *files)
            (folder / "train-000099.tar").write_bytes(b"newer")
            taken_over(out)

        monkeypatch.setattr(type(lease.store), "commit", slow)
        with pytest.raises(LeaseError):
            write_index(folder, index, lease.store)
    assert (folder / "train-000099.tar").read_bytes() == b"newer"
