"""Lines and paragraphs of a text with a hash of each: what says that one stands somewhere else too.

A line's hash is C4's (of `line.strip().lower()`: tensorflow/datasets, text/c4_utils.py) or CCNet's (Wenzek et al., arXiv
1911.00359, facebookresearch/cc_net, text_normalizer.normalize_for_dedup); a paragraph's as it stands is that of OBELICS
(arXiv 2306.16527, appendix A.2). The hash is XXH64, not their MD5 and SHA-1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import (
    ALNUM,
    BYTES_TYPE,
    CLASSES,
    CLASSES_TYPE,
    OFFSETS_TYPE,
    WORD_BREAK_SHIFT,
    Bytes,
    Classes,
    Int,
    Truth,
    decode,
    strip,
)
from core.kernels import helper
from core.lower_case import LOWER, encode
from core.words import Spans, longest_text, max_spans, mix, split_newline_runs, split_newlines
from dedup.markdown_lines import is_delimiter_row, is_table_row, opens_or_ends_code
from dedup.shingle_hashes import xxh64

By = Literal["line", "paragraph"]
Normalise = Literal["none", "lower", "ccnet"]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

#: The characters that cc_net takes out: UNICODE_PUNCT in text_normalizer.py, without １, which is a 0 by then. ASCII
#: punctuation stays.
CCNET_PUNCTUATION = "，。、„”“«»」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
_REMOVED = 0xFFFFFFFF
#: Word_Break=Numeric, by its place in core/data/character_classes.tsv.
_NUMERIC = 16
_CHAIN = np.uint64(0x9FB21C651E98DF25)


@lru_cache(maxsize=4)
def mapping(normalise: Normalise) -> U32:
    """What each code point becomes, uint32 of shape (0x110000,); empty where all stay as they are.

    "lower": the lower case, one for one (`core.lower_case`). "ccnet": besides, digits become 0, and control characters and
    CCNET_PUNCTUATION nothing.
    """
    if normalise == "none":
        return np.zeros(0, np.uint32)
    table = np.arange(0x110000, dtype=np.uint32)
    table[: len(LOWER)] = LOWER
    if normalise == "ccnet":
        table[(((CLASSES >> WORD_BREAK_SHIFT) & 31) == _NUMERIC) & ((CLASSES & ALNUM) > 0)] = ord("0")
        table[[*range(32), *range(127, 160), *map(ord, CCNET_PUNCTUATION)]] = _REMOVED
    table.setflags(write=False)
    return table


def hash_units(
    offsets: Spans, data: Bytes, by: By, normalise: Normalise, span: int, min_characters: int, salts: U64,
    grouped: npt.NDArray[np.bool_],
) -> tuple[Spans, Spans, Spans, Spans, U64]:  # fmt: skip
    """The lines (paragraphs) of texts that are not blank: offsets (n + 1), starts, ends, characters and keys.

    Starts and ends are bytes, relative to the text; the last of a text ends with it. The key at a line is that of the
    `span` lines from it on, under the text's salt; 0 where there are fewer, where they have fewer than `min_characters`
    characters when normalised, where one of them is a line that Markdown needs (`dedup.markdown_lines`), and where the text is
    not `grouped`. Paragraphs are what blank lines part; in a text without any, as extractors write, they are its lines.
    """
    unit_offsets = np.zeros(len(offsets), np.int32)
    starts, ends, characters, keys = _hash_units(
        offsets, data, CLASSES, mapping(normalise), by == "paragraph", span, min_characters, salts, grouped, unit_offsets
    )
    n = int(unit_offsets[-1])
    return unit_offsets, starts[:n], ends[:n], characters[:n], keys[:n]


@helper
def _normalised(data: Bytes, start: Int, end: Int, table: U32, out: Bytes) -> tuple[Int, Int]:
    """Fills `out` with a stripped line as it is compared; its bytes and its characters."""
    at, count = np.int64(0), np.int64(0)
    if len(table) == 0:
        for i in range(start, end):
            out[at] = data[i]
            at += 1
            count += (data[i] & 0xC0) != 0x80
        return at, count
    i = start
    while i < end:
        cp, width = decode(data, i)
        i += width
        to = np.int64(table[cp])
        if to != _REMOVED:
            at = encode(to, out, at)
            count += 1
    return at, count


_I32 = types.int32[::1]


@njit(
    types.Tuple((_I32, _I32, _I32, types.uint64[::1]))(
        OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, CLASSES_TYPE, types.boolean, types.int64, types.int64,
        types.Array(types.uint64, 1, "C", readonly=True), types.Array(types.boolean, 1, "C", readonly=True), _I32,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _hash_units(
    offsets: Spans, data: Bytes, classes: Classes, table: U32, paragraphs: Truth, span: int, min_characters: int, salts: U64,
    grouped: npt.NDArray[np.bool_], unit_offsets: Spans,
) -> tuple[Spans, Spans, Spans, U64]:  # fmt: skip
    longest = longest_text(offsets)
    firsts, lasts = np.empty(max_spans(longest), np.int32), np.empty(max_spans(longest), np.int32)
    scratch = np.empty(2 * longest + 4, np.uint8)  # a character of two bytes may become one of three
    room = np.int64(len(offsets))
    for i in range(offsets[0], offsets[len(offsets) - 1]):
        room += data[i] == 10
    starts, ends, characters = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, sizes, keys = np.empty(room, np.uint64), np.empty(room, np.int64), np.zeros(room, np.uint64)
    needed = np.zeros(room, np.bool_)
    n = np.int64(0)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        first = n
        pieces = split_newline_runs(data, start, end, 2, firsts, lasts) if paragraphs else 1
        if pieces == 1:
            pieces = split_newlines(data, start, end, firsts, lasts)
        for i in range(pieces):
            a, b = strip(data, np.int64(firsts[i]), np.int64(lasts[i]), classes)
            if a == b:
                continue
            size, sizes[n] = _normalised(data, a, b, table, scratch)
            hashes[n] = xxh64(scratch, np.int64(0), size)
            starts[n] = firsts[i] - start
            ends[n] = lasts[i] - start
            count = 0
            for k in range(a, b):
                count += (data[k] & 0xC0) != 0x80
            characters[n] = count
            needed[n] = opens_or_ends_code(data, a, b)
            if is_delimiter_row(data, a, b):
                needed[n] = True
                if n > first and starts[n] - ends[n - 1] == 1 and is_table_row(data, start + starts[n - 1], start + ends[n - 1]):
                    needed[n - 1] = True
            n += 1
        if n > first:
            ends[n - 1] = end - start
        if grouped[row]:
            for i in range(first, n - span + 1):
                h = salts[row]
                size = np.int64(0)
                free = True
                for k in range(i, i + span):
                    h = mix((h ^ hashes[k]) * _CHAIN)
                    size += sizes[k]
                    free &= not needed[k]
                if free and size >= min_characters:
                    keys[i] = h if h != 0 else np.uint64(1)
        unit_offsets[row + 1] = n
    return starts, ends, characters, keys
