"""Keys of exact duplicates: a hash of the canonical URL and a hash of the text.

Texts are the same when they agree after Unicode NFC and with runs of whitespace as one space; OBELICS (appendix A.2)
and FineWeb likewise drop pages of one URL. The hash is xxh3-128 (github.com/Cyan4973/xxHash).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash
from numba import njit, types

from core.addresses import canonical_url
from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, OFFSETS_TYPE, SPACE, Bytes, Classes, Int, Truth, decode
from core.columns import utf8_view
from core.hashing import ID_TYPE
from core.kernels import helper
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
            "text": text_hashes(batch.column(f"text.{self.read}"), self.min_characters) if "text" in self.by else None,
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


def text_hashes(texts: pa.Array, min_characters: int = 1) -> list[bytes | None]:
    """`text_hash` of each text of a column."""
    offsets, data = utf8_view(texts)
    n = len(texts)
    ends, characters = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    collapsed, composed = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.ones(n, np.bool_)
    _collapse(offsets, data, CLASSES, collapsed, ends, characters, composed)
    whole, places = collapsed.data, ends.tolist()
    hashes: list[bytes | None] = [None] * n
    for row in np.flatnonzero((characters >= min_characters) & composed).tolist():
        hashes[row] = xxhash.xxh3_128_digest(whole[places[row] : places[row + 1]])
    for row in np.flatnonzero(~composed).tolist():
        hashes[row] = text_hash(texts[row].as_py(), min_characters)
    return hashes


@helper
def _is_composed(cp: Int) -> Truth:
    """False for a character that NFC might change or join to another; true for most that pages have, not for all."""
    if cp < 0x2126:  # of Latin, Greek, Cyrillic and punctuation
        return cp < 0x300 or 0x388 <= cp <= 0x482 or 0x1E00 <= cp <= 0x1EFF or 0x2002 <= cp <= 0x20CF or cp >= 0x2100
    if cp < 0x3000:  # of symbols
        return 0x212C <= cp <= 0x2328 or 0x232B <= cp <= 0x2ADB
    if cp < 0x3100:  # of kana
        return 0x3001 <= cp <= 0x3029 or 0x3041 <= cp <= 0x3096 or cp >= 0x30A0
    # Han, Hangul, full widths, pictures
    return 0x4E00 <= cp <= 0x9FFF or 0xAC00 <= cp <= 0xD7A3 or 0xFF01 <= cp <= 0xFFEF or 0x1F300 <= cp <= 0x1FAFF


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.uint8[::1], types.int64[::1], types.int64[::1], types.boolean[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _collapse(
    offsets: npt.NDArray[np.int32], data: Bytes, classes: Classes, out: Bytes, ends: npt.NDArray[np.int64],
    characters: npt.NDArray[np.int64], composed: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Writes " ".join(text.split()) of each text to `out`, where it ends to `ends[1:]`, and how long it is; `composed`
    becomes false where NFC might change it."""
    at = 0
    for row in range(len(offsets) - 1):
        i, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        count = 0
        gap = False
        while i < end:
            byte = data[i]
            if 0x20 < byte < 0x80:
                width = 1
            else:
                cp, width = decode(data, i)
                if classes[cp] & SPACE:
                    gap = count > 0
                    i += width
                    continue
                composed[row] &= _is_composed(cp)
            if gap:
                out[at] = 0x20
                at += 1
                count += 1
                gap = False
            for k in range(width):
                out[at + k] = data[i + k]
            at += width
            i += width
            count += 1
        characters[row] = count
        ends[row + 1] = at
