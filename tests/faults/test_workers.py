"""Workers that die for no fault of what they hold, and what they leave."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import ScorerError
from dedup.minhash import MinHash
from pipelines.clustering import cluster_signatures
from pipelines.compilation import compile_plan
from pipelines.context import Context
from pipelines.isolate import die_with
from pipelines.notes import NoteBook, new_note, read_note
from pipelines.pool import Pool, Suspect, Task, unreadable
from pipelines.run_options import RunOptions
from pipelines.store import Store
from pipelines.zygote import spawned
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import column, recipe, small_run


def reading(offset: int, why: str = "killed by SIGKILL") -> Suspect:
    return Suspect("", 0, 0, offset, why)


def test_one_death_may_be_an_accident() -> None:
    assert unreadable([reading(7), reading(9), reading(-1), reading(-1), Suspect("text", 7, 9, -1, "died")]) == frozenset()
    assert unreadable([reading(7), reading(9), reading(7)]) == {7}
    assert unreadable([reading(7, "stuck for 300 s")]) == {7}


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_worker_killed_while_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int) -> None:
    """Once costs nothing; twice at one record costs that record, which says so."""
    small_run(tmp_path / "sound")
    killed: dict[int, int] = {}
    watch = Pool._watch

    def killing(self: Pool) -> None:
        for worker in self._team:
            note = read_note(worker.note)
            if worker.task and worker.pid not in killed and len(killed) < deaths and note and note.offset >= 0:
                os.kill(worker.pid, signal.SIGSTOP)  # so that what it holds stays what it is
                held = read_note(worker.note)
                if held is not None and held.offset >= 0 and held.offset in (*killed.values(), *([] if killed else [held.offset])):
                    killed[worker.pid] = held.offset
                    os.kill(worker.pid, signal.SIGKILL)
                os.kill(worker.pid, signal.SIGCONT)
        watch(self)

    monkeypatch.setattr(Pool, "_watch", killing)
    monkeypatch.setattr("pipelines.pool._WATCH_SECONDS", 0.0005)
    out = tmp_path / "out"
    small_run(out, inline=False, workers=1)
    if deaths == 1:
        assert len(killed) == 1
        assert differences(out, contents(tmp_path / "sound")) == []
    elif len(killed) == 2:  # it takes luck to meet the same record again
        assert column(out, "record", "reason").count("error:ingest") == 1


@pytest.mark.parametrize("ready", [False, True])
def test_the_process_that_starts_workers_is_killed_before_it_starts_one(tmp_path: Path, ready: bool) -> None:
    """A broken pipe would be taken for that of an output that nobody reads, and end the command without a word."""
    setup = Context(Store(str(tmp_path), 1), compile_plan(recipe())).to_setup()
    with open(tmp_path / "log", "wb") as log:
        zygote = spawned(log.fileno())
    if not ready:
        os.kill(zygote.pid, signal.SIGKILL)
        zygote.wait()
    pool = Pool(1, setup, folder=tmp_path, zygote=zygote)
    try:
        if ready:
            pool._wait_ready()
            os.kill(zygote.pid, signal.SIGKILL)
            zygote.wait()
        with pytest.raises(ScorerError, match=r"the parent of all workers was killed \(SIGKILL\).* memory ran out") as caught:
            list(pool.run([Task("map", {})]))
        assert ("before it started one" if not ready else "and its workers with it") in caught.value.message
        assert "run the same command again" in caught.value.mend
        assert "fewer --workers" in caught.value.mend
    finally:
        pool.close()


def test_the_process_that_starts_workers_ends_otherwise(tmp_path: Path) -> None:
    setup = Context(Store(str(tmp_path), 1), compile_plan(recipe())).to_setup()
    with open(tmp_path / "log", "wb") as log:
        zygote = spawned(log.fileno())
    os.kill(zygote.pid, signal.SIGTERM)
    zygote.wait()
    pool = Pool(1, setup, folder=tmp_path, zygote=zygote)
    try:
        with pytest.raises(ScorerError, match=r"the parent of all workers ended \(killed by SIGTERM\)") as caught:
            list(pool.run([Task("map", {})]))
        assert "web2shards doctor" in caught.value.mend
    finally:
        pool.close()


def test_a_note_outlives_its_writer_and_has_no_name() -> None:
    note = new_note()
    assert read_note(note) is None
    pid = os.fork()
    if pid == 0:
        book = NoteBook(os.dup(note))
        book.begin()
        book.scoring("gopher", 3, 9)
        os._exit(0)
    os.waitpid(pid, 0)
    told = read_note(note)
    assert told is not None
    assert (told.layer, told.start, told.stop, told.offset) == ("gopher", 3, 9, -1)
    os.close(note)
    assert read_note(note) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells a process of its parent's death")
def test_a_child_ends_with_its_parent() -> None:
    read_end, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        me = os.getpid()
        child = os.fork()
        if child == 0:
            die_with(me)
            os.write(write_end, str(os.getpid()).encode())
            time.sleep(600)
        time.sleep(600)
    child = int(os.read(read_end, 100))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    os.close(read_end)
    os.close(write_end)


def test_a_task_that_takes_too_much_memory_is_not_tried_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is said is what helps."""
    monkeypatch.setattr("pipelines.pool._WATCH_SECONDS", 0.005)
    table = pa.table({"signature": np.random.default_rng(1).integers(0, 2**32, (60_000, 108), dtype=np.uint32).tolist()})
    pq.write_table(table, tmp_path / "s.parquet")
    options = RunOptions(str(tmp_path / "out"), workers=1, memory_bytes=1_000_000)
    with pytest.raises(ScorerError, match=r"its worker died 3 times \(used more than") as caught:
        cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), options)
    assert "--worker-memory" in caught.value.mend
