"""Words as spaCy's English tokenizer splits them: prefixes, suffixes, infixes, URLs and exceptions, as a kernel.

The procedure is that of spaCy 3.8 (spacy/tokenizer.pyx), which datatrove counts words with; rules are in core.affixes.
"""

from __future__ import annotations

from core.affixes import find_infix, find_prefix, find_suffix, is_digit, may_have_prefix, may_have_suffix
from core.characters import (
    AFFIX_BEFORE_STOP,
    AFFIX_ICON,
    AFFIX_PREFIX,
    AFFIX_SUFFIX,
    ALNUM,
    SPACE,
    UNSPACED,
    Bytes,
    Classes,
    Int,
    Truth,
    before,
    decode,
)
from core.english_exceptions import (
    EXCEPTIONS,
    EXCEPTIONS_TYPE,
    Exceptions,
    find_exception,
    merge_exceptions,
    split_exception,
)
from core.kernels import helper
from core.unspaced import split_unspaced
from core.url_tokens import is_url
from core.words import Spans

__all__ = ["EXCEPTIONS", "EXCEPTIONS_TYPE", "Exceptions", "split_english"]

_MOST_MERGED = 1000  # tokens between two spaces; more are not text, and exceptions are not looked for among them


@helper
def _is_mark(bits: Int) -> Truth:
    """Whether affix rules may split at a character; at others they do so behind digits alone."""
    return not bits & ALNUM or bits & (AFFIX_PREFIX | AFFIX_SUFFIX | AFFIX_ICON) != 0


@helper
def _count_marks(data: Bytes, a: Int, b: Int, classes: Classes) -> Int:
    n = 0
    while a < b:
        cp, width = decode(data, a)
        n += _is_mark(classes[cp])
        a += width
    return n


@helper
def _ends_with_suffix(data: Bytes, a: Int, b: Int, classes: Classes) -> Truth:
    """Whether the last of several characters, the only mark, is one of ) , : ; ? ! or a full stop, and a suffix."""
    if b - a < 2:
        return False
    last = data[b - 1]
    if last == 0x2E:
        cp, _ = decode(data, before(data, b - 1))
        return classes[cp] & AFFIX_BEFORE_STOP != 0
    return last == 0x2C or last == 0x3A or last == 0x3B or last == 0x3F or last == 0x21 or last == 0x29


@helper
def _split_infixes(data: Bytes, a: Int, b: Int, classes: Classes, starts: Spans, ends: Spans, n: Int) -> Int:
    """Appends the tokens of `data[a:b]`, which has no affixes left, from index `n` on; the new number of tokens."""
    first = n
    start = a
    cp, width = decode(data, a)
    i = a
    i += max(width, find_infix(data, a, b, 0, classes))  # an infix at the start is no split
    previous, _ = decode(data, before(data, i))
    while i < b:
        cp, width = decode(data, i)
        word = classes[cp] & ALNUM and not classes[cp] & AFFIX_ICON
        size = 0 if word else find_infix(data, i, b, previous, classes)
        if size == 0:
            previous = cp
            i += width
            continue
        if n == first and start == a and is_url(data, a, b, classes):
            break
        if i != start:
            starts[n] = start
            ends[n] = i
            n += 1
        starts[n] = i
        ends[n] = i + size
        n += 1
        i += size
        start = i
        previous, _ = decode(data, before(data, i))
    if start < b:
        starts[n] = start
        ends[n] = b
        n += 1
    return n


@helper
def _split_chunk(
    data: Bytes, a: Int, b: Int, marks: Int, digits: Truth, classes: Classes, exceptions: Exceptions, starts: Spans,
    ends: Spans, n: Int,
) -> Int:  # fmt: skip
    """Appends the tokens of `data[a:b]`, which holds no whitespace, `marks` of `_is_mark` and maybe digits.

    Suffixes wait at the arrays' far end.
    """
    capacity = len(starts)
    suffixes = 0
    size = -1
    found = -1
    while a < b and b - a != size:
        found = find_exception(data, a, b, exceptions)
        if found >= 0:
            break
        size = b - a
        p = find_prefix(data, a, b, classes) if may_have_prefix(data, a, b, classes) else 0
        if p:
            starts[n] = a
            ends[n] = a + p
            found = find_exception(data, a + p, b, exceptions)
            if found >= 0:
                n += 1
                a += p
                break
        s = find_suffix(data, a + p, b, classes, exceptions) if may_have_suffix(data, a + p, b, digits) else 0
        if s:
            suffixes += 1
            starts[capacity - suffixes] = b - s
            ends[capacity - suffixes] = b
            found = find_exception(data, a, b - s, exceptions)
            if found >= 0:
                b -= s
                break
        if p:
            n += 1
            marks -= _count_marks(data, a, a + p, classes)
        if s:
            marks -= _count_marks(data, b - s, b, classes)
        a += p
        b -= s
        if marks == 0 and not digits:  # no more affixes
            found = find_exception(data, a, b, exceptions)
            break
    if a < b:
        if found >= 0:
            n = split_exception(a, exceptions[found, 1], starts, ends, n)
        elif marks == 0:
            starts[n] = a
            ends[n] = b
            n += 1
        else:
            n = _split_infixes(data, a, b, classes, starts, ends, n)
    for i in range(capacity - suffixes, capacity):
        starts[n] = starts[i]
        ends[n] = ends[i]
        n += 1
    return n


@helper
def split_english(data: Bytes, start: Int, end: Int, classes: Classes, exceptions: Exceptions, starts: Spans, ends: Spans) -> Int:
    """Words as of spaCy's blank English pipeline, without the tokens that are whitespace. `exceptions` is EXCEPTIONS.

    Where spaCy would make one word of a sentence in a script without spaces, it is cut by `split_unspaced`.
    """
    n = 0
    i = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & SPACE:
            i += width
            continue
        a = i
        marks = 0
        digits, unspaced = False, False
        while i < end:
            cp, width = decode(data, i)
            bits = classes[cp]
            if bits & SPACE:
                break
            digits = digits or is_digit(cp)
            unspaced = unspaced or (bits & UNSPACED) != 0
            marks += _is_mark(bits)
            i += width
        first = n
        stop = i - 1 if marks == 1 and _ends_with_suffix(data, a, i, classes) else i
        if (
            (marks == 0 or stop < i)  # no affix rule splits what is before the mark, but for units behind digits
            and (not digits or is_digit(data[stop - 1]))
            and find_exception(data, a, i, exceptions) < 0
            and (stop == i or find_exception(data, a, stop, exceptions) < 0)
        ):
            starts[n], ends[n] = a, stop
            n += 1
            if stop < i:
                starts[n], ends[n] = stop, i
                n += 1
        else:
            n = _split_chunk(data, a, i, marks, digits, classes, exceptions, starts, ends, n)
            # Two tokens make up the string, and that is no exception; or it is, and these are its tokens.
            if first + 2 < n <= first + _MOST_MERGED:
                n = merge_exceptions(data, first, n, exceptions, starts, ends)
        if unspaced:
            n = split_unspaced(data, first, n, classes, starts, ends)
    return n
