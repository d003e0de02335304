"""Connected components of a graph too large for one process: alternating large-star and small-star steps.

Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii, "Connected Components in MapReduce and Beyond", SoCC 2014. Edges are
uint64 of shape (n, 2), and every step looks at the neighbours of one node at a time, so that a partition needs no other:

    until neither step has changed anything in any partition:
        send `both_ways(edges)` to the partition of its first node; there `large_star`
        send what comes out (downwards already) to the partition of its first node; there `small_star`

What is left are stars: (node, smallest node of its component), without the smallest nodes themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.hashing import splitmix64

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

#: Rounds of both steps before the graph is given up. A path of a million nodes, the worst there is, takes 21.
MAX_ROUNDS = 200


def downwards(edges: U64) -> U64:
    """Every edge once, from its larger node to its smaller, sorted; without loops. What the first step starts with."""
    return _distinct(edges.max(axis=1), edges.min(axis=1))


def both_ways(edges: U64) -> U64:
    """Every edge and its reverse, shape (2 n, 2): large-star sees an edge at both of its ends."""
    return np.concatenate([edges, edges[:, ::-1]])


def partition_of(edges: U64, partitions: int) -> I64:
    """The partition, 0..partitions-1, that each edge goes to: by a hash of its first node. Shape (n,)."""
    return (splitmix64(np.ascontiguousarray(edges[:, 0])) % np.uint64(partitions)).astype(np.int64)


def large_star(edges: U64) -> tuple[U64, bool]:
    """Joins the larger neighbours of each node to the smallest of it and its neighbours.

    `edges` are all (node, neighbour) of the nodes of a partition, `both_ways`, in any order. Returns the new edges,
    downwards, sorted and distinct within the partition, and whether any is other than before.
    """
    return _star(edges, True)


def small_star(edges: U64) -> tuple[U64, bool]:
    """Joins each node and its smaller neighbours to the smallest of these.

    `edges` are all (node, smaller neighbour) of the nodes of a partition, in any order. Returns as `large_star` does.
    """
    return _star(edges, False)


def components_by_stars(edges: U64, partitions: int = 1, max_rounds: int = MAX_ROUNDS) -> tuple[U64, U64]:
    """The nodes that edges touch, ascending, and the smallest node of each one's component, both uint64.

    All partitions in this process, one after the other. RuntimeError if it takes more than `max_rounds`.
    """
    nodes = np.unique(edges)
    edges = downwards(edges)
    for _ in range(max_rounds):
        edges, first = _everywhere(both_ways(edges), partitions, True)
        edges, second = _everywhere(edges, partitions, False)
        if not first and not second:
            break
    else:
        raise RuntimeError(f"stars had not converged after {max_rounds} rounds")
    labels = nodes.copy()
    labels[np.searchsorted(nodes, edges[:, 0])] = edges[:, 1]
    return nodes, labels


def _everywhere(edges: U64, partitions: int, large: bool) -> tuple[U64, bool]:
    places = partition_of(edges, partitions)
    steps = [_star(edges[places == place], large) for place in range(partitions)]
    return np.concatenate([new for new, _ in steps]), any(changed for _, changed in steps)


def _star(edges: U64, large: bool) -> tuple[U64, bool]:
    order = np.argsort(edges[:, 0])
    nodes, neighbours = edges[order, 0], edges[order, 1]
    out = np.empty((len(edges), 2) if large else (2 * len(edges), 2), np.uint64)
    n, changed = _step(nodes, neighbours, large, out)
    return _distinct(out[:n, 0], out[:n, 1]), bool(changed)


def _distinct(a: U64, b: U64) -> U64:
    """The pairs (a, b), sorted, each once; without those whose ends are equal."""
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    new = a != b
    new[1:] &= (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return np.stack([a[new], b[new]], axis=1)


_NODES = types.Array(types.uint64, 1, "C", readonly=True)


@njit(
    types.UniTuple(types.int64, 2)(_NODES, _NODES, types.boolean, types.uint64[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _step(nodes: U64, neighbours: U64, large: bool, out: U64) -> tuple[int, int]:
    """Writes the new edges of nodes that stand in runs; how many they are, and how many are other than before."""
    n, changed = 0, 0
    start = 0
    while start < len(nodes):
        node = nodes[start]
        smallest = node
        end = start
        while end < len(nodes) and nodes[end] == node:
            smallest = min(smallest, neighbours[end])
            end += 1
        for i in range(start, end):
            other = neighbours[i]
            if large and other > node:
                out[n, 0], out[n, 1] = other, smallest
                changed += smallest != node
                n += 1
            elif not large and other != smallest:
                out[n, 0], out[n, 1] = other, smallest
                changed += 1
                n += 1
        if not large:
            out[n, 0], out[n, 1] = node, smallest
            n += 1
        start = end
    return n, changed
