"""A disk that fills up in the middle of each pass: told by name, what is finished is kept, and the same bytes afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import StorageError
from pipelines import reporting
from pipelines.progress import Silent
from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions, run
from tests.faults.injected import small_disk
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import EXAMPLES, small_run

RECIPE = f"""
name: full
input: {{warcs: [{EXAMPLES}/web.warc.gz], part: 300kB}}
documents:
  score:
    - text
    - language
    - exact
    - minhash
  keep:
    - text.characters >= 200
    - duplicates.kept
output:
  text: {{from: documents, samples: 50, validation: 0.2}}
"""
#: Bytes that are left when a pass begins: none, then what its first layers, keys, results, statistics or chunks fill.
PASSES = {
    "extract and score": (0, 160 << 10),
    "find duplicates": (0, 48 << 10, 160 << 10),
    "decide fates": (0, 8 << 10),
    "write text": (0, 8 << 10, 640 << 10),
    "report": (0, 160 << 10),
}


def made() -> Recipe:
    return load_recipe(RECIPE)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("disk") / "finished"
    small_run(out, made())
    return contents(out)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, where one may be mounted."""
    with small_disk(tmp_path / "disk", "64m") as folder:
        yield folder


def fill(folder: Path, room: int) -> Path:
    """Takes all but `room` bytes of a file system; returns what takes them."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    descriptor = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    os.posix_fallocate(descriptor, 0, max(1, free.f_bavail * free.f_bsize - room))
    os.close(descriptor)
    return ballast


@pytest.mark.parametrize("wanted", PASSES)
def test_full_in_the_middle_of_a_pass(disk: Path, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    write_report = reporting.write_report
    room = 0

    class Filling(Silent):
        def started(self, name: str, parts: int, bytes: int) -> None:
            if name == wanted:
                fill(disk, room)

    def filling_at_last(*args: Any) -> Any:
        if wanted == "report":
            fill(disk, room)
        return write_report(*args)

    for room in PASSES[wanted]:
        out = disk / f"out-{room}"
        with monkeypatch.context() as patched:
            patched.setattr(reporting, "write_report", filling_at_last)
            with pytest.raises(StorageError, match="the disk is full") as caught:
                run(made(), RunOptions(str(out), inline=True), Filling())
        assert caught.value.exit_code == 4
        assert str(out) in caught.value.message
        assert "free space" in caught.value.mend
        (disk / "ballast").unlink()
        again = small_run(out, made())
        assert differences(out, sound) == []
        if room == 0:  # what was finished before the pass is not done again
            assert not again.passes.keys() & {*list(PASSES)[: list(PASSES).index(wanted)]}
