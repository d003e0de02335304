"""Text on its way into blocks: words are hashed and counted as they end, white space becomes one space but in <pre>.

The counts are those that shallow text features need (Kohlschütter et al., Boilerplate Detection using Shallow Text
Features, WSDM 2010), taken while the text is copied.
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.characters import LETTER, SIGN, SPACE, ascii_of, is_letter, is_space, kind_of, unspaced_word
from ingest.extraction.layout import Tables
from ingest.extraction.names import BLOCK, FLAGS, FNV_OFFSET, add_byte, add_bytes, is_function_word

#: Elements whose text may be signs alone.
_SPEAKING = el.marked("td th li dt dd pre code kbd samp tt")


@helper
def begin_block(first: Int, t: Tables) -> None:
    """Begins a block whose first byte is `first`, or goes on in the open one; a space that is due is written."""
    s = t.state
    if s[at.IN_BLOCK] == 0:
        row = t.blocks[s[at.N_BLOCKS]]
        for k in range(at.BLOCK_COLUMNS):
            row[k] = 0
        row[at.B_ELEMENT] = t.stack[s[at.DEPTH] - 1, 0]
        row[at.B_START] = s[at.N_TEXT]
        row[at.B_WORD] = s[at.N_WORDS]
        row[at.B_FIRST] = first
        row[at.B_IMAGES] = s[at.IMAGES]
        row[at.B_LINKS] = s[at.OPEN_LINKS] > 0
        row[at.B_BROKEN] = s[at.BREAKS] == 1
        s[at.BREAKS] = 0
        s[at.IN_BLOCK] = 1
        s[at.BEGUN] += 1
        s[at.LEAD_END] = 0
        if s[at.OPEN_PRES] > 0:
            while s[at.INDENT] > 0:
                t.text[s[at.N_TEXT]] = 32
                s[at.N_TEXT] += 1
                s[at.INDENT] -= 1
    elif s[at.SPACE_DUE] != 0:
        t.text[s[at.N_TEXT]] = 32
        s[at.N_TEXT] += 1
    s[at.SPACE_DUE] = 0


@helper
def add_space(c: Int, t: Tables) -> None:
    """Ends the word at white space; in <pre> that stands as it is, without what ends a block and blank lines that begin one."""
    end_word(t)
    s = t.state
    if s[at.OPEN_PRES] == 0:
        if s[at.IN_BLOCK] != 0:
            s[at.SPACE_DUE] = 1
    elif c != 13:
        if s[at.IN_BLOCK] != 0:
            t.text[s[at.N_TEXT]] = c if c == 10 or c == 9 else 32
            s[at.N_TEXT] += 1
        else:
            s[at.INDENT] = 0 if c == 10 else s[at.INDENT] + 1


@helper
def end_word(t: Tables) -> None:
    """Counts the word that the scanner is in, if it is in one."""
    s = t.state
    if s[at.IN_WORD] == 0:
        return
    s[at.IN_WORD] = 0
    row = t.blocks[s[at.N_BLOCKS]]
    row[at.B_WORDS] += 1
    row[at.B_LINKED] += s[at.WORD_LINKED]
    row[at.B_INNER] += s[at.WORD_LINKED] & s[at.INNER_LINK]
    row[at.B_DIGITS] += s[at.WORD_DIGIT]
    if s[at.WORD_UPPER] > 0:
        row[at.B_UPPER] += 1
        if s[at.WORD_UPPER] > 1 and s[at.WORD_UPPER] == s[at.WORD_BYTES]:
            row[at.B_CAPITALS] += 1
    word = s[at.WORD_HASH]
    row[at.B_FUNCTION] += is_function_word(word)
    t.words[s[at.N_WORDS]] = word
    s[at.N_WORDS] += 1


@helper
def block_here(t: Tables) -> Int:
    """The block that text from here on stands in, by how many begin before it: the open one, or else the next."""
    return t.state[at.BEGUN] + (t.state[at.IN_BLOCK] == 0)


@helper
def may_say(e: Int, t: Tables) -> Truth:
    """Whether signs in an element may say something: in a cell, also in one paragraph of it, an item, or code."""
    within = 0
    while e > 0:
        name = t.elements[e, at.E_NAME]
        if _SPEAKING[name]:
            return True
        if FLAGS[name] & BLOCK:
            within += 1
            if within > 1 or (name != el.P and name != el.DIV):
                return False
        e = np.int64(t.elements[e, at.E_PARENT])
    return False


@helper
def forget_spans(t: Tables) -> None:
    """Forgets the spans of text that was taken back."""
    s = t.state
    while s[at.N_SPANS] > 0 and t.spans[s[at.N_SPANS] - 1, at.S_END] > s[at.N_TEXT]:
        s[at.N_SPANS] -= 1


@helper
def add_span(kind: Int, start: Int, t: Tables) -> None:
    """Adds the text from `start` on as a span, in place of those in it."""
    s = t.state
    while s[at.N_SPANS] > 0 and t.spans[s[at.N_SPANS] - 1, at.S_END] > start:
        s[at.N_SPANS] -= 1
    if s[at.N_TEXT] > start and s[at.N_SPANS] < len(t.spans):
        span = t.spans[s[at.N_SPANS]]
        span[at.S_ELEMENT], span[at.S_START], span[at.S_END] = kind, start, s[at.N_TEXT]
        s[at.N_SPANS] += 1


@helper
def add_reference(data: Bytes, i: Int, t: Tables) -> Int:
    """What begins with the `&` at `i`; where the text goes on. A no-break space is a space."""
    n = len(data)
    j = i + 1
    while j < n and j < i + 10 and (is_letter(data[j]) or data[j] == 35):
        j += 1
    if j >= n or data[j] != 59:
        return add_sign(data, i, np.int64(1), t)
    if (j - i == 5 and data[i + 1] == 110 and data[i + 2] == 98 and data[i + 3] == 115 and data[i + 4] == 112) or (
        j - i == 5 and data[i + 1] == 35 and data[i + 2] == 49 and data[i + 3] == 54 and data[i + 4] == 48
    ):
        add_space(np.int64(32), t)
        return j + 1
    return add_sign(data, i, j + 1 - i, t)


@helper
def add_any(data: Bytes, i: Int, t: Tables) -> Int:
    """Adds the character at `i`, or the run of ASCII letters or the reference that begins there; where that ends."""
    c = np.int64(data[i])
    if is_letter(c):
        return add_ascii(data, i, t)
    if c == 38:
        return add_reference(data, i, t)
    if c == 0:
        return i + 1
    kind, width = np.int64(SIGN), np.int64(1)
    if is_space(c):
        kind = np.int64(SPACE)
    elif c > 127:
        kind, width = kind_of(data, i)
    if kind == LETTER:
        return add_character(data, i, width, t)
    if kind == SIGN:
        return add_sign(data, i, width, t)
    add_space(c, t)
    return i + width


@helper
def end_block(t: Tables) -> None:
    """Ends the open block, if there is one; one without a word is dropped, or a sign. Past MAX_BLOCKS it goes on after a space."""
    end_word(t)
    s = t.state
    if s[at.IN_BLOCK] == 0:
        return
    n = s[at.N_BLOCKS]
    if n + 1 >= len(t.blocks):
        s[at.SPACE_DUE] = 1
        return
    s[at.IN_BLOCK] = 0
    s[at.SPACE_DUE] = 0
    _keep_block(n, t)


@helper
def _shown(e: Int, t: Tables) -> Int:
    """What a line stands in whose first words, of element `e`, are not shown."""
    up = e
    while up > 0 and FLAGS[t.elements[up, at.E_NAME]] & BLOCK == 0:
        if t.elements[up, at.E_MARKS] & at.M_UNSEEN:
            e = np.int64(t.elements[up, at.E_PARENT])
        up = np.int64(t.elements[up, at.E_PARENT])
    return e


@helper
def _keep_block(n: Int, t: Tables) -> None:
    s = t.state
    row = t.blocks[n]
    s[at.INDENT] = 0
    if row[at.B_WORDS] > 0:
        while s[at.N_TEXT] > row[at.B_START] and t.text[s[at.N_TEXT] - 1] <= 32:  # of a <pre>
            s[at.N_TEXT] -= 1
        if s[at.N_TEXT] == row[at.B_START]:
            s[at.N_WORDS] = row[at.B_WORD]
            return
        row[at.B_END] = s[at.N_TEXT]
        row[at.B_WORD_END] = s[at.N_WORDS]
        s[at.N_BLOCKS] = n + 1
        lead = s[at.LEAD_END]
        if lead > row[at.B_START]:
            while lead < s[at.N_TEXT] and t.text[lead] <= 32:
                lead += 1
            if lead < s[at.N_TEXT]:
                row[at.B_START] = lead
                row[at.B_ELEMENT] = _shown(np.int64(row[at.B_ELEMENT]), t)
    elif s[at.N_SIGNS] < len(t.signs) and may_say(row[at.B_ELEMENT], t):
        while t.text[s[at.N_TEXT] - 1] <= 32 and s[at.N_TEXT] - 1 > row[at.B_START]:
            s[at.N_TEXT] -= 1
        sign = t.signs[s[at.N_SIGNS]]
        sign[at.S_ELEMENT], sign[at.S_START], sign[at.S_END] = row[at.B_ELEMENT], row[at.B_START], s[at.N_TEXT]
        s[at.N_SIGNS] += 1
        s[at.BREAKS] = 2
    else:
        s[at.N_TEXT] = row[at.B_START]
        s[at.BREAKS] = 2
        forget_spans(t)


@helper
def end_page(t: Tables) -> None:
    """Ends the last block, whatever the limits."""
    end_word(t)
    s = t.state
    if s[at.IN_BLOCK] != 0:
        s[at.IN_BLOCK] = 0
        _keep_block(s[at.N_BLOCKS], t)


@helper
def copy(data: Bytes, i: Int, end: Int, t: Tables) -> Int:
    """Appends `data[i:end]` to the text; returns `end`."""
    s = t.state
    n = s[at.N_TEXT]
    while i < end:
        t.text[n] = data[i]
        n += 1
        i += 1
    s[at.N_TEXT] = n
    return end


@helper
def begin_word(t: Tables) -> None:
    """Begins a word, unless it goes on after a tag that parts no text."""
    s = t.state
    if s[at.IN_WORD] == 0:
        s[at.IN_WORD] = 1
        s[at.WORD_HASH] = FNV_OFFSET
        s[at.WORD_BYTES] = 0
        s[at.WORD_DIGIT] = 0
        s[at.WORD_UPPER] = 0
        s[at.WORD_LINKED] = s[at.OPEN_LINKS] > 0


@helper
def add_ascii(data: Bytes, i: Int, t: Tables) -> Int:
    """Adds the run of ASCII letters and digits at `i` to the word; where it ends."""
    begin_block(data[i], t)
    begin_word(t)
    s = t.state
    word, upper, digit, out, start = s[at.WORD_HASH], s[at.WORD_UPPER], s[at.WORD_DIGIT], s[at.N_TEXT], i
    while i < len(data):
        c = np.int64(data[i])
        if not is_letter(c):
            break
        t.text[out] = c
        out += 1
        if 65 <= c <= 90:
            c |= 32
            upper += 1
        elif c < 58:
            digit = 1
        word = add_byte(word, c)
        i += 1
    s[at.WORD_HASH] = word
    s[at.WORD_UPPER] = upper
    s[at.WORD_DIGIT] = digit
    s[at.WORD_BYTES] += i - start
    s[at.N_TEXT] = out
    t.blocks[s[at.N_BLOCKS], at.B_LAST] = data[i - 1]
    return i


@helper
def add_character(data: Bytes, i: Int, width: Int, t: Tables) -> Int:
    """Adds a letter past ASCII, of `width` bytes, to the word; where it ends."""
    begin_block(data[i], t)
    begin_word(t)
    s = t.state
    word = s[at.WORD_HASH]
    word = add_bytes(word, data, i, i + width)
    s[at.WORD_HASH] = word
    s[at.WORD_BYTES] += width
    row = t.blocks[s[at.N_BLOCKS]]
    row[at.B_FOREIGN] += width
    row[at.B_LAST] = data[i + width - 1]
    i = copy(data, i, i + width, t)
    if s[at.WORD_BYTES] >= unspaced_word(data, i - width, width):
        end_word(t)
    return i


@helper
def add_sign(data: Bytes, i: Int, width: Int, t: Tables) -> Int:
    """Ends the word and adds a punctuation mark; where that ends. References are marks of several bytes, as they stand."""
    end_word(t)
    begin_block(data[i], t)
    row = t.blocks[t.state[at.N_BLOCKS]]
    c = data[i]
    row[at.B_LAST] = c
    if c == 44:
        row[at.B_COMMAS] += 1
    elif c == 46 or c == 33 or c == 63:
        row[at.B_STOPS] += 1
    elif c == 36:
        row[at.B_CURRENCY] += 1
    elif c == 38 and width > 1:
        row[at.B_REFERENCES] += 1
        row[at.B_LAST] = 59
    elif c == 124 or c == 62 or c == 47 or c == 60 or c > 127:
        row[at.B_SIGNS] += 1
        if (c == 0xE2 and data[i + 1] == 0x82) or (c == 0xC2 and (data[i + 1] == 0xA3 or data[i + 1] == 0xA5)):
            row[at.B_CURRENCY] += 1
        ascii = ascii_of(data, i, width)
        if ascii == 46:
            row[at.B_STOPS] += 1
            row[at.B_LAST] = 46
        elif ascii == 44:
            row[at.B_COMMAS] += 1
    return copy(data, i, i + width, t)
