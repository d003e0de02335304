"""Gopher's metrics as DCLM computes them (mlfoundations/dclm, baselines/mappers/filters/content_filters.py).

Single words are str.split()'s, those of n-grams UAX #29's without punctuation; every occurrence of what is repeated
counts, no word twice; shares are of the characters of words, or of lines that are not empty.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from core.boundaries import split_boundaries
from core.characters import ALNUM, Bytes, Classes, Int, Real, Truth, char_length, decode, strip
from core.english import Exceptions
from core.kernels import helper
from core.words import Spans, has_alpha, hash_span, longest_text, max_spans, split_newlines, split_whitespace
from filters import gopher_metrics as m
from filters.ngrams import (
    Keys,
    Sieve,
    copy_keys,
    count_repeated,
    extend_grams,
    find_repeated,
    hash_spans,
    sieve_size,
    table_size,
)


@helper
def _split_double_newlines(data: Bytes, start: Int, end: Int, starts: Spans, ends: Spans) -> Int:
    """Pieces as of re.split("\\n\\n")."""
    n = 0
    piece = start
    i = start
    while i < end:
        if data[i] == 10 and i + 1 < end and data[i + 1] == 10:
            starts[n] = piece
            ends[n] = i
            n += 1
            i += 2
            piece = i
        else:
            i += 1
    starts[n] = piece
    ends[n] = end
    return n + 1


@helper
def _strip_spans(data: Bytes, classes: Classes, starts: Spans, ends: Spans, n: Int) -> Int:
    """Strips the spans and leaves out those that are empty then."""
    kept = 0
    for i in range(n):
        a, b = strip(data, starts[i], ends[i], classes)
        if a < b:
            starts[kept] = a
            ends[kept] = b
            kept += 1
    return kept


@helper
def _repeated_spans(
    data: Bytes, starts: Spans, ends: Spans, n: Int, keys: Keys, found: Spans, sieve: Sieve, table: Spans,
    firsts: Spans, counts: Spans,
) -> tuple[Real, Real]:  # fmt: skip
    """The shares of spans, and of their characters, that occur more than once."""
    if n < 2:
        return 0.0, 0.0
    hash_spans(data, starts, ends, n, keys)
    repeated = find_repeated(keys, n, sieve, found)
    count_repeated(keys, found, repeated, table, firsts, counts)
    spans, chars, total = 0, 0, 0
    for i in range(n):
        total += char_length(data, starts[i], ends[i])
    for k in range(repeated):
        i = np.int64(found[k])
        if counts[firsts[i]] > 1:
            spans += 1
            chars += char_length(data, starts[i], ends[i])
    return m.ratio(spans, n), m.ratio(chars, total)


@helper
def _ends_with_spaced_dots(data: Bytes, start: Int, end: Int) -> Truth:
    """Whether `data[start:end]` ends in ". . ."."""
    return end - start >= 5 and data[end - 1] == data[end - 3] == data[end - 5] == 0x2E and data[end - 2] == data[end - 4] == 0x20


@helper
def _count_spaced_dots(data: Bytes, start: Int, end: Int) -> Int:
    """Occurrences of ". . ." that do not overlap."""
    n = 0
    i = start
    while i + 5 <= end:
        if data[i] == 0x2E and _ends_with_spaced_dots(data, i, i + 5):
            n += 1
            i += 5
        else:
            i += 1
    return n


@helper
def _count_words(data: Bytes, start: Int, end: Int, classes: Classes) -> Int:
    """Words as of fastText's tokenizer (split at ASCII whitespace and NUL) that start with a letter or digit."""
    n = 0
    inside = False
    i = start
    while i < end:
        cp, width = decode(data, i)
        blank = cp == 0x20 or 0x09 <= cp <= 0x0D or cp == 0
        if not blank and not inside:
            n += (classes[cp] & ALNUM) != 0
        inside = not blank
        i += width
    return n


@helper
def _words(
    data: Bytes, starts: Spans, ends: Spans, n: Int, classes: Classes, stop_words: m.Table, language: Int, lowered: Bytes,
    row: m.Row,
) -> None:  # fmt: skip
    """Metrics of the words of str.split(). `lowered`: room for a word of LONGEST_STOP_WORD bytes."""
    length, alphabetic, stops = 0, 0, 0
    for k in range(n):
        a, b = np.int64(starts[k]), np.int64(ends[k])
        size = b - a
        length += char_length(data, a, b)
        alphabetic += has_alpha(data, a, b, classes)
        if size <= m.LONGEST_STOP_WORD:
            for i in range(size):
                byte = data[a + i]
                lowered[i] = byte | 0x20 if 0x41 <= byte <= 0x5A else byte
            stops += m.find_stop_word(stop_words, m.stop_key(hash_span(lowered, 0, size), language)) >= 0
    row[m.MEAN_LENGTH] = m.ratio(length, n)
    row[m.ALPHA_WORDS] = m.ratio(alphabetic, n)
    row[m.STOP_WORDS] = stops


