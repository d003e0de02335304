"""How many images, or rows, have the very same caption, after folding: `image`, `logo` and a shop's slogan stand under thousands.

The method is our own: a count over the whole corpus of keys of folded captions, which `pipelines.repeats` makes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Final

import pyarrow as pa
import xxhash

from core.scorer import column

_COLUMN: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_EDGES: Final = " .,;:!?\"'“”‘’«»()[]{}<>*_-–—|/\\#…"


@dataclass(frozen=True)
class SameCaption:
    """The key of a caption, by which others that are the same are found. `text` names the column that holds it.

    Compared is what NFKC and case folding leave, with runs of white space as one space and without punctuation at both ends.
    How many have it stands in a layer of its own, named as this one with `_repeated` behind, whose column `count` rules can
    read: `same_caption_repeated.count <= 10`. Rows of one id count once; those that a rule before this scorer dropped, or that
    were not got, have no count and are not counted.
    """

    text: str = "text.text"

    name: ClassVar[str] = "same_caption"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    #: Rows of a key that a source sends; past that one for all of them.
    most: ClassVar[int] = 4096

    def __post_init__(self) -> None:
        if not _COLUMN.fullmatch(self.text):
            raise ValueError(f"text: a column as layer.column, such as image.caption, not {self.text!r}")

    @property
    def repeated(self) -> CaptionCounts:
        """What the pass over all captions writes."""
        return CaptionCounts()

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.text,)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field("key", pa.uint64(), metadata={"doc": "xxh3-64 of the folded caption; 0 where nothing is left"})])

    def weights_digest(self) -> str:
        return unicodedata.unidata_version

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Null where the caption is."""
        keys = [None if text is None else _key(text) for text in batch.column(self.text).to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(keys, pa.uint64())], schema=self.schema)


def fold(caption: str) -> str:
    """A caption as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", caption).casefold().split()).strip(_EDGES)


def _key(caption: str) -> int:
    folded = fold(caption)
    return xxhash.xxh3_64_intdigest(folded.encode("utf-8", "surrogatepass")) or 1 if folded else 0


@dataclass(frozen=True)
class CaptionCounts:
    """The layer of how often captions stand; written by a pass over all of them (pipelines.repeats), and never scored."""

    name: ClassVar[str] = "caption_counts"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ()

    @property
    def schema(self) -> pa.Schema:
        doc = "images, or rows, with this very caption; 0 where there is none, null for a row that took no part"
        return pa.schema([column("count", pa.int64(), doc, low=0, high=100)])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Raises TypeError: no batch of rows knows what the others hold."""
        raise TypeError("how often a caption stands is known of all of them together")
