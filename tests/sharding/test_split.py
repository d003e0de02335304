"""The validation split: hosts whole, duplicates on one side, the share as asked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding.split import OVERLAP, TRAIN, VALIDATION, is_validation, split


def ids_of(n: int) -> pa.Array:
    return pa.array([i.to_bytes(16, "big") for i in range(n)], pa.binary(16))


def test_a_host_is_wholly_on_one_side_and_the_share_is_met() -> None:
    hosts = [f"h{i % 2000}.example" for i in range(10_000)]
    got = is_validation(pa.array(hosts), ids_of(10_000), 0.1, 5)
    sides: dict[str, set[bool]] = {}
    for host, side in zip(hosts, got.tolist(), strict=True):
        sides.setdefault(host, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    # 2,000 hosts: 0.1 ± 4 standard deviations of 0.0067
    assert 0.073 < got.mean() < 0.127


def test_the_side_depends_on_host_and_seed_alone() -> None:
    hosts = pa.array([f"h{i}.example" for i in range(500)])
    one = is_validation(hosts, ids_of(500), 0.3, 5)
    reordered = is_validation(hosts[::-1], ids_of(500), 0.3, 5)
    assert (reordered[::-1] == one).all()
    assert (is_validation(hosts.slice(100, 50), ids_of(50), 0.3, 5) == one[100:150]).all()
    assert (is_validation(hosts, ids_of(500), 0.3, 6) != one).any()
    larger = is_validation(hosts, ids_of(500), 0.5, 5)
    assert (larger | ~one).all(), "a larger share takes the hosts of a smaller one"


def test_records_without_a_host_are_hosts_of_their_own() -> None:
    nameless = is_validation(pa.array([None, ""] * 500), ids_of(1000), 0.5, 1)
    assert 400 < nameless.sum() < 600
    assert is_validation(pa.nulls(1000, pa.string()), ids_of(1000), 0.5, 1).sum() == nameless.sum()


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_share_outside_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="validation: from 0"):
        is_validation(pa.array(["a"]), ids_of(1), fraction, 0)


def test_no_share_is_no_validation() -> None:
    assert not is_validation(pa.array(["a"] * 9), ids_of(9), 0.0, 0).any()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.none() | st.integers(0, 5)), max_size=30))
def test_no_cluster_straddles(rows: list[tuple[bool, int | None]]) -> None:
    validation = np.array([v for v, _ in rows], bool)
    clusters = pa.array([None if c is None else bytes([c] * 16) for _, c in rows], pa.binary(16))
    codes = split(validation, clusters)
    trains = {c for v, c in rows if not v}
    for (on_validation, cluster), code in zip(rows, codes.tolist(), strict=True):
        if not on_validation:
            assert code == TRAIN
        elif cluster is not None and cluster in trains:
            assert code == OVERLAP
        else:
            assert code == VALIDATION


def test_without_clusters_only_hosts_count() -> None:
    assert split(np.array([True, False])).tolist() == [VALIDATION, TRAIN]
    assert split(np.zeros(0, bool), pa.array([], pa.binary(16))).tolist() == []
