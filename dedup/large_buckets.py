"""Buckets of more rows than a process can match at once: the answer of `dedup.buckets.match`, in pieces.

Hashes spread different keys evenly, but a single bucket can hold a large share of a crawl (a template, a parked domain). Such
a bucket is first made smaller, to one row of each digest; if that is still too large, each is paired with its leaders alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from core.hashing import mixed, splitmix64
from dedup.buckets import HUGE, LEADERS, digest_keys, match

U64 = npt.NDArray[np.uint64]
#: Rows that are matched at once: some hundred bytes of memory each.
MOST_ROWS = 8_000_000
_COARSE = np.uint64(48)

Found = tuple[U64, U64, U64, U64]


def match_in_pieces(keys: U64, digests: U64, rows: U64, stars: bool = False, most: int = MOST_ROWS) -> Iterator[Found]:
    """Pieces whose union is `match(keys, digests, rows, stars)`, made from at most about `most` rows at a time.

    Arguments as there; the arrays themselves are held, at 24 bytes a row.
    """
    if len(keys) <= most:
        yield match(keys, digests, rows, stars)
        return
    large = _large_keys(keys, max(1, most // 2))
    rest = np.ones(len(keys), bool)
    for key in large:
        mine = keys == key
        rest &= ~mine
        yield from _of_one_bucket(key, digests[mine], rows[mine], stars, most)
    left = np.flatnonzero(rest)
    spread = splitmix64(keys[left])
    for piece in _pieces(spread, most):
        at = left[piece]
        yield match(keys[at], digests[at], rows[at], stars)


def _of_one_bucket(key: np.uint64, digests: U64, rows: U64, stars: bool, most: int) -> Iterator[Found]:
    nothing = np.zeros(0, np.uint64)
    if digest_keys(digests[:1])[0] == key:  # all of one digest: certain, and the smallest row stands for them
        others = rows[rows != rows.min()]
        yield np.full(len(others), rows.min(), np.uint64), others, nothing, nothing
        return
    digests, rows = _smallest_of_each(digests, rows, most)
    if len(digests) <= max(most, HUGE):
        yield match(np.full(len(digests), key, np.uint64), digests, rows, stars)
        return
    ranks = mixed(digests ^ key)
    leaders = np.argpartition(ranks, LEADERS)[:LEADERS]
    leaders = leaders[np.argsort(ranks[leaders])][: 1 if stars else LEADERS]
    for number, leader in enumerate(leaders):
        follow = np.ones(len(rows), bool)
        follow[leaders[: number + 1]] = False
        for start in range(0, len(rows), most):
            mine = rows[start : start + most][follow[start : start + most]]
            yield nothing, nothing, mine, np.full(len(mine), rows[leader], np.uint64)


def _smallest_of_each(digests: U64, rows: U64, most: int) -> tuple[U64, U64]:
    """Each digest once, with the smallest of its rows."""
    found: list[tuple[U64, U64]] = []
    for piece in _pieces(splitmix64(digests), most):
        order = piece[np.lexsort((rows[piece], digests[piece]))]
        first = np.ones(len(order), bool)
        first[1:] = digests[order[1:]] != digests[order[:-1]]
        found.append((digests[order[first]], rows[order[first]]))
    return np.concatenate([d for d, _ in found]), np.concatenate([r for _, r in found])


def _pieces(spread: U64, most: int) -> Iterator[npt.NDArray[np.int64]]:
    """Places by the first bits of a hash, so that what is equal stays together, about `most` at a time."""
    bits = (max(0, len(spread) - 1) // most).bit_length()
    if not bits:
        yield np.arange(len(spread))
        return
    piece = (spread >> np.uint64(64 - bits)).astype(np.int64)
    for number in range(1 << bits):
        found = np.flatnonzero(piece == number)
        if len(found):
            yield found


def _large_keys(keys: U64, many: int) -> U64:
    """The keys that more than `many` rows have."""
    coarse = (splitmix64(keys) >> _COARSE).astype(np.int64)  # mixed: those of a partition begin alike
    counts = np.bincount(coarse)
    found: list[U64] = [np.zeros(0, np.uint64)]
    for slot in np.flatnonzero(counts > many):
        several, numbers = np.unique(keys[coarse == slot], return_counts=True)
        found.append(several[numbers > many])
    return np.concatenate(found)