@helper
def _lines(
    data: Bytes, start: Int, end: Int, classes: Classes, starts: Spans, ends: Spans, keys: Keys, found: Spans,
    sieve: Sieve, table: Spans, firsts: Spans, counts: Spans, row: m.Row,
) -> None:  # fmt: skip
    n = split_newlines(data, start, end, starts, ends)
    n = _strip_spans(data, classes, starts, ends, n)
    bullets, ellipses = 0, 0
    for i in range(n):
        a, b = np.int64(starts[i]), np.int64(ends[i])
        first, _ = decode(data, a)
        bullets += first == 0x25CF or first == 0x2022 or first == 0x2A or first == 0x2D  # ● • * -
        ellipses += m.ends_with_dots(data, a, b) or m.ends_with_ellipsis(data, a, b) or _ends_with_spaced_dots(data, a, b)
    row[m.BULLET_LINES] = m.ratio(bullets, n)
    row[m.ELLIPSIS_LINES] = m.ratio(ellipses, n)
    row[m.DUP_LINE_FRAC], row[m.DUP_LINE_CHARS] = _repeated_spans(data, starts, ends, n, keys, found, sieve, table, firsts, counts)
    n = _split_double_newlines(data, start, end, starts, ends)
    n = _strip_spans(data, classes, starts, ends, n)
    row[m.DUP_PARA_FRAC], row[m.DUP_PARA_CHARS] = _repeated_spans(data, starts, ends, n, keys, found, sieve, table, firsts, counts)


@helper
def _longest_top(found: Spans, n: Int, counts: Spans, highest: Int, length: Int, chars: Spans) -> Int:
    """Characters of the n-gram seen most; of several, the longest."""
    longest = 0
    for k in range(n):
        i = np.int64(found[k])
        if counts[i] == highest:
            longest = max(longest, chars[i + length] - chars[i])
    return np.int64(longest)


@helper
def _covered(found: Spans, n: Int, firsts: Spans, counts: Spans, length: Int, chars: Spans) -> Int:
    """Characters of the words that are part of an n-gram seen more than once, each word once."""
    total = 0
    reached = 0
    for k in range(n):
        i = np.int64(found[k])
        if counts[firsts[i]] > 1:
            total += chars[i + length] - chars[max(i, reached)]
            reached = i + length
    return total


@njit(m.SIGNATURE, error_model="numpy", cache=True, nogil=True)
def score_dclm(
    offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, stop_words: m.Table, languages: Spans,
    out: m.Row,
) -> None:  # fmt: skip
    """Fills `out`, float64 of shape (texts, METRICS), for the texts of a batch. `exceptions` is not read."""
    room = max_spans(longest_text(offsets))
    starts, ends, found = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    firsts, counts, chars = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room + 1, np.int32)
    table, sieve = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8)
    hashes, grams = np.empty(room, np.uint64), np.empty(room, np.uint64)
    lowered = np.empty(m.LONGEST_STOP_WORD, np.uint8)
    for text in range(len(offsets) - 1):
        start, end = np.int64(offsets[text]), np.int64(offsets[text + 1])
        row = out[text]
        row[:] = 0
        _lines(data, start, end, classes, starts, ends, hashes, found, sieve, table, firsts, counts, row)
        row[m.WORDS] = _count_words(data, start, end, classes)

        n = split_whitespace(data, start, end, classes, starts, ends)
        _words(data, starts, ends, n, classes, stop_words, languages[text], lowered, row)
        hash_signs = m.count_byte(data, start, end, 0x23)
        ellipses = m.count_pattern(data, start, end, 0x2E, 0x2E, 0x2E)
        ellipses += m.count_pattern(data, start, end, 0xE2, 0x80, 0xA6) + _count_spaced_dots(data, start, end)
        row[m.HASHES] = m.ratio(hash_signs, n)
        row[m.ELLIPSES] = m.ratio(ellipses, n)
        row[m.SYMBOLS] = m.ratio(hash_signs + ellipses, n)

        n = split_boundaries(data, start, end, classes, starts, ends)
        hash_spans(data, starts, ends, n, hashes)
        chars[0] = 0
        for k in range(n):
            chars[k + 1] = chars[k] + char_length(data, starts[k], ends[k])
        copy_keys(hashes, grams, n)
        for length in range(2, 11):
            count = extend_grams(grams, hashes, length, n)
            repeated = find_repeated(grams, count, sieve, found)
            highest = count_repeated(grams, found, repeated, table, firsts, counts)
            if highest > 1 and length < 5:
                top = _longest_top(found, repeated, counts, highest, length, chars)
                row[m.TOP + length] = m.ratio(top * highest, chars[n])
            elif highest > 1:
                row[m.DUP + length] = m.ratio(_covered(found, repeated, firsts, counts, length, chars), chars[n])
