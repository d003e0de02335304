"""Metrics of a text's lines that FineWeb and FineWeb-2 drop pages for, as a kernel.

Source: huggingface/datatrove 0.10, pipeline/filters/fineweb_quality_filter.py (Penedo et al., arXiv 2406.17557).
"""

from __future__ import annotations

import numpy as np

from core.characters import SPACE, TERMINAL, Bytes, Classes, Int, before, char_length, decode
from core.kernels import helper
from core.words import Spans, split_newlines
from filters.ngrams import Keys, Sieve, clear, find_repeated, first_equal, hash_spans


@helper
def _is_blank(data: Bytes, start: Int, end: Int, classes: Classes) -> bool:
    while start < end:
        cp, width = decode(data, start)
        if not classes[cp] & SPACE:
            return False
        start += width
    return True


@helper
def measure_lines(
    data: Bytes, start: Int, end: Int, classes: Classes, short: Int, starts: Spans, ends: Spans, keys: Keys,
    found: Spans, sieve: Sieve, table: Spans,
) -> tuple[Int, Int, Int, Int, Int]:  # fmt: skip
    """Of the lines that are not blank: how many there are, end in terminal punctuation, have at most `short` code
    points, and occurred before; and the code points of the last."""
    n = 0
    terminal, few = 0, 0
    for i in range(split_newlines(data, start, end, starts, ends)):
        a, b = np.int64(starts[i]), np.int64(ends[i])
        if _is_blank(data, a, b, classes):
            continue
        cp, _ = decode(data, before(data, b))
        terminal += classes[cp] & TERMINAL != 0
        few += b - a <= short or (b - a <= 4 * short and char_length(data, a, b) <= short)
        starts[n] = a
        ends[n] = b
        n += 1
    hash_spans(data, starts, ends, n, keys)
    repeated = find_repeated(keys, n, sieve, found)
    shift, mask = clear(table, repeated)
    again, characters = 0, 0
    for k in range(repeated):
        i = np.int64(found[k])
        if first_equal(table, shift, mask, keys, i) != i:
            again += 1
            characters += char_length(data, np.int64(starts[i]), np.int64(ends[i]))
    return n, terminal, few, again, characters


@helper
def count_newlines(data: Bytes, start: Int, end: Int) -> tuple[Int, Int]:
    """Newlines, and runs of them with nothing but white space of ASCII between."""
    newlines, runs = 0, 0
    after_text = False
    for i in range(start, end):
        if data[i] == 10:
            newlines += 1
            runs += after_text
            after_text = False
        elif data[i] > 32:
            after_text = True
    return newlines, runs
