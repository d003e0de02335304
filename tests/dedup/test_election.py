"""The election: the stated order, whatever order rows and edges come in, and none of the dropped take part."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.election import (
    DUPLICATES,
    NO_DATE,
    Candidates,
    Election,
    duplicates,
    edges_from_keys,
    elect,
    keys_of,
    same_records,
)


@dataclass(frozen=True)
class Row:
    id: bytes
    date: int
    length: int
    place: int
    url: bytes | None
    text: bytes | None
    alive: bool


def columns(rows: list[Row]) -> tuple[Candidates, list[pa.Array], np.ndarray]:
    candidates = Candidates(
        pa.array([r.id for r in rows], pa.binary(16)),
        np.array([r.date for r in rows], np.int64),
        np.array([r.length for r in rows], np.int64),
        np.array([r.place for r in rows], np.int64),
    )
    hashes = [pa.array([r.url for r in rows], pa.binary(16)), pa.array([r.text for r in rows], pa.binary(16))]
    return candidates, hashes, np.array([r.alive for r in rows], bool)


def elect_equal(candidates: Candidates, hashes: list[pa.Array], alive: np.ndarray) -> Election:
    """An election where rows are joined by equal values in any of the columns `hashes`."""
    edges = [edges_from_keys(keys[alive[positions]], positions[alive[positions]]) for keys, positions in map(keys_of, hashes)]
    a, b = (np.concatenate([edge[side] for edge in edges]) for side in (0, 1))
    return elect(candidates, a, b, alive)


def word(n: int) -> bytes:
    """Hashes that share their first word, so that both words are compared."""
    return bytes(8) + n.to_bytes(8, "little")


HASH = st.none() | st.integers(0, 4).map(word)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3).map(lambda n: bytes([n]) * 16),
        st.sampled_from([0, 1, NO_DATE]),
        st.integers(0, 2),
        HASH,
        HASH,
        st.sampled_from([True, True, True, False]),
    ),
    max_size=14,
).map(lambda rows: [Row(i, d, n, p, u, t, a) for p, (i, d, n, u, t, a) in enumerate(rows)])


def naive(rows: list[Row]) -> list[tuple[bytes, int, bool] | None]:
    """Clusters by walking, winners by sorting."""
    groups: list[set[int]] = [{i} for i, r in enumerate(rows) if r.alive]
    for i, j in itertools.combinations(range(len(rows)), 2):
        a, b = rows[i], rows[j]
        if a.alive and b.alive and ((a.url and a.url == b.url) or (a.text and a.text == b.text)):
            one, other = (next(g for g in groups if k in g) for k in (i, j))
            if one is not other:
                groups.remove(other)
                one |= other
    result: list[tuple[bytes, int, bool] | None] = [None] * len(rows)
    for group in groups:
        winner = min(group, key=lambda k: (rows[k].date, -rows[k].length, rows[k].id, rows[k].place))
        for k in group:
            result[k] = (rows[winner].id, len(group), k == winner)
    return result


def run(rows: list[Row]) -> list[tuple[bytes, int, bool] | None]:
    candidates, hashes, alive = columns(rows)
    layer = duplicates(candidates, elect_equal(candidates, hashes, alive))
    assert layer.schema.equals(DUPLICATES)
    cells = zip(*(column.to_pylist() for column in layer.columns[:3]), strict=True)
    return [None if row == (None, None, None) else row for row in cells]


@settings(deadline=None, max_examples=100)
@given(ROWS)
def test_as_the_stated_order_says(rows: list[Row]) -> None:
    assert run(rows) == naive(rows)


@settings(deadline=None, max_examples=100)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[Row], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {r.place: got for r, got in zip(shuffled, run(shuffled), strict=True)} == dict(enumerate(run(rows)))


@settings(deadline=None, max_examples=100)
@given(ROWS)
def test_one_of_each_cluster_is_kept(rows: list[Row]) -> None:
    got = [g for g in run(rows) if g is not None]
    assert len(got) == sum(r.alive for r in rows)
    # Ids repeat in these rows, so a cluster's id may be shared: sizes are counted, not grouped.
    assert sum(1 for _, _, kept in got if kept) == pytest.approx(sum(1 / size for _, size, _ in got))


ONE = Row(id=b"b" * 16, date=5, length=5, place=5, url=word(1), text=None, alive=True)


def one(**changes: Any) -> Row:
    return replace(ONE, **changes)


@pytest.mark.parametrize(
    "better",
    [
        {"date": 4, "length": 1, "id": b"c" * 16, "place": 9},
        {"length": 6, "id": b"c" * 16, "place": 9},
        {"id": b"a" * 16, "place": 9},
        {"place": 4},
    ],
)
def test_each_step_of_the_order(better: dict[str, Any]) -> None:
    assert [g[2] for g in run([ONE, one(**better)]) if g] == [False, True]
    assert [g[2] for g in run([one(**better), ONE]) if g] == [True, False]


def test_no_date_is_after_every_date() -> None:
    assert [g[2] for g in run([one(date=NO_DATE, length=99), one(date=2**50)]) if g] == [False, True]


def test_ids_compare_as_their_bytes_do() -> None:
    """A little-endian reading would choose the other."""
    low, high = bytes([0, 9]) + bytes(14), bytes([1, 0]) + bytes(14)
    assert [g[2] for g in run([one(id=high), one(id=low)]) if g] == [False, True]
    low, high = bytes(8) + bytes([0, 9]) + bytes(6), bytes(8) + bytes([1, 0]) + bytes(6)
    assert [g[2] for g in run([one(id=high), one(id=low)]) if g] == [False, True]


def test_clusters_reach_over_url_and_text() -> None:
    rows = [
        one(id=b"1" * 16, place=0, url=word(1), text=word(7)),
        one(id=b"2" * 16, place=1, url=word(2), text=word(7)),
        one(id=b"3" * 16, place=2, url=word(2), text=word(8)),
        one(id=b"4" * 16, place=3, url=None, text=None),
    ]
    assert run(rows) == [(b"1" * 16, 3, True), (b"1" * 16, 3, False), (b"1" * 16, 3, False), (b"4" * 16, 1, True)]


def test_a_dropped_row_neither_wins_nor_joins() -> None:
    rows = [
        one(id=b"1" * 16, place=0, url=word(1), text=None),
        one(id=b"0" * 16, place=1, url=word(1), text=word(2), date=0, alive=False),
        one(id=b"3" * 16, place=2, url=None, text=word(2)),
    ]
    assert run(rows) == [(b"1" * 16, 1, True), None, (b"3" * 16, 1, True)]
    candidates, _, alive = columns(rows)
    election = elect(candidates, np.array([0, 1]), np.array([1, 2]), alive)
    assert (election.winner.tolist(), election.size.tolist()) == ([0, -1, 2], [1, 0, 1])


def test_edges_are_stars_in_the_order_of_keys() -> None:
    keys = np.array([[2, 0], [1, 1], [2, 0], [1, 2], [1, 1], [2, 0], [3, 3]], np.uint64)
    rows = np.array([70, 60, 50, 40, 30, 20, 10], np.uint64)
    a, b = edges_from_keys(keys, rows)
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(30, 60), (20, 50), (20, 70)]
    assert a.dtype == np.uint64
    shuffled = np.random.default_rng(0).permutation(7)
    again = edges_from_keys(keys[shuffled], rows[shuffled])
    assert (again[0].tolist(), again[1].tolist()) == (a.tolist(), b.tolist())


def test_edges_of_nothing_and_of_rows_given_twice() -> None:
    a, b = edges_from_keys(np.zeros((0, 2), np.uint64), np.zeros(0, np.int64))
    assert (len(a), len(b)) == (0, 0)
    a, b = edges_from_keys(np.ones((3, 2), np.uint64), np.array([4, 4, 5]))
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(4, 5)]
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        edges_from_keys(np.ones((3, 2), np.uint64), np.array([4, 4]))


def test_keys_skip_nulls_and_know_slices() -> None:
    hashes = pa.array([word(9), None, word(1), None, word(2)], pa.binary(16)).slice(1)
    keys, positions = keys_of(hashes)
    assert positions.tolist() == [1, 3]
    assert keys.tolist() == [[0, 1], [0, 2]]


@settings(deadline=None, max_examples=100)
@given(ROWS)
def test_of_one_id_the_first_by_date_and_place_stays(rows: list[Row]) -> None:
    candidates, _, _ = columns(rows)
    first: dict[bytes, Row] = {}
    for row in rows:
        best = first.setdefault(row.id, row)
        if (row.date, row.place) < (best.date, best.place):
            first[row.id] = row
    assert same_records(candidates).tolist() == [first[r.id] is not r for r in rows]


def test_what_is_refused() -> None:
    zeros = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="without nulls"):
        Candidates(pa.array([None], pa.binary(16)), zeros, zeros, zeros)
    with pytest.raises(ValueError, match="one length"):
        Candidates(pa.array([bytes(16)], pa.binary(16)), zeros, zeros, np.zeros(2, np.int64))
