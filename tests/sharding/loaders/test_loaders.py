"""What trains and searches reads our shards: open_clip's loader and its training, and the reader of clip-retrieval.

They stand in an environment of their own (install.sh): `make test-loaders`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharding.index import Index

HERE = Path(__file__).parent
SAMPLES = 65
pytestmark = pytest.mark.models
WritePairs = Callable[..., Index]


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of the environment."""
    folder = Path(os.environ.get("WEB2SHARDS_LOADERS") or HERE.parents[2] / "build" / "loaders")
    if not (folder / "installed.lock").is_file():
        pytest.skip("no environment with torch: make test-loaders installs it")
    return str(folder / "bin" / "python")


@pytest.fixture
def shards(tmp_path: Path, write_pairs: WritePairs) -> list[Path]:
    write_pairs(tmp_path, SAMPLES)
    index = json.loads((tmp_path / "index.json").read_text())
    sizes = {shard["name"]: shard["samples"] for shard in index["shards"]}
    (tmp_path / "sizes.json").write_text(json.dumps(sizes))  # as docs/loading.md has it
    return [tmp_path / name for name in sizes]


def ran(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=HERE, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr * ("open_clip_train.main" in command)


def is_of(pixel: list[int], caption: str) -> bool:
    """Whether a pixel is that of its caption (write_pairs); JPEG leaves colours a little off."""
    i = int(caption.removeprefix("image "))
    return all(abs(one - wanted) <= 3 for one, wanted in zip(pixel, (i, 2 * i, 3 * i), strict=True))


def urls(shards: list[Path]) -> str:
    return f"{shards[0].parent}/train-{{000000..{len(shards) - 1:06d}}}.tar"


def test_the_loader_of_open_clip_sees_every_pair(python: str, shards: list[Path]) -> None:
    """Two workers; what does not fill a batch is filled with samples of the next round, as open_clip does."""
    seen: list[tuple[Any, str]] = json.loads(ran(python, str(HERE / "read_open_clip.py"), urls(shards), str(SAMPLES)))
    assert {caption for _, caption in seen} == {f"image {i}" for i in range(SAMPLES)}
    assert all(is_of(pixel, caption) for pixel, caption in seen)


def test_open_clip_trains_on_them(python: str, shards: list[Path], tmp_path: Path) -> None:
    """An epoch of a small model by open_clip's command; its losses are numbers."""
    told = ran(
        python, "-m", "open_clip_train.main", "--train-data", urls(shards), "--train-num-samples", str(SAMPLES),
        "--dataset-type", "webdataset", "--model", "ViT-S-16-alt", "--force-image-size", "32", "--batch-size", "13",
        "--epochs", "1", "--workers", "1", "--device", "cpu", "--precision", "fp32", "--logs", str(tmp_path / "logs"),
    )  # fmt: skip
    last = [line for line in told.splitlines() if "Train Epoch: 0" in line][-1]
    assert f"[{SAMPLES}/{SAMPLES} (100%)]" in last
    assert 0 < float(last.partition("Loss: ")[2].split()[0]) < 10


def test_clip_retrieval_reads_each_pair_once(python: str, shards: list[Path]) -> None:
    seen = json.loads(ran(python, str(HERE / "read_clip_retrieval.py"), *map(str, shards)))
    assert Counter(caption for _, caption, _, _ in seen) == Counter(f"image {i}" for i in range(SAMPLES))
    for key, caption, metadata, pixel in seen:
        assert (metadata["key"], metadata["caption"]) == (key, caption)
        assert is_of(pixel, caption)
