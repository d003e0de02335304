"""Opens a part with the reader of its format, and digests a slice without reading its records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ingest.batches import IngestBatch
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.tables import Note, TableReader, table_digest
from ingest.warc import PartReader


class Reader(Protocol):
    """Iterates over the batches of a part; the attributes are set once it was read to its end."""

    digest: str
    first_offset: int
    next_offset: int

    def __iter__(self) -> Iterator[IngestBatch]: ...


def open_part(
    part: Part,
    options: IngestOptions | None = None,
    *,
    start_at: int | None = None,
    note: Note | None = None,
    skip: frozenset[int] = frozenset(),
) -> Reader:
    """The reader of a part; see `ingest.warc.PartReader` for the arguments."""
    kind = PartReader if part.format in ("warc", "wet") else TableReader
    return kind(part, options, start_at=start_at, note=note, skip=skip)


def slice_digest(part: Part) -> str:
    """The digest that reading the part would give: 32 hex digits."""
    return table_digest(part)
