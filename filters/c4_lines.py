"""C4's cleaning of a page, line by line, as a kernel that leaves spans to cut and counts.

Sources: tensorflow/datasets, text/c4_utils.py (Raffel et al., arXiv 1910.10683), and huggingface/datatrove 0.10,
pipeline/filters/c4_filters.py, whose differences are `words_first`, `apostrophe` and where bad words may stand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES_TYPE, OFFSETS_TYPE, SPACE, Bytes, Classes, Int, decode, strip
from core.kernels import helper
from core.words import Spans, longest_text, max_spans, split_lines
from filters import c4_phrases as p
from filters.c4_phrases import citation_length, count_bad_words, find_phrases
from filters.lexicon import LEXICON_TYPE, Lexicon
from filters.sentences import count_sentences

#: The columns of the counts.
(
    LINES, KEPT, LONG_WORD, NO_PUNCTUATION, SHORT, JAVASCRIPT, POLICY, SENTENCES, WORDS, LOREM_IPSUM, CURLY_BRACE,
    BAD_WORDS,
) = range(12)  # fmt: skip
N_COUNTS = 12


class Settings(NamedTuple):
    """What of C4 is done; 0 as a limit means none."""

    terminal_punctuation: bool
    apostrophe: bool  # ' ends a sentence too
    min_words: int
    max_word_length: int  # code points
    citations: bool
    words_first: bool  # words are counted before citations are taken out
    open_edges: bool  # a bad word may touch the line's ends, and a word character of any script bounds it
    javascript: bool
    policy: bool


@helper
def _words(data: Bytes, start: Int, end: Int, classes: Classes) -> tuple[Int, Int]:
    """How many words a line has (as of str.split), and the code points of the longest."""
    words, longest, length = 0, 0, 0
    i = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & SPACE:
            length = 0
        else:
            words += length == 0
            length += 1
            if length > longest:
                longest = length
        i += width
    return words, longest


@helper
def _ends_sentence(data: Bytes, start: Int, end: Int, apostrophe: bool) -> bool:
    if end == start:
        return False
    last = data[end - 1]
    if last == 46:
        return end - start < 3 or data[end - 2] != 46 or data[end - 3] != 46
    return last == 63 or last == 33 or last == 34 or (apostrophe and last == 39)


@helper
def _cut(starts: Spans, ends: Spans, first: Int, n: Int, start: Int, end: Int) -> Int:
    """Adds a span to the text's, which begin at `first`; grows the last one if they touch."""
    if start >= end:
        return n
    if n > first and ends[n - 1] == start:
        ends[n - 1] = end
        return n
    starts[n] = start
    ends[n] = end
    return n + 1


@helper
def _judge(
    data: Bytes, a: Int, b: Int, words: Int, longest: Int, settings: Settings, classes: Classes, bad: Lexicon,
    abbreviations: Lexicon, counts: npt.NDArray[np.int32],
) -> bool:  # fmt: skip
    """Whether a line, stripped and without citations, is kept; adds to the counts. In the originals' order."""
    if settings.max_word_length > 0 and longest > settings.max_word_length:
        counts[LONG_WORD] += 1
        return False
    if settings.terminal_punctuation and not _ends_sentence(data, a, b, settings.apostrophe):
        counts[NO_PUNCTUATION] += 1
        return False
    if words < settings.min_words:
        counts[SHORT] += 1
        return False
    found, brace = find_phrases(data, a, b)
    if found & p.LOREM:
        counts[LOREM_IPSUM] = 1
    if settings.javascript and found & p.JAVASCRIPT:
        counts[JAVASCRIPT] += 1
        return False
    if brace:
        counts[CURLY_BRACE] = 1
    if settings.policy and found & p.POLICY:
        counts[POLICY] += 1
        return False
    counts[BAD_WORDS] += count_bad_words(data, a, b, classes, bad, settings.open_edges)
    counts[SENTENCES] += count_sentences(data, a, b, classes, abbreviations)
    return True


@helper
def _without_citations(data: Bytes, a: Int, b: Int, out: Bytes) -> Int:
    """Copies a line without its citations; the bytes that are left."""
    length = 0
    i = a
    while i < b:
        width = citation_length(data, i, b) if data[i] == 91 else 0
        if width > 0:
            i += width
            continue
        out[length] = data[i]
        length += 1
        i += 1
    return length


