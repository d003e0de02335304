"""Shards that were changed behind the run's back, with their sizes left as they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from pipelines.shard_notes import notes_path
from tests.faults.injected import flip
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import small_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "finished"
    small_run(out)
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out", copy_function=shutil.copy2))


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_a_bit_of_a_shard(out: Path, finished: Path, suffix: str) -> None:
    path = sorted((out / "shards" / "text").glob(f"*{suffix}"))[1]
    path.write_bytes(flip(path.read_bytes(), Random(suffix)))
    assert "write text" in small_run(out).passes
    assert differences(out, contents(finished)) == []
    assert small_run(out).passes == {}


@pytest.mark.parametrize("notes", [None, b"", b"[]", b"\xff", b'{"train-000000.tar": [1, 2, "x"]}'])
def test_without_notes_shards_are_read_and_noted_again(out: Path, finished: Path, notes: bytes | None) -> None:
    path = notes_path(out / "shards" / "text")
    sound = path.read_bytes()
    path.unlink() if notes is None else path.write_bytes(notes)
    assert small_run(out).passes == {}
    assert path.read_bytes() == sound
    assert differences(out, contents(finished)) == []


def test_shards_that_were_copied_are_noted_anew(out: Path, finished: Path) -> None:
    for path in (out / "shards" / "text").iterdir():
        os.utime(path, ns=(1, 1))
    assert small_run(out).passes == {}
    assert notes_path(out / "shards" / "text").read_text().count(" 1,") == len(list((out / "shards" / "text").iterdir())) - 1
    assert differences(out, contents(finished)) == []
