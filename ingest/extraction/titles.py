"""The heading that a page's text stands under, for texts with structure: an <h1> that says what <title> says, or a part of it.

Those who marked main text mostly left it out, and so does plain text; who reads Markdown expects it. The name of the site, which is
in the title too and often an <h1>, is told by the link that it is, or by how little of the title it covers beside other headings.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.references import unescape

#: Between the heading and the first kept block, at most so many words: a byline, a date, a menu of the page.
REACH = 120
#: Characters of the title, bytes of a heading, and headings, that are compared.
_LONGEST, _MOST = 1000, 16
_WORD = re.compile(r"\w+")


def keep_title(tables: Tables, title: str, kept: npt.NDArray[np.bool_]) -> None:
    """Marks in `kept` (m,) the page's own heading, if it stands above or among the kept blocks and no other <h1> is kept."""
    wanted = _WORD.findall(title[:_LONGEST].casefold())
    near = np.zeros(len(kept), np.bool_)
    count = int(_find_headings(tables, kept, near)) if wanted else 0
    best, most = -1, 0
    for i in np.flatnonzero(near)[:_MOST].tolist():
        row = tables.blocks[i]
        start = int(row[at.B_START])
        raw = tables.text[start : min(int(row[at.B_END]), start + _LONGEST)].tobytes().decode("utf-8", "replace")
        words = _WORD.findall(unescape(raw).casefold())
        linked = row[at.B_LINKED] == row[at.B_WORDS]
        if len(words) > most and _is_title(words, wanted, alone=count == 1 and not linked, linked=bool(linked)):
            best, most = i, len(words)
    if best >= 0:
        kept[best] = True


def _is_title(words: list[str], wanted: list[str], *, alone: bool, linked: bool) -> bool:
    """Whether a heading's words stand in the title in a row: at its beginning, or a third of it at least, and most of it if they
    are a link. Those of the page's only <h1> may be fewer, but not at the end, where sites name themselves; or half of them are
    there."""
    n, m = len(words), len(wanted)
    if linked and 2 * n <= m:
        return False
    in_row = [k for k in range(m - n + 1) if wanted[k : k + n] == words]
    if in_row:
        return in_row[0] == 0 or 3 * n >= m or (alone and in_row[-1] + n < m)
    return alone and 2 * (Counter(words) & Counter(wanted)).total() >= max(n, 4)


@njit(types.int64(TABLES_TYPE, types.boolean[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def _find_headings(t: Tables, kept: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_]) -> int:
    """Marks in `near` (m,) the <h1> that are not kept and stand right above the kept blocks, or among them; none if one is kept.
    How many the page has."""
    first, last, count = -1, -1, 0
    for i in range(len(kept)):
        heading = heading_level(i, t) == 1
        count += heading
        if kept[i]:
            if heading:
                return 0
            first = i if first < 0 else first
            last = i
    between = 0
    for i in range(first - 1, -1, -1):
        if between > REACH:
            break
        near[i] = heading_level(i, t) == 1
        between += t.blocks[i, at.B_WORDS]
    for i in range(max(first, 0), last):
        near[i] = not kept[i] and heading_level(i, t) == 1
    return count
