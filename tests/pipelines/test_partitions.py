"""Partitions in groups: each row in the partition that its key says, however chunks were cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.deduplication import pair_partitions
from pipelines.partitions import chunks_by, in_partitions, most_groups, partition_of, power


def batch_of(keys: np.ndarray) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"key": pa.array(keys, pa.uint64()), "row": pa.array(np.arange(len(keys)))})


@settings(max_examples=60, deadline=None)
@given(
    senders=st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=40), min_size=1, max_size=4), bits=st.integers(0, 7),
    most=st.sampled_from([1, 2, 8, 4096]),
)  # fmt: skip
def test_every_row_comes_to_its_partition(senders: list[list[int]], bits: int, most: int) -> None:
    partitions = 1 << bits
    groups = min(partitions, most)
    sent: dict[int, list[pa.RecordBatch]] = {}
    for keys in senders:
        batch = batch_of(np.array(keys, np.uint64))
        partition = partition_of(batch.column("key").to_numpy(), partitions)
        for group, chunk in chunks_by(batch, partition, partitions // groups).items():
            assert len(chunk)
            sent.setdefault(group, []).append(chunk)
    assert all(0 <= group < groups for group in sent)
    found: list[int] = []
    for group, chunks in sent.items():
        for pieces in in_partitions(chunks, "key", partitions, groups, group):
            keys_here = [key for piece in pieces for key in piece.column("key").to_pylist()]
            assert keys_here
            assert len(set(partition_of(np.array(keys_here, np.uint64), partitions).tolist())) == 1
            found += keys_here
    assert sorted(found) == sorted(key for keys in senders for key in keys)


def test_rows_of_a_chunk_stay_in_their_order() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)
    chunks = chunks_by(batch_of(keys), partition_of(keys, 64), 8)
    assert sorted(chunks) == list(range(8))
    for group, chunk in chunks.items():
        partition = partition_of(chunk.column("key").to_numpy(), 64)
        assert (partition // 8 == group).all()
        order = np.lexsort((chunk.column("row").to_numpy(), partition))
        assert (order == np.arange(len(chunk))).all()


@pytest.mark.parametrize(
    ("senders", "workers", "most"),
    [
        (0, 2, 4096), (7, 2, 4096), (153, 2, 2048), (1526, 2, 256), (4096, 2, 128), (4096, 1000, 2048), (4096, 2000, 4096),
        (10**6, 2, 8),
    ],
)
def test_groups_are_as_many_as_pointers_allow_and_workers_need(senders: int, workers: int, most: int) -> None:
    assert most_groups(senders, workers) == most


@pytest.mark.parametrize(
    ("rows", "most", "pairs"),
    [
        (1000, 4096, 1), (10**7, 2048, 256), (10**8, 256, 256), (3 * 10**9, 128, 4096), (3 * 10**9, 4096, 4096),
        (3 * 10**10, 4096, 32768),
    ],
)
def test_how_many_partitions_of_pairs(rows: int, most: int, pairs: int) -> None:
    assert pair_partitions(rows, most) == pairs
    assert power(rows, 2_000_000) * 2_000_000 >= rows
