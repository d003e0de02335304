"""The heading that a page's text stands under: an <h1>. Markdown begins with it; plain text leaves it out where <title> says it, as
those who marked main text mostly did, and has it where <title> says nothing of it.

It is the <h1> right above the kept text that stands in <main> or <article>, or that says what <title> says, or a part of it, or is
the page's only one. The name of the site, which is in the title too and often an <h1>, is told by the link that it is, by what it
stands in, or by how little of the title it covers beside other headings.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.names import BLOCK, FLAGS
from ingest.references import unescape

#: Between the heading and the first kept block, at most so many words: a byline, a date, a menu of the page.
REACH = 120
#: Characters of the title, bytes of a heading, and headings, that are compared.
_LONGEST, _MOST = 1000, 16
_WORD = re.compile(r"\w+")
#: <title> says something of a heading if it has one of so many of its words: the name in "Struct Vec", or "mod_cgi(1)".
_TOLD = 3
#: A heading stands above the kept text if of that no more than one word in so many stands before it: a label, a line beside it.
_BEFORE = 10
#: Where a heading stands: in what belongs to the site, in the page's main part, or in neither; among the kept blocks and not above
#: them; 0 where it is not looked at.
_OF_SITE, _OF_MAIN, _ELSEWHERE, _AMONG = 1, 2, 3, 4
#: The first heading of another level that is kept.
_LOWER = 5
_MAIN, _SITE = el.marked("main article"), el.marked("header footer nav aside")
#: What role says of <div>: a word of its element.
_ROLE_MAIN = ((el.name_hash("main") ^ el.ROLE) * el.FNV_PRIME) & el.MASK32


def page_heading(tables: Tables, title: str, kept: npt.NDArray[np.bool_]) -> tuple[int, bool]:
    """The first block of the page's own heading, -1 if there is none, and whether `title` says something of it; it stands above or
    among the blocks that `kept` (m,) marks, and may be one of them."""
    places = np.zeros(len(kept), np.uint8)
    count = int(_find_headings(tables, kept, places))
    wanted = _WORD.findall(title[:_LONGEST].casefold())
    best, found, told = (False, False, 0, False), -1, False
    own = lower = list[str]()
    for i in np.flatnonzero(places)[:_MOST].tolist():
        row, place = tables.blocks[i], int(places[i])
        start = int(row[at.B_START])
        raw = tables.text[start : min(int(row[at.B_END]), start + _LONGEST)].tobytes().decode("utf-8", "replace")
        words = _WORD.findall(unescape(raw).casefold())
        if place == _LOWER:
            lower = words
            continue
        linked = bool(row[at.B_LINKED] - row[at.B_INNER] == row[at.B_WORDS])
        says = bool(words) and _is_title(words, wanted, alone=count == 1 and not linked, linked=linked)
        if not says and (linked or place == _AMONG or (place != _OF_MAIN and (count > 1 or place == _OF_SITE))):
            continue
        rank = place == _OF_MAIN, says, len(words) if says else 0, place != _AMONG
        if rank >= best:
            best, found, own = rank, i, words
            told = says or _TOLD * (Counter(words) & Counter(wanted)).total() >= max(len(words), 1)
    page = wanted[: len(wanted) - len(own)]
    if page and not best[0] and page + own == wanted and 2 * (Counter(lower) & Counter(page)).total() >= len(page):
        return -1, False  # <title> has the site's name behind the page's, which another heading says
    return found, told


def keep_heading(tables: Tables, title: str, kept: npt.NDArray[np.bool_]) -> None:
    """Marks the page's own heading in `kept` (m,), without buttons in it."""
    found, _ = page_heading(tables, title, kept)
    if found >= 0:
        _mark(tables, found, True, kept)


def drop_heading(tables: Tables, title: str, kept: npt.NDArray[np.bool_]) -> None:
    """Marks in `kept` (m,) the page's own heading, or unmarks it if `title` says it and it is not all there is."""
    found, told = page_heading(tables, title, kept)
    if found >= 0:
        before = kept.copy()
        _mark(tables, found, not told, kept)
        if not kept.any():
            kept[:] = before


