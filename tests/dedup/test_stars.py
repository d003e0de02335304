"""Alternating stars find the components that union-find and scipy find, however the edges are spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as scipy_components

from core.components import connected_components
from dedup.stars import both_ways, components_by_stars, downwards, large_star, partition_of, small_star

HIGH = np.uint64(1 << 63)


def edges_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.uint64).reshape(-1, 2)


def check(edges: np.ndarray, partitions: int) -> None:
    """Against core.components (union-find) and scipy."""
    nodes, labels = components_by_stars(edges, partitions)
    assert nodes.dtype == labels.dtype == np.uint64
    assert nodes.tolist() == np.unique(edges).tolist()
    dense = np.searchsorted(nodes, edges).astype(np.int64)
    graph = coo_array((np.ones(len(edges)), (dense[:, 0], dense[:, 1])), shape=(len(nodes), len(nodes)))
    number, groups = scipy_components(graph, directed=False)
    assert len(set(labels.tolist())) == number
    assert len(set(zip(labels.tolist(), groups.tolist(), strict=True))) == number
    assert nodes[connected_components(dense[:, 0], dense[:, 1], len(nodes))].tolist() == labels.tolist()


GRAPHS = st.integers(1, 40).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n), st.integers(0, n)), min_size=1, max_size=60)
)


@settings(deadline=None, max_examples=100)
@given(pairs=GRAPHS, partitions=st.integers(1, 9), far=st.booleans())
def test_random_graphs(pairs: list[tuple[int, int]], partitions: int, far: bool) -> None:
    edges = edges_of(pairs)
    check(edges * np.uint64(0x9E3779B97F4A7C15) if far else edges, partitions)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.sampled_from(["path", "star", "clique", "cycle", "comb"]), n=st.integers(2, 60), seed=st.integers(0, 2**32),
    partitions=st.integers(1, 20),
)  # fmt: skip
def test_shapes_under_any_numbering(shape: str, n: int, seed: int, partitions: int) -> None:
    pairs = {
        "path": [(i, i + 1) for i in range(n - 1)],
        "star": [(0, i) for i in range(1, n)],
        "clique": [(i, j) for i in range(min(n, 25)) for j in range(i)],
        "cycle": [(i, (i + 1) % n) for i in range(n)],
        "comb": [(i, i + 1) for i in range(n - 1)] + [(i, i + n) for i in range(n)],
    }[shape]
    numbering = np.random.default_rng(seed).permutation(2 * n).astype(np.uint64) + HIGH
    check(numbering[np.array(pairs)], partitions)


def test_many_small_components_and_large_ones() -> None:
    rng = np.random.default_rng(4)
    for nodes, count in ((50_000, 30_000), (50_000, 50_000), (2_000, 50_000)):
        check(rng.integers(0, nodes, (count, 2)).astype(np.uint64), 5)


def test_a_long_path_and_a_giant_star_converge() -> None:
    n = 100_000
    path = np.stack([np.arange(n), np.arange(1, n + 1)], axis=1).astype(np.uint64)
    for numbering in (np.arange(n + 1), np.random.default_rng(1).permutation(n + 1)):
        nodes, labels = components_by_stars(numbering.astype(np.uint64)[path.astype(np.int64)], 3, max_rounds=25)
        assert len(nodes) == n + 1
        assert not labels.any()
    star = np.stack([np.full(n, n), np.arange(n)], axis=1).astype(np.uint64)
    assert not components_by_stars(star, 3, max_rounds=3)[1].any()
    with pytest.raises(RuntimeError, match="after 2 rounds"):
        components_by_stars(path, 1, max_rounds=2)


def test_no_edges_and_loops() -> None:
    nodes, labels = components_by_stars(np.zeros((0, 2), np.uint64), 4)
    assert len(nodes) == len(labels) == 0
    nodes, labels = components_by_stars(edges_of([(5, 5), (7, 7), (7, 9)]), 2)
    assert nodes.tolist() == [5, 7, 9]
    assert labels.tolist() == [5, 7, 7]


class TestSteps:
    def test_large_star_joins_larger_neighbours_to_the_smallest(self) -> None:
        # The node 5 with its neighbours, as in the paper's figure 1.
        edges = edges_of([(5, 2), (5, 3), (5, 8), (5, 9), (5, 8)])
        new, changed = large_star(edges)
        assert new.tolist() == [[8, 2], [9, 2]]
        assert changed
        new, changed = large_star(edges_of([(2, 8), (2, 9), (8, 2)]))
        assert new.tolist() == [[8, 2], [9, 2]]
        assert not changed

    def test_small_star_joins_smaller_neighbours_and_the_node_itself(self) -> None:
        new, changed = small_star(edges_of([(5, 3), (5, 2), (5, 4)]))
        assert new.tolist() == [[3, 2], [4, 2], [5, 2]]
        assert changed
        new, changed = small_star(edges_of([(5, 2), (5, 2), (6, 2)]))
        assert new.tolist() == [[5, 2], [6, 2]]
        assert not changed

    def test_edges_are_made_ready(self) -> None:
        edges = edges_of([(1, 2), (2, 1), (3, 3), (9, 4)])
        assert downwards(edges).tolist() == [[2, 1], [9, 4]]
        assert both_ways(downwards(edges)).tolist() == [[2, 1], [9, 4], [1, 2], [4, 9]]

    def test_partitions_are_even_and_follow_the_first_node(self) -> None:
        nodes = np.arange(30_000, dtype=np.uint64) << np.uint64(20)
        places = partition_of(np.stack([nodes, nodes * np.uint64(3)], axis=1), 7)
        counts = np.bincount(places, minlength=7)
        assert len(counts) == 7
        assert counts.min() > 30_000 / 7 * 0.9
        assert (places == partition_of(np.stack([nodes, nodes], axis=1), 7)).all()
