"""Which record of a cluster of duplicates is kept: edges from equal keys, clusters, and the winner of each.

The order is ours, on content alone: earliest WARC date (no date last), longest text, smallest id, then the place
in the input; so the answer does not depend on how the input was split or listed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.components import connected_components
from core.hashing import ID_TYPE
from core.scorer import column

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.integer]

#: The date of a record that has none: after every other.
NO_DATE = np.iinfo(np.int64).max
#: The date of a record that an earlier run kept: before every other.
EARLIER = np.iinfo(np.int64).min

#: The layer `duplicates`; all null for a record that was not in the election.
DUPLICATES = pa.schema(
    [
        column("cluster", ID_TYPE, "id of the document that is kept of the cluster"),
        column("size", pa.int64(), "documents in the cluster", low=1, high=100),
        column("kept", pa.bool_(), "this document stands for its cluster"),
        column("earlier", pa.bool_(), "the document that is kept is of an earlier run"),
    ]
)


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the order of an election looks at; every array has shape (n,), row i is one record.

    `ids` are the records' ids (binary(16), no nulls), `date` any integer that grows with time (NO_DATE for none,
    EARLIER for what an earlier run kept),
    `length` that of the text, `place` the record's place in the input: the rank of (part name, row), all different.
    """

    ids: pa.Array
    date: I64
    length: I64
    place: I64

    def __post_init__(self) -> None:
        if self.ids.type != ID_TYPE or self.ids.null_count:
            raise ValueError(f"ids: {ID_TYPE} without nulls, not {self.ids.type} with {self.ids.null_count} nulls")
        lengths = {len(self.ids), len(self.date), len(self.length), len(self.place)}
        if len(lengths) > 1:
            raise ValueError(f"columns of one length were expected, not of {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Election:
    """Of each row: `winner` (the row that is kept of its cluster, -1 if not in the election) and `size` (0 then)."""

    winner: I64
    size: I64

    @property
    def kept(self) -> Mask:
        """Whether the row is its cluster's winner; False for rows that were not in the election."""
        return self.winner == np.arange(len(self.winner))


def edges_from_keys(keys: U64, rows: Rows) -> tuple[Rows, Rows]:
    """Joins rows of equal keys: edges (a, b) from the smallest row of each group to each of its others.

    `keys` are 128 bits as uint64 of shape (n, 2), `rows` integers of shape (n,); a row may stand several times.
    The edges come sorted by key and row, whatever the order of the input. Rows without a key are left out
    before (`keys_of`).
    """
    if keys.shape != (len(rows), 2):
        raise ValueError(f"keys of shape ({len(rows)}, 2) were expected, not {keys.shape}")
    # Few keys repeat: a sort by the first word alone finds the rows worth the full sort.
    order = np.argsort(keys[:, 0])
    first = keys[order, 0]
    same = first[1:] == first[:-1]
    repeated = np.zeros(len(rows), bool)
    repeated[1:] |= same
    repeated[:-1] |= same
    chosen = order[repeated]
    chosen = chosen[np.lexsort((rows[chosen], keys[chosen, 1], keys[chosen, 0]))]
    k, r = keys[chosen], rows[chosen]
    starts = np.ones(len(chosen), bool)
    starts[1:] = (k[1:] != k[:-1]).any(axis=1)
    group = np.cumsum(starts) - 1
    head = r[starts][group] if len(r) else r
    others = ~starts & (head != r)
    return head[others], r[others]


def keys_of(hashes: pa.Array) -> tuple[U64, I64]:
    """The non-null hashes (binary(16)) of a column as uint64 of shape (m, 2), and their positions in it."""
    positions = np.flatnonzero(np.asarray(hashes.is_valid()))
    if len(positions) == 0:
        return np.zeros((0, 2), np.uint64), positions
    raw = np.frombuffer(hashes.buffers()[1], "<u8").reshape(-1, 2)[hashes.offset : hashes.offset + len(hashes)]
    return raw[positions], positions


def elect(candidates: Candidates, a: Rows, b: Rows, alive: Mask) -> Election:
    """Clusters the rows by the edges (a, b), positions 0..n-1, and elects one of each cluster.

    Only rows of `alive` (bool, shape (n,)) take part: edges that touch others are left out, so that a record which
    an earlier rule dropped neither wins nor joins two others. A row without edges is a cluster of its own.
    """
    between = alive[a] & alive[b]
    return elect_labels(candidates, connected_components(a[between], b[between], len(candidates)), alive)


def elect_labels(candidates: Candidates, labels: I64, alive: Mask) -> Election:
    """Elects one of each cluster among the rows of `alive`; `labels` (0..n-1, shape (n,)) say which cluster a row is in."""
    n = len(candidates)
    low, high = _order_words(candidates.ids)
    best = np.full(n, -1, np.int64)
    counts = np.zeros(n, np.int64)
    _winners(
        _int64(labels), alive, _int64(candidates.date), _int64(candidates.length), high, low, _int64(candidates.place),
        best, counts,
    )  # fmt: skip
    return Election(np.where(alive, best[labels], -1), np.where(alive, counts[labels], 0))


def same_records(candidates: Candidates) -> Mask:
    """True for rows that repeat a record: of rows with one id, all but the first by date, then place. Shape (n,)."""
    keys, positions = keys_of(candidates.ids)
    a, b = edges_from_keys(keys, positions)
    everyone = np.ones(len(candidates), bool)
    # Rows of one id have one text, so that `elect` compares nothing but date and place.
    flat = Candidates(candidates.ids, candidates.date, np.zeros(len(candidates), np.int64), candidates.place)
    return ~elect(flat, a, b, everyone).kept


def duplicates(candidates: Candidates, election: Election) -> pa.RecordBatch:
    """The election as rows of a `duplicates` layer (`DUPLICATES`): all null for rows that were not in it."""
    out = election.winner < 0
    winners = pa.array(np.where(out, 0, election.winner), mask=out)
    return pa.RecordBatch.from_arrays(
        [
            candidates.ids.take(winners),
            pa.array(election.size, mask=out),
            pa.array(election.kept, mask=out),
            pa.array(candidates.date[np.maximum(election.winner, 0)] == EARLIER, mask=out),
        ],
        schema=DUPLICATES,
    )


def _int64(values: Rows) -> I64:
    return np.ascontiguousarray(values, np.int64)


def _order_words(ids: pa.Array) -> tuple[U64, U64]:
    """The ids as (low, high) words that compare as the bytes do."""
    if len(ids) == 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    words = np.frombuffer(ids.buffers()[1], ">u8").reshape(-1, 2)[ids.offset : ids.offset + len(ids)]
    return words[:, 1].astype(np.uint64), words[:, 0].astype(np.uint64)


_I = types.Array(types.int64, 1, "C", readonly=True)
_U = types.Array(types.uint64, 1, "C", readonly=True)
_B = types.Array(types.boolean, 1, "C", readonly=True)
_OUT = types.Array(types.int64, 1, "C")


@njit(types.void(_I, _B, _I, _I, _U, _U, _I, _OUT, _OUT), cache=True, nogil=True, error_model="numpy")
def _winners(
    labels: I64, alive: Mask, date: I64, length: I64, high: U64, low: U64, place: I64, best: I64, counts: I64
) -> None:
    for i in range(len(labels)):
        if not alive[i]:
            continue
        label = labels[i]
        counts[label] += 1
        j = best[label]
        if j < 0:
            best[label] = i
            continue
        if date[i] != date[j]:
            wins = date[i] < date[j]
        elif length[i] != length[j]:
            wins = length[i] > length[j]
        elif high[i] != high[j]:
            wins = high[i] < high[j]
        elif low[i] != low[j]:
            wins = low[i] < low[j]
        else:
            wins = place[i] < place[j]
        if wins:
            best[label] = i
