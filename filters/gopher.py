"""Gopher's quality and repetition metrics (Rae et al. 2021, arXiv 2112.11446, §A.1.1 and table A1) of a text.

The rules are read as datatrove, DCLM or Dolma reads them: the same thresholds give different numbers in each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.characters import CLASSES
from core.columns import utf8_view, with_nulls
from core.english import EXCEPTIONS
from core.hashing import digest
from core.scorer import column
from filters import gopher_metrics as m

Dialect = Literal["datatrove", "dclm", "dolma"]

#: Gopher's stop words, of which a document needs two.
ENGLISH = ("the", "be", "to", "of", "and", "that", "have", "with")

_FRACTION = pa.float64()


def _fields(dialect: Dialect) -> list[tuple[int, pa.Field]]:
    """The columns of a dialect, each with the place of its metric."""
    lines = {"datatrove": "lines", "dclm": "lines that are not empty", "dolma": "lines, empty ones too"}[dialect]
    again = "that occurred before" if dialect == "datatrove" else "that occur more than once"
    whole = {
        "datatrove": "all characters",
        "dclm": "the characters of words without punctuation",
        "dolma": "the characters of words",
    }[dialect]
    mass = "the characters of all n-grams" if dialect == "dolma" else whole
    symbols = "words that hold one" if dialect == "dolma" else "occurrences"

    def share(place: int, name: str, doc: str, high: float = 1.0) -> tuple[int, pa.Field]:
        bounds = (0, 1) if doc.startswith("share of") else None
        return place, column(name, _FRACTION, doc, unit="share", low=0, high=high, bounds=bounds)

    fields = [
        (m.WORDS, column("words", pa.int32(), "words that are not punctuation", unit="words", low=0, high=10_000)),
        (m.MEAN_LENGTH, column("mean_word_length", _FRACTION, "mean word length", unit="characters", low=0, high=20)),
        share(m.HASHES, "hash_ratio", f"#, {symbols} a word", 0.5),
        share(m.ELLIPSES, "ellipsis_ratio", f"ellipses, {symbols} a word", 0.5),
        share(m.SYMBOLS, "symbol_ratio", f"# and ellipses, {symbols} a word", 0.5),
        share(m.BULLET_LINES, "bullet_lines", f"share of {lines} that start with a bullet"),
        share(m.ELLIPSIS_LINES, "ellipsis_lines", f"share of {lines} that end with an ellipsis"),
        share(m.ALPHA_WORDS, "alpha_words", "share of words with a letter"),
        (m.STOP_WORDS, column("stop_words", pa.int32(), "stop words", unit="words", low=0, high=50)),
        share(m.DUP_LINE_FRAC, "dup_line_frac", f"share of {lines} {again}"),
        share(m.DUP_LINE_CHARS, "dup_line_chars", f"characters of lines {again}, of all"),
    ]
    if dialect == "dolma":
        doc = "median word length"
        fields.append((m.MEDIAN_LENGTH, column("median_word_length", _FRACTION, doc, unit="characters", low=0, high=20)))
    else:
        fields.append(share(m.DUP_PARA_FRAC, "dup_para_frac", f"share of paragraphs {again}"))
        fields.append(share(m.DUP_PARA_CHARS, "dup_para_chars", f"characters of paragraphs {again}, of all"))
    for n in range(2, 5):
        fields.append(share(m.TOP + n, f"top_{n}gram", f"characters of the commonest {n}-gram, of {whole}"))
    for n in range(5, 11):
        fields.append(share(m.DUP + n, f"dup_{n}gram", f"characters of {n}-grams {again}, of {mass}"))
    return sorted(fields, key=lambda field: field[0])


@lru_cache(maxsize=3)
def _kernel(dialect: Dialect) -> Callable[..., None]:
    """The dialect's kernel; only that one is compiled."""
    return getattr(import_module(f"filters.gopher_{dialect}"), f"score_{dialect}")


def _table(words: list[tuple[str, int]]) -> npt.NDArray[np.uint64]:
    """The stop words, each with the number of its language, as the kernels look them up."""
    size = 16
    while size < 2 * len(words):
        size *= 2
    table = np.zeros(size, np.uint64)
    offsets, data = utf8_view(pa.array([word for word, _ in words], pa.string()))
    m.fill_stop_words(offsets, data, np.array([language for _, language in words], np.int32), table)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=1)
def _stop_words() -> tuple[npt.NDArray[np.uint64], Mapping[str, int]]:
    """The table of all languages' stop words, and the number of each language; English is 0."""
    numbers: dict[str, int] = {"en": 0}
    words = [(word, 0) for word in ENGLISH]
    for line in _stop_words_file().read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, listed = line.split("\t")
            number = numbers.setdefault(language, len(numbers))
            words += [(word, number) for word in listed.split(" ")]
    return _table(words), numbers


def _stop_words_file() -> Path:
    return Path(__file__).parent / "data" / "stop_words.tsv"


@dataclass(frozen=True)
class Gopher:
    """Gopher's metrics. Thresholds are the recipe's: Gopher's own are in recipes/gopher.yaml.

    `dialect`: how the rules are read; see filters.gopher_datatrove, gopher_dclm and gopher_dolma. `read`: the edited
    text or the extracted one. `stop_words`: Gopher's eight English words, or for each `language.label` those of
    FineWeb-2 (a language without a list has Gopher's). An empty text has 0 throughout.
    """

    name: ClassVar[str] = "gopher"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    dialect: Dialect = "datatrove"
    read: Literal["edited", "extracted"] = "edited"
    stop_words: Literal["english", "by_language"] = "english"

    def __post_init__(self) -> None:
        if self.dialect not in get_args(Dialect):
            raise ValueError(f"dialect must be one of {', '.join(get_args(Dialect))}, not {self.dialect!r}")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read must be edited or extracted, not {self.read!r}")
        if self.stop_words not in ("english", "by_language"):
            raise ValueError(f"stop_words must be english or by_language, not {self.stop_words!r}")

    @property
    def _text(self) -> str:
        return "text.edited" if self.read == "edited" else "text.text"

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self._text,) if self.stop_words == "english" else (self._text, "language.label")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([field for _, field in _fields(self.dialect)])

    def weights_digest(self) -> str:
        return "" if self.stop_words == "english" else digest(_stop_words_file().read_bytes()).hex()

    def open(self) -> None:
        _stop_words()
        _kernel(self.dialect)

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One row of metrics a text; null where the text is."""
        text = batch.column(self._text)
        offsets, data = utf8_view(text)
        table, numbers = _stop_words()
        languages = np.zeros(len(text), np.int32)
        if self.stop_words == "by_language":
            labels = batch.column("language.label").to_pylist()
            languages[:] = [numbers.get(label, 0) for label in labels]
        out = np.empty((len(text), m.METRICS), np.float64)
        _kernel(self.dialect)(offsets, data, CLASSES, EXCEPTIONS, table, languages, out)
        fields = _fields(self.dialect)
        columns = [
            with_nulls(out[:, place].astype(np.int32 if field.type == pa.int32() else np.float64), text, field.type)
            for place, field in fields
        ]
        return pa.record_batch(columns, schema=self.schema)
