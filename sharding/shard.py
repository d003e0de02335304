"""One shard of an output, in any of its formats: batches of samples in order, then a file that is whole.

The file is written under another name, hashed as it is written, synced and renamed; an error leaves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import pyarrow as pa

from core.files import Beside, Place, storage_errors
from sharding.groups import Groups

FORMATS = ("webdataset", "parquet", "jsonl")
#: The file of samples; a WebDataset shard has a sidecar `.parquet` beside it.
EXTENSIONS = {"webdataset": ".tar", "parquet": ".parquet", "jsonl": ".jsonl.gz"}
SIDECAR = ".parquet"
#: Members of a text sample: extension → column.
TEXT = {"txt": "text"}


@dataclass(frozen=True)
class ShardInfo:
    """A finished shard: file names without folder, sizes in bytes, sha256 in hex; no sidecar: empty and 0."""

    name: str
    split: str
    samples: int
    bytes: int
    sha256: str
    sidecar: str = ""
    sidecar_bytes: int = 0
    sidecar_sha256: str = ""


class HashingFile:
    """A new file that counts and hashes (sha256) what is written to it; a StorageError when it cannot be written.

    It is drafted at `path`, and errors name `final`. As much of a file object as Parquet and gzip writers need.
    """

    def __init__(self, path: Path, final: Path) -> None:
        self.path, self.final = path, final
        self.size = 0
        self._hash = hashlib.sha256()
        with storage_errors(final):
            self._file = path.open("xb")

    def write(self, data: Any, /) -> int:
        with storage_errors(self.final):
            self._file.write(data)
        self._hash.update(data)
        size = memoryview(data).nbytes
        self.size += size
        return size

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        with storage_errors(self.final):
            self._file.flush()

    def close(self) -> None:
        with storage_errors(self.final):
            self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Closes and removes the draft, whatever state it is in; a committed file stays."""
        self._file.raw.close()  # not the buffer: flushing it to a full disk would raise again
        self.path.unlink(missing_ok=True)


class Body(Protocol):
    """Writes samples of one format to the shard's files."""

    def write(self, piece: pa.RecordBatch) -> None: ...

    def end_group(self) -> None:
        """A row group ends with what was written."""
        ...

    def finish(self) -> None:
        """Writes what ends the files; they stay open."""
        ...

    def abandon(self) -> None:
        """Lets go of the files without writing to them."""
        ...


class ShardWriter:
    """Writes shard number `number` of `split` into `folder`; a context manager.

        with ShardWriter(folder, "train", 7) as shard:
            for batch in batches:
                shard.write(batch)
        shard.info

    A batch has a string column `key` (`sharding.order.Samples.keys`), the columns of `members` (extension →
    column of strings or bytes), and any others, which are the sample's metadata: in `webdataset` a `.json` beside
    the members and a row of the sidecar, in `parquet` and `jsonl` further columns. All batches have one schema.
    The bytes depend on the rows and their order, not on how they are cut into batches.

    Leaving the block without an error commits: the sidecar first, then the shard. `place` says where drafts lie and
    how they are renamed (by default beside the shard). With `keyed` the metadata has the key too, as image tools want it. With
    `sparse` a sample lacks the members that are null for it, which are empty files otherwise.
    StorageError when the disk is full or not writable;
    ValueError for a shard without samples or a batch of another schema.
    """

    def __init__(
        self, folder: Path, split: str, number: int, format: str = "webdataset", *,
        members: Mapping[str, str] = TEXT, place: Place | None = None, keyed: bool = False, sparse: bool = False,
    ) -> None:  # fmt: skip
        if format not in FORMATS:
            raise ValueError(f"format: {', '.join(FORMATS)}, not {format!r}")
        self.folder, self.split, self.format = folder, split, format
        self.members = dict(sorted(members.items()))
        self.stem = shard_stem(split, number)
        self.samples = 0
        self._keyed, self._sparse = keyed, sparse
        self._info: ShardInfo | None = None
        self._place = place if place is not None else Beside(self.folder)
        self._schema: pa.Schema | None = None
        self._body: Body | None = None
        self._groups = Groups()
        self._files: list[HashingFile] = []

    @property
    def path(self) -> Path:
        return self.folder / (self.stem + EXTENSIONS[self.format])

    @property
    def info(self) -> ShardInfo:
        """The shard, once the block is left."""
        if self._info is None:
            raise ValueError(f"{self.path.name} is not committed")
        return self._info

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds samples, in their order."""
        if self._body is None:
            self._schema = batch.schema
            self._body = self._open(batch.schema)
        elif not batch.schema.equals(self._schema):
            raise ValueError(f"{self.path.name}: a batch of another schema: {batch.schema}, not {self._schema}")
        for piece, ends in self._groups.cut(batch):
            self._body.write(piece)
            if ends:
                self._body.end_group()
        self.samples += len(batch)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            if self._info is None and self._body is not None:
                self._body.abandon()
            for file in self._files:
                file.discard()

    def _open(self, schema: pa.Schema) -> Body:
        # The formats import this module's types.
        from sharding.tables import JsonLinesBody, ParquetBody
        from sharding.webdataset import WebDatasetBody

        missing = {"key", *self.members.values()} - set(schema.names)
        if missing:
            raise ValueError(f"{self.path.name}: the batch lacks {', '.join(sorted(missing))}")
        file = self._create(self.path)
        if self.format == "webdataset":
            sidecar = self._create(self.folder / (self.stem + SIDECAR))
            return WebDatasetBody(file, sidecar, schema, self.members, self._keyed, self._sparse)
        return ParquetBody(file, schema) if self.format == "parquet" else JsonLinesBody(file)

    def _create(self, final: Path) -> HashingFile:
        file = HashingFile(self._place.temporary(final.name), final)
        self._files.append(file)
        return file

    def _commit(self) -> None:
        if self._body is None or not self.samples:
            raise ValueError(f"{self.path.name}: a shard without samples")
        self._body.end_group()
        self._body.finish()
        for file in self._files:
            file.close()
        for file in reversed(self._files):
            self._place.commit(file.path, file.final)
        shard, *beside = self._files
        info = ShardInfo(shard.final.name, self.split, self.samples, shard.size, shard.sha256)
        for sidecar in beside:
            info = replace(info, sidecar=sidecar.final.name, sidecar_bytes=sidecar.size, sidecar_sha256=sidecar.sha256)
        self._info = info


def shard_stem(split: str, number: int) -> str:
    """`train-000000`: a shard's file names without their extension."""
    if not split.isalnum() or not split.isascii() or number < 0:
        raise ValueError(f"a split of letters and digits and a number from 0, not {split!r} and {number}")
    return f"{split}-{number:06d}"
