"""Partitions in groups: each row in the partition that its key says, however chunks were cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import partitions as module
from pipelines.deduplication import pair_partitions
from pipelines.partitions import chunks_by, groups_of, in_partitions, partition_of, power


def batch_of(keys: np.ndarray) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"key": pa.array(keys, pa.uint64()), "row": pa.array(np.arange(len(keys)))})


@settings(max_examples=60, deadline=None)
@given(
    senders=st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=40), min_size=1, max_size=4), bits=st.integers(0, 7),
    most=st.sampled_from([1, 2, 8, 4096]),
)  # fmt: skip
def test_every_row_comes_to_its_partition(senders: list[list[int]], bits: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_GROUPS", most)
        partitions = 1 << bits
        groups = groups_of(partitions)
        assert groups <= most
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
            for pieces in in_partitions(chunks, "key", partitions, group):
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
    ("rows", "pairs", "keys"), [(1000, 1, 1), (10_000_000, 256, 128), (3_000_000_000, 4096, 32768), (30_000_000_000, 32768, 262144)]
)
def test_how_many_partitions(rows: int, pairs: int, keys: int) -> None:
    assert pair_partitions(rows) == pairs
    assert power(rows * 15, 2_000_000) == keys
    assert groups_of(keys) == min(keys, 4096)
