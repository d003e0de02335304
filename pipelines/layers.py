"""Layer files: Parquet, one a part, whose row i speaks of the same record in every layer.

Each file carries `id` first and, in its footer, the method that made it and the digest of the rows it is
aligned with (docs/design.md, section 1).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from core.errors import InputError, StorageError
from core.files import storage_errors
from core.hashing import ID_TYPE
from core.remote_file import RemoteFile
from core.remote_path import RemotePath
from pipelines.store import Store

FOOTER_KEY = b"web2shards"
#: Beside it: xxh3-128 of the whole file, read with zeros in this place. Page checksums cover neither headers nor footer.
SEAL_KEY = b"web2shards.xxh3"
_UNSEALED = b"0" * 32
#: A row group is closed at this many bytes, so that a reader's memory does not depend on the part.
ROW_GROUP_BYTES = 4 << 20
ROW_GROUP_ROWS = 1 << 16
#: Files are read in pieces of this size, not a whole column chunk at once.
READ_BYTES = 1 << 18
ID = pa.field("id", ID_TYPE)
ERROR = pa.field("error", pa.string(), metadata={"doc": "why the scorer failed on this record; null when it did not"})
SCORED = pa.field("scored", pa.bool_(), metadata={"doc": "false: skipped, since an earlier rule dropped the record"})


@dataclass(frozen=True)
class Footer:
    """What a layer file says of itself.

    `method` fingerprints how it was made, `rows_digest` the ids it is aligned with (xxh3-128 over all ids),
    `scored` counts the rows that were scored, `source` is what a first layer was read from, and `extra`
    holds what a kind of layer needs besides.
    """

    layer: str
    part: str
    method: str
    rows: int
    rows_digest: str
    scored: int
    source: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def layer_path(store: Store, table: str, layer: str, part: str) -> Path:
    """Where the file of a part lies."""
    return store.path(table, layer, f"{part}.parquet")


class LayerWriter:
    """Writes one layer file: batches in, a committed file out. A context manager; an error leaves nothing."""

    def __init__(self, store: Store, table: str, layer: str, part: str, schema: pa.Schema) -> None:
        self.store, self.layer, self.part = store, layer, part
        self.final = layer_path(store, table, layer, part)
        self.schema = pa.schema([ID, *schema])
        self.rows = 0
        self._digest = xxhash.xxh3_128()
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = self._pending_bytes = 0
        self._temporary = store.temporary(self.final.name)
        with storage_errors(self.final if store.remote else self._temporary):
            self._writer = pq.ParquetWriter(
                self._temporary, self.schema, compression="zstd", compression_level=1, write_page_checksum=True,
                use_dictionary=_dictionary_columns(self.schema),  # pyright: ignore[reportArgumentType] - a list is fine
            )  # fmt: skip

    def write(self, ids: pa.Array, columns: pa.RecordBatch) -> None:
        """Adds rows; `columns` has this layer's schema, `ids` are binary(16) of the same length."""
        batch = pa.RecordBatch.from_arrays([ids, *columns.columns], schema=self.schema)
        self.rows += len(batch)
        self._digest.update(id_bytes(ids))
        self._pending.append(batch)
        self._pending_rows += len(batch)
        self._pending_bytes += batch.get_total_buffer_size()
        if self._pending_bytes >= ROW_GROUP_BYTES or self._pending_rows >= ROW_GROUP_ROWS:
            self._flush()

    @property
    def rows_digest(self) -> str:
        return self._digest.hexdigest()

    def commit(
        self, method: str, *, scored: int | None = None, source: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Footer:  # fmt: skip
        """Closes the file and puts it in its place; returns its footer."""
        self._flush()
        footer = Footer(
            self.layer, self.part, method, self.rows, self.rows_digest,
            self.rows if scored is None else scored, source or {}, extra or {},
        )  # fmt: skip
        with storage_errors(self.final):
            told = {FOOTER_KEY: json.dumps(asdict(footer), sort_keys=True), SEAL_KEY: _UNSEALED}
            self._writer.add_key_value_metadata(told)
            self._writer.close()
            _seal(self._temporary)
        self.store.commit(self._temporary, self.final)
        return footer

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, self.schema)
            self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
            with storage_errors(self.final):
                self._writer.write_table(table, row_group_size=max(1, len(table)))

    def __enter__(self) -> LayerWriter:
        return self

    def __exit__(self, *error: object) -> None:
        """Removes what was not committed."""
        if self._writer.is_open:
            try:
                self._writer.close()
            except OSError:  # closing writes a footer: on a full disk that fails too, and the first error counts
                self._writer.is_open = False
        self._temporary.unlink(missing_ok=True)


def _seal(path: Path) -> None:
    """Writes the digest of a finished file into its footer."""
    place = _seal_place(path)
    if place is not None:
        value = _digest_without(path, place).encode()
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(value)


def check_seal(path: Path) -> None:
    """StorageError unless every byte of a layer file is as it was written; reads it once, without decoding it."""
    try:
        place = _seal_place(path)
        if place is None:
            raise ValueError("it has no digest")
        with open(path, "rb") as file:
            file.seek(place)
            told = file.read(len(_UNSEALED))
        if told != _digest_without(path, place).encode():
            raise ValueError("its bytes are not those of its digest")
    except (OSError, ValueError) as error:
        raise _unless_of_the_system(path, error) from error


