"""Reads evaluation sets of images: folders, WebDataset shards, or lists of hashes, as the hashes and thumbnails that tell copies.

A list is Parquet or JSON lines with imagehash's pHash or Meta's PDQ as hexadecimal text, or a layer of `dedup.perceptual`, which
has thumbnails too.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.images.columns import decoded
from core.images.errors import ImageError
from core.images.formats import sniff
from core.images.limits import LIMITS
from core.remote import is_remote
from dedup.evaluation_sets import digest_of, read_bytes
from dedup.perceptual import Perceptual
from dedup.perceptual_check import THUMBNAIL

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]

#: Images of all sets of a scorer, at 3.2 kB each.
MOST_IMAGES: Final = 200_000
_BATCH: Final = 16
_NAMES: Final = ("file", "url", "name", "key", "id")
_PHASH_BYTES, _PDQ_BYTES = 8, 32
_MEND = "give a folder of images, .tar shards of them, or a .parquet or .jsonl list with a column phash or pdq"


@dataclass(frozen=True, eq=False)
class EvaluationImages:
    """n images of sets: `sets` is which of them one is of, `names` its file. `looks` are pHashes, uint64 (m,), those of an image
    and of it cut or turned, each of the image `owners` says; `pdq` uint64 (n, 4), where `has_pdq`. `thumbnails` uint8 (n, 3072) and
    `ratios` float64 (n,) are known where `has_thumbnail`. Images of one colour are left out, as they are like all others."""

    sets: npt.NDArray[np.int64]
    names: list[str]
    looks: U64
    owners: npt.NDArray[np.int64]
    pdq: U64
    has_pdq: npt.NDArray[np.bool_]
    thumbnails: U8
    ratios: F64
    has_thumbnail: npt.NDArray[np.bool_]


def digest_of_set(path: str) -> str:
    """What tells that a set has changed: the bytes and names of its files. InputError if there is none."""
    if is_remote(path) or not os.path.isdir(path):
        return digest_of(path)
    told = [f"{file.relative_to(path).as_posix()} {_stamped(str(file), *_stamp(file))}" for file in _files(path)]
    return hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=MOST_IMAGES)
def _stamped(path: str, size: int, changed: int) -> str:
    """`size` and `changed` are there for the cache."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read_sets(paths: list[tuple[str, str]], looker: Perceptual) -> EvaluationImages:
    """The images of sets, given by name and path, as `looker` sees them (`crop` and `turned`).

    InputError for a set without an image, an image that cannot be decoded, or too many of them.
    """
    rows: list[dict[str, Any]] = []
    for number, (name, path) in enumerate(paths):
        before = len(rows)
        for row in read_set(path, looker):
            rows.append({**row, "set": number})
            if len(rows) > MOST_IMAGES:
                told = f"the set {name} ({path}): more than {MOST_IMAGES:,} images in all sets"
                raise InputError(told, "give them to several scorers (`as:`)", path)
        if len(rows) == before:
            raise InputError(f"the set {name} ({path}) has no image", _MEND, path)
    rows = [row for row in rows if not row["uniform"]]
    looks = [np.frombuffer(row["looks"], "<u8") for row in rows]
    known = np.array([row["thumbnail"] is not None for row in rows], bool)
    blank, no_pdq = bytes(THUMBNAIL), bytes(_PDQ_BYTES)
    return EvaluationImages(
        np.array([row["set"] for row in rows], np.int64), [row["name"] for row in rows],
        np.concatenate([*looks, np.zeros(0, np.uint64)]).astype(np.uint64),
        np.repeat(np.arange(len(rows)), [len(one) for one in looks]),
        np.frombuffer(b"".join(row["pdq"] or no_pdq for row in rows), "<u8").reshape(-1, 4).astype(np.uint64),
        np.array([row["pdq"] is not None for row in rows], bool),
        np.frombuffer(b"".join(row["thumbnail"] or blank for row in rows), np.uint8).reshape(-1, THUMBNAIL),
        np.array([row["ratio"] or 1.0 for row in rows], np.float64), known,
    )  # fmt: skip


