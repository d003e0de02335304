"""Connected components of a graph given as arrays of edges.

Union-find with path halving (Tarjan and van Leeuwen, J. ACM 31(2), 1984), where the smaller node is always the
root, so that a component's label is its smallest node whatever order the edges come in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
_NODES = types.Array(types.int64, 1, "C", readonly=True)
_PARENTS = types.Array(types.int64, 1, "C")


def connected_components(a: npt.NDArray[np.integer], b: npt.NDArray[np.integer], nodes: int) -> I64:
    """The label of each of `nodes` nodes, int64 of shape (nodes,): the smallest node of its component.

    Edge i joins `a[i]` and `b[i]`, both in 0..nodes-1; ValueError if one is outside.
    """
    ends = [_int64(side) for side in (a, b)]
    if len(ends[0]) != len(ends[1]):
        raise ValueError(f"edges have {len(ends[0])} first ends and {len(ends[1])} second ends")
    for side in ends:
        if len(side) and (side.min() < 0 or side.max() >= nodes):
            raise ValueError(f"an edge ends at {side.min()} or {side.max()}, outside 0..{nodes - 1}")
    parents = np.arange(nodes, dtype=np.int64)
    _union(ends[0], ends[1], parents)
    return parents


def components_of_edges(a: U64, b: U64) -> tuple[U64, U64]:
    """The nodes that edges touch, uint64 sorted ascending, and the smallest node of each one's component.

    For nodes that are not numbered densely (row ids of many parts). Memory is that of a sort of the ends.
    """
    nodes, dense = np.unique(np.concatenate([a, b]).astype(np.uint64, copy=False), return_inverse=True)
    labels = connected_components(dense[: len(a)], dense[len(a) :], len(nodes))
    return nodes, nodes[labels]


def _int64(values: npt.NDArray[np.integer]) -> I64:
    if values.dtype == np.uint64 and len(values) and int(values.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"an edge ends at {values.max()}, past int64: use components_of_edges")
    return np.ascontiguousarray(values, np.int64)


@njit(types.int64(_PARENTS, types.int64), cache=True, nogil=True, error_model="numpy")
def _root(parents: I64, node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@njit(types.void(_NODES, _NODES, _PARENTS), cache=True, nogil=True, error_model="numpy")
def _union(a: I64, b: I64, parents: I64) -> None:
    for i in range(len(a)):
        x = _root(parents, a[i])
        y = _root(parents, b[i])
        if x < y:
            parents[y] = x
        elif y < x:
            parents[x] = y
    # Roots are smaller than what hangs below them, so that going upwards every parent is already a label.
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]
