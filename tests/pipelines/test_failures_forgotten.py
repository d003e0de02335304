"""What failed once and was mended is not what a later failure is told as."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core.errors import ClusterError, LostError, StorageError, error_to_json
from pipelines.passes import _cause, _results  # pyright: ignore[reportPrivateUsage]
from tests.pipelines.runs import hashes, recipe, small_run


@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_several_damaged_files_are_all_mended(tmp_path: Path, damaged: int) -> None:
    """Each is found by the task that reads it, one after the other; sound files are left alone."""
    out = tmp_path / "out"
    small_run(out)
    sound = hashes(out)
    for path in sorted((out / "documents" / "text").glob("*.parquet"))[:damaged]:
        data, stat = path.read_bytes(), path.stat()
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed = recipe(settings=("output.text.samples=49",))
    small_run(out, changed)
    small_run(tmp_path / "fresh", changed)
    assert hashes(out) == hashes(tmp_path / "fresh")
    assert hashes(out, "documents") == {name: value for name, value in sound.items() if name.startswith("documents")}


def test_a_run_that_lost_its_workers_is_told_so_whatever_failed_before() -> None:
    results = [error_to_json(StorageError("a file is damaged", "mend it", "/x"))]
    lost = LostError("the workers are gone", "the same command goes on")
    assert _cause(results, lost) is lost
    told = _cause(results, ClusterError("the job failed", ""))
    assert isinstance(told, StorageError)
    assert told.message == "a file is damaged"


def test_a_task_that_an_engine_did_twice_counts_once(tmp_path: Path) -> None:
    def line(digest: str, rows: int) -> str:
        return json.dumps({"rows": rows, "task": {"kind": "map", "bytes": 1, "digest": digest}}) + "\n"

    (tmp_path / "a.jsonl").write_text(line("1", 5) + line("2", 6))
    (tmp_path / "b.jsonl").write_text(line("2", 6) + line("3", 7) + '{"held": []}\n{"held": []}\n')
    assert [result.get("rows") for result in _results(tmp_path)] == [5, 6, 7, None, None]