def read_set(path: str, looker: Perceptual) -> Iterator[dict[str, Any]]:
    """The images of a set: name, looks (pHashes), pdq, thumbnail, ratio and uniform of each; None for what a list does not have."""
    if not is_remote(path) and os.path.isdir(path):
        files: Iterator[tuple[str, bytes]] = (found for file in _files(path) for found in _images_in(file, file.relative_to(path)))
    elif path.endswith(".tar") and not is_remote(path):
        files = _images_in(Path(path), Path(os.path.basename(path)))
    else:
        yield from _listed(path)
        return
    batch: list[tuple[str, bytes]] = []
    for one in files:
        batch.append(one)
        if len(batch) == _BATCH:
            yield from _looked_at(path, batch, looker)
            batch = []
    yield from _looked_at(path, batch, looker)


def _files(folder: str) -> list[Path]:
    return sorted(file for file in Path(folder).rglob("*") if file.is_file())


def _images_in(file: Path, name: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the images in a file: itself, or the members of a shard. What is no image is passed by."""
    try:
        if file.suffix == ".tar":
            with tarfile.open(file, "r:") as tar:
                for member in tar:
                    opened = tar.extractfile(member) if member.isreg() and member.size <= LIMITS.bytes else None
                    if opened is not None and _is_image(data := opened.read()):
                        yield f"{name.as_posix()}/{member.name}", data
        elif _is_image(data := file.read_bytes()):
            yield name.as_posix(), data
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{file}: cannot be read ({error})", _MEND, str(file)) from error


def _is_image(data: bytes) -> bool:
    try:
        sniff(data)
    except ImageError as error:
        return error.reason not in ("empty", "not_an_image")
    return True


def _looked_at(path: str, files: list[tuple[str, bytes]], looker: Perceptual) -> Iterator[dict[str, Any]]:
    images = decoded(pa.array([data for _, data in files], pa.large_binary()))
    rows = looker.score(pa.RecordBatch.from_arrays([images], names=["image.decoded"])).to_pylist()
    for (name, _), row, image in zip(files, rows, images.to_pylist(), strict=True):
        if image["error"] is not None:
            told = f"{path}: {name} cannot be decoded: {image['error']} {image['detail']}"
            raise InputError(told, "mend the image, or take it out", path)
        names = ("pdq", "thumbnail", "ratio", "uniform")
        yield {"name": name, "looks": row["phash"] + row["views"], **{key: row[key] for key in names}}


def _listed(path: str) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for number, row in enumerate(_rows(read_bytes(path)), 1):
            phash, pdq = _hash(row.get("phash"), _PHASH_BYTES), _hash(row.get("pdq"), _PDQ_BYTES)
            if phash is None and pdq is None:
                if not row.keys() & {"phash", "pdq"}:
                    raise ValueError(f"has neither a column phash nor pdq; its columns are {', '.join(map(str, row))}")
                continue  # a layer has rows of images that could not be decoded
            thumbnail = row.get("thumbnail")
            if thumbnail is not None and (not isinstance(thumbnail, bytes) or len(thumbnail) != THUMBNAIL):
                raise ValueError(f"its thumbnail is not of {THUMBNAIL} bytes")
            name = next((row[key] for key in _NAMES if row.get(key) is not None), f"row {number}")
            yield {
                "name": name.hex() if isinstance(name, bytes) else str(name), "looks": phash or b"", "pdq": pdq,
                "thumbnail": thumbnail, "ratio": float(row.get("ratio") or 1.0), "uniform": bool(row.get("uniform")),
            }  # fmt: skip
    except (ValueError, TypeError, RecursionError, pa.ArrowException) as error:
        raise InputError(f"{path}, row {number:,}: {error}", _MEND, path) from error


def _rows(raw: bytes) -> Iterator[dict[str, Any]]:
    if raw[:4] == b"PAR1":
        for batch in pq.ParquetFile(pa.BufferReader(raw)).iter_batches(4096):
            yield from batch.to_pylist()
        return
    for line in io.BytesIO(raw):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("is no object")
            yield row


def _hash(value: Any, size: int) -> bytes | None:
    """A hash as bytes; hexadecimal text is read. None for nothing."""
    if value is None:
        return None
    raw = bytes.fromhex(value) if isinstance(value, str) else value
    if not isinstance(raw, bytes) or len(raw) != size:
        raise ValueError(f"a hash of {size} bytes was expected, not `{str(value)[:40]}`")
    return raw
