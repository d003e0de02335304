"""Samples and outputs for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="session")
def make_samples() -> Callable[..., pa.RecordBatch]:
    return _make_samples


@pytest.fixture(scope="session")
def write_output() -> Callable[..., Index]:
    return _write_output
