"""Keys of exact duplicates: a hash of the canonical URL and a hash of the text.

Texts are the same when they agree after Unicode NFC and with runs of whitespace as one space; OBELICS (appendix A.2)
and FineWeb likewise drop pages of one URL. The hash is xxh3-128 (github.com/Cyan4973/xxHash).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import xxhash

from core.addresses import canonical_url
from core.hashing import ID_TYPE
from core.scorer import column

WAYS = ("url", "text")
TEXTS = ("edited", "text")


@dataclass(frozen=True)
class Exact:
    """Two pages are exact duplicates when one of these hashes is equal; a null hash equals nothing.

    `by` says which hashes are computed: of the URL, the text or both. `read` is "edited" for the text that the
    shards get, or "text" for the text as extracted. A text of fewer than `min_characters` characters, whitespace
    collapsed, gets no hash: raise it where pages share an empty shell.
    """

    by: tuple[str, ...] = WAYS
    read: str = "edited"
    min_characters: int = 1

    name: ClassVar[str] = "exact"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    dedup: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", (self.by,) if isinstance(self.by, str) else tuple(self.by))
        if not self.by or len(set(self.by)) != len(self.by) or not set(self.by) <= set(WAYS):
            raise ValueError(f"by: one or both of {', '.join(WAYS)}, each once, not {list(self.by)}")
        if self.read not in TEXTS:
            raise ValueError(f"read: {' or '.join(TEXTS)}, not {self.read!r}")
        if isinstance(self.min_characters, bool) or not 1 <= self.min_characters <= 1_000_000:
            raise ValueError(f"min_characters: 1 to 1,000,000, not {self.min_characters}")

    @property
    def inputs(self) -> tuple[str, ...]:
        columns = {"url": "page.url", "text": f"text.{self.read}"}
        return tuple(columns[way] for way in WAYS if way in self.by)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [
                column("url_hash", ID_TYPE, "xxh3-128 of the canonical URL; null when there is no URL"),
                column("text_hash", ID_TYPE, "xxh3-128 of the text, NFC, whitespace collapsed; null when too short"),
            ]
        )

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Columns url_hash and text_hash, binary(16); all null for a way that is not in `by`."""
        columns = {
            "url": [url_hash(url) for url in batch.column("page.url").to_pylist()] if "url" in self.by else None,
            "text": [text_hash(text, self.min_characters) for text in batch.column(f"text.{self.read}").to_pylist()]
            if "text" in self.by
            else None,
        }
        arrays = [pa.nulls(len(batch), ID_TYPE) if c is None else pa.array(c, ID_TYPE) for c in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def url_hash(url: str | None) -> bytes | None:
    """16 bytes for the canonical form of a URL; None for none or an empty one."""
    if not url or url.isspace():
        return None
    return xxhash.xxh3_128_digest(canonical_url(url).encode("utf-8", "surrogatepass"))


def text_hash(text: str | None, min_characters: int = 1) -> bytes | None:
    """16 bytes for a text up to Unicode NFC and whitespace; None below `min_characters` characters.

    Case, punctuation and digits count: pages that differ in a price or a date are not exact duplicates.
    """
    if text is None:
        return None
    collapsed = " ".join(unicodedata.normalize("NFC", text).split())
    if len(collapsed) < min_characters:
        return None
    return xxhash.xxh3_128_digest(collapsed.encode("utf-8", "surrogatepass"))
