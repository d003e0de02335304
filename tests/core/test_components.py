"""Connected components against a naive reference and, where it is installed, scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.components import Components, connected_components


def naive(a: list[int], b: list[int], nodes: int) -> list[int]:
    """Spreads the smallest label over the edges until nothing changes."""
    labels = list(range(nodes))
    changed = True
    while changed:
        changed = False
        for x, y in zip(a, b, strict=True):
            low = min(labels[x], labels[y])
            changed |= labels[x] != low or labels[y] != low
            labels[x] = labels[y] = low
    return labels


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    nodes = draw(st.integers(1, 30))
    edges = draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=40))
    return [x for x, _ in edges], [y for _, y in edges], nodes


@settings(deadline=None, max_examples=100)
@given(graphs())
def test_labels_are_the_smallest_nodes(graph: tuple[list[int], list[int], int]) -> None:
    a, b, nodes = graph
    got = connected_components(np.array(a, np.int64), np.array(b, np.int64), nodes)
    assert got.tolist() == naive(a, b, nodes)


@settings(deadline=None, max_examples=50)
@given(graphs(), st.randoms())
def test_order_and_direction_of_edges_do_not_matter(graph: tuple[list[int], list[int], int], random: object) -> None:
    a, b, nodes = graph
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    order = rng.permutation(len(a))
    flip = rng.random(len(a)) < 0.5
    x, y = np.array(a, np.int64)[order], np.array(b, np.int64)[order]
    shuffled = connected_components(np.where(flip, x, y), np.where(flip, y, x), nodes)
    assert shuffled.tolist() == connected_components(np.array(a, np.int64), np.array(b, np.int64), nodes).tolist()


def test_a_long_chain_given_from_its_far_end() -> None:
    n = 200_000
    a = np.arange(n - 1, 0, -1, dtype=np.int64)
    assert not connected_components(a, a - 1, n).any()


def test_no_edges_and_no_nodes() -> None:
    none = np.zeros(0, np.int64)
    assert connected_components(none, none, 3).tolist() == [0, 1, 2]
    assert connected_components(none, none, 0).tolist() == []


@settings(deadline=None, max_examples=50)
@given(graphs(), st.integers(1, 5))
def test_edges_may_come_a_chunk_at_a_time(graph: tuple[list[int], list[int], int], size: int) -> None:
    a, b, nodes = graph
    components = Components(nodes)
    for start in range(0, len(a), size):
        components.join(np.array(a[start : start + size]), np.array(b[start : start + size]))
    assert components.labels().tolist() == naive(a, b, nodes)


@pytest.mark.parametrize("edge", [(-1, 0), (0, 3)])
def test_an_edge_outside_the_nodes_is_refused(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        connected_components(np.array([edge[0]]), np.array([edge[1]]), 3)


def test_unsigned_nodes_past_int64_and_uneven_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        connected_components(np.array([2**63], np.uint64), np.array([0], np.uint64), 3)
    with pytest.raises(ValueError, match="1 first ends and 2 second ends"):
        connected_components(np.array([0]), np.array([0, 1]), 3)


def test_as_scipy_finds_them() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    graph = pytest.importorskip("scipy.sparse.csgraph")
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 50_000, (2, 40_000))
    got = connected_components(a, b, 50_000)
    matrix = sparse.coo_matrix((np.ones(len(a)), (a, b)), shape=(50_000, 50_000))
    _, theirs = graph.connected_components(matrix, directed=False)
    assert len(np.unique(got)) == theirs.max() + 1
    assert len(np.unique(np.stack([got, theirs]), axis=1).T) == theirs.max() + 1
