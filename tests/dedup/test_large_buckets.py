"""Matching in pieces: the answer of matching at once, for buckets of every size and copies of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import large_buckets
from dedup.buckets import HUGE, digest_keys, match
from dedup.large_buckets import match_in_pieces

U64 = np.ndarray
Answer = tuple[set[tuple[int, int]], set[tuple[int, int]]]


def answer(pieces: list[tuple[U64, U64, U64, U64]]) -> Answer:
    edges = {pair for a, b, _, _ in pieces for pair in zip(a.tolist(), b.tolist(), strict=True)}
    pairs = {pair for _, _, c, d in pieces for pair in zip(c.tolist(), d.tolist(), strict=True)}
    return edges, pairs


def rows_of(sizes: list[int], digests: int, seed: int) -> tuple[U64, U64, U64]:
    """Buckets of these sizes over so many digests, and the bucket of each digest, in a random order."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**64, digests, np.uint64)
    buckets = rng.integers(0, 2**64, len(sizes), np.uint64)
    keys = np.repeat(buckets, sizes)
    of = words[rng.integers(0, digests, len(keys))]
    rows = rng.permutation(len(keys)).astype(np.uint64)
    keys, of, rows = np.concatenate([keys, digest_keys(of)]), np.concatenate([of, of]), np.concatenate([rows, rows])
    order = rng.permutation(len(keys))
    return keys[order], of[order], rows[order]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12), digests=st.integers(1, 600), seed=st.integers(0, 99),
    most=st.integers(1, 700), stars=st.booleans(),
)  # fmt: skip
def test_pieces_give_what_matching_at_once_gives(sizes: list[int], digests: int, seed: int, most: int, stars: bool) -> None:
    given_rows = rows_of(sizes, digests, seed)
    assert answer(list(match_in_pieces(*given_rows, stars, most))) == answer([match(*given_rows, stars)])


@pytest.mark.parametrize("stars", [False, True])
@pytest.mark.parametrize("most", [100, HUGE + 500, 9000])
def test_a_huge_bucket(most: int, stars: bool) -> None:
    given_rows = rows_of([3 * HUGE, 40, HUGE // 2], 2 * HUGE, 1)
    assert answer(list(match_in_pieces(*given_rows, stars, most))) == answer([match(*given_rows, stars)])


def test_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(keys: U64, *rest: object) -> tuple[U64, U64, U64, U64]:
        seen.append(len(keys))
        return match(keys, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(large_buckets, "match", counted)
    most = 6000
    pieces = list(match_in_pieces(*rows_of([4 * HUGE] + [30] * 1000, 3 * HUGE, 2), most=most))
    assert max(seen) <= 1.5 * most
    assert max(len(c) for _, _, c, _ in pieces if len(c)) <= 24 * most
    assert len(pieces) > 8
