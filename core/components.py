"""Connected components of a graph given as arrays of edges, all at once or a chunk at a time.

Union-find with path halving (Tarjan and van Leeuwen, J. ACM 31(2), 1984), where the smaller node is always the
root, so that a component's label is its smallest node whatever order the edges come in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

I64 = npt.NDArray[np.int64]
_ENDS = types.Array(types.int64, 1, "C", readonly=True)
_WIDE = types.Array(types.int64, 1, "C")
_NARROW = types.Array(types.int32, 1, "C")


class Components:
    """The components of `nodes` nodes, 0..nodes-1, by edges that come in any order and number.

    Memory is 4 bytes a node (8 from 2³¹ nodes on), and none for edges.
    """

    def __init__(self, nodes: int) -> None:
        self._parents = np.arange(nodes, dtype=np.int32 if nodes <= np.iinfo(np.int32).max else np.int64)

    def join(self, a: npt.NDArray[np.integer], b: npt.NDArray[np.integer]) -> None:
        """Edge i joins `a[i]` and `b[i]`; ValueError if one is no node."""
        ends = [np.ascontiguousarray(side, np.int64) for side in (a, b)]
        if len(ends[0]) != len(ends[1]):
            raise ValueError(f"edges have {len(ends[0])} first ends and {len(ends[1])} second ends")
        for side in ends:
            if len(side) and (side.min() < 0 or side.max() >= len(self._parents)):
                raise ValueError(f"an edge ends at {side.min()} or {side.max()}, outside 0..{len(self._parents) - 1}")
        _union(ends[0], ends[1], self._parents)

    def labels(self) -> npt.NDArray[np.integer]:
        """The label of each node: the smallest of its component. No edge may be joined after."""
        _settle(self._parents)
        return self._parents


def connected_components(a: npt.NDArray[np.integer], b: npt.NDArray[np.integer], nodes: int) -> I64:
    """The label of each of `nodes` nodes, int64 of shape (nodes,): the smallest node of its component.

    Edge i joins `a[i]` and `b[i]`, both in 0..nodes-1; ValueError if one is outside.
    """
    components = Components(nodes)
    components.join(a, b)
    return components.labels().astype(np.int64)


@njit(
    [types.void(_ENDS, _ENDS, _NARROW), types.void(_ENDS, _ENDS, _WIDE)], cache=True, nogil=True, error_model="numpy"
)
def _union(a: I64, b: I64, parents: npt.NDArray[np.integer]) -> None:
    for i in range(len(a)):
        x = a[i]
        while parents[x] != x:
            parents[x] = parents[parents[x]]
            x = parents[x]
        y = b[i]
        while parents[y] != y:
            parents[y] = parents[parents[y]]
            y = parents[y]
        if x < y:
            parents[y] = x
        elif y < x:
            parents[x] = y


@njit([types.void(_NARROW), types.void(_WIDE)], cache=True, nogil=True, error_model="numpy")
def _settle(parents: npt.NDArray[np.integer]) -> None:
    # Roots are smaller than what hangs below them, so that going upwards every parent is already a label.
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]
