"""What a page puts into a line that is no text of it: permalinks such as `¶`, MediaWiki's links to edit a section, and what is not
shown."""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth, decode
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.blocks import end_word, forget_spans
from ingest.extraction.characters import is_letter
from ingest.extraction.layout import Tables
from ingest.extraction.names import FNV_OFFSET, add_bytes, hash_table, look_up, name_hash

#: Bytes of the longest link that may be a mark: a few signs, or a reference to one.
_LONGEST_MARK = 16
#: `#`, `^`, `§`, `¶`, `↑`, `↩`, `↵`, an anchor, a chain, a link; code points of private use are those of icons.
_MARKS = (0x23, 0x5E, 0xA7, 0xB6, 0x2191, 0x21A9, 0x21B5, 0x2693, 0x26D3, 0x1F517)
_PRIVATE = 0xE000, 0xF8FF
#: What may stand around a mark: space, brackets, and what chooses how it is drawn.
_AROUND_MARKS = (0x20, 0x28, 0x29, 0x5B, 0x5D, 0xFE0E, 0xFE0F)
#: The signs that are written as named references, among marks, separators and blanks (html.spec.whatwg.org §13.5).
_NAMED = {
    "para": 0xB6, "sect": 0xA7, "num": 0x23, "uarr": 0x2191, "larrhk": 0x21A9, "crarr": 0x21B5, "middot": 0xB7, "bull": 0x2022,
    "laquo": 0xAB, "raquo": 0xBB, "lsaquo": 0x2039, "rsaquo": 0x203A, "hellip": 0x2026, "ensp": 0x2002, "emsp": 0x2003,
    "thinsp": 0x2009, "zwnj": 0x200C, "zwj": 0x200D, "shy": 0xAD,
}  # fmt: skip
_NAMED_TABLE = hash_table(map(name_hash, _NAMED), list(_NAMED.values()), 6)


@helper
def sign_at(data: Bytes, i: Int, end: Int) -> tuple[Int, Int]:
    """The code point at `i` and its bytes; of a reference to a character, that. 0 for what is damaged, or a name not of _NAMED."""
    c = np.int64(data[i])
    if c != 38:
        width = 1 if c < 0xC2 else 2 if c < 0xE0 else 3 if c < 0xF0 else 4
        if c > 127 and (c < 0xC2 or i + width > end):
            return np.int64(0), np.int64(1)
        return decode(data, i)
    j = i + 1
    while j < end and data[j] != 59:
        j += 1
    width = min(j + 1, end) - i
    if i + 2 < end and data[i + 1] == 35:
        hexadecimal = data[i + 2] | 32 == 120
        value = np.int64(0)
        for k in range(i + 3 if hexadecimal else i + 2, j):
            digit = np.int64(data[k]) - 48
            if hexadecimal and digit > 9:
                digit = (digit | 32) - 39
            if not 0 <= digit < (16 if hexadecimal else 10) or value > 0x10FFFF:
                return np.int64(0), width
            value = value * (16 if hexadecimal else 10) + digit
        return value, width
    return look_up(_NAMED_TABLE, add_bytes(FNV_OFFSET, data, i + 1, j)), width


@helper
def _take(place: Int, t: Tables) -> None:
    """Takes the open block's text from `place` on. If that is all it has, its text begins behind, once there is more."""
    s = t.state
    if s[at.IN_BLOCK] == 0 or place >= s[at.N_TEXT]:
        return
    end_word(t)
    if t.blocks[s[at.N_BLOCKS], at.B_START] < place:
        s[at.SPACE_DUE] |= t.text[place] == 32
        s[at.N_TEXT] = place
        forget_spans(t)
    else:
        s[at.LEAD_END] = s[at.N_TEXT]


@helper
def _is_mark(t: Tables, i: Int, end: Int) -> Truth:
    found = False
    while i < end:
        c, width = sign_at(t.text, i, end)
        if is_letter(c):
            return False
        if c in _MARKS or _PRIVATE[0] <= c <= _PRIVATE[1]:
            found = True
        elif c not in _AROUND_MARKS:
            return False
        i += width
    return found


@helper
def drop_mark(t: Tables) -> None:
    """At the end of a link into this page: takes it back if it is a mark alone, as the `¶` that names the section of a heading."""
    s = t.state
    i, n = s[at.LINK_TEXT], s[at.N_TEXT]
    if s[at.OPEN_LINKS] == 0 or s[at.OPEN_PRES] > 0 or n - i > _LONGEST_MARK or s[at.LINK_BLOCK] != s[at.BEGUN]:
        return
    if _is_mark(t, i, n):
        _take(i, t)


@helper
def drop_aside(t: Tables) -> None:
    """At the end of an aside of a line: takes it back, if it stands in one block. Its words are counted still."""
    s = t.state
    if s[at.ASIDE_BLOCK] == s[at.BEGUN]:
        _take(s[at.ASIDE_TEXT], t)
    s[at.ASIDE_DEPTH] = 0
