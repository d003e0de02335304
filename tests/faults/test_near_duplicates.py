"""Faults while near-duplicates are found: exchange files of every step, signatures that rot, stars cut short."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest

from core.errors import StorageError
from pipelines.pool import Task
from pipelines.tasks import Inline
from tests.faults.injected import damage_exchange, flip
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import small_run
from tests.pipelines.test_duplicates import near, texts, write_table

STEPS = ("keys", "bands", "pairs", "asked", "signatures", "shingles", "verified", "settled", "members", "results")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = texts(families=18)
    rows += [f"{' '.join(rows)} {word}" for word in ("one", "another")]  # so alike that their signatures settle it
    return write_table(tmp_path_factory.mktemp("table") / "texts.jsonl", rows)


@pytest.fixture(scope="module")
def sound(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("near") / "finished"
    small_run(out, near(table, part="20kB"))
    return contents(out)


@pytest.mark.parametrize("what", STEPS)
def test_an_exchange_file_damaged_in_the_middle(
    table: Path, tmp_path: Path, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:  # fmt: skip
    hurt = damage_exchange(monkeypatch, f"-{what}", seed=what)
    out = tmp_path / "out"
    with pytest.raises(StorageError, match="the exchange file is damaged") as caught:
        small_run(out, near(table, part="20kB"))
    assert caught.value.mend == "run the same command again"
    assert hurt
    small_run(out, near(table, part="20kB"))
    assert differences(out, sound) == []


def test_signatures_that_rot_are_made_again(table: Path, tmp_path: Path) -> None:
    """With size and time as they were: found when another threshold reads them, by their page checksums."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    lower = near(table, part="20kB", settings="{threshold: 0.6}")
    small_run(fresh, lower)
    small_run(out, near(table, part="20kB"))
    path = sorted((out / "documents" / "minhash").glob("*.parquet"))[1]
    stat, data = path.stat(), path.read_bytes()
    group = pq.read_metadata(path).row_group(0)
    column = next(group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == "signature")
    end = column.data_page_offset + column.total_compressed_size
    path.write_bytes(flip(data[:end], Random(1), end - column.total_compressed_size // 2) + data[end:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    small_run(out, lower)
    assert path.read_bytes() == data
    assert differences(out, contents(fresh)) == []


@pytest.mark.parametrize("kind", ["match_keys", "verify_pairs", "small_star", "elect", "write_election"])
def test_a_driver_that_ends_in_a_step(
    table: Path, tmp_path: Path, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:  # fmt: skip
    """As if killed when some of the step's tasks were done; stars as for a graph too large for one process."""
    monkeypatch.setattr("pipelines.deduplication.ROWS_IN_ONE_PROCESS", 0)
    monkeypatch.setattr("pipelines.deduplication.PARTITION_KEYS", 100)
    run_tasks = Inline.run
    done: list[str] = []
    most = 1 if kind == "elect" else 2

    class Killed(BaseException):
        pass

    def killing(self: Inline, tasks: list[Task]) -> object:
        for pair in run_tasks(self, tasks):
            done.append(pair[0].kind)
            if done.count(kind) == most:
                raise Killed
            yield pair

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Inline, "run", killing)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - the runner wraps it
            small_run(out, near(table, part="20kB"))
    assert done.count(kind) == most
    small_run(out, near(table, part="20kB"))
    assert differences(out, sound) == []
