"""WebDataset shards: a tar with a file per member and a `.json` of metadata for each sample, and a sidecar table.

The layout is that of github.com/webdataset/webdataset: files of one sample stand together and share the name up to
the first dot. The sidecar is Parquet with the metadata of the same samples in the same order.
"""

from __future__ import annotations

import pyarrow as pa

from sharding.rows import json_rows
from sharding.shard import HashingFile
from sharding.tables import ParquetBody
from sharding.tar import TarWriter

METADATA = "json"


class WebDatasetBody:
    """Writes the tar and its sidecar. A null member is written as an empty file, or left out if they are `sparse`."""

    def __init__(
        self, tar: HashingFile, sidecar: HashingFile, schema: pa.Schema, members: dict[str, str], keyed: bool = False,
        sparse: bool = False,
    ) -> None:  # fmt: skip
        if METADATA in members:
            raise ValueError(f".{METADATA} is the metadata of a sample and cannot be a member")
        self._members, self._sparse = members, sparse
        payload = set(members.values())
        self._beside = [name for name in schema.names if name not in payload]
        self._metadata = [name for name in self._beside if keyed or name != "key"]
        self._tar = TarWriter(tar)
        self._sidecar = ParquetBody(sidecar, pa.schema([schema.field(name) for name in self._beside]))

    def write(self, piece: pa.RecordBatch) -> None:
        metadata = json_rows({name: piece.column(name) for name in self._metadata}, len(piece))
        columns = {METADATA: pa.array(metadata, pa.large_string())}
        columns |= {e: piece.column(name) if self._sparse else _filled(piece.column(name)) for e, name in self._members.items()}
        self._tar.append(piece.column("key"), dict(sorted(columns.items())))
        self._sidecar.write(piece.select(self._beside))

    def end_group(self) -> None:
        self._sidecar.end_group()

    def finish(self) -> None:
        self._tar.close()
        self._sidecar.finish()

    def abandon(self) -> None:
        self._sidecar.abandon()


def _filled(column: pa.Array) -> pa.Array:
    return column.fill_null(b"" if column.type in (pa.binary(), pa.large_binary()) else "")
