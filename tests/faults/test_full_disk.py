"""A disk that is full in the middle of a run, and limits on the size of files: told by name, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.injected import small_disk
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import RECIPE, small_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("disk") / "finished"
    small_run(out)
    return contents(out)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, where one may be mounted."""
    with small_disk(tmp_path / "disk", "1m") as folder:
        yield folder


def web2shards(out: Path, recipe: Path, before: str = "") -> tuple[int, str]:
    words = ["run", str(recipe), "--out", str(out)]
    code = f"{before}\nimport sys\nfrom web2shards.cli import main\nsys.argv[1:] = {words}\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def recipe(folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(warcs=f"[{ROOT}/examples/web.warc.gz]"))
    return path


@pytest.mark.parametrize("size", ["8k", "1750k", "64m,nr_inodes=12"])
def test_a_full_disk(disk: Path, tmp_path: Path, sound: dict[str, str], size: str) -> None:
    """Full at the first file and at the results of a pass, or without room for one file more."""
    subprocess.run(["umount", disk], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    code, said = web2shards(disk / "out", recipe(tmp_path))
    assert code == 4, said
    assert f"error: {disk}/out/" in said
    assert "the disk is full" in said
    assert "→ free space" in said
    assert "Traceback" not in said
    subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=100000", disk], check=True)
    small_run(disk / "out")
    assert differences(disk / "out", sound) == []


def test_a_limit_on_the_size_of_files(tmp_path: Path, sound: dict[str, str]) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))"
    code, said = web2shards(tmp_path / "out", recipe(tmp_path), limit)
    assert code == 4, said
    assert "is larger than a file may be here" in said
    assert "ulimit -f" in said
    small_run(tmp_path / "out")
    assert differences(tmp_path / "out", sound) == []
