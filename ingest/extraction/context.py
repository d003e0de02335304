"""The features that the second model adds: how probable the first found the blocks around a block, and alike ones.

Stacking over a sequence (Cohen & Carvalho, Stacked Sequential Learning, IJCAI 2005), here over the page's tree as well:
its container and what that stands in, blocks of the same path, what comes before and after.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction.features import N_ANCESTORS, wider
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.measures import MEASURES_TYPE, Measures
from ingest.extraction.names import ELEMENTS
from ingest.extraction.pages import level_of

_OFFSETS = (-4, -3, -2, -1, 1, 2, 3, 4)
_WINDOWS = (3, 8, 20)
CONTEXT = (
    "own", *(f"neighbour{d:+d}" for d in _OFFSETS), *(f"window{w}" for w in _WINDOWS),
    *(f"ancestor{k}" for k in range(N_ANCESTORS)), *(f"above_ancestor{k}" for k in range(N_ANCESTORS)),
    "path", "path_others", "before", "before_share", "page", "page_blocks", "page_most", "rank", "threshold", "expected_f1",
    "words_since", "words_until", "same_container", "heading", "under_heading",
)  # fmt: skip
N_CONTEXT = len(CONTEXT)
_OUTSIDE = -0.1
_FAR = 9999.0


@njit(
    types.int64(TABLES_TYPE, MEASURES_TYPE, types.float32[::1], types.float32[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def fill_context(t: Tables, m: Measures, probability: npt.NDArray[np.float32], rows: npt.NDArray[np.float32]) -> int:
    """Context (float32, (m, N_CONTEXT)) of all m blocks, by the first model's `probability` (m,); the number of features."""
    n, n_elements = len(m.terms), len(m.sums)
    inside = np.zeros(n_elements)  # by element: expected words of main text in it
    of_path = np.zeros(len(m.path_sums))
    of_name = np.zeros((len(ELEMENTS), 2))
    words, expected = np.zeros(n + 1), np.zeros(n + 1)  # up to each block
    mean = most = 0.0
    for i in range(n):
        e, w, q = t.blocks[i, at.B_ELEMENT], np.float64(t.blocks[i, at.B_WORDS]), np.float64(probability[i])
        inside[e] += w * q
        of_path[m.path[i]] += w * q
        name = t.elements[m.container[i], at.E_NAME]
        of_name[name, 0] += w
        of_name[name, 1] += w * q
        words[i + 1] = words[i] + w
        expected[i + 1] = expected[i] + w * q
        mean += q / n
        most = max(most, q)
    for e in range(n_elements - 1, 0, -1):
        inside[t.elements[e, at.E_PARENT]] += inside[e]
    order = np.argsort(-probability, kind="mergesort")
    rank = np.zeros(n)
    shared = chosen = best = 0.0
    threshold = 0.5
    for j in range(n):
        i = order[j]
        rank[i] = j / n
        shared += t.blocks[i, at.B_WORDS] * np.float64(probability[i])
        chosen += t.blocks[i, at.B_WORDS]
        f1 = 2 * shared / (chosen + expected[n] + 1e-9)
        if f1 > best:
            best, threshold = f1, np.float64(probability[i])
    last_end, last_heading = -1.0, -1.0
    k = 0
    for i in range(n):
        r, q = rows[i], np.float64(probability[i])
        r[0] = q
        k = 1
        for d in _OFFSETS:
            z = i + d
            r[k] = probability[z] if 0 <= z < n else _OUTSIDE
            k += 1
        for width in _WINDOWS:
            a, b = max(0, i - width), min(n, i + width + 1)
            r[k] = (expected[b] - expected[a]) / (words[b] - words[a])
            k += 1
        g = np.int64(m.container[i])
        for x in range(N_ANCESTORS):
            share = inside[g] / max(m.sums[g, 0], 1.0)
            r[k + x] = share
            r[k + N_ANCESTORS + x] = q - share
            g = wider(g, t, m)
        k += 2 * N_ANCESTORS
        w = t.blocks[i, at.B_WORDS]
        alike = m.path_sums[m.path[i], 1]
        r[k] = of_path[m.path[i]] / alike
        r[k + 1] = (of_path[m.path[i]] - w * q) / (alike - w) if alike > w else _OUTSIDE
        r[k + 2] = expected[i] / max(expected[n], 1e-6)
        r[k + 3] = expected[i] / max(words[i], 1.0)
        r[k + 4] = expected[n] / words[n]
        r[k + 5] = mean
        r[k + 6] = most
        r[k + 7] = rank[i]
        r[k + 8] = threshold
        r[k + 9] = best
        r[k + 10] = words[i] - last_end if last_end >= 0 else _FAR
        name = t.elements[m.container[i], at.E_NAME]
        r[k + 12] = of_name[name, 1] / max(of_name[name, 0], 1.0)
        r[k + 13] = last_heading
        if q >= threshold:
            last_end = words[i + 1]
        if level_of(name) > 0:
            last_heading = q
        k += 15
    next_start, under = -1.0, 0.0
    for i in range(n - 1, -1, -1):
        rows[i, k - 4] = next_start - words[i + 1] if next_start >= 0 else _FAR
        if probability[i] >= threshold:
            next_start = words[i]
        rows[i, k - 1] = under
        if level_of(t.elements[m.container[i], at.E_NAME]) > 0:
            under = 0.0
        else:
            under += t.blocks[i, at.B_WORDS] * np.float64(probability[i])
    return k
