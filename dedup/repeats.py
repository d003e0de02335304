"""Which keys of lines stand too often, and what of each text is cut for it: the shuffle's two ends, as kernels over arrays.

A source sends at most `most` documents of a key, or one for all of them when it has more, so that a line which stands on a
million pages is as many keys as there are sources. The order of documents is that of dedup.election.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

#: In a rank: seconds since 1970 in the upper half, what a length lacks in the lower. The last second is for no date.
_LAST = (1 << 32) - 1


@dataclass(frozen=True, eq=False)
class Keys:
    """Keys with what decides on them, arrays of shape (n,): the document (the first 8 bytes of its id as a number), its
    rank (`ranks`), and how often the key stands in it."""

    key: U64
    doc: U64
    rank: U64
    times: U32

    def __len__(self) -> int:
        return len(self.key)


def ranks(dates: I64, lengths: I64, no_date: int) -> U64:
    """What documents are ordered by before their ids: the earliest date, then the longest text. Dates are microseconds
    since 1970, of which whole seconds from 1970 to 2106 are told apart; `no_date` is that of a document without one."""
    seconds = np.where(dates == no_date, _LAST, np.clip(dates // 1_000_000, 0, _LAST - 1))
    return (seconds.astype(np.uint64) << np.uint64(32)) | (_LAST - np.clip(lengths, 0, _LAST)).astype(np.uint64)


def documents_of(ids: npt.NDArray[np.uint8]) -> U64:
    """Ids (n, 16) as numbers that sort as they do, by their first 8 bytes."""
    return np.ascontiguousarray(ids[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def of_source(keys: U64, rows: I64, docs: U64, row_ranks: U64, most: int) -> Keys:
    """The keys that a source sends, sorted. `keys` and `rows` (n,) are of its lines, `docs` and `row_ranks` of its rows."""
    alone, shared = _parted(keys)
    chosen = shared[np.lexsort((rows[shared], docs[rows[shared]], keys[shared]))]
    k, r = keys[chosen], rows[chosen]
    size = len(chosen)
    many = Keys(np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size, np.uint32))
    n = _combine(k, docs[r], row_ranks[r], r, most, many.key, many.doc, many.rank, many.times)
    first = rows[alone]
    key = np.concatenate([keys[alone], many.key[:n]])
    order = np.argsort(key, kind="stable")
    return Keys(
        key[order], np.concatenate([docs[first], many.doc[:n]])[order], np.concatenate([row_ranks[first], many.rank[:n]])[order],
        np.concatenate([np.ones(len(alone), np.uint32), many.times[:n]])[order],
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Answers:
    """Keys that stand too often, in the order of keys and once for each place in what was asked (`at`): the document that
    comes first."""

    at: I64
    key: U64
    doc: U64


def match(asked: Keys, most: int) -> Answers:
    """The keys of all sources that stand more than `most` times."""
    at, doc, _ = _often(asked, most)
    return Answers(at, asked.key[at], doc)


def count(asked: Keys) -> tuple[I64, U64]:
    """The keys of all sources that stand more than once, by their places in what was asked, and how often each stands."""
    at, _, times = _often(asked, 1)
    return at, times


def _often(asked: Keys, most: int) -> tuple[I64, U64, U64]:
    """Places of keys that stand more than `most` times, in the order of keys, with the document that comes first and the times."""
    _, shared = _parted(asked.key)
    alone = np.flatnonzero(asked.times > most)  # of one source, that has it too often itself
    chosen = np.union1d(shared, alone)
    chosen = chosen[np.lexsort((asked.doc[chosen], asked.key[chosen]))]
    doc, times = np.empty(len(chosen), np.uint64), np.zeros(len(chosen), np.uint64)
    _winners(asked.key[chosen], asked.doc[chosen], asked.rank[chosen], asked.times[chosen], doc, times)
    often = times > most
    return chosen[often], doc[often], times[often]


def cut(
    bounds: I32, starts: I32, ends: I32, characters: I32, keys: U64, docs: U64, alive: Mask, repeated: U64, first: U64 | None,
    span: int,
) -> tuple[I32, I32, I32, I32, I32]:  # fmt: skip
    """What is cut of each text: offsets (n + 1), starts and ends of spans; lines cut, their characters, and those of all,
    shape (n, 3); and which line of those that are cut has the most characters, -1 for none.

    Lines are `bounds` (n + 1) into the others, as `hash_units` gives them. `repeated` (sorted, each once) are the keys that
    stand too often, and `first` the documents that keep their first one; none does if it is None.
    """
    n, lines = len(bounds) - 1, len(starts)
    span_bounds = np.zeros(n + 1, np.int32)
    cut_starts, cut_ends = np.empty(lines, np.int32), np.empty(lines, np.int32)
    counts, longest = np.zeros((n, 3), np.int32), np.full(n, -1, np.int32)
    winners = np.zeros(0, np.uint64) if first is None else first
    _cut(
        bounds, starts, ends, characters, keys, docs, alive, repeated, winners, first is not None, span, span_bounds, cut_starts,
        cut_ends, counts, longest,
    )  # fmt: skip
    total = int(span_bounds[-1])
    return span_bounds, cut_starts[:total], cut_ends[:total], counts, longest


def _parted(keys: U64) -> tuple[I64, I64]:
    """The places of keys that stand once, and those of the others."""
    order = np.argsort(keys)
    ranked = keys[order]
    same = ranked[1:] == ranked[:-1]
    repeated = np.zeros(len(keys), bool)
    repeated[1:] |= same
    repeated[:-1] |= same
    return order[~repeated], order[repeated]


_U = types.Array(types.uint64, 1, "C", readonly=True)
_I = types.Array(types.int64, 1, "C", readonly=True)
_I32 = types.Array(types.int32, 1, "C", readonly=True)
_OUT: Any = types.uint64[::1]


@njit(types.int64(_U, _U, _U, _I, types.int64, _OUT, _OUT, _OUT, types.uint32[::1]), cache=True, nogil=True, error_model="numpy")
def _combine(keys: U64, docs: U64, ranks: U64, rows: I64, most: int, key: U64, doc: U64, rank: U64, times: U32) -> int:
    """Of lines sorted by key, document and row: each document of a key once, or one that stands for all of them where the
    key stands more than `most` times. How many that makes."""
    n = 0
    i = 0
    while i < len(keys):
        first = n
        total = np.int64(0)
        start = i
        while i < len(keys) and keys[i] == keys[start]:
            of_doc = i
            best = ranks[i]
            most_times = np.int64(0)
            while i < len(keys) and keys[i] == keys[start] and docs[i] == docs[of_doc]:
                of_row = i
                while i < len(keys) and keys[i] == keys[start] and docs[i] == docs[of_doc] and rows[i] == rows[of_row]:
                    i += 1
                best = min(best, ranks[of_row])
                most_times = max(most_times, i - of_row)  # copies of a record hold the same
            key[n], doc[n], rank[n] = keys[start], docs[of_doc], best
            times[n] = min(most_times, 0xFFFFFFFF)
            total += most_times
            n += 1
        if total > most:
            for k in range(first + 1, n):
                if rank[k] < rank[first]:  # of one rank the smaller document comes first
                    rank[first], doc[first] = rank[k], doc[k]
            times[first] = min(total, 0xFFFFFFFF)
            n = first + 1
    return n


@njit(
    types.void(_U, _U, _U, types.Array(types.uint32, 1, "C", readonly=True), _OUT, _OUT),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _winners(keys: U64, docs: U64, ranks: U64, times: U32, doc: U64, total: U64) -> None:
    """Of keys sorted with their documents: the document of each key that comes first, and how often the key stands."""
    i = 0
    while i < len(keys):
        start = i
        best = i
        count = np.uint64(0)
        while i < len(keys) and keys[i] == keys[start]:
            of_doc = i
            most = np.uint64(0)
            while i < len(keys) and keys[i] == keys[start] and docs[i] == docs[of_doc]:
                most = max(most, np.uint64(times[i]))
                if ranks[i] < ranks[best]:
                    best = i
                i += 1
            count += most
        for k in range(start, i):
            doc[k] = docs[best]
            total[k] = count


@njit(
    types.void(
        _I32, _I32, _I32, _I32, _U, _U, types.Array(types.boolean, 1, "C", readonly=True), _U, _U, types.boolean, types.int64,
        types.int32[::1], types.int32[::1], types.int32[::1], types.int32[:, ::1], types.int32[::1],
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _cut(
    bounds: I32, starts: I32, ends: I32, characters: I32, keys: U64, docs: U64, alive: Mask, repeated: U64, winners: U64,
    keep_first: bool, span: int, span_bounds: I32, cut_starts: I32, cut_ends: I32, counts: I32, longest: I32,
) -> None:  # fmt: skip
    seen = np.full(len(winners), -1, np.int64)  # the last row that keeps its first line of a key
    until = np.zeros(len(winners), np.int64)  # where that ends
    flags = np.zeros(len(starts), np.bool_)
    n = 0
    for row in range(len(bounds) - 1):
        low, high = np.int64(bounds[row]), np.int64(bounds[row + 1])
        if alive[row] and len(repeated):
            for i in range(low, high):
                if keys[i] == 0:
                    continue
                k = np.searchsorted(repeated, keys[i])
                if k == len(repeated) or repeated[k] != keys[i]:
                    continue
                start = i
                if keep_first and winners[k] == docs[row]:
                    if seen[k] != row:
                        seen[k] = row
                        until[k] = i + span
                        continue
                    start = max(i, until[k])
                for j in range(start, i + span):
                    flags[j] = True
        i = low
        while i < high:
            if not flags[i]:
                counts[row, 2] += characters[i]
                i += 1
                continue
            opening = i
            cut_starts[n] = starts[i] if i > low else 0
            while i < high and flags[i]:
                counts[row, 0] += 1
                if longest[row] < 0 or characters[i] > characters[longest[row]]:
                    longest[row] = i
                counts[row, 1] += characters[i]
                counts[row, 2] += characters[i]
                i += 1
            if i < high and (opening == low or starts[opening] - ends[opening - 1] >= starts[i] - ends[i - 1]):
                cut_ends[n] = starts[i]
            else:  # what parts it from the line before goes, as there is nothing behind, or more: a blank line
                cut_ends[n] = ends[i - 1]
                if opening > low:
                    cut_starts[n] = ends[opening - 1]
            n += 1
        for j in range(low, high):
            flags[j] = False
        span_bounds[row + 1] = n
