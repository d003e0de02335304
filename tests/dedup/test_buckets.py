"""Buckets against a plain reading of what they promise."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.components import connected_components
from dedup.buckets import ALL_PAIRS, HUGE, LEADERS, PARTNERS, match, scatter, signature_digests

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of (bucket, digest); each is in the bucket of its digest as well."""
    digests = np.array([digest for _, digest in rows], np.uint64)
    keys = np.array([bucket for bucket, _ in rows], np.uint64) + np.uint64(1 << 60)
    numbers = np.arange(len(rows), dtype=np.uint64) * np.uint64(7)
    return scatter(keys[:, None], digests, numbers, 0)[1:]


@settings(deadline=None, max_examples=100)
@given(ROWS, st.randoms())
def test_small_buckets_give_every_pair_of_digests_and_join_copies(rows: list[tuple[int, int]], random: object) -> None:
    keys, digests, numbers = arrays(rows)
    order = np.random.default_rng(random.randrange(2**32)).permutation(len(keys))  # type: ignore[attr-defined]
    a, b, c, d = match(keys[order], digests[order], numbers[order])
    first: dict[int, int] = {}
    for i, (_, digest) in enumerate(rows):
        first.setdefault(digest, i * 7)
    expected = {(first[digest], i * 7) for i, (_, digest) in enumerate(rows) if first[digest] != i * 7}
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == expected
    buckets: dict[int, dict[int, int]] = defaultdict(dict)
    for i, (bucket, digest) in enumerate(rows):
        buckets[bucket].setdefault(digest, i * 7)
    pairs = {tuple(sorted(pair)) for found in buckets.values() for pair in itertools.combinations(found.values(), 2)}
    assert set(zip(c.tolist(), d.tolist(), strict=True)) == pairs


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_stars_connect_what_pairs_connect(rows: list[tuple[int, int]]) -> None:
    keys, digests, numbers = arrays(rows)
    labels = []
    for stars in (False, True):
        a, b, c, d = (side.astype(np.int64) // 7 for side in match(keys, digests, numbers, stars))
        labels.append(connected_components(np.concatenate([a, c]), np.concatenate([b, d]), len(rows)).tolist())
    assert labels[0] == labels[1]


def test_a_large_bucket_stays_connected_with_few_pairs_and_whatever_the_rows_are_called() -> None:
    n = 1000
    rng = np.random.default_rng(2)
    digests = rng.integers(0, 2**63, n).astype(np.uint64)
    keys = np.full(n, 9, np.uint64)
    found = []
    for numbers in (np.arange(n), rng.permutation(n)):
        _, _, c, d = match(keys, digests, numbers.astype(np.uint64))
        assert n - 1 <= len(c) <= 2 * PARTNERS * n
        assert n > ALL_PAIRS
        by_number = np.argsort(numbers)
        pairs = {frozenset((int(by_number[int(x)]), int(by_number[int(y)]))) for x, y in zip(c, d, strict=True)}
        found.append(pairs)
        assert not connected_components(c.astype(np.int64), d.astype(np.int64), n).any()
    assert found[0] == found[1]


def test_in_a_huge_bucket_all_are_paired_with_a_few() -> None:
    n = HUGE + 1
    digests = np.random.default_rng(2).integers(0, 2**63, n).astype(np.uint64)
    _, _, c, d = match(np.full(n, 9, np.uint64), digests, np.arange(n, dtype=np.uint64))
    assert len(set(d.tolist())) == LEADERS
    assert len(c) == LEADERS * n - LEADERS * (LEADERS + 1) // 2
    assert not connected_components(c.astype(np.int64), d.astype(np.int64), n).any()


def test_nothing_gives_nothing() -> None:
    none = np.zeros(0, np.uint64)
    assert [len(side) for side in match(none, none, none)] == [0, 0, 0, 0]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 3), max_size=30), st.integers(0, 4))
def test_keys_are_scattered_by_their_first_bits(values: list[tuple[int, int, int]], bits: int) -> None:
    table = np.array(values, np.uint64).reshape(-1, 3)
    rows = np.arange(len(table), dtype=np.uint64)
    bounds, k, d, r = scatter(table[:, :2], np.ascontiguousarray(table[:, 2]), rows, bits)
    assert bounds[-1] == len(k) == 3 * len(table)
    buckets: dict[tuple[int, int], set[int]] = defaultdict(set)
    for p in range(1 << bits):
        for i in range(bounds[p], bounds[p + 1]):
            assert bits == 0 or int(k[i]) >> (64 - bits) == p
            assert d[i] == table[int(r[i]), 2]
            buckets[int(r[i]), int(d[i])].add(int(k[i]))
    for i, (first, second, digest) in enumerate(values):
        assert {first, second} < buckets[i, digest] or first == second
        (of_digest,) = scatter(np.zeros((1, 0), np.uint64), np.array([digest], np.uint64), rows[:1], 0)[1]
        assert buckets[i, digest] == {first, second, of_digest}


def test_a_signature_of_any_width_has_a_digest_that_each_value_changes() -> None:
    rng = np.random.default_rng(1)
    for width in range(1, 14):
        words = rng.integers(0, 2**32, width, np.uint32)
        others = [words ^ np.where(np.arange(width) == i, 1, 0).astype(np.uint32) for i in range(width)]
        column = pa.array([w.tobytes() for w in (words, words, *others)], pa.binary(4 * width))
        first, second, *rest = signature_digests(column).to_pylist()
        assert first == second
        assert len({first, *rest}) == width + 1


def test_a_signature_has_a_digest_of_its_own_and_none_has_none() -> None:
    column = pa.array([b"abcdefgh", None, b"abcdefgh", b"abcdefgi"], pa.binary(8))
    digests = signature_digests(column).to_pylist()
    assert digests[0] == digests[2] != digests[3]
    assert digests[1] is None
    assert signature_digests(column.slice(2)).to_pylist() == digests[2:]
