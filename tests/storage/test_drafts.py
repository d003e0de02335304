"""Drafts of what goes to an object store: those of killed processes are removed, those of neighbours stay."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import remote_cache
from core.errors import StorageError
from core.files import storage_errors
from core.remote_cache import new_draft

_DRAFTS = """
import os, sys, time
from core.remote_cache import new_draft
new_draft("a.parquet").write_bytes(b"draft")
if len(sys.argv) > 1 and os.fork() == 0:  # a worker of its own
    new_draft("b.parquet").write_bytes(b"draft")
    os.kill(os.getppid(), 9)
print("there", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEB2SHARDS_CACHE", str(tmp_path))
    monkeypatch.setattr(remote_cache, "_drafts", None)
    return tmp_path


def drafting(*words: str) -> subprocess.Popen[bytes]:
    """A process that has drafted a file and lives."""
    process = subprocess.Popen([sys.executable, "-c", _DRAFTS, *words], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    return process


def drafts(cache: Path) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (cache / "drafts").glob("*/*"))


def test_drafts_of_killed_processes_are_removed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, neighbour = drafting(), drafting()
    try:
        dead.kill()
        dead.wait()
        assert drafts(cache) == ["a.parquet", "a.parquet"]
        new_draft("mine").write_bytes(b"")
        assert drafts(cache) == ["a.parquet", "mine"]
        neighbour.kill()
        neighbour.wait()
        assert drafts(cache) == ["a.parquet", "mine"]  # it is not looked at again
        monkeypatch.setattr(remote_cache, "_drafts", None)  # as another process would
        new_draft("other").write_bytes(b"")
        assert drafts(cache) == ["mine", "other"]
        assert len(list((cache / "drafts").glob("*.lock"))) == 2
    finally:
        for process in (dead, neighbour):
            process.kill()
            process.wait()


def test_a_fork_has_drafts_of_its_own(cache: Path) -> None:
    parent = drafting("fork")
    try:
        assert parent.wait(30) == -signal.SIGKILL
        new_draft("mine").write_bytes(b"")
        assert "b.parquet" in drafts(cache)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


def test_a_cache_that_was_removed_is_made_anew(cache: Path) -> None:
    new_draft("one").write_bytes(b"")
    shutil.rmtree(cache / "drafts")
    new_draft("two").write_bytes(b"")
    assert drafts(cache) == ["two"]
    assert len(list((cache / "drafts").glob("*.lock"))) == 1


def test_many_at_once(cache: Path) -> None:
    made: list[Path] = []

    def draft() -> None:
        path = new_draft("x")
        path.write_bytes(b"")
        made.append(path)

    threads = [threading.Thread(target=draft) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*made}) == 20
    assert all(path.exists() for path in made)


def test_a_full_disk_is_told_as_that_of_the_draft() -> None:
    with pytest.raises(StorageError, match="the disk is full on which its draft lies") as caught, storage_errors("s3://b/x"):
        raise OSError(28, "No space left on device")
    assert "WEB2SHARDS_CACHE" in caught.value.mend
