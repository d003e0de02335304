"""Shards as tables: Parquet (zstd), and JSON Lines under gzip, one row a sample with its key, text and metadata.

Formats: github.com/apache/parquet-format, jsonlines.org, RFC 1952; gzip, since every reader opens it unaided.
"""

from __future__ import annotations

import gzip
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sharding.groups import Group
from sharding.rows import json_rows
from sharding.shard import HashingFile

COMPRESSION_LEVEL = 3
GZIP_LEVEL = 6
#: Columns whose values do not repeat: a dictionary of them is work for nothing.
UNIQUE = frozenset({"key", "id", "text", "url"})


class ParquetBody:
    """Writes a Parquet file with a row group for each group of samples."""

    def __init__(self, file: HashingFile, schema: pa.Schema) -> None:
        repeating = [f.name for f in schema if f.name not in UNIQUE and f.type in (pa.string(), pa.large_string())]
        self._writer = pq.ParquetWriter(
            file, schema.remove_metadata(), compression="zstd", compression_level=COMPRESSION_LEVEL,
            use_dictionary=cast(Any, repeating), write_page_checksum=True,
        )  # fmt: skip
        self._group = Group()

    def write(self, piece: pa.RecordBatch) -> None:
        self._group.add(piece)

    def end_group(self) -> None:
        group = self._group.take()
        if group is not None:
            self._writer.write_batch(group.replace_schema_metadata(None), row_group_size=len(group))

    def finish(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        self._writer.is_open = False  # or its finaliser would write a footer


class JsonLinesBody:
    """Writes a JSON object a line (`sharding.rows`) under gzip, without a name or time in its header."""

    def __init__(self, file: HashingFile) -> None:
        self._stream = gzip.GzipFile("", "wb", GZIP_LEVEL, cast(IO[bytes], file), mtime=0)
        self._group = Group()

    def write(self, piece: pa.RecordBatch) -> None:
        self._group.add(piece)

    def end_group(self) -> None:
        group = self._group.take()
        if group is None:
            return
        rows = json_rows(dict(zip(group.schema.names, group.columns, strict=True)), len(group))
        self._stream.write("".join(f"{row}\n" for row in rows).encode())

    def finish(self) -> None:
        self._stream.close()

    def abandon(self) -> None:
        return None
