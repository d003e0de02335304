"""FineWeb-2's metrics and the limits that it sets them for each language (Penedo et al. 2025, arXiv 2506.20920).

Source: huggingface/fineweb-2, fineweb-2-pipeline.py and configs/; filters of huggingface/datatrove.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import (
    ALPHA,
    BYTES_TYPE,
    CLASSES,
    CLASSES_TYPE,
    OFFSETS_TYPE,
    PUNCTUATION,
    Bytes,
    Classes,
    Int,
    char_length,
    decode,
)
from core.columns import utf8_view, with_nulls
from core.english import EXCEPTIONS, EXCEPTIONS_TYPE, Exceptions, split_english
from core.hashing import digest
from core.kernels import helper
from core.scorer import column
from core.words import Spans, longest_text, max_spans
from filters.lexicon import LEXICON_TYPE, STRIDE, Lexicon, find_word, make_lexicon, match, may_match
from filters.line_metrics import count_newlines, measure_lines
from filters.ngrams import sieve_size, table_size

OTHER = "*"  # the settings of a language that has none
#: Languages whose stop words stand within what is written without spaces, or are particles on a word.
INSIDE_WORDS = ("zh", "ja", "th", "lo", "my", "km", "ko", "mt")
MIN_STOP_WORDS = 2  # different ones; of GopherQualityFilter in fineweb-2-pipeline.py

_LIMITS = {
    "language_score": ("language_score_min", "least score of the language (by GlotLID)", 1),
    "line_punct": ("line_punct_min", "least line_punct", 1),
    "newlines": ("newlines_max", "most newlines", 1),
    "word_length_min": ("word_length_min", "least mean_word_length", 20),
    "word_length_max": ("word_length_max", "most mean_word_length", 20),
    "alpha_words": ("alpha_words_min", "least alpha_words", 1),
    "dup_line_frac": ("dup_line_frac_max", "most dup_line_frac", 1),
    **{f"top_{n}gram": (f"top_{n}gram_max", f"most gopher.top_{n}gram", 1) for n in range(2, 5)},
    **{f"dup_{n}gram": (f"dup_{n}gram_max", f"most gopher.dup_{n}gram", 1) for n in range(5, 11)},
}
_WORDS, _LENGTH, _ALPHA, _STOP, _PUNCT, _NEWLINES, _DUP_FRAC, _DUP_CHARS = range(8)
_COLUMNS = 8


@dataclass(frozen=True)
class FineWeb2:
    """FineWeb-2's metrics of a text, and beside them its limits for the text's `language.label`.

    A rule compares the two: `fineweb2.line_punct >= fineweb2.line_punct_min`. Limits for n-grams are for the columns
    of the scorer gopher (dialect datatrove). A language without settings has the median of all and no stop words.

    What differs from FineWeb-2, whose words come from a tokenizer a language: words are those of core.english, cut by
    core.unspaced in scripts without spaces; stop words are compared without the case of ASCII letters, and looked for
    anywhere in the text in Korean, Maltese and scripts without spaces; and a run of newlines counts once in
    `newlines`, as the extractor there leaves no blank lines.
    """

    name: ClassVar[str] = "fineweb2"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.edited" if self.read == "edited" else "text.text", "language.label")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("words", pa.int32(), "words that are not punctuation", unit="words", low=0, high=10_000),
            column("mean_word_length", pa.float64(), "mean word length", unit="characters", low=0, high=20),
            column("alpha_words", pa.float64(), "words with a letter, of all", bounds=(0, 1)),
            column("stop_words", pa.int32(), "different stop words of the language", low=0, high=25),
            column("line_punct", pa.float64(), "lines that end in terminal punctuation, of all", bounds=(0, 1)),
            column("newlines", pa.float64(), "runs of newlines a word", low=0, high=1),
            column("dup_line_frac", pa.float64(), "lines that occurred before, of all", bounds=(0, 1)),
            column("dup_line_chars", pa.float64(), "their characters, of all but newlines", low=0, high=1),
            column("known", pa.bool_(), "whether FineWeb-2 has settings for the language"),
            column("stop_words_min", pa.int32(), "least stop_words, 0 for a language without a list", low=0, high=25),
            *(column(name, pa.float64(), doc, low=0, high=high) for name, doc, high in _LIMITS.values()),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return digest(*(_data_file(name).read_bytes() for name in ("fineweb2.tsv", "stop_words.tsv"))).hex()

    def open(self) -> None:
        _settings()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        settings = _settings()
        offsets, data = utf8_view(text)
        labels = batch.column("language.label").to_pylist()
        languages = np.array([settings.numbers.get(label, 0) for label in labels], np.int32)
        out = np.zeros((len(text), _COLUMNS))
        _score(offsets, data, CLASSES, EXCEPTIONS, settings.stop_words, settings.inside_words, languages, out)
        whole = (_WORDS, _STOP)
        columns = [with_nulls(out[:, i].astype(np.int32) if i in whole else out[:, i], text) for i in range(_COLUMNS)]
        columns.append(with_nulls(languages > 0, text))
        columns.append(with_nulls(settings.stop_words_min[languages], text))
        columns += [with_nulls(settings.limits[languages, i], text) for i in range(len(_LIMITS))]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@dataclass(frozen=True, eq=False)
class _Settings:
    """Of all languages, by number; 0 is OTHER."""

    numbers: dict[str, int]
    limits: npt.NDArray[np.float64]  # (languages, limits), in the order of _LIMITS
    stop_words: Lexicon
    stop_words_min: npt.NDArray[np.int32]
    inside_words: npt.NDArray[np.bool_]


def _data_file(name: str) -> Path:
    return Path(__file__).parent / "data" / name


def _rows(name: str) -> list[list[str]]:
    lines = _data_file(name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


@lru_cache(maxsize=1)
def _settings() -> _Settings:
    header, *rows = _rows("fineweb2.tsv")
    rows.sort(key=lambda row: (row[0] != OTHER, row[0]))
    codes = [row[0] for row in rows]
    limits = np.array([[float(row[header.index(name)]) for name in _LIMITS] for row in rows])
    listed = {code: words.split(" ") for code, words in _rows("stop_words.tsv")}
    return _Settings(
        numbers={code: i for i, code in enumerate(codes) if code != OTHER},
        limits=limits,
        stop_words=make_lexicon([listed.get(code, []) for code in codes]),
        stop_words_min=np.array([MIN_STOP_WORDS if code in listed else 0 for code in codes], np.int32),
        inside_words=np.array([code in INSIDE_WORDS for code in codes]),
    )


@helper
def _bits(n: np.uint64) -> Int:
    count = 0
    while n:
        n &= n - np.uint64(1)
        count += 1
    return count


@helper
def _words(
    data: Bytes, starts: Spans, ends: Spans, n: Int, classes: Classes, stop_words: Lexicon, language: Int, inside: bool,
    row: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Fills the metrics of words."""
    words, length, alphabetic = 0, 0, 0
    seen = np.uint64(0)
    first = stop_words[STRIDE * language]
    for k in range(n):
        a, b = np.int64(starts[k]), np.int64(ends[k])
        any_of, all_of = np.uint32(0), np.uint32(0xFFFFFFFF)
        size = 0
        i = a
        while i < b:
            cp, width = decode(data, i)
            any_of |= classes[cp]
            all_of &= classes[cp]
            size += 1
            i += width
        if not all_of & PUNCTUATION:
            words += 1
            length += size
        alphabetic += (any_of & ALPHA) != 0
        if not inside:
            word = find_word(stop_words, language, data, a, b)
            if word >= 0:
                seen |= np.uint64(1) << np.uint64(word - first)
    row[_WORDS] = words
    row[_LENGTH] = length / max(words, 1)
    row[_ALPHA] = alphabetic / max(n, 1)
    row[_STOP] = _bits(seen)


