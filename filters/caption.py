"""What a caption is like: its length, letters and repetition, and whether it says nothing or names a file.

Words as DataComp's basic filter counts them (Gadre et al. 2023, arXiv 2304.14108: `len(text.split())`), ratios after Gopher's
rules for text (Rae et al. 2021, arXiv 2112.11446, A.1), the rest by `filters.caption_names`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit, types

from core.characters import (
    ALNUM,
    ALPHA,
    BYTES_TYPE,
    CLASSES,
    CLASSES_TYPE,
    OFFSETS_TYPE,
    SPACE,
    Bytes,
    Classes,
    decode,
)  # fmt: skip
from core.columns import utf8_view, with_nulls
from core.hashing import digest
from core.scorer import column
from core.words import hash_span
from filters.caption_names import equals_file, is_boilerplate, is_file_name

_COLUMN: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_URL: Final = r"(?i)(?:https?://|www\.)\S"
_MARKUP: Final = r"(?i)</?[a-z][a-z0-9]*[\s/>]|&(?:[a-z]{2,8}|#\d{1,6});|\[/?[a-z]+[\]=]"
_CHARACTERS, _WORDS, _LETTERS, _DIGITS, _ALPHA_WORDS, _WORD_LENGTH, _REPEATED = range(7)


@dataclass(frozen=True)
class Caption:
    """Columns of a caption: `text` names the column that holds it, `url` the one with the URL of its image ("" for none).

    Of languages that are written without spaces a caption has few words: rules by words want `characters` beside them.
    Language and personal data of captions are columns of the scorers `language` and `pii`, which read `text.text`: of images
    that is the caption.
    """

    text: str = "image.caption"
    url: str = "image.url"

    name: ClassVar[str] = "caption"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for field in ("text", "url"):
            value = getattr(self, field)
            if not _COLUMN.fullmatch(value) and (field == "text" or value):
                raise ValueError(f"{field}: a column as layer.column, such as image.caption, not {value!r}")

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.text, self.url) if self.url and self.url != self.text else (self.text,)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("words", pa.int32(), "words between whitespace", unit="words", low=0, high=50),
            column("characters", pa.int32(), "characters", unit="characters", low=0, high=300),
            column("letters", pa.float32(), "letters, of the characters that are not whitespace", bounds=(0, 1)),
            column("digits", pa.float32(), "digits, of the characters that are not whitespace", bounds=(0, 1)),
            column("alpha_words", pa.float32(), "words with a letter, of all", bounds=(0, 1)),
            column("mean_word_length", pa.float32(), "mean word length", unit="characters", low=0, high=20),
            column("repeated_words", pa.float32(), "words that stood before, of all", bounds=(0, 1)),
            column("boilerplate", pa.bool_(), "says nothing: Image 3, logo, click to enlarge, numbers alone, empty"),
            column("file_name", pa.bool_(), "is a file's name, by its extension or its shape"),
            column("equals_file", pa.bool_(), "is the name of the file in its image's URL; null without a URL"),
            column("has_url", pa.bool_(), "holds a URL"),
            column("has_markup", pa.bool_(), "holds a tag or an entity"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return digest((Path(__file__).parent / "data" / "caption_boilerplate.txt").read_bytes()).hex()

    def open(self) -> None:
        is_boilerplate("")

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Null where the caption is; an empty caption has zeros, and is boilerplate."""
        text = batch.column(self.text)
        offsets, data = utf8_view(text)
        out = np.zeros((len(text), 7), np.float32)
        _measure(offsets, data, CLASSES, out)
        captions = text.to_pylist()
        columns = [with_nulls(out[:, i].astype(np.int32), text) for i in (_WORDS, _CHARACTERS)]
        names = (_LETTERS, _DIGITS, _ALPHA_WORDS, _WORD_LENGTH, _REPEATED)
        columns += [with_nulls(np.ascontiguousarray(out[:, i]), text) for i in names]
        columns.append(pa.array([None if caption is None else is_boilerplate(caption) for caption in captions], pa.bool_()))
        columns.append(pa.array([None if caption is None else is_file_name(caption) for caption in captions], pa.bool_()))
        columns.append(self._equals_file(batch, captions))
        columns += [pc.match_substring_regex(text, pattern) for pattern in (_URL, _MARKUP)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _equals_file(self, batch: pa.RecordBatch, captions: list[str | None]) -> pa.Array:
        if not self.url:
            return pa.nulls(len(captions), pa.bool_())
        pairs = zip(captions, batch.column(self.url).to_pylist(), strict=True)
        return pa.array([None if text is None or url is None else equals_file(text, url) for text, url in pairs], pa.bool_())


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.float32[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _measure(offsets: npt.NDArray[np.int32], data: Bytes, classes: Classes, out: npt.NDArray[np.float32]) -> None:
    for row in range(len(offsets) - 1):
        i, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        characters, solid, letters, digits, words, alpha_words = 0, 0, 0, 0, 0, 0
        hashes = np.empty((end - i) // 2 + 1, np.uint64)
        start, has_letter = np.int64(-1), False
        while i < end:
            cp, width = decode(data, i)
            kind = classes[cp]
            characters += 1
            if kind & SPACE:
                if start >= 0:
                    hashes[words] = hash_span(data, start, i)
                    words += 1
                    alpha_words += has_letter
                    start = np.int64(-1)
            else:
                if start < 0:
                    start, has_letter = i, False
                solid += 1
                if kind & ALPHA:
                    letters += 1
                    has_letter = True
                elif kind & ALNUM:
                    digits += 1
            i += width
        if start >= 0:
            hashes[words] = hash_span(data, start, end)
            words += 1
            alpha_words += has_letter
        out[row, _CHARACTERS], out[row, _WORDS] = characters, words
        if words:
            known = np.sort(hashes[:words])
            repeated = 0
            for k in range(1, words):
                repeated += known[k] == known[k - 1]
            out[row, _LETTERS], out[row, _DIGITS] = letters / solid, digits / solid
            out[row, _ALPHA_WORDS], out[row, _WORD_LENGTH] = alpha_words / words, solid / words
            out[row, _REPEATED] = repeated / words