@helper
def _cut_citations(
    data: Bytes, a: Int, b: Int, classes: Classes, trim: bool, starts: Spans, ends: Spans, first: Int, n: Int
) -> tuple[Int, Int]:
    """Cuts a line's citations, with `trim` also the white space up to its first word; the number of spans, and the
    end of its last word."""
    content_end = a
    i = a
    while i < b:
        width = citation_length(data, i, b) if data[i] == 91 else 0
        if width > 0:
            n = _cut(starts, ends, first, n, i, i + width)
            i += width
            continue
        cp, width = decode(data, i)
        if not classes[cp] & SPACE:
            content_end = i + width
        elif trim and content_end == a:
            n = _cut(starts, ends, first, n, i, i + width)
        i += width
    return n, content_end


@helper
def _room(offsets: Spans, data: Bytes) -> Int:
    """A bound on the spans of a batch: three a line, one a citation."""
    room = 4 * len(offsets)
    for i in range(offsets[0], offsets[len(offsets) - 1]):
        b = data[i]
        if b < 32 or b == 0x85 or b == 0xA8 or b == 0xA9:  # the last bytes of all line breaks
            room += 3
        elif b == 91:
            room += 1
    return room


@helper
def _clean(
    data: Bytes, start: Int, end: Int, settings: Settings, classes: Classes, bad: Lexicon,
    abbreviations: Lexicon, lines: Spans, line_ends: Spans, scratch: Bytes, written: Bytes, starts: Spans, ends: Spans,
    first: Int, counts: npt.NDArray[np.int32],
) -> Int:  # fmt: skip
    """Cuts a text; the number of spans after it."""
    n = first
    content_end = start
    n_lines = split_lines(data, start, end, classes, lines, line_ends)
    for i in range(n_lines):
        line, line_end = np.int64(lines[i]), np.int64(line_ends[i])
        following = np.int64(lines[i + 1]) if i + 1 < n_lines else end
        a, b = strip(data, line, line_end, classes)
        if a == b:
            n = _cut(starts, ends, first, n, line, following)
            continue
        counts[LINES] += 1
        words, longest = _words(data, a, b, classes)
        cited = False
        if settings.citations:
            for k in range(a, b):
                cited |= data[k] == 91
        if cited:
            length = _without_citations(data, a, b, scratch)
            left, _ = _words(written, np.int64(0), length, classes)
            checked = words if settings.words_first else left
            kept = _judge(written, np.int64(0), length, checked, longest, settings, classes, bad, abbreviations, counts)
        else:
            left = words
            kept = _judge(data, a, b, words, longest, settings, classes, bad, abbreviations, counts)
        if not kept:
            n = _cut(starts, ends, first, n, line, following)
            continue
        n = _cut(starts, ends, first, n, line, a)
        last_word = b
        if cited:
            n, last_word = _cut_citations(data, a, b, classes, counts[KEPT] == 0, starts, ends, first, n)
        if left > 0:
            content_end = last_word
        counts[KEPT] += 1
        counts[WORDS] += left
        n = _cut(starts, ends, first, n, b, line_end)
        if following - line_end == 2 and data[line_end] == 13:
            n = _cut(starts, ends, first, n, line_end, line_end + 1)
    while n > first and starts[n - 1] >= content_end:
        n -= 1
    return _cut(starts, ends, first, n, content_end, end)


_SETTINGS = types.NamedTuple(
    (types.boolean, types.boolean, types.int64, types.int64) + (types.boolean,) * 5, Settings
)
_SIGNATURE = types.Tuple((types.int32[::1], types.int32[::1]))(
    OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, _SETTINGS, LEXICON_TYPE, LEXICON_TYPE, types.uint8[::1],
    BYTES_TYPE, types.int32[::1], types.int32[:, ::1],
)  # fmt: skip


@njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def clean_texts(
    offsets: Spans, data: Bytes, classes: Classes, settings: Settings, bad: Lexicon,
    abbreviations: Lexicon, scratch: Bytes, written: Bytes, span_offsets: Spans, counts: npt.NDArray[np.int32],
) -> tuple[Spans, Spans]:  # fmt: skip
    """Starts and ends of the spans to cut, relative to their text; fills `span_offsets` (n + 1,) and `counts`
    (n, N_COUNTS), which are zero.

    `written` is a read-only view of `scratch`, as long as the longest text: a text is read-only, so that what is
    copied and what is not are of one type, and kernels are compiled once.
    """
    room = max_spans(longest_text(offsets))
    lines, line_ends = np.empty(room, np.int32), np.empty(room, np.int32)
    room = _room(offsets, data)
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    n = np.int64(0)
    for row in range(len(offsets) - 1):
        first = n
        n = _clean(
            data, np.int64(offsets[row]), np.int64(offsets[row + 1]), settings, classes, bad, abbreviations, lines,
            line_ends, scratch, written, starts, ends, first, counts[row],
        )  # fmt: skip
        for i in range(first, n):
            starts[i] -= offsets[row]
            ends[i] -= offsets[row]
        span_offsets[row + 1] = n
    return starts, ends
