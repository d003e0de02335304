"""C4's line cleaning as an edit: spans to cut, and every count that a page is dropped for.

Sources: tensorflow/datasets, text/c4_utils.py (Raffel et al., arXiv 1910.10683); huggingface/datatrove,
pipeline/filters/c4_filters.py; bad words from LDNOOBW.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from core.characters import CLASSES
from core.columns import utf8_view, with_nulls
from core.named_files import NamedFile
from core.scorer import CUT, column
from core.spans import cut_array
from filters import c4_lines as c
from filters.lexicon import Lexicon, make_lexicon
from filters.sentences import LEXICON as ABBREVIATIONS
from filters.word_lists import list_digest, read_words

_MEND = "give bad_words: en, the path of a UTF-8 file with a word or phrase a line, or \"\" for none"
MIN_WORDS_LINE = {"tfds": 5, "datatrove": 3}  # _MIN_WORDS_PER_LINE in c4_utils.py; min_words_per_line in datatrove


@dataclass(frozen=True)
class C4:
    """Cuts the lines that C4 drops, and citations, white space around lines and blank lines from those it keeps.

    `text.edited` after it is what C4 makes of a page: its lines, stripped (code loses its indentation, as in C4), joined by
    newlines. The counts
    are for rules, as C4 drops a page: `c4.sentences >= 3` (tfds; datatrove: 5), `not c4.lorem_ipsum`,
    `not c4.curly_brace`, `c4.bad_words == 0`.

    With `edit: false` nothing is cut: the columns are there for rules alone. `read` is "text" for the text as extracted, or
    "edited" for what scorers before this one have left of it: behind `paragraphs` it counts the sentences anew, as C4 does.

    `dialect: datatrove` counts words before it takes citations out, takes `'` for the end of a sentence, and lets a
    bad word touch a line's ends. FineWeb is datatrove with `terminal_punctuation: false`. Sentences are counted as
    filters.sentences says. ASCII letters alone are compared without case. A line break other than a newline (CR LF
    becomes one) stays as it is behind a line that is kept.
    """

    name: ClassVar[str] = "c4"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    dialect: Literal["tfds", "datatrove"] = "tfds"
    terminal_punctuation: bool = True
    min_words_line: int | None = None  # None: the dialect's, 5 or 3; 0: no limit
    max_word_length: int = 1000  # code points; 0: no limit
    remove_citations: bool = True
    javascript: bool = True
    policy: bool = True
    edit: bool = True
    read: Literal["text", "edited"] = "text"
    bad_words: str = "en"  # the list that comes with it, the path of another (a word or phrase a line), or "" for none

    def __post_init__(self) -> None:
        if self.dialect not in ("tfds", "datatrove"):
            raise ValueError(f"dialect: {self.dialect!r} is neither 'tfds' nor 'datatrove'")
        if self.read not in ("text", "edited"):
            raise ValueError(f"read: {self.read!r} is neither 'text' nor 'edited'")
        for field in ("min_words_line", "max_word_length"):
            value = getattr(self, field)
            if value is not None and not 0 <= value <= 1_000_000:
                raise ValueError(f"{field}: {value} is not in 0..1000000")

    @property
    def inputs(self) -> tuple[str, ...]:
        return (f"text.{self.read}",)

    @property
    def schema(self) -> pa.Schema:
        counts = [
            ("lines", "lines that are not blank", 1000),
            ("lines_kept", "lines that are kept", 1000),
            ("long_word_lines", "lines cut for a word that is too long", 100),
            ("no_punctuation_lines", "lines cut that do not end a sentence (. ? ! \", but not ...)", 1000),
            ("short_lines", "lines cut for too few words", 1000),
            ("javascript_lines", "lines cut for the word javascript", 100),
            ("policy_lines", "lines cut for a phrase such as privacy policy", 100),
            ("sentences", "sentences of the lines that are kept", 1000),
            ("words", "words of the lines that are kept, as split by white space", 10_000),
        ]
        return pa.schema([
            *([pa.field("cut", CUT, metadata={"doc": "spans to cut"})] if self.edit else []),
            *(column(name, pa.int32(), doc, low=0, high=high) for name, doc, high in counts),
            column("bad_words", pa.int32(), "places with a bad word in the lines that are kept", low=0, high=100),
            column("lorem_ipsum", pa.bool_(), "whether a line not cut before has lorem ipsum"),
            column("curly_brace", pa.bool_(), "whether a line not cut before has an opening curly brace"),
            column("kept_share", pa.float32(), "lines that are kept, of all that are not blank", bounds=(0, 1)),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return [NamedFile(("bad_words",), self.bad_words, partial(read_words, self.bad_words, _MEND))] if self.bad_words else []

    def weights_digest(self) -> str:
        return list_digest(self.bad_words, _MEND) if self.bad_words else ""

    def open(self) -> None:
        _bad_words(self.bad_words, self.weights_digest())

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(f"text.{self.read}")
        offsets, data = utf8_view(text)
        n = len(text)
        span_offsets = np.zeros(n + 1, np.int32)
        counts = np.zeros((n, c.N_COUNTS), np.int32)
        scratch = np.empty(np.diff(offsets).max(initial=0), np.uint8)
        written = scratch.view()
        written.setflags(write=False)
        starts, ends = c.clean_texts(
            offsets, data, CLASSES, self._settings(), _bad_words(self.bad_words, self.weights_digest()), ABBREVIATIONS, scratch,
            written, span_offsets, counts,
        )  # fmt: skip
        cuts = span_offsets[-1]
        columns = [cut_array(span_offsets, starts[:cuts], ends[:cuts], text)] if self.edit else []
        order = (c.LINES, c.KEPT, c.LONG_WORD, c.NO_PUNCTUATION, c.SHORT, c.JAVASCRIPT, c.POLICY, c.SENTENCES, c.WORDS)
        columns += [with_nulls(counts[:, i], text) for i in (*order, c.BAD_WORDS)]
        columns += [with_nulls(counts[:, i] > 0, text) for i in (c.LOREM_IPSUM, c.CURLY_BRACE)]
        share = counts[:, c.KEPT] / np.maximum(counts[:, c.LINES], 1)
        columns.append(with_nulls(share.astype(np.float32), text))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _settings(self) -> c.Settings:
        least = MIN_WORDS_LINE[self.dialect] if self.min_words_line is None else self.min_words_line
        datatrove = self.dialect == "datatrove"
        return c.Settings(
            terminal_punctuation=self.terminal_punctuation, apostrophe=datatrove, min_words=least,
            max_word_length=self.max_word_length, citations=self.remove_citations, words_first=datatrove,
            open_edges=datatrove, javascript=self.javascript, policy=self.policy,
        )  # fmt: skip


@lru_cache(maxsize=8)
def _bad_words(name: str, digest: str) -> Lexicon:
    """`digest` is there for the cache: a list may change between two runs of a process."""
    return make_lexicon([[word.lower() for word in read_words(name, _MEND)] if name else []])
