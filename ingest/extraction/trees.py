"""Boosted regression trees as arrays, evaluated for many blocks at a time.

The trees are LightGBM's (Ke et al., NIPS 2017). A leaf is its own child, so that all blocks take the same number of steps
and eight can be walked side by side, which hides the time that each waits for memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper


class Trees(NamedTuple):
    """Nodes of all trees, tree after tree: a row goes to `child` if its feature is at most the threshold (NaN is not), else
    to the node after that. A leaf has the threshold +inf and itself as child."""

    feature: npt.NDArray[np.int32]  # (nodes,)
    threshold: npt.NDArray[np.float32]  # (nodes,)
    child: npt.NDArray[np.int32]  # (nodes,)
    value: npt.NDArray[np.float32]  # (nodes,)
    root: npt.NDArray[np.int32]  # (trees,)
    depth: npt.NDArray[np.int32]  # (trees,)


TREES_TYPE = types.NamedTuple(
    (types.int32[::1], types.float32[::1], types.int32[::1], types.float32[::1], types.int32[::1], types.int32[::1]), Trees
)


def check_trees(trees: Trees, n_features: int) -> Trees:
    """The trees, contiguous, if no walk can leave the arrays and each ends at a leaf; else ValueError."""
    parts: list[Any] = [np.ascontiguousarray(part) for part in trees]
    trees = Trees(*parts)
    nodes = len(trees.feature)
    if not all(len(part) == nodes for part in trees[:4]) or len(trees.root) != len(trees.depth) or not nodes:
        raise ValueError("trees: arrays of different lengths")
    own = np.arange(nodes)
    leaf = trees.child == own
    sound = (trees.feature >= 0).all() and (trees.feature < n_features).all() and (trees.root >= 0).all()
    sound &= bool((trees.root < nodes).all() and (trees.depth >= 0).all() and (trees.depth <= 64).all())
    sound &= bool(((trees.child > own) | leaf).all() and (trees.child[~leaf] < nodes - 1).all())
    sound &= bool(np.isposinf(trees.threshold[leaf]).all() and np.isfinite(trees.value).all())
    if not sound:
        raise ValueError("trees: a node points outside")
    return trees


@helper
def _step(node: Int, row: npt.NDArray[np.float32], t: Trees) -> Int:
    return t.child[node] + (0 if row[t.feature[node]] <= t.threshold[node] else 1)


@njit(types.void(types.float32[:, ::1], types.int64, TREES_TYPE, types.float32[::1]), cache=True, nogil=True, error_model="numpy")
def predict(rows: npt.NDArray[np.float32], n: int, t: Trees, out: npt.NDArray[np.float32]) -> None:
    """Probabilities of the first `n` rows (float32, (≥ n, features), without NaN) into `out` (float32, (≥ n,))."""
    for i in range(n):
        out[i] = 0
    for k in range(len(t.root)):
        root, depth = np.int64(t.root[k]), t.depth[k]
        i = 0
        while i + 8 <= n:
            a = b = c = d = e = f = g = h = root
            r0, r1, r2, r3, r4, r5, r6, r7 = (
                rows[i], rows[i + 1], rows[i + 2], rows[i + 3], rows[i + 4], rows[i + 5], rows[i + 6], rows[i + 7],
            )  # fmt: skip
            for _ in range(depth):
                a, b, c, d = _step(a, r0, t), _step(b, r1, t), _step(c, r2, t), _step(d, r3, t)
                e, f, g, h = _step(e, r4, t), _step(f, r5, t), _step(g, r6, t), _step(h, r7, t)
            out[i] += t.value[a]
            out[i + 1] += t.value[b]
            out[i + 2] += t.value[c]
            out[i + 3] += t.value[d]
            out[i + 4] += t.value[e]
            out[i + 5] += t.value[f]
            out[i + 6] += t.value[g]
            out[i + 7] += t.value[h]
            i += 8
        while i < n:
            a = root
            for _ in range(depth):
                a = _step(a, rows[i], t)
            out[i] += t.value[a]
            i += 1
    for i in range(n):
        out[i] = 1 / (1 + np.exp(-out[i]))
