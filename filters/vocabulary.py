"""Statistics of a text's words that tell prose from word salads, keyword spam, repetition and noise, in any language.

Entropy and the share of unique words are RedPajama-Data-V2's quality signals (arXiv 2411.12372, table of natural
language signals); stutter and sentence case are this project's own, against texts whose words were shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import (
    AFFIX_LOWER,
    AFFIX_UPPER,
    ALPHA,
    BYTES_TYPE,
    CLASSES,
    CLASSES_TYPE,
    OFFSETS_TYPE,
    PUNCTUATION,
    SPACE,
    UNSPACED,
    Bytes,
    Classes,
    Int,
    before,
    decode,
)
from core.columns import utf8_view, with_nulls
from core.kernels import helper
from core.scorer import column
from core.unspaced import split_unspaced
from core.words import Spans, longest_text, max_spans, mix
from filters.lexicon import ascii_lower
from filters.ngrams import count_repeated, find_repeated, sieve_size, table_size

PRIOR = 3  # sentence starts in upper case that are taken as seen before the first, so that one or two decide nothing

_WORDS, _UNIQUE, _ENTROPY, _STUTTER, _CASE, _LETTERS = range(6)
_COLUMNS = 6
_MULTIPLIER = np.uint64(0x9FB21C651E98DF25)

Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Vocabulary:
    """How a text's words are distributed and ordered.

    Words are split at white space, and by core.unspaced in scripts without spaces, without the punctuation around
    them. ASCII letters are compared without case.
    """

    name: ClassVar[str] = "vocabulary"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.edited",) if self.read == "edited" else ("text.text",)

    @property
    def schema(self) -> pa.Schema:
        case = "sentences that begin with a capital, of those within a line after a small letter and . ? or !"
        stutter = "words equal to the one before them in the line, but for the first, of all"
        return pa.schema([
            column("words", pa.int32(), "words", unit="words", low=0, high=10_000),
            column("unique_words", pa.float32(), "different words, of all", unit="share", bounds=(0, 1)),
            column("entropy", pa.float32(), "entropy of the distribution of words", unit="nats", low=0, high=8),
            column("stutter", pa.float32(), stutter, unit="share", low=0, high=0.1),
            column("sentence_case", pa.float32(), f"{case}, three more added", unit="share", low=0, high=1),
            column("letters", pa.float32(), "letters, of all characters but white space", unit="share", bounds=(0, 1)),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        offsets, data = utf8_view(text)
        out = np.zeros((len(text), _COLUMNS))
        _score(offsets, data, CLASSES, out)
        columns = [
            with_nulls(out[:, i].astype(np.int32 if i == _WORDS else np.float32), text) for i in range(_COLUMNS)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@helper
def _hash(data: Bytes, start: Int, end: Int) -> np.uint64:
    h = np.uint64(end - start)
    for i in range(start, end):
        h = (h ^ np.uint64(ascii_lower(np.int64(data[i])))) * _MULTIPLIER
        h ^= h >> np.uint64(29)
    return mix(h)


@helper
def _trim(data: Bytes, start: Int, end: Int, classes: Classes) -> tuple[Int, Int]:
    """A token without the punctuation around it."""
    while start < end:
        cp, width = decode(data, start)
        if not classes[cp] & PUNCTUATION:
            break
        start += width
    while end > start:
        i = before(data, end)
        cp, _ = decode(data, i)
        if not classes[cp] & PUNCTUATION:
            break
        end = i
    return start, end


@helper
def _is_small(bits: Int) -> bool:
    return bits & AFFIX_LOWER != 0 and bits & AFFIX_UPPER == 0


@helper
def _is_capital(bits: Int) -> bool:
    return bits & AFFIX_UPPER != 0 and bits & AFFIX_LOWER == 0


@helper
def _ends_sentence(data: Bytes, word_end: Int, token_end: Int, classes: Classes) -> bool:
    """Whether a small letter and one of . ? ! end a token, quotes and brackets aside."""
    if word_end == token_end:
        return False
    cp, _ = decode(data, before(data, word_end))
    mark = data[word_end]
    if not _is_small(classes[cp]) or (mark != 46 and mark != 63 and mark != 33):
        return False
    return word_end + 1 == token_end or data[word_end + 1] != 46


@njit(types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.float64[:, ::1]),
      cache=True, nogil=True, error_model="numpy")  # fmt: skip
def _score(offsets: Spans, data: Bytes, classes: Classes, out: Row) -> None:
    room = max_spans(longest_text(offsets))
    keys = np.empty(room, np.uint64)
    found, firsts, counts = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    table, sieve = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8)
    for row in range(len(offsets) - 1):
        end = np.int64(offsets[row + 1])
        i = np.int64(offsets[row])
        n, letters, characters = 0, 0, 0
        repeats, openings, capitals = 0, 0, 0
        last = np.uint64(0)  # the word before in the line, 0 if there is none
        after_sentence = False
        while i < end:
            cp, width = decode(data, i)
            if classes[cp] & SPACE:
                if cp == 10:
                    last = np.uint64(0)
                    after_sentence = False
                i += width
                continue
            token = i
            unspaced = np.uint32(0)
            while i < end:
                cp, width = decode(data, i)
                bits = classes[cp]
                if bits & SPACE:
                    break
                unspaced |= bits & UNSPACED
                letters += (bits & (ALPHA | UNSPACED)) != 0
                characters += 1
                i += width
            a, b = _trim(data, token, i, classes)
            if a == b:
                last = np.uint64(0)
                continue
            if unspaced:
                starts[0], ends[0] = a, b
                for k in range(split_unspaced(data, 0, 1, classes, starts, ends)):
                    first, stop = _trim(data, np.int64(starts[k]), np.int64(ends[k]), classes)
                    if first < stop:
                        keys[n] = _hash(data, first, stop)
                        n += 1
                last = np.uint64(0)
                after_sentence = False
                continue
            cp, width = decode(data, a)
            if after_sentence:
                openings += _is_small(classes[cp]) or _is_capital(classes[cp])
                capitals += _is_capital(classes[cp])
            after_sentence = _ends_sentence(data, b, i, classes)
            keys[n] = _hash(data, a, b)
            repeats += keys[n] == last
            last = keys[n] if classes[cp] & ALPHA and b - a > width else np.uint64(0)
            n += 1
        out[row, _WORDS] = n
        out[row, _CASE] = (capitals + PRIOR) / (openings + PRIOR)
        if n == 0:
            continue
        out[row, _LETTERS] = letters / characters
        out[row, _STUTTER] = max(repeats - 1, 0) / n
        repeated = find_repeated(keys, n, sieve, found)
        count_repeated(keys, found, repeated, table, firsts, counts)
        unique = n - repeated
        weighted = 0.0
        for k in range(repeated):
            j = found[k]
            if firsts[j] == j:
                unique += 1
                weighted += counts[j] * np.log(counts[j])
        out[row, _UNIQUE] = unique / n
        out[row, _ENTROPY] = np.log(n) - weighted / n
