"""How many words of a text are on a list for its language: slurs, adult words, or any other.

ROOTS (arXiv 2303.03915) and Data-Juicer (data_juicer/ops/filter/flagged_words_filter.py) keep a page by the share of such words,
C4 by whether there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from core.characters import CLASSES
from core.columns import utf8_view, with_nulls
from core.lower_case import LOWER
from core.named_files import NamedFile
from core.scorer import column
from filters.flagged_search import FLAGGED, PLACES, WORDS, Matcher, make_matcher, search_texts
from filters.word_lists import list_digest, read_words

ANY = "any"
_MEND = "give lists: {de: path, …}, of UTF-8 files with a word or phrase a line; `en` is the list that comes with C4"


@dataclass(frozen=True)
class FlaggedWords:
    """Counts the words and phrases of a list in a text.

    `lists`: by language (as language.label has it) the path of a file with a word or phrase a line, lines with # aside, or `en`
    for the list of C4; the list of `any` is for all texts. Words are runs of letters and digits; a phrase may have other
    signs between its words, but no line break. In Chinese, Japanese, Thai and other scripts without spaces an entry
    counts wherever it stands. The case of letters makes no difference, their accents do. A text whose language has no
    list has no flagged words, and an empty `list`. A rule: `flagged_words.share <= 0.01`.
    """

    name: ClassVar[str] = "flagged_words"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    lists: dict[str, str]
    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if not self.lists or not all(self.lists) or not all(self.lists.values()):
            raise ValueError("lists: give the path of at least one list by its language, such as {de: words-de.txt}")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def inputs(self) -> tuple[str, ...]:
        text = "text.edited" if self.read == "edited" else "text.text"
        return (text, "language.label") if set(self.lists) != {ANY} else (text,)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("words", pa.int32(), "words, of scripts without spaces stand-ins for words", unit="words", low=0, high=10_000),
            column("places", pa.int32(), "places with a word or phrase of a list", low=0, high=50),
            column("share", pa.float32(), "words that are in such a place, of all", unit="share", low=0, high=0.1),
            column("list", pa.string(), "the language of the list that was used, empty if there is none for the text's"),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return [
            NamedFile(("lists", language), path, partial(read_words, path, _MEND)) for language, path in sorted(self.lists.items())
        ]

    def weights_digest(self) -> str:
        return " ".join(f"{language}:{list_digest(path, _MEND)}" for language, path in sorted(self.lists.items()))

    def open(self) -> None:
        _matcher(tuple(sorted(self.lists.items())), self.weights_digest())

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        n = len(text)
        languages = sorted(self.lists)
        labels = batch.column("language.label").to_pylist() if len(self.inputs) > 1 else [None] * n
        used = [label if label in self.lists and label != ANY else ANY if ANY in self.lists else "" for label in labels]
        groups = np.full((n, 2), -1, np.int32)
        groups[:, 0] = [languages.index(language) if language else -1 for language in used]
        if ANY in self.lists:
            groups[:, 1] = languages.index(ANY)
        counts = np.zeros((n, 3), np.int32)
        offsets, data = utf8_view(text)
        digest = self.weights_digest()
        search_texts(offsets, data, groups, _matcher(tuple(sorted(self.lists.items())), digest), CLASSES, LOWER, counts)
        share = np.minimum(counts[:, FLAGGED] / np.maximum(counts[:, WORDS], 1), 1)
        columns = [
            with_nulls(counts[:, WORDS], text), with_nulls(counts[:, PLACES], text), with_nulls(share.astype(np.float32), text),
            with_nulls(np.array(used, object), text, pa.string()),
        ]  # fmt: skip
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@lru_cache(maxsize=8)
def _matcher(lists: tuple[tuple[str, str], ...], digest: str) -> Matcher:
    """`digest` is there for the cache: a list may change between two runs of a process."""
    return make_matcher([read_words(path, _MEND) for _, path in lists])
