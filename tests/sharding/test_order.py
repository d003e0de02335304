"""Ranks: exactly N samples a shard, the same ones however the input is split, listed or repeated."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding.order import (
    BUCKETS,
    ORDER,
    Orders,
    RankPlan,
    argsort,
    prefix_counts,
    samples_of,
    shard_slices,
)

Part = list[tuple[bytes, int]]


def ids_of(values: list[bytes]) -> pa.Array:
    return pa.array(values, pa.binary(16))


def shards_of(parts: list[Part], samples: int, seed: int = 3) -> list[list[str]]:
    """The whole exchange as the pipeline does it: counts, border samples, slices, merge."""
    sorted_parts = [samples_of(ids_of([i for i, _ in p]), np.array([r for _, r in p], np.int64), seed) for p in parts]
    plan = RankPlan(sum((prefix_counts(p.orders) for p in sorted_parts), np.zeros(BUCKETS, np.int64)), samples)
    cuts = plan.cuts(p.orders[plan.in_borders(p.orders)] for p in sorted_parts)
    slices = [shard_slices(p.orders, cuts) for p in sorted_parts]
    shards: list[list[str]] = []
    for shard in range(plan.shards):
        spans = [slice(s[shard], s[shard + 1]) for s in slices]
        orders = np.concatenate([p.orders[span] for p, span in zip(sorted_parts, spans, strict=True)])
        keys = [key for p, span in zip(sorted_parts, spans, strict=True) for key in p.keys[span]]
        shards.append([keys[i] for i in argsort(orders)])
        assert len(keys) == plan.size(shard)
    return shards


@st.composite
def outputs(draw: st.DrawFn) -> tuple[list[Part], list[Part], int]:
    """The same rows in two splits and orders, and a shard size."""
    ids = draw(st.lists(st.binary(min_size=16, max_size=16), max_size=60, unique=True))
    rows = [(i, draw(st.integers(0, 3))) for i in ids]

    def split(rows: Part) -> list[Part]:
        borders = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
        return [rows[a:b] for a, b in zip([0, *borders], [*borders, len(rows)], strict=True)]

    return split(rows), split(draw(st.permutations(rows))), draw(st.integers(1, 20))


@settings(deadline=None, max_examples=100)
@given(outputs())
def test_any_split_and_order_gives_the_same_shards_of_exactly_n(given: tuple[list[Part], list[Part], int]) -> None:
    one, other, samples = given
    shards = shards_of(one, samples)
    assert shards == shards_of(other, samples)
    assert all(len(shard) == samples for shard in shards[:-1])
    keys = [key for shard in shards for key in shard]
    wanted = [i.hex() + (f"-{c}" if c else "") for part in one for i, repeats in part for c in range(repeats)]
    assert sorted(keys) == sorted(wanted)


def synthetic(keys: list[int], copies: list[int] | None = None) -> Orders:
    orders = np.zeros(len(keys), ORDER)
    orders["key"] = keys
    orders["copy"] = copies or 0
    orders["low"] = np.arange(len(keys))
    return orders[argsort(orders)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 7), st.randoms(use_true_random=False))
def test_equal_keys_are_cut_by_id(keys: list[int], samples: int, random: object) -> None:
    """Hash collisions do not happen in tests, so they are made: six keys, in two buckets, for all samples."""
    orders = synthetic([(k % 2) << 60 | k for k in keys])
    half = np.array([random.random() < 0.5 for _ in keys])  # type: ignore[attr-defined]
    parts = [orders[half], orders[~half]]
    plan = RankPlan(prefix_counts(orders), samples)
    cuts = plan.cuts(part[plan.in_borders(part)] for part in parts)
    sizes = np.sum([np.diff(shard_slices(part, cuts)) for part in parts], axis=0)
    assert sizes.tolist() == [plan.size(s) for s in range(plan.shards)]
    assert np.diff(shard_slices(orders, cuts)).tolist() == sizes.tolist()


def test_few_samples_cross_the_second_exchange() -> None:
    rng = np.random.default_rng(0)
    ids = ids_of([rng.bytes(16) for _ in range(20_000)])
    found = samples_of(ids, None, 1)
    plan = RankPlan(prefix_counts(found.orders), 1000)
    assert plan.shards == 20
    assert plan.in_borders(found.orders).sum() < 100


def test_seed_changes_the_order_and_copies_lie_apart() -> None:
    rng = np.random.default_rng(0)
    ids = ids_of([rng.bytes(16) for _ in range(500)])
    one, other = samples_of(ids, None, 1), samples_of(ids, None, 2)
    assert sorted(one.keys) == sorted(other.keys)
    assert one.keys != other.keys
    twice = samples_of(ids, np.full(500, 2), 1).keys
    gaps = [abs(twice.index(k) - twice.index(f"{k}-1")) for k in one.keys]
    assert np.mean(gaps) > 100


def test_order_is_mixed() -> None:
    """Ranks of consecutive inputs are as uniform as a shuffle's: mean 0.5, no correlation."""
    rng = np.random.default_rng(0)
    ids = ids_of([i.to_bytes(16, "big") for i in range(5000)])
    rows = samples_of(ids, None, 9).rows
    assert abs(np.corrcoef(rows, np.arange(5000))[0, 1]) < 0.05
    assert sorted(rows.tolist()) == list(range(5000))
    del rng


def test_keys_are_the_ids_in_hex() -> None:
    found = samples_of(ids_of([bytes(range(16)), b"\xff" * 16]), np.array([1, 2]), 0)
    assert sorted(found.keys) == [bytes(range(16)).hex(), "ff" * 16, "ff" * 16 + "-1"]
    assert dict(zip(found.keys, found.rows.tolist(), strict=True))["ff" * 16 + "-1"] == 1


def test_slices_of_id_columns_are_read_where_they_start() -> None:
    ids = ids_of([bytes([i] * 16) for i in range(6)])
    assert sorted(samples_of(ids.slice(2, 3), None, 0).keys) == [f"{i:02x}" * 16 for i in (2, 3, 4)]


def test_nothing_to_write_gives_no_shards() -> None:
    assert shards_of([[]], 10) == []
    assert shards_of([[(bytes(16), 0)]], 10) == []


def test_what_is_refused() -> None:
    ids = ids_of([bytes(16)])
    with pytest.raises(ValueError, match="samples: at least 1"):
        RankPlan(np.zeros(BUCKETS, np.int64), 0)
    with pytest.raises(ValueError, match="shape"):
        RankPlan(np.zeros(4, np.int64), 1)
    with pytest.raises(ValueError, match="repeats: 0 to"):
        samples_of(ids, np.array([-1]), 0)
    with pytest.raises(ValueError, match="1 ids and 2 repeats"):
        samples_of(ids, np.array([1, 1]), 0)
    with pytest.raises(ValueError, match="without nulls"):
        samples_of(pa.array([None], pa.binary(16)), None, 0)


def test_missing_border_samples_are_noticed() -> None:
    orders = synthetic([1, 2, 3, 4, 5])
    plan = RankPlan(prefix_counts(orders), 2)
    with pytest.raises(ValueError, match="bucket 0: 4 samples given, 5 counted"):
        plan.cuts([orders[:4]])
