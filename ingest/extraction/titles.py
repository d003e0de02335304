"""The heading that a page's text stands under, for texts with structure: an <h1> that says what <title> says, or a part of it.

Those who marked main text mostly left it out, and so does plain text; who reads Markdown expects it. The name of the site, which is
in the title too and often an <h1>, is told by the link that it is, or by how little of the title it covers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables

#: Between the heading and the first kept block, at most so many words: a byline, a date, a menu of the page.
REACH = 120


@helper
def _is_title(i: Int, t: Tables) -> Truth:
    """Whether a block is an <h1> whose words stand in the head's titles, in a row: at their beginning, or so many that it is no
    name of a site; a link must have most of them."""
    if heading_level(i, t) != 1:
        return False
    first, count, n = np.int64(t.blocks[i, at.B_WORD]), np.int64(t.blocks[i, at.B_WORDS]), t.state[at.N_TITLE]
    if t.blocks[i, at.B_LINKED] == count and 2 * count < n:
        return False
    for start in range(n - count + 1 if 3 * count >= n else min(n - count + 1, 1)):
        k = np.int64(0)
        while k < count and t.hints[at.TITLE_HINT, start + k] == t.words[first + k]:
            k += 1
        if k == count:
            return True
    return False


@njit(types.void(TABLES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def keep_title(t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Marks in `kept` (m,) the page's own heading, if it stands above or among the kept blocks and no other <h1> is kept."""
    n = len(kept)
    first, last = -1, -1
    for i in range(n):
        if kept[i]:
            if heading_level(i, t) == 1:
                return
            first = i if first < 0 else first
            last = i
    if first < 0:
        return
    best, most, between = -1, 0, 0
    for i in range(first - 1, -1, -1):
        if between > REACH:
            break
        words = t.blocks[i, at.B_WORDS]
        if words > most and _is_title(i, t):
            best, most = i, words
        between += words
    for i in range(first + 1, last):
        words = t.blocks[i, at.B_WORDS]
        if words > most and not kept[i] and _is_title(i, t):
            best, most = i, words
    if best >= 0:
        kept[best] = True
