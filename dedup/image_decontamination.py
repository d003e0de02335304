"""Images that are copies of images of evaluation sets, to be dropped, with the image that they are a copy of.

What tells copies is `dedup.perceptual`: pHash and PDQ find candidates, thumbnails laid over each other decide. Lists without
thumbnails are believed within a few bits: PDQ's 31 are Meta's (see `dedup.perceptual_hashes`), pHash's 4 are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.named_files import NamedFile
from core.scorer import column
from dedup.evaluation_images import EvaluationImages, digest_of_set, read_set, read_sets
from dedup.perceptual import Perceptual, Turned
from dedup.perceptual_check import SAME, SIDE
from dedup.perceptual_hashes import phash

U64 = npt.NDArray[np.uint64]

#: Bits that pHashes of candidates may differ by, and of images that a list has no thumbnail of.
_RADIUS, _UNSEEN = 6, 4
#: Bits that PDQ hashes may differ by, both of a quality of 50 at least (ThreatExchange, pdq/README.md).
_PDQ_RADIUS, _PDQ_QUALITY = 31, 50
_READ: Final = ("phash", "pdq", "pdq_quality", "uniform", "thumbnail", "ratio")


@dataclass(frozen=True)
class DecontaminateImages:
    """Counts the images of evaluation sets that an image is a copy of, and names the first.

    `sets` are folders, .tar shards, or lists of hashes (Parquet or JSON lines with `phash` or `pdq`, or a layer that `perceptual`
    wrote), by name. Copies are those of `perceptual`, which stands before this: rescaled, coded anew, cut by a few percent, and
    with `turned` "mirrored" or "all" seen otherwise too. `threshold` is as there. Sets that changed are read anew, and no image
    is looked at again. An image of one colour is a copy of nothing. A rule decides: `decontaminate_images.matches == 0`.
    """

    sets: Mapping[str, str]
    turned: Turned = "no"
    threshold: float = SAME

    name: ClassVar[str] = "decontaminate_images"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.sets:
            raise ValueError("sets: names of evaluation sets with their paths, such as {coco: coco/val2017}")
        _ = self._looker

    @property
    def _looker(self) -> Perceptual:
        return Perceptual(turned=self.turned, threshold=self.threshold)

    @property
    def column_parameters(self) -> dict[str, object]:
        """What the columns follow from: not where the sets lie."""
        return {"sets": list(self.sets), "turned": self.turned, "threshold": self.threshold}

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"perceptual.{name}" for name in _READ)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("matches", pa.int32(), "images of evaluation sets that it is a copy of", low=0, high=10),
            column("set", pa.string(), "the set of the first of them; null for none"),
            column("file", pa.string(), "the file, or name in a list, of the first of them; null for none", quotes=True),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return [
            NamedFile(("sets", name), path, partial(_require, path, self._looker), remote=True) for name, path in self.sets.items()
        ]

    def weights_digest(self) -> str:
        told = " ".join(digest_of_set(path) for path in self.sets.values())
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def open(self) -> None:
        self._images()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Null in all columns where an image has no hashes."""
        known, names = self._images(), list(self.sets)
        rows: list[dict[str, Any]] = []
        for row in batch.rename_columns(list(_READ)).to_pylist():
            if row["phash"] is None:
                rows.append(dict.fromkeys(self.schema.names))
                continue
            found = self._copies(row, known) if len(known.names) and not row["uniform"] else []
            first = {"set": names[known.sets[found[0]]], "file": known.names[found[0]]} if found else {"set": None, "file": None}
            rows.append({"matches": len(found), **first})
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _copies(self, row: dict[str, Any], known: EvaluationImages) -> list[int]:
        """The images of the sets that an image is a copy of, in their order."""
        small = np.frombuffer(row["thumbnail"], np.uint8).reshape(SIDE, SIDE, 3)
        # A pixel of the thumbnail on each side is 3%: what is left is the image as a copy that was cut has it.
        inner = phash(np.ascontiguousarray(small[1:-1, 1:-1]))[0].tobytes()
        own, cut = (np.frombuffer(look, "<u8")[0] for look in (row["phash"], inner))
        near, cut_near = (np.bitwise_count(known.looks ^ look) for look in (own, cut))
        by_pdq = known.has_pdq & (np.bitwise_count(known.pdq ^ np.frombuffer(row["pdq"], "<u8")).sum(axis=1) <= _PDQ_RADIUS)
        near_by_phash = known.owners[(near <= _RADIUS) | (cut_near <= _RADIUS)]
        seen = known.has_thumbnail
        candidates = np.unique(np.concatenate([near_by_phash[seen[near_by_phash]], np.flatnonzero(by_pdq & seen)]))
        found = set(candidates[self._same(row, known, candidates)].tolist())
        found |= set(known.owners[(near <= _UNSEEN) & ~seen[known.owners]].tolist())
        if row["pdq_quality"] >= _PDQ_QUALITY:
            found |= set(np.flatnonzero(by_pdq & ~seen).tolist())
        return sorted(found)

    def _same(self, row: dict[str, Any], known: EvaluationImages, candidates: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if not len(candidates):
            return np.zeros(0, bool)
        ours = pa.RecordBatch.from_pydict({
            "thumbnail": pa.array([row["thumbnail"]] * len(candidates), pa.binary(len(row["thumbnail"]))),
            "ratio": pa.array([row["ratio"]] * len(candidates), pa.float32()),
        })  # fmt: skip
        theirs = pa.RecordBatch.from_pydict({
            "thumbnail": pa.array([known.thumbnails[i].tobytes() for i in candidates], pa.binary(len(row["thumbnail"]))),
            "ratio": pa.array(known.ratios[candidates], pa.float32()),
        })  # fmt: skip
        return self._looker.same(ours, theirs)

    def _images(self) -> EvaluationImages:
        return _read(tuple(self.sets.items()), self._looker, self.weights_digest())


def _require(path: str, looker: Perceptual) -> None:
    """Reads the first image of a set; InputError if it has none."""
    if next(read_set(path, looker), None) is None:
        read_sets([(path, path)], looker)


@lru_cache(maxsize=2)
def _read(sets: tuple[tuple[str, str], ...], looker: Perceptual, digest: str) -> EvaluationImages:
    """`digest` is there for the cache: a set may change between two runs of a process."""
    return read_sets(list(sets), looker)
