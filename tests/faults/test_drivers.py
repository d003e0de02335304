"""Two drivers on one out folder: the second waits outside, and one that was taken over changes nothing any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import LeaseError
from pipelines import lease as leases
from pipelines.lease import Lease
from pipelines.run import RunOptions, run
from pipelines.store import lease_path
from tests.faults.kills import end
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import recipe, small_run

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import platform, sys
if len(sys.argv) > 2:
    platform.node = lambda: sys.argv[2]
from pipelines.run import RunOptions, run
from tests.pipelines.runs import recipe
from core.errors import UserError
try:
    run(recipe(), RunOptions(sys.argv[1], workers=1))
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("drivers") / "finished"
    small_run(out)
    return contents(out)


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    """A driver in a session of its own, once it is in the middle of its first pass."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(out), *more], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(out.glob("documents/text/*.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_a_second_driver_is_refused_and_the_first_goes_on(tmp_path: Path, sound: dict[str, str]) -> None:
    out = tmp_path / "out"
    first = start(out)
    try:
        with pytest.raises(LeaseError, match=f"process {first.pid}") as caught:
            run(recipe(), RunOptions(str(out), inline=True))
        assert caught.value.exit_code == 6
        assert first.wait(120) == 0
    finally:
        end(first)  # type: ignore[arg-type]
    assert differences(out, sound) == []


def test_of_drivers_that_start_at_once_one_works(tmp_path: Path, sound: dict[str, str]) -> None:
    """The others end, or find everything done if they come late."""
    out = tmp_path / "out"
    words = [sys.executable, "-c", DRIVER, str(out)]
    drivers = [
        subprocess.Popen(
            words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        ended = [(process.communicate(timeout=120)[1], process.returncode) for process in drivers]
    finally:
        for process in drivers:
            end(process)  # type: ignore[arg-type]
    assert {code for _, code in ended} <= {0, 6}
    assert 0 in {code for _, code in ended}
    assert all("a run is writing here" in said for said, code in ended if code == 6)
    assert differences(out, sound) == []


def holder(out: Path, **other: Any) -> None:
    path = lease_path(str(out), 1)
    path.write_text(json.dumps(json.loads(path.read_text()) | other))


def test_a_living_driver_is_seen_whatever_the_clock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil tells when a process started by a clock that moves when the time is set."""
    with Lease(str(tmp_path)):
        created = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) - 3600)
        assert Lease(str(tmp_path)).alive(1)


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="there are no namespaces here")
def test_a_driver_in_another_container_is_not_taken_for_dead(tmp_path: Path) -> None:
    """Its process has no meaning here, though host and machine are the same: only its beat tells."""
    with Lease(str(tmp_path)) as lease:
        lease._stop.set()
        holder(tmp_path, processes="pid:[1]", pid=2**22 + 1)
        beat = lease_path(str(tmp_path), 1).with_suffix(".beat")
        assert not Lease(str(tmp_path), silence_seconds=0.2).alive(1)
        import threading

        timer = threading.Timer(0.5, lambda: beat.write_text("8"))
        timer.start()
        assert Lease(str(tmp_path), silence_seconds=5.0).alive(1)
        timer.join()


def test_a_process_that_has_the_number_of_a_dead_driver(tmp_path: Path) -> None:
    with Lease(str(tmp_path)):
        holder(tmp_path, process_started=1.0)
        assert not Lease(str(tmp_path)).alive(1)


@pytest.mark.parametrize("damage", [{"pid": None}, {"pid": 10**30}, {"pid": "x"}, {"process_started": []}, {"pid": -1}])
def test_a_holder_that_makes_no_sense_is_dead(tmp_path: Path, damage: dict[str, Any]) -> None:
    with Lease(str(tmp_path)):
        holder(tmp_path, **damage)
        assert not Lease(str(tmp_path)).alive(1)


def test_a_beat_is_no_litter_after_a_takeover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    with Lease(str(tmp_path)) as old:
        path = lease_path(str(tmp_path), 1)
        deadline = time.monotonic() + 10
        while not path.with_suffix(".beat").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        holder(tmp_path, released=True)
        (tmp_path / "lease" / "00000001.abc.draft").touch()  # of one who was killed while it took the lease
        with Lease(str(tmp_path)) as new:
            assert new.generation == old.generation + 1
            time.sleep(0.2)
            assert sorted(p.name for p in (tmp_path / "lease").iterdir() if p.suffix != ".beat") == ["00000002.json"]
            assert not path.with_suffix(".beat").exists()
