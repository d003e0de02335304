"""Lists of what stands on the page itself ("On this page", "Table of contents"): links to its own places, and hardly a word more.

They are told by their links alone, whose addresses are fragments (`#install`); what such a list says stands on the page again. A
list in which other text stands, as in a glossary or in footnotes, is none, nor one that is most of what is kept.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.scan import scan

#: What such a list is called where it is not in one box with it.
LABELS = (
    "contents|table of contents|page contents|contents of this page|on this page|in this article|"
    "in this section|in this guide|in this document|in this topic|jump to|jump to section|quick links|toc|inhalt|"
    "inhaltsverzeichnis|auf dieser seite|in diesem artikel|sommaire|table des matières|sur cette page|dans cet article|"
    "contenido|contenidos|tabla de contenido|tabla de contenidos|índice|índice de contenidos|en esta página|"
    "en este artículo|indice|sommario|contenuti|in questa pagina|conteúdo|sumário|nesta página|neste artigo|inhoud|"
    "inhoudsopgave|op deze pagina|innehåll|innehållsförteckning|på denna sida|indhold|indholdsfortegnelse|innhold|"
    "innholdsfortegnelse|sisällys|sisällysluettelo|spis treści|na tej stronie|obsah|na této stránce|tartalom|"
    "tartalomjegyzék|cuprins|содержание|оглавление|на этой странице|в этой статье|зміст|на цій сторінці|съдържание|садржај|"
    "içindekiler|bu sayfada|περιεχόμενα|المحتويات|في هذه الصفحة|فهرست|תוכן עניינים|विषय सूची|สารบัญ|mục lục|trên trang này|"
    "daftar isi|di halaman ini|目次|このページの内容|この記事の内容|目录|目錄|本页内容|本頁內容|本文内容|목차|"
    "이 페이지의 내용"
)
#: A list has as many links, and beside them so many words: a label; or one for so many in links.
_LINKS, _BESIDE, _SHARE = 3, 6, 10
#: Bytes of a word and what parts it from the next in rows of letters (`A | B`), which are those of an index.
_LETTER = 4
#: A longer block is no label.
_LABEL_WORDS = 8
#: Columns of what is counted over a subtree: links into the page, their words, and words that are none of theirs.
_ITEMS, _INNER, _OTHER = range(3)


@cache
def _labels() -> frozenset[tuple[int, ...]]:
    """The labels, as the hashes that the scanner gives their words."""
    tables = scan(np.frombuffer(f"<p>{LABELS.replace('|', '<p>')}".encode(), np.uint8))
    return frozenset(_words(tables, i) for i in range(int(tables.state[at.N_BLOCKS])))


def _words(tables: Tables, i: int) -> tuple[int, ...]:
    row = tables.blocks[i]
    return tuple(tables.words[int(row[at.B_WORD]) : int(row[at.B_WORD_END])].tolist())


def drop_contents(tables: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) the blocks of lists of contents, and their labels."""
    if not tables.blocks[: len(kept), at.B_INNER].any():
        return
    listed = np.zeros(len(kept), np.bool_)
    _find_contents(tables, kept, listed)
    if not (listed & kept).any():
        return
    words = tables.blocks[: len(kept), at.B_WORDS]
    if int(words[listed & kept].sum()) * 2 > int(words[kept].sum()):
        return
    for i in np.flatnonzero(listed[1:] & ~listed[:-1] & kept[1:] & kept[:-1]).tolist():
        if words[i] <= _LABEL_WORDS and _words(tables, i) in _labels():
            kept[i] = False
    kept &= ~listed


@helper
def _is_list(counts: npt.NDArray[np.int64]) -> Truth:
    return counts[_ITEMS] >= _LINKS and counts[_OTHER] <= max(_BESIDE, counts[_INNER] // _SHARE)


@njit(types.void(TABLES_TYPE, types.boolean[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def _find_contents(t: Tables, kept: npt.NDArray[np.bool_], listed: npt.NDArray[np.bool_]) -> None:
    """Marks in `listed` (m,) the blocks of lists whose items are links into the page."""
    n = t.state[at.N_ELEMENTS]
    counts = np.zeros((n, 3), np.int64)
    for i in range(len(kept)):
        b = t.blocks[i]
        own = counts[b[at.B_ELEMENT]]
        letters = b[at.B_LINKS] == b[at.B_WORDS] and b[at.B_END] - b[at.B_START] <= _LETTER * b[at.B_WORDS]
        if b[at.B_INNER] == 0 or letters or heading_level(i, t) > 0:  # a heading may be a link to itself
            own[_OTHER] += b[at.B_WORDS]
        else:
            own[_ITEMS] += b[at.B_LINKS] if b[at.B_INNER] == b[at.B_LINKED] else 1
            own[_INNER] += b[at.B_INNER]
            own[_OTHER] += max(b[at.B_WORDS] - b[at.B_INNER] - b[at.B_DIGITS], 0)  # numbers of sections
    for e in range(n - 1, 0, -1):
        for k in range(3):
            counts[t.elements[e, at.E_PARENT], k] += counts[e, k]
    inside = np.zeros(n, np.bool_)
    for e in range(1, n):
        inside[e] = inside[t.elements[e, at.E_PARENT]] or _is_list(counts[e])
    for i in range(len(kept)):
        listed[i] = inside[t.blocks[i, at.B_ELEMENT]]
