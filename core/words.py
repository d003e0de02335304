"""Words and lines of a text as spans of bytes: str.split(), str.splitlines() and str.split("\\n") for kernels.

The functions here are called from other kernels, once a text: they fill `starts` and `ends` (int32, room for
`max_spans(end - start)` spans) from `data[start:end]`, valid UTF-8, and return the number of spans. What spaCy and
UAX #29 call words is in core.english and core.boundaries, with the same signature.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.characters import ALPHA, LINE_BREAK, SPACE, Bytes, Classes, Int, Truth, decode
from core.kernels import helper

Spans = npt.NDArray[np.int32]

_MULTIPLIER = np.uint64(0x9FB21C651E98DF25)  # odd; of xxh3's avalanche (github.com/Cyan4973/xxHash)


@helper
def max_spans(size: Int) -> Int:
    """An upper bound on the spans (of any splitter in core) of a text of `size` bytes."""
    return size + 1


@helper
def longest_text(offsets: Spans) -> Int:
    """Bytes of the longest text of a batch, by its offsets (of n + 1)."""
    longest = np.int64(0)
    for row in range(len(offsets) - 1):
        size = np.int64(offsets[row + 1]) - np.int64(offsets[row])
        if size > longest:
            longest = size
    return longest


@helper
def split_whitespace(data: Bytes, start: Int, end: Int, classes: Classes, starts: Spans, ends: Spans) -> Int:
    """Words as of str.split()."""
    n = 0
    i = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & SPACE:
            i += width
            continue
        starts[n] = i
        while i < end:
            cp, width = decode(data, i)
            if classes[cp] & SPACE:
                break
            i += width
        ends[n] = i
        n += 1
    return n


@helper
def split_lines(data: Bytes, start: Int, end: Int, classes: Classes, starts: Spans, ends: Spans) -> Int:
    """Lines as of str.splitlines(): at any Unicode line break, CR LF as one, no empty line at the end."""
    n = 0
    i = start
    line = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & LINE_BREAK:
            starts[n] = line
            ends[n] = i
            n += 1
            i += width
            if cp == 13 and i < end and data[i] == 10:
                i += 1
            line = i
        else:
            i += width
    if line < end:
        starts[n] = line
        ends[n] = end
        n += 1
    return n


@helper
def split_newlines(data: Bytes, start: Int, end: Int, starts: Spans, ends: Spans) -> Int:
    """Lines as of str.split("\\n"): at least one, which may be empty."""
    n = 0
    line = start
    for i in range(start, end):
        if data[i] == 10:
            starts[n] = line
            ends[n] = i
            n += 1
            line = i + 1
    starts[n] = line
    ends[n] = end
    return n + 1


@helper
def split_newline_runs(data: Bytes, start: Int, end: Int, shortest: Int, starts: Spans, ends: Spans) -> Int:
    """Pieces as of re.split("\\n{shortest,}"): at least one, which may be empty."""
    n = 0
    piece = start
    i = start
    while i < end:
        if data[i] != 10:
            i += 1
            continue
        run = i
        while i < end and data[i] == 10:
            i += 1
        if i - run >= shortest:
            starts[n] = piece
            ends[n] = run
            n += 1
            piece = i
    starts[n] = piece
    ends[n] = end
    return n + 1


@helper
def hash_span(data: Bytes, start: Int, end: Int) -> np.uint64:
    """A hash of `data[start:end]` whose 64 bits are fit for a table that compares hashes alone."""
    h = np.uint64(end - start) * _MULTIPLIER
    i = start
    while i + 4 <= end:
        word = (
            np.uint64(data[i])
            | (np.uint64(data[i + 1]) << np.uint64(8))
            | (np.uint64(data[i + 2]) << np.uint64(16))
            | (np.uint64(data[i + 3]) << np.uint64(24))
        )
        h = (h ^ word) * _MULTIPLIER
        h ^= h >> np.uint64(29)
        i += 4
    tail = np.uint64(1)
    while i < end:
        tail = (tail << np.uint64(8)) | np.uint64(data[i])
        i += 1
    h = (h ^ tail) * _MULTIPLIER
    return mix(h)


@helper
def mix(h: np.uint64) -> np.uint64:
    """splitmix64's finaliser: spreads every bit over all 64."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@helper
def has_alpha(data: Bytes, start: Int, end: Int, classes: Classes) -> Truth:
    """Whether any code point is a letter as of str.isalpha."""
    i = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & ALPHA:
            return True
        i += width
    return False
