"""Opens a part with the reader of its format, and digests a slice without reading its records."""

from __future__ import annotations

from collections.abc import Callable

from ingest.files import ByteSource, change_stamp
from ingest.options import IngestOptions
from ingest.parquet_rows import parquet_digest
from ingest.parts import Part
from ingest.picture_folder import PictureRows, run_stamp
from ingest.tables import TABLE_FORMATS, TableReader
from ingest.warc import PartReader


def open_part(
    part: Part,
    options: IngestOptions | None = None,
    *,
    start_at: int | None = None,
    note: Callable[[int, int], None] | None = None,
    skip: frozenset[int] = frozenset(),
) -> PartReader | TableReader:
    """The reader of a part: an iterable of batches that afterwards has `digest`, `first_offset`, `next_offset`."""
    reader = TableReader if part.format in TABLE_FORMATS else PartReader
    return reader(part, options, start_at=start_at, note=note, skip=skip)


def slice_digest(part: Part) -> str:
    """The digest that reading the part gives; what it says depends on stored bytes alone, not on options."""
    if part.format == "parquet":
        return parquet_digest(part)
    if part.format == "images":
        rows = PictureRows(part.path, part.uri, part.stop, IngestOptions())
        for _ in rows:
            pass
        return rows.digest()
    source = ByteSource(part.uri, part.start, part.stop)
    try:
        return source.digest()
    finally:
        source.close()


def part_stamp(part: Part) -> tuple[int, int | str | None]:
    """What tells cheaply whether a part's files were changed: `ingest.files.change_stamp` of its file, or of a run of images what
    differs when any of them was written anew."""
    return run_stamp(part.path, part.uri, part.stop) if part.format == "images" else change_stamp(part.uri)
