"""Gopher's metrics as datatrove 0.10 computes them, which FineWeb was filtered with.

Source: huggingface/datatrove, pipeline/filters/gopher_quality_filter.py and gopher_repetition_filter.py. Words are
spaCy's; an n-gram's first occurrence counts as no duplicate; shares are of all characters of the text.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from core.characters import ALPHA, PUNCTUATION, Bytes, Classes, Int, char_length, decode, strip
from core.english import Exceptions, split_english
from core.kernels import helper
from core.words import Spans, hash_span, longest_text, max_spans, mix, split_lines, split_newline_runs
from filters import gopher_metrics as m
from filters.ngrams import (
    Keys,
    Sieve,
    clear,
    copy_keys,
    count_repeated,
    extend_grams,
    find_repeated,
    first_equal,
    hash_spans,
    sieve_size,
    table_size,
)

_BASE = np.uint64(0xD6E8FEB86659FD93)  # odd, of the polynomial that hashes the concatenation of words
_LENGTH = np.uint64(0xA0761D6478BD642F)


@helper
def _duplicate_spans(
    data: Bytes, starts: Spans, ends: Spans, n: Int, keys: Keys, found: Spans, sieve: Sieve, table: Spans
) -> tuple[Int, Int]:
    """How many spans are equal to an earlier one, and their characters."""
    hash_spans(data, starts, ends, n, keys)
    repeated = find_repeated(keys, n, sieve, found)
    shift, mask = clear(table, repeated)
    spans, chars = 0, 0
    for k in range(repeated):
        i = np.int64(found[k])
        if first_equal(table, shift, mask, keys, i) != i:
            spans += 1
            chars += char_length(data, np.int64(starts[i]), np.int64(ends[i]))
    return spans, chars


@helper
def _lines(
    data: Bytes, start: Int, end: Int, chars: Int, classes: Classes, starts: Spans, ends: Spans, keys: Keys,
    found: Spans, sieve: Sieve, table: Spans, row: m.Row,
) -> None:  # fmt: skip
    n = split_lines(data, start, end, classes, starts, ends)
    bullets, ellipses = 0, 0
    for i in range(n):
        a, b = strip(data, np.int64(starts[i]), np.int64(ends[i]), classes)
        bullets += (b > a and data[a] == 0x2D) or m.is_bullet(data, a, b)
        ellipses += m.ends_with_dots(data, a, b) or m.ends_with_ellipsis(data, a, b)
    row[m.BULLET_LINES] = m.ratio(bullets, n)
    row[m.ELLIPSIS_LINES] = m.ratio(ellipses, n)

    n = split_newline_runs(data, start, end, 1, starts, ends)
    spans, repeated = _duplicate_spans(data, starts, ends, n, keys, found, sieve, table)
    row[m.DUP_LINE_FRAC] = m.ratio(spans, n)
    row[m.DUP_LINE_CHARS] = m.ratio(repeated, chars)

    a, b = strip(data, start, end, classes)
    n = split_newline_runs(data, a, b, 2, starts, ends)
    spans, repeated = _duplicate_spans(data, starts, ends, n, keys, found, sieve, table)
    row[m.DUP_PARA_FRAC] = m.ratio(spans, n)
    row[m.DUP_PARA_CHARS] = m.ratio(repeated, chars)


@helper
def _words(
    data: Bytes, starts: Spans, ends: Spans, n: Int, classes: Classes, stop_words: m.Table, seen: Spans, text: Int,
    language: Int, hashes: Keys, values: Keys, powers: Keys, chars: Spans, row: m.Row,
) -> None:  # fmt: skip
    """Metrics of single words, and what n-grams need: hashes, polynomials and the characters before each word."""
    words, length, alphabetic, stops = 0, 0, 0, 0
    chars[0] = 0
    for k in range(n):
        value, power = np.uint64(0), np.uint64(1)
        size = 0
        any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
        start, end = np.int64(starts[k]), np.int64(ends[k])
        i = start
        while i < end:
            cp, width = decode(data, i)
            any_of |= classes[cp]
            all_of &= classes[cp]
            size += 1
            value = value * _BASE + np.uint64(cp + 1)
            power *= _BASE
            i += width
        if not all_of & PUNCTUATION:
            words += 1
            length += size
        alphabetic += (any_of & ALPHA) != 0
        hashed = mix(value + np.uint64(size) * _LENGTH)
        if end - start <= m.LONGEST_STOP_WORD:
            slot = m.find_stop_word(stop_words, m.stop_key(hash_span(data, start, end), language))
            if slot >= 0 and seen[slot] != text + 1:
                seen[slot] = text + 1
                stops += 1
        hashes[k] = hashed
        values[k] = value
        powers[k] = power
        chars[k + 1] = chars[k] + size
    row[m.WORDS] = words
    row[m.MEAN_LENGTH] = m.ratio(length, words)
    row[m.ALPHA_WORDS] = m.ratio(alphabetic, n)
    row[m.STOP_WORDS] = stops


@helper
def _concatenate(grams: Keys, values: Keys, powers: Keys, length: Int, n: Int) -> Int:
    """Turns hashes of the concatenations of length − 1 words into those of `length` words; returns how many."""
    count = max(n - length + 1, 0)
    for i in range(count):
        k = i + length - 1
        grams[i] = grams[i] * powers[k] + values[k]
    return count


@helper
def _duplicate_chars(grams: Keys, count: Int, length: Int, chars: Spans, found: Spans, sieve: Sieve, table: Spans) -> Int:
    """Characters of n-grams seen before, going on behind each: what overlaps it is passed over."""
    repeated = find_repeated(grams, count, sieve, found)
    shift, mask = clear(table, repeated)
    total = 0
    reached = 0
    for k in range(repeated):
        i = np.int64(found[k])
        if i >= reached and first_equal(table, shift, mask, grams, i) != i:
            total += chars[i + length] - chars[i]
            reached = i + length
    return total


@njit(m.SIGNATURE, error_model="numpy", cache=True, nogil=True)
def score_datatrove(
    offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, stop_words: m.Table, languages: Spans,
    out: m.Row,
) -> None:  # fmt: skip
    """Fills `out`, float64 of shape (texts, METRICS), for the texts of a batch."""
    room = max_spans(longest_text(offsets))
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    firsts, counts, chars = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room + 1, np.int32)
    table, sieve, found = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8), ends  # spans are read no more
    hashes, values = np.empty(room, np.uint64), np.empty(room, np.uint64)
    powers, grams = np.empty(room, np.uint64), np.empty(room, np.uint64)
    seen = np.zeros(len(stop_words), np.int32)  # the number of the text, from 1 on, that had the stop word last
    for text in range(len(offsets) - 1):
        start, end = np.int64(offsets[text]), np.int64(offsets[text + 1])
        row = out[text]
        for place in range(m.METRICS):
            row[place] = 0
        size = char_length(data, start, end)
        if size == 0:
            continue
        _lines(data, start, end, size, classes, starts, ends, hashes, firsts, sieve, table, row)

        n = split_english(data, start, end, classes, exceptions, starts, ends)
        hash_signs = m.count_byte(data, start, end, 0x23)
        ellipses = m.count_pattern(data, start, end, 0x2E, 0x2E, 0x2E)
        ellipses += m.count_pattern(data, start, end, 0xE2, 0x80, 0xA6)
        row[m.HASHES] = m.ratio(hash_signs, n)
        row[m.ELLIPSES] = m.ratio(ellipses, n)
        row[m.SYMBOLS] = m.ratio(hash_signs + ellipses, n)
        _words(
            data, starts, ends, n, classes, stop_words, seen, text, np.int64(languages[text]), hashes, values, powers, chars, row
        )  # fmt: skip

        copy_keys(hashes, grams, n)
        for length in range(2, 5):
            count = extend_grams(grams, hashes, length, n)
            if count:
                repeated = find_repeated(grams, count, sieve, found)
                highest = count_repeated(grams, found, repeated, table, firsts, counts)
                i = m.top_gram(found, repeated, counts, highest)
                joined = chars[i + length] - chars[i] + length - 1  # words are joined by spaces
                row[m.TOP + length] = joined * highest / size

        copy_keys(values, grams, n)
        for length in range(2, 11):
            count = _concatenate(grams, values, powers, length, n)
            if length >= 5 and count:
                row[m.DUP + length] = _duplicate_chars(grams, count, length, chars, found, sieve, table) / size
