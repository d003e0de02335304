"""Formulas as TeX, where a page has that beside what it draws: `alttext` and annotations of MathML, scripts of MathJax; of other
MathML the text that it shows.

MathML Core (w3.org/TR/mathml-core), §2.1 and §5.2.1 of MathML 3 for `alttext` and <annotation>; docs.mathjax.org 2.7 for scripts.
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.blocks import add_any, add_span, end_word
from ingest.extraction.characters import is_space
from ingest.extraction.layout import Tables
from ingest.extraction.names import BLOCK, FLAGS

_ANNOTATION = b"annotation"
_TEX = b"application/x-tex"
#: Wikipedia's formulas are all inside of this.
_DISPLAYED = b"{\\displaystyle"


@helper
def _is(data: Bytes, i: Int, end: Int, wanted: bytes) -> Truth:
    if i + len(wanted) > end:
        return False
    for k in range(len(wanted)):
        if data[i + k] != wanted[k]:
            return False
    return True


@helper
def _annotated(data: Bytes, i: Int, end: Int) -> tuple[Int, Int]:
    """The annotation in TeX in `data[i:end]`, the content of <math>; nothing at `end` if there is none."""
    while i < end:
        if data[i] == 60 and _is(data, i + 1, end, _ANNOTATION):
            found = False
            while i < end and data[i] != 62:
                found |= data[i] == 97 and _is(data, i, end, _TEX)
                i += 1
            i += 1
            start = i
            while i < end and data[i] != 60:
                i += 1
            if found and i < end:
                return start, i
        else:
            i += 1
    return end, end


@helper
def _bare(data: Bytes, i: Int, end: Int) -> tuple[Int, Int]:
    """What is in the braces of `{\\displaystyle …}`, if these hold all of `data[i:end]`; without white space at its ends."""
    while i < end and is_space(data[i]):
        i += 1
    while end > i and is_space(data[end - 1]):
        end -= 1
    if not _is(data, i, end, _DISPLAYED) or data[end - 1] != 125:
        return i, end
    depth = 0
    for k in range(i, end - 1):
        if data[k] == 123 and (k == i or data[k - 1] != 92):
            depth += 1
        elif data[k] == 125 and data[k - 1] != 92:
            depth -= 1
            if depth == 0:
                return i, end
    i, end = i + len(_DISPLAYED), end - 1
    while i < end and is_space(data[i]):
        i += 1
    while end > i and is_space(data[end - 1]):
        end -= 1
    return i, end


@helper
def add_formula(data: Bytes, i: Int, end: Int, script: Truth, t: Tables) -> None:
    """Adds the formula of a <math> or <script> whose content is `data[i:end]`: in TeX, or else the text of its elements."""
    s = t.state
    kind = max(s[at.FORMULA], at.SPAN_FORMULA)
    start, stop = i, end
    if not script:
        start, stop = s[at.ALTTEXT_START], s[at.ALTTEXT_END]
        if stop == start:
            start, stop = _annotated(data, i, end)
        if stop == start:
            start, stop, kind = i, end, np.int64(0)
    if kind != 0:
        start, stop = _bare(data, start, stop)
    end_word(t)
    new = s[at.IN_BLOCK] == 0
    text = s[at.N_TEXT] + (s[at.SPACE_DUE] != 0 and not new)
    k = start
    while k < stop:
        if kind == 0 and data[k] == 60:
            notes = _is(data, k + 1, stop, _ANNOTATION)
            while k < stop and data[k] != 62:
                k += 1
            k += 1
            while notes and k < stop and data[k] != 60:
                k += 1
        else:
            k = add_any(data, k, t)
    end_word(t)
    if s[at.IN_BLOCK] == 0:
        return
    if s[at.ASIDE_DEPTH] > 0 and s[at.ASIDE_TEXT] + 1 >= text and s[at.ASIDE_BLOCK] == s[at.BEGUN]:
        s[at.ASIDE_TEXT] = s[at.N_TEXT]  # hidden from those who see what is drawn
    if new:  # it stands in what holds the line, and is hidden with that alone
        row = t.blocks[s[at.N_BLOCKS]]
        e = np.int64(row[at.B_ELEMENT])
        if FLAGS[t.elements[e, at.E_NAME]] & BLOCK and t.elements[e, at.E_MARKS] & at.M_UNSEEN:
            e = np.int64(t.elements[e, at.E_PARENT])
        while e > 0 and FLAGS[t.elements[e, at.E_NAME]] & BLOCK == 0:
            e = np.int64(t.elements[e, at.E_PARENT])
        row[at.B_ELEMENT] = e
    if kind != 0:
        add_span(kind, text, t)
    s[at.FORMULA_TEXT] = s[at.N_TEXT]
