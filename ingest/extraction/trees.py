"""Boosted regression trees as arrays, evaluated for many blocks at a time.

The trees are LightGBM's (Ke et al., NIPS 2017); how they are evaluated is QuickScorer's (Lucchese et al., SIGIR 2015). A tree's
leaves are bits, from left to right, and a node that sends a block to the right strikes out the leaves to its left: the lowest
bit left is the block's leaf. Nodes are asked in turn, each of all blocks, so that all memory is read in order, in the
processor's vector registers: a fifth of the time of walks from root to leaf.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types


class Trees(NamedTuple):
    """Nodes of all trees, tree after tree: a row goes to `child` if its feature is at most the threshold, else to the node
    after that. A leaf has the threshold +inf and itself as child."""

    feature: npt.NDArray[np.int32]  # (nodes,)
    threshold: npt.NDArray[np.float32]  # (nodes,)
    child: npt.NDArray[np.int32]  # (nodes,)
    value: npt.NDArray[np.float32]  # (nodes,)
    root: npt.NDArray[np.int32]  # (trees,)
    depth: npt.NDArray[np.int32]  # (trees,)


#: Leaves of a tree at most: the bits of a mask.
LEAVES = 32
#: Nodes that are asked in one go.
_TOGETHER = 4


class Masks(NamedTuple):
    """Nodes of all trees that are no leaves, tree after tree: a block whose feature is above the threshold keeps the leaves of
    the mask. A tree has a multiple of _TOGETHER nodes; the last may be none, which keep all."""

    feature: npt.NDArray[np.int32]  # (nodes,)
    threshold: npt.NDArray[np.float32]  # (nodes,)
    mask: npt.NDArray[np.int32]  # (nodes,)
    ends: npt.NDArray[np.int32]  # (trees + 1,): where the nodes of a tree begin, and the last ends
    value: npt.NDArray[np.float32]  # (trees * LEAVES,)


MASKS_TYPE = types.NamedTuple((types.int32[::1], types.float32[::1], types.int32[::1], types.int32[::1], types.float32[::1]), Masks)


def check_trees(trees: Trees, n_features: int) -> Trees:
    """The trees, contiguous, if each node but a root is below one of its tree, and each way down ends; else ValueError."""
    parts: list[Any] = [np.ascontiguousarray(part) for part in trees]
    trees = Trees(*parts)
    nodes = len(trees.feature)
    if not all(len(part) == nodes for part in trees[:4]) or len(trees.root) != len(trees.depth) or not nodes:
        raise ValueError("trees: arrays of different lengths")
    leaf = trees.child == np.arange(nodes)
    sound = (trees.feature >= 0).all() and (trees.feature < n_features).all()
    sound &= bool((trees.depth >= 0).all() and (trees.depth < LEAVES).all())
    sound &= bool(np.isposinf(trees.threshold[leaf]).all() and np.isfinite(trees.threshold[~leaf]).all())
    sound &= bool(np.isfinite(trees.value).all())
    below = trees.child[~leaf]
    reached = np.sort(np.concatenate([trees.root, below, below + 1]))
    sound &= bool((below > np.flatnonzero(~leaf)).all()) and np.array_equal(reached, np.arange(nodes))
    sound &= bool(trees.root[0] == 0 and (np.diff(trees.root) > 0).all())
    first, last = (np.searchsorted(trees.root, which, "right") for which in (np.flatnonzero(~leaf), below + 1))
    sound &= np.array_equal(first, last)  # a node's children are of its tree
    level = np.zeros(nodes, np.int32)
    for _ in range(int(trees.depth.max()) + 1 if sound else 0):  # one more shows what is deeper
        level[below] = level[below + 1] = level[~leaf] + 1
    sound &= bool((np.maximum.reduceat(level, trees.root) <= trees.depth).all()) if sound else False
    if not sound:
        raise ValueError("trees: a node points outside")
    if int(np.add.reduceat(leaf, trees.root, dtype=np.int64).max()) > LEAVES:
        raise ValueError(f"trees: one has more than {LEAVES} leaves")
    return trees


def masks_of(trees: Trees) -> Masks:
    """Sound trees (check_trees) as they are evaluated."""
    leaf = trees.child == np.arange(len(trees.child))
    inner = np.flatnonzero(~leaf)
    left = trees.child[inner]
    leaves, begin = leaf.astype(np.int64), np.zeros(len(leaf), np.int64)  # leaves under a node; the first of them
    for _ in range(int(trees.depth.max())):  # a level more is right each time
        leaves[inner] = leaves[left] + leaves[left + 1]
    for _ in range(int(trees.depth.max())):
        begin[left] = begin[inner]
        begin[left + 1] = begin[inner] + leaves[left]
    tree = np.searchsorted(trees.root, np.arange(len(leaf)), "right") - 1
    count = np.bincount(tree[inner], minlength=len(trees.root))
    ends = np.concatenate([[0], np.cumsum(-(-count // _TOGETHER) * _TOGETHER)])
    place = ends[tree[inner]] + np.arange(len(inner)) - (np.cumsum(count) - count)[tree[inner]]
    struck = ((np.int64(1) << leaves[left]) - 1) << begin[inner]
    feature, threshold = np.zeros(ends[-1], np.int32), np.full(ends[-1], np.inf, np.float32)
    mask, value = np.full(ends[-1], -1, np.int32), np.zeros(len(trees.root) * LEAVES, np.float32)
    feature[place], threshold[place] = trees.feature[inner], trees.threshold[inner]
    mask[place] = (~struck & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    value[tree[leaf] * LEAVES + begin[leaf]] = trees.value[leaf]
    return Masks(feature, threshold, mask, ends.astype(np.int32), value)


@njit(
    types.void(
        types.float32[:, ::1], types.int64, MASKS_TYPE, types.float32[::1], types.int32[::1], types.float32[::1], types.int32[::1]
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _predict(
    columns: npt.NDArray[np.float32],
    n: int,
    m: Masks,
    out: npt.NDArray[np.float32],
    left: npt.NDArray[np.int32],
    lowest: npt.NDArray[np.float32],
    bits: npt.NDArray[np.int32],
) -> None:
    feature, threshold, mask, value = m.feature, m.threshold, m.mask, m.value
    for i in range(n):
        out[i] = 0
    for k in range(len(m.ends) - 1):
        for i in range(n):
            left[i] = -1
        for j in range(m.ends[k], m.ends[k + 1], 4):
            c0, c1 = columns[np.uintp(feature[j])], columns[np.uintp(feature[j + 1])]
            c2, c3 = columns[np.uintp(feature[j + 2])], columns[np.uintp(feature[j + 3])]
            t0, t1, t2, t3 = threshold[j], threshold[j + 1], threshold[j + 2], threshold[j + 3]
            m0, m1, m2, m3 = mask[j], mask[j + 1], mask[j + 2], mask[j + 3]
            for i in range(n):  # unsigned, so that no index is looked at for its sign, and the loop takes several at once
                at = np.uintp(i)
                kept = left[at]
                kept &= m0 if c0[at] > t0 else np.int32(-1)
                kept &= m1 if c1[at] > t1 else np.int32(-1)
                kept &= m2 if c2[at] > t2 else np.int32(-1)
                kept &= m3 if c3[at] > t3 else np.int32(-1)
                left[at] = kept
        for i in range(n):
            at = np.uintp(i)
            lowest[at] = np.float32(np.int32(left[at] & -left[at]))  # a power of two; `bits` is the same memory
        for i in range(n):
            at = np.uintp(i)
            exponent = ((bits[at] >> 23) & 255) - 127  # of an IEEE 754 number, whatever its sign
            out[at] += value[np.uintp(k * 32 + exponent)]
    for i in range(n):
        out[i] = 1 / (1 + np.exp(-out[i]))


def predict(rows: npt.NDArray[np.float32], n: int, m: Masks, out: npt.NDArray[np.float32]) -> None:
    """Probabilities of the first `n` rows (float32, (≥ n, features), without NaN) into `out` (float32, (≥ n,))."""
    lowest = np.empty(n, np.float32)
    _predict(np.ascontiguousarray(rows[:n].T), n, m, out, np.empty(n, np.int32), lowest, lowest.view(np.int32))
