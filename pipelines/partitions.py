"""Partitions of what is matched by a hash: as much in each as a task can hold, and groups of them that a task goes through.

What travels grows with senders × groups, and what a task holds with a partition: so the number of groups is bounded, and
that of partitions is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
#: Groups of partitions; a partition is a group of its own where there are no more.
MOST_GROUPS = 4096
#: Pointers of an exchange: the DirectRunner holds them in the driver, at a kilobyte each. More where that is needed to give
#: every worker some groups.
MOST_POINTERS, GROUPS_A_WORKER = 1 << 19, 4


def power(amount: int, each: int) -> int:
    """The power of two that leaves at most `each` for one."""
    return 1 << (max(0, amount - 1) // each).bit_length()


def most_groups(senders: int, workers: int) -> int:
    """How many groups so many senders may send to, a power of two."""
    wanted = max(MOST_POINTERS // max(1, senders), GROUPS_A_WORKER * workers, 1)
    return min(MOST_GROUPS, 1 << (wanted.bit_length() - 1))


def partition_of(keys: U64, partitions: int) -> I64:
    """Partition by the top bits of the key; `partitions` is a power of two."""
    bits = partitions.bit_length() - 1
    return (keys >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(keys), np.int64)


def chunks_by(batch: pa.RecordBatch, partition: I64, together: int = 1) -> dict[int, pa.RecordBatch]:
    """The rows of a batch by partition, in their order; only partitions that have some. `together` partitions that follow
    one another, from a multiple of it on, are one chunk."""
    if len(batch) == 0:
        return {}
    counts = np.bincount(partition)
    found = np.flatnonzero(counts)
    if len(found) > 1:
        narrow = partition.astype(np.uint16) if len(counts) <= 1 << 16 else partition  # sorted by radix
        batch = batch.take(pa.array(np.argsort(narrow, kind="stable")))
    groups, first = np.unique(found // together, return_index=True)
    ends = np.cumsum(counts[found])
    bounds = [*(ends[first] - counts[found[first]]).tolist(), len(batch)]
    return {int(g): batch.slice(bounds[i], bounds[i + 1] - bounds[i]) for i, g in enumerate(groups)}


def in_partitions(
    batches: Sequence[pa.RecordBatch], column: str, partitions: int, groups: int, group: int
) -> Iterator[list[pa.RecordBatch]]:  # fmt: skip
    """The chunks of a group, whose rows are in the order of `partition_of` their `column`, as those of each partition."""
    together = partitions // groups
    if together == 1:
        yield list(batches)
        return
    wanted = np.arange(group * together, (group + 1) * together + 1)
    bounds = [np.searchsorted(partition_of(batch.column(column).to_numpy(), partitions), wanted).tolist() for batch in batches]
    for i in range(together):
        pieces = [batch.slice(at[i], at[i + 1] - at[i]) for batch, at in zip(batches, bounds, strict=True) if at[i + 1] > at[i]]
        if pieces:
            yield pieces
