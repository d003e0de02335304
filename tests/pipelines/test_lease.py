"""One driver at a time, dead ones taken over, late ones kept from committing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import LeaseError
from pipelines.lease import Lease
from pipelines.store import lease_path


def test_a_second_driver_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with Lease(str(tmp_path)) as lease:
        assert lease.generation == 1
        with pytest.raises(LeaseError, match="a run is writing here"):
            Lease(str(tmp_path)).acquire()
    with Lease(str(tmp_path)) as lease:
        assert lease.generation == 2


def test_a_dead_driver_is_taken_over_and_its_commits_are_refused(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pipelines.lease import Lease; lease = Lease(sys.argv[1]).acquire(); "
        "print(lease.generation, flush=True); os.kill(os.getpid(), 9)"
    )
    dead = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert dead.returncode == -9
    assert dead.stdout == "1\n"
    old = Lease(str(tmp_path))
    old.generation = 1
    with Lease(str(tmp_path)) as lease:
        assert lease.generation == 2
        draft = old.store.temporary("a")
        draft.write_text("late")
        with pytest.raises(LeaseError, match="took this out folder over"):
            old.store.commit(draft, tmp_path / "a")
        lease.store.write_bytes(tmp_path / "a", b"in time")
    assert (tmp_path / "a").read_bytes() == b"in time"


def test_a_dead_driver_that_nobody_waited_for_is_taken_over(tmp_path: Path) -> None:
    """As in a container whose first process does not wait for those that it inherits."""
    script = "import os, sys; from pipelines.lease import Lease; Lease(sys.argv[1]).acquire(); os.kill(os.getpid(), 9)"
    dead = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    with Lease(str(tmp_path)) as lease:
        assert lease.generation == 2
    assert dead.wait() == -9


def test_a_driver_on_another_machine_lives_while_its_beat_changes(tmp_path: Path) -> None:
    with Lease(str(tmp_path)) as lease:
        lease._stop.set()
        path = lease_path(str(tmp_path), 1)
        holder = json.loads(path.read_text()) | {"host": "elsewhere"}
        path.write_text(json.dumps(holder))
        path.with_suffix(".beat").write_text("7")
        assert not Lease(str(tmp_path), silence_seconds=0.2).alive(1)

        import threading

        stop = threading.Event()

        def beat() -> None:
            count = 8
            while not stop.wait(0.05):
                path.with_suffix(".beat").write_text(str(count := count + 1))

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            assert Lease(str(tmp_path), silence_seconds=2.0).alive(1)
        finally:
            stop.set()
            thread.join()


def test_a_lease_on_a_full_disk_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that lives on, as a notebook does: nobody could take it from one that lives."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, Lease(str(tmp_path)):
        patched.setattr("pipelines.lease._replace", full)
    with Lease(str(tmp_path)) as again:
        assert again.generation == 2
