"""Opens a part with the reader of its format, and digests a slice without reading its records."""

from __future__ import annotations

from typing import Any

from ingest.files import ByteSource
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.warc import PartReader


def open_part(part: Part, options: IngestOptions | None = None, **more: Any) -> PartReader:
    """The reader of a part."""
    return PartReader(part, options, **more)


def slice_digest(part: Part) -> str:
    """The digest that reading the part would give."""
    source = ByteSource(part.uri, part.start, part.stop)
    try:
        return source.digest()
    finally:
        source.close()
