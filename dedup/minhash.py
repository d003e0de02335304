"""MinHash signatures of texts, and the hashes of their bands by which near-duplicates are found.

Broder 1997 for the signature; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4, for the bands. Signatures
are those of datasketch 2.0 (github.com/ekzhu/datasketch), bit for bit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numba import njit, types

from core.columns import with_nulls
from core.kernels import helper
from core.scorer import column
from core.words import mix
from dedup.agreement import agreement, clear, jaccard
from dedup.permutations import SCHEMES, sign
from dedup.shingles import By, Hash, shingle_sets

__all__ = ["MinHash", "agreement", "band_hashes", "clear", "group_salts", "jaccard", "sign", "signature_words"]

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

Scheme = Literal["affine32", "legacy"]
Verify = Literal["jaccard", "signature", "none"]
Read = Literal["edited", "text"]

MAX_NGRAM = 100
MAX_PERMUTATIONS = 16_384
_COLUMN = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class MinHash:
    """Signatures of the shingles of a text; texts whose Jaccard similarity is at least `threshold` are near-duplicates.

    Shingles are `ngram` words (characters, if `by` says so) in a row, normalised as `dedup.shingles.normalise` does.
    Two texts are compared when the `rows` values of one of `bands` bands are equal; at the default of 18 × 6, 99.6% of
    pairs of similarity 0.8 are (fewer where very many texts share a bucket: `dedup.buckets`). `verify` says what decides
    then: "jaccard", the similarity of the shingles, where the signatures leave a doubt; "signature", the share of equal
    values of the signatures; "none", nothing.

    `within` names a column (`language.label`): only texts with one value of it are compared, and those with none are
    nobody's duplicate. `read` is "edited" for the text that the shards get, or "text" for the text as extracted.
    `scheme`, `seed` and `hash` ("sha1" is datasketch's own; "xxh64" its lower 32 bits) are datasketch's. A text of
    fewer words than `ngram` has no signature and is never a duplicate.
    """

    ngram: int = 5
    by: By = "word"
    bands: int = 18
    rows: int = 6
    seed: int = 1
    scheme: Scheme = "affine32"
    hash: Hash = "xxh64"
    threshold: float = 0.8
    verify: Verify = "jaccard"
    within: str = ""
    read: Read = "edited"

    name: ClassVar[str] = "minhash"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    dedup: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field, choices in (
            ("by", get_args(By)), ("scheme", SCHEMES), ("hash", get_args(Hash)), ("verify", get_args(Verify)),
            ("read", get_args(Read)),
        ):  # fmt: skip
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: {' or '.join(choices)}, not {getattr(self, field)!r}")
        for field, low, high in (("ngram", 1, MAX_NGRAM), ("bands", 1, 10_000), ("rows", 1, 1_000), ("seed", 0, 2**32 - 1)):
            value = getattr(self, field)
            if isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"{field}: {low:,} to {high:,}, not {value}")
        if self.permutations > MAX_PERMUTATIONS:
            raise ValueError(f"bands: with {self.rows} rows at most {MAX_PERMUTATIONS // self.rows:,}, not {self.bands:,}")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: above 0 and at most 1, not {self.threshold}")
        if self.within and not _COLUMN.fullmatch(self.within):
            raise ValueError(f"within: a column as layer.column, such as language.label, not {self.within!r}")

    @property
    def permutations(self) -> int:
        """Values of a signature."""
        return self.bands * self.rows

    @property
    def column_parameters(self) -> dict[str, str | int]:
        """What a signature follows from: to move `threshold`, `verify` or the bands of one width signs nothing anew."""
        names = ("ngram", "by", "permutations", "seed", "scheme", "hash", "within", "read")
        return {name: getattr(self, name) for name in names}

    @property
    def inputs(self) -> tuple[str, ...]:
        text = f"text.{self.read}"
        return (text, self.within) if self.within and self.within != text else (text,)

    @property
    def schema(self) -> pa.Schema:
        width = 4 * self.permutations
        return pa.schema([
            column("signature", pa.binary(width), f"{self.permutations} uint32, little-endian; null for a text too short"),
            column("shingles", pa.int32(), "different shingles", unit="shingles", low=0, high=10_000),
            column("digest", pa.uint64(), "a hash of the set of shingles; null where the signature is"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(f"text.{self.read}")
        salts, grouped = group_salts(batch.column(self.within)) if self.within else (None, None)
        offsets, hashes = self.shingle_sets(text)
        counts = np.diff(offsets)
        signed = (counts > 0) if grouped is None else (counts > 0) & grouped
        words = sign(offsets, hashes, self.scheme, self.permutations, self.seed).astype("<u4", copy=False)
        words[~signed] = 0
        signatures = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(4 * self.permutations), len(text), [_bitmap(signed), pa.py_buffer(words)]
        )
        digests = np.zeros(len(text), np.uint64)
        _digests(offsets, hashes, np.zeros(len(text), np.uint64) if salts is None else salts, digests)
        columns = [signatures, with_nulls(counts.astype(np.int32), text), pa.array(digests, mask=~signed)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def shingle_sets(self, texts: pa.Array) -> tuple[I64, U32]:
        """The distinct hashes of each text's shingles, as the signatures are made of.

        Offsets int64 of shape (n + 1,), and hashes uint32, ascending in each text; none for null.
        """
        return shingle_sets(texts, self.ngram, self.by, self.hash)


def _bitmap(valid: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(valid, bitorder="little"))


def signature_words(signatures: pa.Array) -> tuple[U32, I64]:
    """The non-null signatures of a column, uint32 of shape (m, permutations), and their positions in it.

    Without a copy where there are no nulls. The column is binary of a fixed width that is a multiple of 4, else TypeError.
    """
    if not pa.types.is_fixed_size_binary(signatures.type) or signatures.type.byte_width % 4:
        raise TypeError(f"a column of signatures was expected, not {signatures.type}")
    width = signatures.type.byte_width // 4
    positions = np.flatnonzero(np.asarray(signatures.is_valid()))
    if len(positions) == 0:
        return np.zeros((0, width), np.uint32), positions
    words = np.frombuffer(signatures.buffers()[1], "<u4", len(signatures) * width, signatures.offset * 4 * width)
    words = words.reshape(-1, width).astype(np.uint32, copy=False)
    return words if len(positions) == len(words) else words[positions], positions


def group_salts(values: pa.Array) -> tuple[U64, npt.NDArray[np.bool_]]:
    """A hash of each value of the column `within`, uint64, and whether there is one; shapes (n,)."""
    encoded = pc.dictionary_encode(values)
    names = [v if isinstance(v, bytes) else str(v).encode("utf-8", "surrogatepass") for v in encoded.dictionary.to_pylist()]
    hashes = np.array([0, *(xxhash.xxh3_64_intdigest(name) for name in names)], np.uint64)
    places = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64) + 1
    return hashes[places], places > 0


def band_hashes(signatures: U32, bands: int, rows: int, salts: U64 | None = None) -> U64:
    """A hash of each band of each signature, uint64 of shape (n, bands).

    Signatures uint32 of shape (n, bands × rows); band j is values j·rows to (j + 1)·rows. Equal values in different
    bands have different hashes, and so have equal bands under different `salts` (uint64 of shape (n,)).
    """
    n, width = signatures.shape
    if width != bands * rows:
        raise ValueError(f"signatures of {bands} × {rows} values were expected, not of {width}")
    out = np.empty((n, bands), np.uint64)
    _band_hashes(np.ascontiguousarray(signatures), rows, np.zeros(n, np.uint64) if salts is None else salts, out)
    return out


@helper
def _absorb(h: np.uint64, value: np.uint64 | np.uint32) -> np.uint64:
    return mix(h ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)


_OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
_HASHES = types.Array(types.uint32, 1, "C", readonly=True)
_SIGNATURES = types.Array(types.uint32, 2, "C", readonly=True)
_SALTS = types.Array(types.uint64, 1, "C", readonly=True)


@njit(types.void(_OFFSETS, _HASHES, _SALTS, types.uint64[::1]), cache=True, nogil=True, error_model="numpy")
def _digests(offsets: I64, hashes: U32, salts: U64, out: U64) -> None:
    for row in range(len(out)):
        h = mix(salts[row] ^ np.uint64(offsets[row + 1] - offsets[row]))
        for i in range(offsets[row], offsets[row + 1]):
            h = _absorb(h, hashes[i])
        out[row] = h


@njit(types.void(_SIGNATURES, types.int64, _SALTS, types.uint64[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _band_hashes(signatures: U32, rows: int, salts: U64, out: U64) -> None:
    for i in range(out.shape[0]):
        for band in range(out.shape[1]):
            h = mix(salts[i] + np.uint64(band + 1) * np.uint64(0x9FB21C651E98DF25))
            start, stop = band * rows, (band + 1) * rows
            for k in range(start, stop - 1, 2):
                h = _absorb(h, np.uint64(signatures[i, k]) | (np.uint64(signatures[i, k + 1]) << np.uint64(32)))
            if rows % 2:
                h = _absorb(h, signatures[i, stop - 1])
            out[i, band] = h
