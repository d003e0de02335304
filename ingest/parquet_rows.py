"""Rows of the row groups of a Parquet file (parquet.apache.org/docs/file-format), a few at a time.

A row group that cannot be decoded costs itself from there on; the next is read on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from core.errors import InputError
from core.remote_file import RemoteFile
from ingest.batches import TIMESTAMP
from ingest.files import BLOCK, ByteSource, parquet_source
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.rows import ColumnNames, RawRow, Row, make_row

#: Rows decoded at a time. Values of a dictionary can each be as large as the whole column's stored data, so the
#: larger that is, the fewer; 4 rows a time still decode 800 MB/s.
_MOST_ROWS = 64
_FEWEST_ROWS = 4
_DECODED_BYTES = 64 << 20


class ParquetRows:
    """The rows of row groups `start` to `stop`; offsets are row numbers in the file, from 0.

    While a row group is decoded, `note` has its first row; one whose first row is in `skip` is left out whole:
    what brings a process down is in its pages, not in a row.
    """

    def __init__(
        self, part: Part, options: IngestOptions, skip: frozenset[int], note: Callable[[int, int], None] | None
    ) -> None:  # fmt: skip
        self._part, self._skip, self._note = part, skip, note
        self._source = parquet_source(part.uri)
        self._file = _open(part.uri, self._source)
        try:
            self._names = ColumnNames.of(options)
            self._columns = self._choose(self._names)
        except BaseException:
            self._file.close(force=True)
            raise
        self.first_offset, self.next_offset = part.start, part.stop

    def __iter__(self) -> Iterator[RawRow]:
        metadata = self._file.metadata
        first = sum(metadata.row_group(g).num_rows for g in range(self._part.start))
        for group in range(self._part.start, self._part.stop):
            rows = metadata.row_group(group).num_rows
            if first in self._skip and rows:
                yield self._lost(group, first, rows, "error:ingest", "reading it failed before")
            else:
                yield from self._group(group, first, rows)
            first += rows

    def _group(self, group: int, first: int, rows: int) -> Iterator[RawRow]:
        at = first
        names = list(dict.fromkeys(name for name in self._columns if name))
        try:
            batches = self._file.iter_batches(
                batch_size=self._batch_rows(group), row_groups=[group], columns=names, use_threads=False
            )
            while True:
                if self._note is not None:
                    self._note(at, first)
                batch = next(batches, None)
                if batch is None:
                    return
                values = [_values(batch, name) for name in self._columns[:4]]
                values += [_any_values(batch, name) for name in self._columns[4:]]
                for row in zip(*values, strict=True):
                    yield RawRow(at, len(row[0] or b""), f"row at {at:,}", row)
                    at += 1
        except (pa.ArrowException, OSError, MemoryError, OverflowError) as error:
            why = " ".join(str(error).split())[:200]
            yield self._lost(group, at, first + rows - at, "damaged_parquet", why)

    def _lost(self, group: int, at: int, rows: int, reason: str, why: str) -> RawRow:
        return RawRow(at, 0, f"row at {at:,}", None, reason, f"row group {group}, {rows:,} rows are lost: {why}", True)

    def read(self, raw: RawRow) -> Row:
        return make_row(self._names, raw.data)

    def digest(self) -> str:
        digest = parquet_digest(self._part, self._file.metadata)
        if isinstance(self._source, RemoteFile):
            self._source.require_unchanged()
        return digest

    def close(self) -> None:
        self._file.close(force=True)

    def _batch_rows(self, group: int) -> int:
        row_group = self._file.metadata.row_group(group)
        chunks = (row_group.column(c) for c in range(row_group.num_columns))
        largest = max(
            (chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in self._columns), default=0
        )
        return min(_MOST_ROWS, max(_FEWEST_ROWS, _DECODED_BYTES // max(largest, 1)))

    def _choose(self, wanted: ColumnNames) -> list[str | None]:
        """The columns that are wanted, None where there is none. InputError: one is missing that must be there."""
        schema = self._file.schema_arrow
        wanted.require(self._part.uri, schema.names)
        for name in wanted.all:
            if schema.names.count(name) > 1:
                raise InputError(f"{self._part.uri} has several columns {name!r}", "rename one", self._part.uri)
        for name in {wanted.key, wanted.text or wanted.key}:
            type = schema.field(name).type
            if not _is_text(type):
                texts = [f.name for f in schema if _is_text(f.type)]
                raise InputError(
                    f"{self._part.uri}: the column {name!r} holds {type}, not text",
                    f"name a column of text ({', '.join(texts[:50]) or 'there is none'})", self._part.uri,
                )  # fmt: skip
        return [name if name in schema.names else None for name in wanted.all]


def parquet_digest(part: Part, metadata: pq.FileMetaData | None = None) -> str:
    """xxh3-128 of the stored bytes of the part's row groups, its columns and the number of its first row."""
    if metadata is None:
        file = _open(part.uri)
        metadata = file.metadata
        file.close(force=True)
    assert metadata is not None
    schema = metadata.schema
    columns = [f"{schema.column(c).path} {schema.column(c).physical_type}" for c in range(metadata.num_columns)]
    first = sum(metadata.row_group(g).num_rows for g in range(part.start))
    digest = xxhash.xxh3_128(f"{first}\n{chr(10).join(columns)}".encode("utf-8", "surrogatepass"))
    bounds = [
        (start, start + chunk.total_compressed_size)
        for group in (metadata.row_group(g) for g in range(part.start, part.stop))
        for chunk in (group.column(c) for c in range(group.num_columns))
        for start in [min(o for o in (chunk.dictionary_page_offset, chunk.data_page_offset) if o is not None)]
    ]
    if bounds:
        source = ByteSource(part.uri, 0, 0)
        try:
            at, stop = max(0, min(b[0] for b in bounds)), min(source.size, max(b[1] for b in bounds))
            while at < stop and (data := source.at(at, min(BLOCK, stop - at))):
                digest.update(data)
                at += len(data)
        finally:
            source.close()
    return digest.hexdigest()


