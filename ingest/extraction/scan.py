"""One pass over a page's bytes to its blocks: no tree is built, and no byte is read twice.

The idea and its tables are of a study of this project's: lexbor's tree gives the same blocks at twice the time, before
a single feature is computed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.attributes import read_attributes
from ingest.extraction.blocks import add_any, add_ascii, add_sign, add_span, block_here, end_block, end_page, end_word
from ingest.extraction.characters import is_letter, is_space
from ingest.extraction.formulas import add_formula
from ingest.extraction.hints import add_hints, add_meta
from ingest.extraction.layout import TABLES_TYPE, Tables, new_tables
from ingest.extraction.marks import drop_aside, drop_mark
from ingest.extraction.names import FLAGS, FLAGS_NOSCRIPT, FNV_OFFSET, add_byte, element_number, is_inline
from ingest.extraction.tags import close, close_implied, comment_end, skip_content

#: Elements whose text within a line is code.
_CODE = el.marked("code kbd samp tt")
#: Pages with fewer words may keep their text in <noscript>, as forums of Discourse do; then it must make them twice as long.
FEW_WORDS = 100


@helper
def _open(name: Int, name_hash: Int, t: Tables) -> Int:
    """Adds an element; its row, or -1 if the page has too many."""
    s = t.state
    e = s[at.N_ELEMENTS]
    if e + 1 >= len(t.elements):
        return -1
    row = t.elements[e]
    row[at.E_NAME] = name
    row[at.E_PARENT] = t.stack[s[at.DEPTH] - 1, 0]
    row[at.E_DEPTH] = s[at.DEPTH]
    row[at.E_WORDS] = s[at.N_NAMES]
    row[at.E_MARKS] = at.M_UNSEEN if name == el.DIALOG else 0  # one that is not open
    t.classes[e] = name_hash if name == 0 else 0
    s[at.N_ELEMENTS] = e + 1
    return e


@helper
def _is_aside(name: Int, class_hash: Int, t: Tables) -> Truth:
    """Whether the text of an element is no text of the page, by its class, or the hash of its name; in code it is."""
    if name == 0:
        return t.state[at.OPEN_PRES] == 0 and _is_reading(class_hash)
    if class_hash == el.DRAWN:
        return t.state[at.FORMULA_TEXT] == t.state[at.N_TEXT] and t.state[at.N_TEXT] > 0
    return class_hash == el.ASIDES[0] or class_hash == el.ASIDES[1]


@helper
def _is_reading(name_hash: Int) -> Truth:
    return name_hash == el.READINGS[0] or name_hash == el.READINGS[1] or name_hash == el.READINGS[2]


@helper
def _end_reading(name_hash: Int, t: Tables) -> None:
    """What of ruby a start tag ends that has no end tag."""
    if _is_reading(name_hash) or name_hash == el.RUBY_BASE:
        top = t.state[at.DEPTH] - 1
        if t.stack[top, 1] == 0 and _is_reading(np.int64(t.classes[t.stack[top, 0]])):
            close(np.int64(0), np.int64(t.classes[t.stack[top, 0]]), FLAGS, t)


@helper
def _end_inner(t: Tables) -> None:
    """Ends the aside and the span of code whose element is closed."""
    s = t.state
    if s[at.DEPTH] < s[at.ASIDE_DEPTH]:
        drop_aside(t)
    if s[at.DEPTH] < s[at.SPAN_DEPTH]:
        s[at.SPAN_DEPTH] = 0
        if s[at.SPAN_BLOCK] == s[at.BEGUN]:
            end_word(t)
            add_span(np.int64(at.SPAN_CODE), s[at.SPAN_TEXT], t)


@helper
def _push(name: Int, e: Int, cuts: Truth, t: Tables) -> None:
    """Opens an element, one that cuts text or not. Text of a line that is not shown is an aside."""
    s = t.state
    if e < 0 or s[at.DEPTH] >= len(t.stack):
        return
    t.stack[s[at.DEPTH], 0] = e
    t.stack[s[at.DEPTH], 1] = name
    s[at.DEPTH] += 1
    if name == el.A:
        s[at.LINK_TEXT], s[at.LINK_BLOCK] = s[at.N_TEXT], block_here(t)
        s[at.OPEN_LINKS] += 1
        if s[at.IN_BLOCK] != 0:
            t.blocks[s[at.N_BLOCKS], at.B_LINKS] += 1
    elif name == el.PRE:
        s[at.OPEN_PRES] += 1
        s[at.INDENT] = 0
    elif _CODE[name] and s[at.SPAN_DEPTH] == 0 and s[at.OPEN_PRES] == 0:
        s[at.SPAN_DEPTH], s[at.SPAN_TEXT], s[at.SPAN_BLOCK] = s[at.DEPTH], s[at.N_TEXT], block_here(t)
    unseen = not cuts and t.elements[e, at.E_MARKS] & at.M_UNSEEN
    if s[at.ASIDE_DEPTH] == 0 and (unseen or _is_aside(name, t.classes[e], t)):
        s[at.ASIDE_DEPTH], s[at.ASIDE_TEXT], s[at.ASIDE_BLOCK] = s[at.DEPTH], s[at.N_TEXT], block_here(t)


@helper
def _add_image(e: Int, t: Tables) -> None:
    """Begins the row of an image, which its attributes fill."""
    s = t.state
    if s[at.IMAGE_ROWS] < len(t.images):
        row = t.images[s[at.IMAGE_ROWS]]
        for k in range(at.IMAGE_COLUMNS):
            row[k] = 0
        row[at.I_ELEMENT] = e
        row[at.I_TEXT] = s[at.N_TEXT]


@helper
def _follows_code(data: Bytes, i: Int) -> Truth:
    """Whether `</code>` ends at `i`: pages that show one program in two languages, or its lines, let styles part them."""
    return i >= 7 and data[i - 1] == 62 and data[i - 7] == 60 and data[i - 6] == 47 and (data[i - 2] | 32) == 101


@helper
def _tag(data: Bytes, i: Int, flags: npt.NDArray[np.int32], t: Tables) -> Int:
    """The tag whose name begins at `i`, after `<` or `</`; where the text goes on."""
    n = len(data)
    closing = data[i - 1] == 47
    start = i
    name_hash = FNV_OFFSET
    while i < n:
        c = np.int64(data[i])
        if c == 62 or c == 47 or is_space(c):
            break
        name_hash = add_byte(name_hash, c | 32 if 65 <= c <= 90 else c)
        i += 1
    length = i - start
    name = element_number(name_hash)
    own = flags[name]
    cuts = own & el.CUTS and (name != 0 or not is_inline(name_hash))
    if cuts:
        end_block(t)
        t.state[at.BREAKS] += 1 if name == el.BR else 2
    if closing:
        if name == el.A and t.state[at.INNER_LINK] != 0:
            drop_mark(t)
        close(name, name_hash, flags, t)
        _end_inner(t)
        return read_attributes(data, i, np.int64(-1), t)
    if name == el.CODED and t.state[at.OPEN_PRES] > 0 and _follows_code(data, start - 1):
        end_block(t)
    if name == 0:
        _end_reading(name_hash, t)
    close_implied(name, flags, t)
    _end_inner(t)
    e = _open(name, name_hash, t)
    if name == el.A:
        t.state[at.INNER_LINK] = 0
    elif name == el.MATH or name == el.SCRIPT:
        t.state[at.FORMULA] = t.state[at.ALTTEXT_START] = t.state[at.ALTTEXT_END] = 0
    elif e >= 0 and (name == el.IMG or name == el.SOURCE):
        _add_image(e, t)
    t.state[at.SELF_CLOSED] = 0
    i = read_attributes(data, i, e, t)
    if name == el.META:
        add_meta(data, t)
    if own & el.VOID:
        t.state[at.IMAGES] += name == el.IMG
        t.state[at.IMAGE_ROWS] += e >= 0 and (name == el.IMG or name == el.SOURCE)
        return i
    if own & el.FOREIGN and t.state[at.SELF_CLOSED] != 0:
        return i
    skipped = own & el.SKIPPED or (name == el.BUTTON and t.state[at.OPEN_PRES] > 0)  # one that copies the code
    if skipped and t.unclosed[name] == 0:
        content = i
        end, after = skip_content(data, i, start, length)
        if end < 0:
            if own & el.CODE:
                return n
            t.unclosed[name] = 1
        else:
            if name == el.TITLE and t.state[at.TITLE_END] == 0:
                t.state[at.TITLE_START], t.state[at.TITLE_END] = content, end
                add_hints(data, content, end, at.TITLE_HINT, t)
            elif name == el.MATH or (name == el.SCRIPT and t.state[at.FORMULA] > 0):
                add_formula(data, content, end, name == el.SCRIPT, t)
            return after
    _push(name, e, cuts, t)
    return i


@helper
def _is_name_start(data: Bytes, i: Int) -> Truth:
    return i < len(data) and (97 <= data[i] <= 122 or 65 <= data[i] <= 90)


@helper
def _markup(data: Bytes, i: Int, flags: npt.NDArray[np.int32], t: Tables) -> Int:
    """What begins with the `<` at `i`; where the text goes on."""
    if _is_name_start(data, i + 1):
        return _tag(data, i + 1, flags, t)
    if i + 1 < len(data):
        c = data[i + 1]
        if c == 47 and _is_name_start(data, i + 2):
            return _tag(data, i + 2, flags, t)
        if c == 33 or c == 63 or c == 47:
            return comment_end(data, i)
    return add_sign(data, i, np.int64(1), t)


@njit(types.void(BYTES_TYPE, types.int32[::1], TABLES_TYPE), cache=True, nogil=True, error_model="numpy")
def _scan(data: Bytes, flags: npt.NDArray[np.int32], t: Tables) -> None:
    s = t.state
    row = t.elements[0]
    for k in range(at.ELEMENT_COLUMNS):
        row[k] = 0
    row[at.E_PARENT] = -1
    t.classes[0] = 0
    t.stack[0, 0] = 0
    t.stack[0, 1] = 0
    s[at.N_ELEMENTS] = 1
    s[at.DEPTH] = 1
    n = np.int64(len(data))
    i = np.int64(0)
    while i < n:
        c = data[i]
        if is_letter(c):
            i = add_ascii(data, i, t)
        elif c == 60:
            i = _markup(data, i, flags, t)
        else:
            i = add_any(data, i, t)
    end_page(t)
    t.elements[s[at.N_ELEMENTS], at.E_WORDS] = s[at.N_NAMES]


def scan(data: Bytes) -> Tables:
    """The blocks and elements of a page: UTF-8 as uint8 of shape (n,), which may be read-only."""
    tables = _scanned(data, FLAGS)
    if _words(tables) < FEW_WORDS and b"<noscript" in data.tobytes().lower():
        other = _scanned(data, FLAGS_NOSCRIPT)
        if _words(other) > 2 * _words(tables):
            return other
    return tables


def _scanned(data: Bytes, flags: npt.NDArray[np.int32]) -> Tables:
    tables = new_tables(len(data), len(flags))
    _scan(data, flags, tables)
    return tables


def _words(tables: Tables) -> int:
    return int(tables.blocks[: tables.state[at.N_BLOCKS], at.B_WORDS].sum())