@helper
def _stop_words_inside(data: Bytes, start: Int, end: Int, stop_words: Lexicon, language: Int) -> Int:
    """How many different stop words stand anywhere in a text."""
    seen = np.uint64(0)
    first = stop_words[STRIDE * language]
    for i in range(start, end):
        if data[i] & 0xC0 == 0x80 or not may_match(stop_words, language, data, i, end):
            continue
        at = STRIDE * language + np.int64(data[i])
        for word in range(stop_words[at], stop_words[at + 1]):
            if match(stop_words, word, data, i, end) > 0:
                seen |= np.uint64(1) << np.uint64(word - first)
    return _bits(seen)


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, EXCEPTIONS_TYPE, LEXICON_TYPE, types.boolean[::1],
               types.int32[::1], types.float64[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _score(
    offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, stop_words: Lexicon,
    inside_words: npt.NDArray[np.bool_], languages: Spans, out: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    room = max_spans(longest_text(offsets))
    starts, ends, found = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    keys = np.empty(room, np.uint64)
    table, sieve = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        lines, terminal, _, again, repeated = measure_lines(
            data, start, end, classes, 0, starts, ends, keys, found, sieve, table
        )
        if lines == 0:
            continue
        language = np.int64(languages[row])
        newlines, runs = count_newlines(data, start, end)
        n = split_english(data, start, end, classes, exceptions, starts, ends)
        inside = inside_words[language]
        _words(data, starts, ends, n, classes, stop_words, language, inside, out[row])
        if inside:
            out[row, _STOP] = _stop_words_inside(data, start, end, stop_words, language)
        out[row, _PUNCT] = terminal / lines
        out[row, _NEWLINES] = runs / max(n, 1)
        out[row, _DUP_FRAC] = again / lines
        out[row, _DUP_CHARS] = repeated / (char_length(data, start, end) - newlines)
