"""Checks an output against its index: every byte by sha256, every sample by its key, and no file too many.

Files are read once, piece by piece; what is kept is 16 bytes a sample, to find a key that stands twice.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from core.errors import StorageError
from sharding.index import INDEX, Index, read_index, unlisted
from sharding.shard import ShardInfo
from sharding.tar import members_of

#: A line of JSON past this is no sample.
LONGEST_LINE = 1 << 30
AGAIN = "run the same command again: the shard is written anew"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file of an output, and what to do about it."""

    file: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}\n  → {self.mend}"


def check_output(folder: Path, progress: Callable[[ShardInfo], None] | None = None) -> list[Problem]:
    """The problems of an output in the order of its files; empty if it is sound.

    `progress` is called after each shard. An output without a readable index has one problem.
    """
    try:
        index = read_index(folder)
    except StorageError as error:
        return [Problem(INDEX, error.message.removeprefix(f"{folder / INDEX}: "), error.mend)]
    problems: list[Problem] = []
    digests: list[bytes] = []
    for shard in index.shards:
        found, keys = _check_shard(folder, index, shard)
        problems += found
        digests.append(keys)
        if progress is not None:
            progress(shard)
    problems += _repeats(index, digests)
    problems += [
        Problem(name, "the index does not list this file", "delete it, or run the same command again, which does")
        for name in unlisted(folder, index)
    ]
    return problems


def _check_shard(folder: Path, index: Index, shard: ShardInfo) -> tuple[list[Problem], bytes]:
    """The shard's problems, and the xxh3-128 of each key."""
    problems = _check_bytes(folder / shard.name, shard.bytes, shard.sha256)
    beside = _check_bytes(folder / shard.sidecar, shard.sidecar_bytes, shard.sidecar_sha256) if shard.sidecar else []
    path = folder / shard.name
    # A damaged Parquet file says nothing by its rows; a damaged tar or gzip says where the damage is.
    if not path.is_file() or (problems and index.format == "parquet"):
        return problems + beside, b""
    readers = {"webdataset": _tar_keys, "parquet": _parquet_keys, "jsonl": _json_keys}
    keys = _Keys()
    try:
        for key in readers[index.format](path):
            keys.add(key)
    except READING as error:
        problems.append(Problem(shard.name, f"cannot be read after {keys.count:,} samples ({_why(error)})", AGAIN))
    else:
        if keys.count != shard.samples:
            problems.append(Problem(shard.name, f"{keys.count:,} samples, and the index says {shard.samples:,}", AGAIN))
        if shard.sidecar and not beside:
            beside = _check_sidecar(folder / shard.sidecar, keys)
    return problems + beside, keys.digests.getvalue()


#: What damaged files make their readers raise.
READING = (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, pa.ArrowException, RecursionError)


class _Keys:
    """The digests of a shard's keys in order, 16 bytes each."""

    def __init__(self) -> None:
        self.digests = io.BytesIO()
        self.count = 0

    def add(self, key: str) -> None:
        self.digests.write(xxhash.xxh3_128_digest(key.encode("utf-8", "surrogatepass")))
        self.count += 1


def _check_bytes(path: Path, size: int, sha256: str) -> list[Problem]:
    digest = hashlib.sha256()
    read = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                read += len(piece)
    except FileNotFoundError:
        return [Problem(path.name, "the index lists this file, and it is missing", AGAIN)]
    except OSError as error:
        return [Problem(path.name, f"cannot be read ({_why(error)})", "look at the disk, or copy the file again")]
    if read != size:
        return [Problem(path.name, f"{read:,} bytes, and the index says {size:,}", AGAIN)]
    if digest.hexdigest() != sha256:
        return [Problem(path.name, f"sha256 {digest.hexdigest()}, and the index says {sha256}", AGAIN)]
    return []


def _check_sidecar(path: Path, keys: _Keys) -> list[Problem]:
    beside = _Keys()
    try:
        for key in _parquet_keys(path):
            beside.add(key)
    except READING as error:
        return [Problem(path.name, f"cannot be read after {beside.count:,} rows ({_why(error)})", AGAIN)]
    if beside.count != keys.count:
        return [Problem(path.name, f"{beside.count:,} rows for {keys.count:,} samples", AGAIN)]
    ours, theirs = keys.digests.getvalue(), beside.digests.getvalue()
    if ours != theirs:
        row = next(i for i in range(beside.count) if ours[16 * i : 16 * i + 16] != theirs[16 * i : 16 * i + 16])
        return [Problem(path.name, f"row {row:,} is not of the shard's sample {row:,}: the keys differ", AGAIN)]
    return []


def _repeats(index: Index, digests: list[bytes]) -> Iterator[Problem]:
    """A problem for each shard that holds a key which stands before, in it or in an earlier shard."""
    all_digests = b"".join(digests)
    words = np.frombuffer(all_digests, "<u8").reshape(-1, 2)
    order = np.lexsort((words[:, 1], words[:, 0]))
    same = (words[order[1:]] == words[order[:-1]]).all(axis=1)
    # lexsort is stable: of equal keys the first in the output comes first.
    again = np.sort(order[1:][same])
    starts = np.cumsum([0, *(len(d) // 16 for d in digests)])
    for number, shard in enumerate(index.shards):
        rows = again[(again >= starts[number]) & (again < starts[number + 1])] - starts[number]
        if len(rows):
            what = f"{len(rows):,} samples stand in the output before, the first of them is sample {rows[0]:,}"
            yield Problem(shard.name, what, "run the same command again; if it stays, report it with run.json")


def _tar_keys(path: Path) -> Iterator[str]:
    last = ""
    for member in members_of(path):
        key, dot, _ = member.name.partition(".")
        if not key or not dot:
            raise ValueError(f"a member named {member.name!r}: a key and an extension were expected")
        if key != last:
            yield key
            last = key


def _parquet_keys(path: Path) -> Iterator[str]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(columns=["key"], use_threads=False):
            yield from _strings(batch.column("key").to_pylist())


def _json_keys(path: Path) -> Iterator[str]:
    with gzip.open(path) as lines:
        while line := lines.readline(LONGEST_LINE):
            yield from _strings([json.loads(line)["key"]])


def _strings(keys: Iterable[object]) -> Iterator[str]:
    for key in keys:
        if not isinstance(key, str):
            raise ValueError(f"key {key!r}: a string was expected")
        yield key


def _why(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