def _is_title(words: list[str], wanted: list[str], *, alone: bool, linked: bool) -> bool:
    """Whether a heading's words stand in the title in a row: at its beginning, or a third of it at least, and most of it if they
    are a link. Those of the page's only <h1> may be fewer, but not at the end, where sites name themselves; or half of them are
    there."""
    n, m = len(words), len(wanted)
    if linked and 2 * n <= m:
        return False
    in_row = [k for k in range(m - n + 1) if wanted[k : k + n] == words]
    if m and words[:m] == wanted:  # with a version behind it
        return True
    if in_row:
        return in_row[0] == 0 or 3 * n >= m or (alone and in_row[-1] + n < m)
    return alone and 2 * (Counter(words) & Counter(wanted)).total() >= max(n, 4)


@helper
def _place(i: Int, t: Tables) -> Int:
    """Where a block stands, by the nearest element around it that tells."""
    e = np.int64(t.blocks[i, at.B_ELEMENT])
    site = False
    while e > 0:
        name = t.elements[e, at.E_NAME]
        if _MAIN[name]:
            return _OF_MAIN
        if t.elements[e, at.E_MARKS] & at.M_ROLE:
            for k in range(t.elements[e, at.E_WORDS], t.elements[e + 1, at.E_WORDS]):
                if t.names[k] == _ROLE_MAIN:
                    return _OF_MAIN
        site |= _SITE[name]
        e = np.int64(t.elements[e, at.E_PARENT])
    return _OF_SITE if site else _ELSEWHERE


@helper
def _of_heading(i: Int, t: Tables) -> tuple[Int, Truth]:
    """The <h1> that a block is a line of, 0 if of none, and whether it is what a button in it says."""
    e, button = np.int64(t.blocks[i, at.B_ELEMENT]), False
    while e > 0 and FLAGS[t.elements[e, at.E_NAME]] & BLOCK == 0:
        button |= t.elements[e, at.E_NAME] == el.BUTTON
        e = np.int64(t.elements[e, at.E_PARENT])
    return e if t.elements[e, at.E_NAME] == el.H1 else np.int64(0), button


@njit(types.int64(TABLES_TYPE, types.boolean[::1], types.uint8[::1]), cache=True, nogil=True, error_model="numpy")
def _find_headings(t: Tables, kept: npt.NDArray[np.bool_], places: npt.NDArray[np.uint8]) -> int:
    """Notes in `places` (m,) where each <h1> stands that is right above the kept text, or among it and not kept; of one of several
    lines the first. How many the page has."""
    words = 0
    for i in range(len(kept)):
        if kept[i]:
            words += t.blocks[i, at.B_WORDS]
    count = before = 0
    last, lower = np.int64(-1), False
    for i in range(len(kept)):
        h1, button = _of_heading(np.int64(i), t)
        if h1 > 0:
            if button or h1 == last:
                continue
            last = h1
            count += 1
            if before * _BEFORE <= words:
                places[i] = _place(np.int64(i), t)
            elif not kept[i]:
                places[i] = _AMONG
        elif kept[i]:
            if not lower and heading_level(i, t) > 1:
                places[i] = _LOWER
                lower = True
            before += t.blocks[i, at.B_WORDS]
    # None is far above the text, or below it.
    between, below = 0, True
    for i in range(len(kept) - 1, -1, -1):
        h1, _ = _of_heading(np.int64(i), t)
        if kept[i] and h1 == 0:
            between, below = 0, False
            continue
        if places[i] != 0 and (between > REACH or (below and not kept[i])):
            places[i] = 0
        between += t.blocks[i, at.B_WORDS]
    return count


@njit(types.void(TABLES_TYPE, types.int64, types.boolean, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def _mark(t: Tables, found: int, value: bool, kept: npt.NDArray[np.bool_]) -> None:
    """Marks the lines of the <h1> that begins with a block, or unmarks them; what its buttons say is unmarked."""
    own, _ = _of_heading(np.int64(found), t)
    for i in range(found, len(kept)):
        h1, button = _of_heading(np.int64(i), t)
        if h1 != own:
            break
        kept[i] = value and not button
