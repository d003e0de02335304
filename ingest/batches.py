"""The two tables that reading gives, `records` and `documents`, as schemas and as builders of bounded batches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from core.hashing import ID_TYPE
from core.scorer import column
from ingest.options import IngestOptions

TIMESTAMP = pa.timestamp("us", tz="UTC")

#: One row a record of the input, whatever it is.
RECORD_SCHEMA = pa.schema(
    [
        column("id", ID_TYPE, "xxh3-128 of URL and content"),
        column("kind", pa.string(), "WARC-Type, `damaged` for a region that is no record, `row` in tables"),
        column("url", pa.string(), "target URI, empty if there is none"),
        column("date", TIMESTAMP, "when it was captured; null if not said"),
        column("status", pa.int16(), "HTTP status; null if there is none"),
        column("content_type", pa.string(), "media type, by the bytes where they are sure, else as declared"),
        column("offset", pa.int64(), "where it begins in the file", unit="bytes"),
        column("length", pa.int64(), "stored length", unit="bytes"),
        column("reason", pa.string(), "why it is no document; null if it is one"),
        column("detail", pa.string(), "what was wrong or was mended, empty if nothing"),
    ]
)

#: One row a document, with its decoded content, which is not stored.
PAGE_SCHEMA = pa.schema(
    [
        column("id", ID_TYPE, "xxh3-128 of URL and decoded content"),
        column("url", pa.string(), "target URI"),
        column("date", TIMESTAMP, "when it was captured; null if not said"),
        column("status", pa.int16(), "HTTP status; null if there is none"),
        column("content_type", pa.string(), "media type"),
        column("charset", pa.string(), "encoding it was decoded from"),
        column("form", pa.string(), "`html`, `text`, or `file_name`, of an image without another caption"),
        column("warc", pa.string(), "the file, relative to the input's prefix"),
        column("offset", pa.int64(), "where its record begins in the file", unit="bytes"),
        column("length", pa.int64(), "stored length of its record", unit="bytes"),
        column("truncated", pa.bool_(), "it was cut, here at the stated size or by the crawler"),
        column("rights", pa.string(), "what its HTTP header says may be done with it, `name: value` a line; empty if nothing"),
        column("extra", pa.string(), "further columns of a table of images, as a JSON object; null if there are none"),
        column("image", ID_TYPE, "xxh3-128 of an image's bytes, which lie in the input at this place; null if there is none"),
        column("content", pa.string(), "decoded HTML or text, or an image's caption"),
    ]
)
#: Columns that are not stored with the page: the references have the image, and the content is read again.
UNSTORED = frozenset({"image", "content"})


@dataclass(frozen=True)
class IngestBatch:
    """Records in file order, and the documents among them."""

    records: pa.RecordBatch
    documents: pa.RecordBatch


class BatchBuilder:
    """Collects rows until a batch is full."""

    def __init__(self, options: IngestOptions) -> None:
        self._options = options
        self._clear()

    def _clear(self) -> None:
        self._records: list[tuple[Any, ...]] = []
        self._documents: list[tuple[Any, ...]] = []
        self._bytes = 0

    def record(self, *row: Any) -> None:
        """A row of RECORD_SCHEMA, in its order."""
        self._records.append(row)
        self._bytes += len(row[2]) + len(row[9])

    def document(self, *row: Any) -> None:
        """A row of PAGE_SCHEMA, in its order; the content last, as bytes of valid UTF-8."""
        self._documents.append(row)
        self._bytes += len(row[-1])

    @property
    def full(self) -> bool:
        options = self._options
        return (
            len(self._documents) >= options.batch_documents
            or self._bytes >= options.batch_bytes
            or len(self._records) >= options.batch_records
        )

    def __len__(self) -> int:
        return len(self._records)

    def take(self) -> IngestBatch:
        """The batch, and start anew."""
        batch = IngestBatch(_batch(self._records, RECORD_SCHEMA), _batch(self._documents, PAGE_SCHEMA))
        self._clear()
        return batch


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [
        _contents(values) if field.name == "content" else pa.array(values, field.type)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _contents(values: Sequence[bytes]) -> pa.Array:
    """A string column of contents, which are known to be UTF-8."""
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))])


def parse_date(text: str | None) -> dt.datetime | None:
    """An ISO 8601 time as in WARC-Date, in UTC; None if it is not one."""
    if not text:
        return None
    try:
        value = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except OverflowError:
        return None
