"""Blocks that a template made alike are kept or dropped together: cells, items and cards whose probabilities are close share one.

A text with every second row of a table reads worse than one with none of it or all. That what is alike shares its label is
collective classification (Sen et al., AI Magazine 2008), here after the models and with their own doubt as the bound.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.counting import path_key, slot_of
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.measures import MEASURES_TYPE, Measures

#: A group agrees if its probabilities deviate by no more: blocks of one path, of so many words on the mean, and so many of them;
#: and all blocks of a list or a table. In cross-validation on WCXB F1 stays (.8755, .8760), half-kept lists fall from 1,390 to 438.
PATH_DEVIATION, PATH_WORDS, PATH_BLOCKS = 0.08, 15, 3
LIST_DEVIATION = 0.15
#: Short links of one path, in so many blocks at least, of at most so many words, most of them in links.
_LINKS, _LINK_WORDS, _LINKED = 3, 15, 0.9
#: Past so many words a block has no more say.
_MOST_WORDS = 20


@njit(types.void(TABLES_TYPE, MEASURES_TYPE, types.float32[::1]), cache=True, nogil=True, error_model="numpy")
def agree(t: Tables, m: Measures, probability: npt.NDArray[np.float32]) -> None:
    """Gives the blocks of a group their mean `probability` (m,), in place: first by path, then by list."""
    n, n_elements = len(probability), len(m.sums)
    lists = np.zeros(n_elements, np.int32)  # the nearest list or table
    for e in range(1, n_elements):
        name = t.elements[e, at.E_NAME]
        held = name == el.UL or name == el.OL or name == el.DL or name == el.TABLE or name == el.MENU
        lists[e] = e if held else lists[t.elements[e, at.E_PARENT]]
    for by_list in range(2):
        sums = np.zeros((n_elements if by_list else len(m.path_sums), 3))  # weights, with probability, with its square
        deviation = LIST_DEVIATION if by_list else PATH_DEVIATION
        for i in range(n):
            g = lists[t.blocks[i, at.B_ELEMENT]] if by_list else m.path[i]
            weight, q = min(t.blocks[i, at.B_WORDS], _MOST_WORDS), np.float64(probability[i])
            sums[g, 0] += weight
            sums[g, 1] += weight * q
            sums[g, 2] += weight * q * q
        for i in range(n):
            g = lists[t.blocks[i, at.B_ELEMENT]] if by_list else m.path[i]
            if by_list:
                if g == 0:
                    continue
            elif m.path_sums[g, 0] < PATH_BLOCKS or m.path_sums[g, 1] > PATH_WORDS * m.path_sums[g, 0]:
                continue
            mean = sums[g, 1] / sums[g, 0]
            if sums[g, 2] / sums[g, 0] - mean * mean <= deviation * deviation:
                probability[i] = np.float32(mean)


@njit(types.void(TABLES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def drop_few(t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) short links of one path of which fewer than half are kept: titles of other pages, whose words are
    likely on one card and unlikely on the next (older pages: .081 of what should not be kept is left, .080 with it)."""
    n, slots = len(kept), 16
    while slots < 2 * n + 2:
        slots *= 2
    keys, counts, slot = np.zeros(slots, np.int64), np.zeros((slots, 2), np.int32), np.full(n, -1, np.int32)
    for i in range(n):
        b = t.blocks[i]
        if b[at.B_WORDS] <= _LINK_WORDS and b[at.B_LINKED] >= _LINKED * b[at.B_WORDS]:
            k = slot_of(path_key(b[at.B_ELEMENT], t.elements, t.classes), keys)
            slot[i] = k
            counts[k, 0] += 1
            counts[k, 1] += kept[i]
    for i in range(n):
        if slot[i] >= 0 and counts[slot[i], 0] >= _LINKS and 2 * counts[slot[i], 1] < counts[slot[i], 0]:
            kept[i] = False
