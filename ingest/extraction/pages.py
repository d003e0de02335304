"""What the blocks of a page have in common, and where each stands in its course: words and headings before it.

Shares of a page's words by the kind of element they stand in tell an article from a forum, a listing or a shop.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.measures import MEASURES_TYPE, T_MEAN, WITHIN, Measures

#: The page's features, in the order of `Page.values`.
PAGE_FEATURES = (
    "log_words", "log_blocks", "linked", "in_p", "in_li", "in_td", "h1s", "articles", "mains", "in_main", "in_article",
    "mean_words", "currency", "itemprops", "in_pre", "longest", "commas", "function", "digits", "in_long", "terms", "h2s", "forms",
)  # fmt: skip
#: Columns of `Page.course`: words before the block, blocks since the last heading (999: none), that heading's level, and
#: how many blocks of the same path stand right before it.
C_BEFORE, C_HEADING, C_LEVEL, C_RUN = range(4)
_NO_HEADING = 999
#: A block of so many words, at most a third of them in links, is long.
_LONG_WORDS = 20
_IN_P, _IN_LI, _IN_TD, _IN_PRE, _IN_MAIN, _IN_ARTICLE, _IN_H1, _IN_H2 = (
    1 << next(i for i, names in enumerate(WITHIN) if name in names.split())
    for name in ("p", "li", "td", "pre", "main", "article", "h1", "h2")
)
IN_MAIN, IN_ARTICLE = _IN_MAIN, _IN_ARTICLE
(
    _LOG_WORDS, _LOG_BLOCKS, _LINKED, _P, _LI, _TD, _H1S, _ARTICLES, _MAINS, _MAIN, _ARTICLE, _MEAN_WORDS, _CURRENCY, _ITEMPROPS,
    _PRE, _LONGEST, _COMMAS, _FUNCTION, _DIGITS, _LONG, _TERMS, _H2S, _FORMS,
) = range(len(PAGE_FEATURES))  # fmt: skip


class Page(NamedTuple):
    """Of a page with m blocks."""

    values: npt.NDArray[np.float32]  # (len(PAGE_FEATURES),)
    course: npt.NDArray[np.float32]  # (m, 4)
    numbers: npt.NDArray[np.int64]  # (4,): words, the first block in an h1 (-1: none), mains, articles


PAGE_TYPE = types.NamedTuple((types.float32[::1], types.float32[:, ::1], types.int64[::1]), Page)
WORDS, FIRST_H1, MAINS, ARTICLES = range(4)


@helper
def level_of(name: Int) -> Int:
    """1 to 6 for a heading, else 0."""
    return name - el.H1 + 1 if el.H1 <= name <= el.H6 else 0


def survey(tables: Tables, measures: Measures) -> Page:
    """The page's features and its course."""
    page = Page(
        np.zeros(len(PAGE_FEATURES), np.float32), np.zeros((len(measures.terms), 4), np.float32), np.zeros(4, np.int64)
    )
    _survey(tables, measures, page)
    return page


@helper
def _add_shares(v: npt.NDArray[np.float32], within: Any, w: Int, linked: Int) -> None:
    """Adds a block's words to the sums of what it stands in."""
    if within & _IN_P:
        v[_P] += w
    if within & _IN_LI:
        v[_LI] += w
    if within & _IN_TD:
        v[_TD] += w
    if within & _IN_PRE:
        v[_PRE] += w
    if within & _IN_MAIN:
        v[_MAIN] += w
    if within & _IN_ARTICLE:
        v[_ARTICLE] += w
    if w >= _LONG_WORDS and linked * 3 < w:
        v[_LONG] += w


@njit(types.void(TABLES_TYPE, MEASURES_TYPE, PAGE_TYPE), cache=True, nogil=True, error_model="numpy")
def _survey(t: Tables, m: Measures, page: Page) -> None:
    v = page.values
    first_h1, last, level, run, total = np.int64(-1), np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
    n_blocks = len(m.terms)
    for e in range(1, t.state[at.N_ELEMENTS]):
        name = t.elements[e, at.E_NAME]
        v[_ARTICLES] += name == el.ARTICLE
        v[_MAINS] += name == el.MAIN
        v[_FORMS] += name == el.FORM
        v[_ITEMPROPS] += (t.elements[e, at.E_MARKS] & at.M_ITEMPROP) > 0
    for i in range(n_blocks):
        row = t.blocks[i]
        w = np.int64(row[at.B_WORDS])
        within = m.within[row[at.B_ELEMENT]]
        run = run + 1 if i > 0 and m.path[i - 1] == m.path[i] else 0
        course = page.course[i]
        course[C_BEFORE] = total
        course[C_HEADING] = i - last if last >= 0 else _NO_HEADING
        course[C_LEVEL] = level
        course[C_RUN] = run
        total += w
        v[_LINKED] += row[at.B_LINKED]
        v[_FUNCTION] += row[at.B_FUNCTION]
        v[_COMMAS] += row[at.B_COMMAS]
        v[_DIGITS] += row[at.B_DIGITS]
        v[_CURRENCY] += row[at.B_CURRENCY]
        v[_TERMS] += m.terms[i, T_MEAN] * np.float32(w)
        v[_LONGEST] = max(v[_LONGEST], np.float32(w))
        v[_H2S] += (within & _IN_H2) > 0
        _add_shares(v, within, w, np.int64(row[at.B_LINKED]))
        if within & _IN_H1:
            v[_H1S] += 1
            if first_h1 < 0:
                first_h1 = i
        own = level_of(t.elements[m.container[i], at.E_NAME])
        if own > 0:
            last, level = np.int64(i), own
    share = np.float32(1) / np.float32(max(total, 1))
    for k in (_LINKED, _P, _LI, _TD, _MAIN, _ARTICLE, _PRE, _LONGEST, _COMMAS, _FUNCTION, _DIGITS, _LONG, _TERMS):
        v[k] *= share
    v[_CURRENCY] *= 100 * share
    v[_LOG_WORDS] = np.log1p(np.float32(total))
    v[_LOG_BLOCKS] = np.log1p(np.float32(n_blocks))
    v[_MEAN_WORDS] = np.float32(total) / np.float32(max(n_blocks, 1))
    page.numbers[WORDS] = total
    page.numbers[FIRST_H1] = first_h1
    page.numbers[MAINS] = np.int64(v[_MAINS])
    page.numbers[ARTICLES] = np.int64(v[_ARTICLES])