def _seal_place(path: Path) -> int | None:
    """Where the digest stands in a Parquet file: in the key-value metadata of its footer."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little")
        start = max(0, size - 8 - length)
        file.seek(start)
        found = file.read(length).rfind(SEAL_KEY)
    # Thrift's compact protocol: the value's field header and length, a byte each, come between key and value.
    place = start + found + len(SEAL_KEY) + 2
    return place if found >= 0 and place + len(_UNSEALED) <= size else None


def _digest_without(path: Path, place: int) -> str:
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        for start, stop in ((0, place), (place + len(_UNSEALED), os.fstat(file.fileno()).st_size)):
            file.seek(start)
            while start < stop and (piece := file.read(min(1 << 20, stop - start))):
                digest.update(piece)
                start += len(piece)
            if start < place:
                break
            if start == place:
                digest.update(_UNSEALED)
    return digest.hexdigest()


def read_footer(path: Path) -> Footer | None:
    """The footer of a layer file; None if there is no file. StorageError if it is damaged."""
    try:
        metadata = pq.read_metadata(RemoteFile(str(path)) if isinstance(path, RemotePath) else path).metadata or {}
        return Footer(**json.loads(metadata[FOOTER_KEY]))
    except FileNotFoundError:
        return None
    except InputError as error:  # of a remote file: its store's checksum is not that of its bytes, for instance
        raise damaged(path, error) from error
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise _unless_of_the_system(path, error) from error


def _unless_of_the_system(path: Path, error: Exception) -> Exception:
    """`damaged`, but for an error of the system (no permission, too many open files, …), which says nothing of the file."""
    return error if isinstance(error, OSError) and error.errno is not None else damaged(path, error)


def damaged(path: Path, error: BaseException) -> StorageError:
    """The error for a layer file that cannot be read."""
    why = " ".join(str(error).split())[:200]
    return StorageError(
        f"{path}: the layer file is damaged ({why})",
        "run the same command again: a damaged file is set aside and computed again",
        str(path),
    )


class RowReader:
    """Reads chosen columns of one layer file in order, any number of rows at a time.

    Memory is bounded by the rows asked for. Row counts and page checksums are verified.
    """

    def __init__(self, path: Path, columns: Sequence[str] | None = None) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=READ_BYTES)
        except (pa.ArrowException, OSError) as error:
            raise _unless_of_the_system(path, error) from error
        self.rows = self._file.metadata.num_rows
        names = list(columns) if columns is not None else list(self._file.schema_arrow.names)
        self.schema = pa.schema([self._file.schema_arrow.field(name) for name in names])
        self._names = names
        self._stream: Iterator[pa.RecordBatch] | None = None
        self._batch: pa.RecordBatch | None = None
        self._at = 0

    @property
    def bytes(self) -> int:
        """About how much memory all rows of the columns take."""
        metadata, names = self._file.metadata, set(self._names)
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        columns = [group.column(i) for group in groups for i in range(group.num_columns)]
        return sum(c.total_uncompressed_size for c in columns if c.path_in_schema.partition(".")[0] in names)

    def read(self, rows: int) -> pa.RecordBatch:
        """The next `rows` rows; fewer only at the end of the file."""
        pieces: list[pa.RecordBatch] = []
        wanted = rows
        while wanted > 0:
            if self._batch is None or self._at >= len(self._batch):
                self._batch, self._at = self._next(rows), 0
                if self._batch is None:
                    break
            piece = self._batch.slice(self._at, wanted)
            self._at += len(piece)
            wanted -= len(piece)
            pieces.append(piece)
        if len(pieces) == 1:
            return pieces[0]
        return _one_batch(pa.Table.from_batches(pieces, self.schema), self.schema)

    def _next(self, rows: int) -> pa.RecordBatch | None:
        """The next rows as they are stored, about as many as are asked for first; None at the end."""
        try:
            stream = self._stream
            if stream is None:
                stream = self._file.iter_batches(batch_size=max(1, rows), columns=self._names, use_threads=False)
                self._stream = stream
            batch = next(stream, None)
        except (pa.ArrowException, OSError) as error:
            raise _unless_of_the_system(self.path, error) from error
        if batch is None:
            return None
        return pa.RecordBatch.from_arrays([batch.column(name) for name in self._names], schema=self.schema)

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """All rows, `rows` at a time."""
        while True:
            batch = self.read(rows)
            if len(batch) == 0:
                return
            yield batch

    def close(self) -> None:
        self._file.close()


def read_layer(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole layer file of one part. StorageError if it is damaged."""
    reader = RowReader(path, columns)
    try:
        return pa.Table.from_batches(list(reader.batches(ROW_GROUP_ROWS)), reader.schema)
    finally:
        reader.close()


def _one_batch(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks) if column.num_chunks
        else pa.array([], column.type)
        for column in table.columns
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def id_bytes(ids: pa.Array) -> memoryview:
    """The bytes of an array of ids, 16 each."""
    if len(ids) == 0:
        return memoryview(b"")
    return memoryview(ids.buffers()[1])[ids.offset * 16 : (ids.offset + len(ids)) * 16]


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Columns worth a dictionary: short strings that repeat, not texts, urls or ids."""
    return [f.name for f in schema if f.type == pa.string() and f.name not in {"text", "url", "content", "title"}]
