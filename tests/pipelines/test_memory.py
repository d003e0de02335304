"""Memory: mapped chunks hold their rows after their pages are let go, and zygotes end when they are closed."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.exchange import Mapped, write_chunks
from pipelines.lease import Lease
from pipelines.memory import forget_code, give_back
from pipelines.zygote import forked, spawned


def test_rows_come_back_after_their_pages_are_let_go(tmp_path: Path) -> None:
    texts = [str(n) * 1000 for n in range(1000)]
    chunk = pa.RecordBatch.from_pydict({"text": texts})
    with Lease(str(tmp_path)) as lease:
        pointers = write_chunks(lease.store, "x.arrow", {0: chunk, 7: chunk.slice(3, 2)}, chunk.schema)
        mapped = Mapped(lease.store, pointers.values())
        for _ in range(2):
            assert [batch.column("text").to_pylist() for batch in mapped.batches] == [texts, texts[3:5]]
            mapped.forget()


def test_a_process_goes_on_without_what_it_gave_back() -> None:
    table = pa.table({"n": list(range(100_000))})
    give_back()
    forget_code("lib")
    assert table.column("n").to_pylist()[-1] == 99_999


def test_a_zygote_without_work_ends_when_it_is_closed(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        zygote = spawned(log.fileno())
        zygote.close()
    assert zygote.wait() == 0


def test_a_process_with_threads_is_not_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert forked() is None
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(threading.active_count() > 1, reason="other tests left threads")
def test_a_forked_zygote_ends_when_it_is_closed() -> None:
    zygote = forked()
    if zygote is None:
        pytest.skip("not where a fork is safe")
    zygote.close()
    assert zygote.wait() == 0
