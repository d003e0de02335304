"""Gopher's metrics as Dolma computes them (allenai/dolma, python/dolma/taggers/gopher.py, gopher_v1).

Words are str.split()'s; every occurrence of what is repeated counts; duplicate n-grams are a share of the characters
of all n-grams, the rest of those of all words. Dolma has no paragraphs; the mean word length is ours, its own a median.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from core.characters import ALPHA, Bytes, Classes, Int, Real, char_length, decode
from core.english import Exceptions
from core.kernels import helper
from core.words import Spans, hash_span, longest_text, max_spans, split_newlines, split_whitespace
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
def _median_length(chars: Spans, n: Int, histogram: Spans) -> Real:
    """The median of the lengths of `n` words, in characters; 0 if there are none."""
    if n == 0:
        return 0.0
    longest = 0
    for k in range(n):
        longest = max(longest, chars[k + 1] - chars[k])
    for i in range(longest + 1):
        histogram[i] = 0
    for k in range(n):
        histogram[chars[k + 1] - chars[k]] += 1
    below = 0
    lower = -1
    for i in range(longest + 1):
        below += histogram[i]
        if lower < 0 and below >= (n + 1) // 2:
            lower = i
        if below >= n // 2 + 1:
            return (lower + i) / 2
    return 0.0


@helper
def _words(
    data: Bytes, starts: Spans, ends: Spans, n: Int, classes: Classes, stop_words: m.Table, language: Int,
    hashes: Keys, chars: Spans, histogram: Spans, row: m.Row,
) -> None:  # fmt: skip
    alphabetic, stops, hash_signs, ellipses, symbols = 0, 0, 0, 0, 0
    chars[0] = 0
    for k in range(n):
        i, end = np.int64(starts[k]), np.int64(ends[k])
        hashes[k] = hash_span(data, i, end)
        if end - i <= m.LONGEST_STOP_WORD:
            stops += m.find_stop_word(stop_words, m.stop_key(hashes[k], language)) >= 0
        size = 0
        letter, hash_sign, ellipsis = False, False, False
        while i < end:
            cp, width = decode(data, i)
            letter = letter or (classes[cp] & ALPHA) != 0
            hash_sign = hash_sign or cp == 0x23
            ellipsis = ellipsis or cp == 0x2026
            size += 1
            i += width
        chars[k + 1] = chars[k] + size
        alphabetic += letter
        hash_signs += hash_sign
        ellipses += ellipsis
        symbols += hash_sign or ellipsis
    row[m.WORDS] = n
    row[m.MEAN_LENGTH] = m.ratio(chars[n], n)
    row[m.MEDIAN_LENGTH] = _median_length(chars, n, histogram)
    row[m.HASHES] = m.ratio(hash_signs, n)
    row[m.ELLIPSES] = m.ratio(ellipses, n)
    row[m.SYMBOLS] = m.ratio(symbols, n)
    row[m.ALPHA_WORDS] = m.ratio(alphabetic, n)
    row[m.STOP_WORDS] = stops


@helper
def _lines(
    data: Bytes, start: Int, end: Int, chars: Int, starts: Spans, ends: Spans, keys: Keys, found: Spans,
    sieve: Sieve, table: Spans, firsts: Spans, counts: Spans, row: m.Row,
) -> None:  # fmt: skip
    n = split_newlines(data, start, end, starts, ends)
    bullets, ellipses = 0, 0
    for i in range(n):
        a, b = np.int64(starts[i]), np.int64(ends[i])
        bullets += a < b and (data[a] == 0x2A or data[a] == 0x2D)
        ellipses += m.ends_with_ellipsis(data, a, b)
    row[m.BULLET_LINES] = m.ratio(bullets, n)
    row[m.ELLIPSIS_LINES] = m.ratio(ellipses, n)
    hash_spans(data, starts, ends, n, keys)
    repeated = find_repeated(keys, n, sieve, found)
    count_repeated(keys, found, repeated, table, firsts, counts)
    spans, length = 0, 0
    for k in range(repeated):
        i = np.int64(found[k])
        if counts[firsts[i]] > 1:
            spans += 1
            length += char_length(data, starts[i], ends[i])
    row[m.DUP_LINE_FRAC] = m.ratio(spans, n)
    row[m.DUP_LINE_CHARS] = length / max(chars, 1)


@njit(m.SIGNATURE, error_model="numpy", cache=True, nogil=True)
def score_dolma(
    offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, stop_words: m.Table, languages: Spans,
    out: m.Row,
) -> None:  # fmt: skip
    """Fills `out`, float64 of shape (texts, METRICS), for the texts of a batch. `exceptions` is not read."""
    room = max_spans(longest_text(offsets))
    starts, ends, found = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    firsts, counts, chars = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room + 1, np.int32)
    table, sieve = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8)
    hashes, grams = np.empty(room, np.uint64), np.empty(room, np.uint64)
    for text in range(len(offsets) - 1):
        start, end = np.int64(offsets[text]), np.int64(offsets[text + 1])
        row = out[text]
        row[:] = 0
        if start == end:
            continue
        n = split_whitespace(data, start, end, classes, starts, ends)
        _words(data, starts, ends, n, classes, stop_words, languages[text], hashes, chars, counts, row)
        copy_keys(hashes, grams, n)
        for length in range(2, 11):
            count = extend_grams(grams, hashes, length, n)
            if count == 0:
                break
            repeated = find_repeated(grams, count, sieve, found)
            highest = count_repeated(grams, found, repeated, table, firsts, counts)
            if length < 5:
                i = m.top_gram(found, repeated, counts, highest)
                row[m.TOP + length] = highest * (chars[i + length] - chars[i]) / max(chars[n], 1)
                continue
            mass, total = 0, 0
            for i in range(count):
                total += chars[i + length] - chars[i]
            for k in range(repeated):
                i = np.int64(found[k])
                if counts[firsts[i]] > 1:
                    mass += chars[i + length] - chars[i]
            row[m.DUP + length] = mass / max(total, 1)
        _lines(data, start, end, chars[n], starts, ends, hashes, found, sieve, table, firsts, counts, row)
