"""Segments: files of the bytes of images, written once as they come and never changed; `images/fetched` points into them.

They are named by their content, so that two attempts at one part do not collide.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from core.errors import StorageError
from core.files import storage_errors
from pipelines.image_layers import SEGMENT_SCHEMA, SEGMENTS
from pipelines.layers import READ_BYTES, damaged
from pipelines.store import Store

#: A row group is closed at so many bytes: what is read for one image at most, if that is no larger.
GROUP_BYTES = 1 << 20
#: Bytes of row groups that a reader holds.
HELD_BYTES = 64 << 20


def segment_path(store: Store, name: str) -> Path:
    """Where a segment lies."""
    return store.path("images", SEGMENTS, f"{name}.parquet")


class SegmentWriter:
    """Writes one segment of a part; nothing is there until `commit`."""

    def __init__(self, store: Store, part: str) -> None:
        self._store, self._part = store, part
        self._draft = store.temporary(f"{part}-segment.parquet")
        self._digest = xxhash.xxh3_64()
        self._ids: list[bytes] = []
        self._bytes: list[bytes] = []
        self._held = 0
        self.rows = self.bytes = 0
        with storage_errors(self._draft):
            self._writer = pq.ParquetWriter(
                self._draft, SEGMENT_SCHEMA, compression="none", use_dictionary=False, write_statistics=False,
                write_page_checksum=True,
            )  # fmt: skip

    def add(self, id: bytes, data: bytes) -> int:
        """Adds an image; returns its row."""
        self._ids.append(id)
        self._bytes.append(data)
        self._digest.update(id + len(data).to_bytes(8, "little"))
        self._digest.update(data)
        self._held += len(data)
        self.rows += 1
        self.bytes += len(data)
        if self._held >= GROUP_BYTES:
            self._flush()
        return self.rows - 1

    def commit(self) -> str:
        """Puts the segment in its place; returns its name."""
        self._flush()
        name = f"{self._part}-{self._digest.hexdigest()}"
        with storage_errors(self._draft):
            self._writer.close()
        self._store.commit(self._draft, segment_path(self._store, name))
        return name

    def discard(self) -> None:
        """Removes what was not committed."""
        if self._writer.is_open:
            try:
                self._writer.close()
            except OSError:
                self._writer.is_open = False
        self._draft.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._ids:
            columns = [pa.array(self._ids, SEGMENT_SCHEMA.field(0).type), pa.array(self._bytes, pa.large_binary())]
            self._ids, self._bytes, self._held = [], [], 0
            with storage_errors(self._draft):
                self._writer.write_table(pa.Table.from_arrays(columns, schema=SEGMENT_SCHEMA))


class Segments:
    """Reads images out of segments, by name and row; holds the row groups that were read last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files: OrderedDict[str, tuple[pq.ParquetFile, list[int]]] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], tuple[pa.Array, pa.Array]] = OrderedDict()

    def read(self, ids: Sequence[bytes], segments: Sequence[str], rows: Sequence[int]) -> pa.Array:
        """The bytes of images (large_binary), of one length with the ids. StorageError if a segment is missing or damaged."""
        found = [pa.array([], pa.large_binary())]
        for id, segment, row in zip(ids, segments, rows, strict=True):
            stored, data, at = self._at(segment, row)
            if stored[at].as_py() != id:
                raise self._damaged(segment, ValueError("an image stands in another's place"))
            found.append(data.slice(at, 1))
        return pa.concat_arrays(found)

    def all(self, segment: str) -> Iterator[tuple[bytes, bytes]]:
        """The ids and bytes of a segment's images, in their order."""
        _, starts = self._file(segment)
        for row in range(starts[-1]):
            ids, data, at = self._at(segment, row)
            yield ids[at].as_py(), data[at].as_py()

    def _at(self, segment: str, row: int) -> tuple[pa.Array, pa.Array, int]:
        """The row group with a row, and its place there."""
        file, starts = self._file(segment)
        group = int(np.searchsorted(starts, row, side="right")) - 1
        if not 0 <= row < starts[-1]:
            raise self._damaged(segment, ValueError(f"it has no row {row}"))
        key = segment, group
        if key not in self._groups:
            try:
                table = file.read_row_group(group, use_threads=False).combine_chunks()
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(segment, error) from error
            self._groups[key] = table.column(0).chunk(0), table.column(1).chunk(0)
            while len(self._groups) > 1 and sum(data.nbytes for _, data in self._groups.values()) > HELD_BYTES:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return *self._groups[key], row - starts[group]

    def _file(self, segment: str) -> tuple[pq.ParquetFile, list[int]]:
        if segment not in self._files:
            path = segment_path(self._store, segment)
            try:
                file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False, buffer_size=READ_BYTES)
            except FileNotFoundError:
                raise self._damaged(segment, ValueError("it is missing")) from None
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(segment, error) from error
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
            self._files[segment] = file, np.cumsum([0, *sizes]).tolist()
            while len(self._files) > 64:
                _, (old, _) = self._files.popitem(last=False)
                old.close()
        self._files.move_to_end(segment)
        return self._files[segment]

    def _damaged(self, segment: str, error: BaseException) -> StorageError:
        told = damaged(segment_path(self._store, segment), error)
        return StorageError(
            told.message.replace("layer file", "file of images"),
            "delete it and run the same command again: its images are got anew", told.path,
        )  # fmt: skip
