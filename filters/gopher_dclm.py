"""Gopher's metrics as DCLM computes them (mlfoundations/dclm, baselines/mappers/filters/content_filters.py).

Single words are str.split()'s, those of n-grams UAX #29's without punctuation; every occurrence of what is repeated
counts, no word twice; shares are of the characters of words, or of lines that are not empty.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from core.boundaries import split_boundaries
from core.characters import ALNUM, ALPHA, SPACE, Bytes, Classes, char_length, decode, strip
from core.english import Exceptions
from core.words import Spans, hash_span, max_spans, split_newlines, split_whitespace
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

_LONGEST_STOP_WORD = 64  # bytes; longer words are none


@njit(error_model="numpy")
def _split_double_newlines(data: Bytes, start: int, end: int, starts: Spans, ends: Spans) -> int:
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


@njit(error_model="numpy")
def _strip_spans(data: Bytes, classes: Classes, starts: Spans, ends: Spans, n: int) -> int:
    """Strips the spans and leaves out those that are empty then."""
    kept = 0
    for i in range(n):
        a, b = strip(data, starts[i], ends[i], classes)
        if a < b:
            starts[kept] = a
            ends[kept] = b
            kept += 1
    return kept


@njit(error_model="numpy")
def _repeated_spans(
    data: Bytes, starts: Spans, ends: Spans, n: int, keys: Keys, found: Spans, sieve: Sieve, table: Spans,
    firsts: Spans, counts: Spans,
) -> tuple[float, float]:  # fmt: skip
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
        i = found[k]
        if counts[firsts[i]] > 1:
            spans += 1
            chars += char_length(data, starts[i], ends[i])
    return m.ratio(spans, n), m.ratio(chars, total)


@njit(error_model="numpy")
def _ends_with_spaced_dots(data: Bytes, start: int, end: int) -> bool:
    """Whether `data[start:end]` ends in ". . ."."""
    return (
        end - start >= 5
        and data[end - 1] == data[end - 3] == data[end - 5] == 0x2E
        and data[end - 2] == data[end - 4] == 0x20
    )


@njit(error_model="numpy")
def _count_spaced_dots(data: Bytes, start: int, end: int) -> int:
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


@njit(error_model="numpy")
def _count_words(data: Bytes, start: int, end: int, classes: Classes) -> int:
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


@njit(error_model="numpy")
def _hash_lower(data: Bytes, start: int, end: int, lowered: npt_bytes) -> np.uint64:
    """The hash of a word of at most _LONGEST_STOP_WORD bytes with A–Z as a–z."""
    for i in range(start, end):
        b = data[i]
        lowered[i - start] = b | 0x20 if 0x41 <= b <= 0x5A else b
    return hash_span(lowered, 0, end - start)
