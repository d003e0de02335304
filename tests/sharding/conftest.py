"""Samples and outputs for the tests of this room."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest

from sharding.features import features_of
from sharding.index import Index, make_index, write_index
from sharding.order import samples_of
from sharding.shard import TEXT, ShardInfo, ShardWriter


def _make_samples(n: int, start: int = 0) -> pa.RecordBatch:
    """n samples in order: key, text, and metadata of most types, with nulls."""
    rng = np.random.default_rng(start)
    ids = pa.array([rng.bytes(16) for _ in range(n)], pa.binary(16))
    order = samples_of(ids, None, 1)
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array(order.keys, pa.string()),
            "text": pa.array([f"Text {i} über\nzwei Zeilen " * (1 + i % 5) for i in range(n)], pa.string()),
            "id": ids.take(pa.array(order.rows)),
            "url": pa.array([f"https://h{i % 3}.example/{i}" for i in range(n)], pa.string()),
            "date": pa.array([None if i % 7 == 3 else i * 10**9 for i in range(n)], pa.timestamp("us", "UTC")),
            "language": pa.array(["en" if i % 2 else "de" for i in range(n)], pa.string()),
            "score": pa.array(rng.random(n).astype(np.float32)),
            "mean_length": pa.array([float("nan") if i % 5 == 0 else float(i) for i in range(n)]),
            "words": pa.array([None if i % 9 == 8 else i for i in range(n)], pa.int64()),
        }
    )


def _write_output(
    folder: Path, format: str = "webdataset", train: int = 25, validation: int = 4, each: int = 10
) -> Index:
    """An output of shards of `each` samples; the numbers of samples by split are given."""
    shards: list[ShardInfo] = []
    for split, n, start in (("train", train, 0), ("validation", validation, 1000)):
        samples = _make_samples(n, start)
        for number in range(-(-n // each)):
            with ShardWriter(folder, split, number, format) as shard:
                shard.write(samples.slice(number * each, each))
            shards.append(shard.info)
    index = make_index(
        format, each, 1, shards, features=features_of(_make_samples(1).schema, TEXT), about={"recipe": "test"}
    )
    write_index(folder, index)
    return index


def _write_pairs(folder: Path, samples: int = 65, each: int = 10) -> Index:
    """An output of image–text pairs, the images of one colour each: pixel (i, 2 i, 3 i) for the caption `image i`."""
    order = samples_of(pa.array([i.to_bytes(16, "big") for i in range(samples)], pa.binary(16)), None, 1)
    images: list[bytes] = []
    for i in range(samples):
        out = io.BytesIO()
        PIL.Image.new("RGB", (32, 24), (i, 2 * i, 3 * i)).save(out, "JPEG", quality=95)
        images.append(out.getvalue())
    captions = pa.array([f"image {i}" for i in range(samples)])
    batch = pa.RecordBatch.from_pydict({
        "key": pa.array(order.keys, pa.string()), "text": captions, "image": pa.array(images, pa.large_binary()),
        "url": pa.array([f"https://h.example/{i}.jpg" for i in range(samples)]), "caption": captions,
        "status": pa.array(["success"] * samples), "error_message": pa.nulls(samples, pa.string()),
        "width": pa.array([32] * samples, pa.int32()), "height": pa.array([24] * samples, pa.int32()),
    })  # fmt: skip
    members = {"jpg": "image", "txt": "text"}
    shards: list[ShardInfo] = []
    for number in range(-(-samples // each)):
        with ShardWriter(folder, "train", number, members=members, keyed=True) as shard:
            shard.write(batch.slice(number * each, each))
        shards.append(shard.info)
    index = make_index("webdataset", each, 1, shards, features=features_of(batch.schema, members, True), about={"recipe": "test"})
    write_index(folder, index)
    return index


@pytest.fixture(scope="session")
def write_pairs() -> Callable[..., Index]:
    return _write_pairs


@pytest.fixture(scope="session")
def make_samples() -> Callable[..., pa.RecordBatch]:
    return _make_samples


@pytest.fixture(scope="session")
def write_output() -> Callable[..., Index]:
    return _write_output