def _open(uri: str, source: RemoteFile | str | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            source or parquet_source(uri), buffer_size=BLOCK, pre_buffer=False, page_checksum_verification=True
        )
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{uri} is no readable Parquet file: {error}", "check or remove the file", uri) from None


def _is_text(type: pa.DataType) -> bool:
    if pa.types.is_dictionary(type):
        type = type.value_type
    test = pa.types
    return any(t(type) for t in (test.is_string, test.is_large_string, test.is_string_view, test.is_binary,
                                 test.is_large_binary, test.is_binary_view))  # fmt: skip


def _values(batch: pa.RecordBatch, name: str | None) -> Iterator[Any] | list[Any]:
    """A column as bytes, numbers or dates; strings are not trusted to be UTF-8."""
    if name is None:
        return itertools.repeat(None, len(batch))
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    type = column.type
    if _is_text(type):
        return column.cast(pa.large_binary() if pa.types.is_large_string(type) else pa.binary()).to_pylist()
    if pa.types.is_timestamp(type):
        zone = TIMESTAMP if type.tz else pa.timestamp("us")
        return _dates(column.cast(zone, safe=False))
    if pa.types.is_date(type) or pa.types.is_integer(type):
        return _dates(column)
    return itertools.repeat(None, len(batch))


def _any_values(batch: pa.RecordBatch, name: str | None) -> list[Any]:
    """A column of any type; strings as bytes, which are not trusted to be UTF-8."""
    assert name is not None  # it was asked for
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return list(_values(batch, name)) if _is_text(column.type) else _dates(column)


def _dates(column: pa.Array) -> list[Any]:
    """Values as Python's; None for a time that Python cannot hold."""
    values: list[Any] = []
    for scalar in column:
        try:
            values.append(scalar.as_py())
        except (ValueError, OverflowError):
            values.append(None)
    return values
