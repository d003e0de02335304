"""A part of a table (Parquet, JSONL or CSV), or of images that lie in the input, as batches of records and documents.

Every row gives one row of `records`; a row with text gives a document of form `text` as well, and so does one with the address
of an image, where the table is one of pairs: its text is the caption, which may be empty. Blank lines are no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.hashing import digest, document_id
from ingest.batches import BatchBuilder, IngestBatch
from ingest.csv_rows import CsvRows
from ingest.json_rows import JsonRows
from ingest.options import IngestOptions
from ingest.packed_samples import PackedRows
from ingest.parquet_rows import ParquetRows
from ingest.parts import Part
from ingest.picture_folder import PictureRows
from ingest.rows import RawRow, Row, RowSource

Note = Callable[[int, int], None]

TABLE_FORMATS = ("parquet", "jsonl", "csv", "tar", "images")
_TYPE = "text/plain"


class TableReader:
    """Iterates over the batches of a part of a table; the same interface as `ingest.warc.PartReader`.

    `options.columns` says which column holds the text, URL, id and date. A row's offset is its byte offset in the
    file (in its content, if it is compressed), for Parquet its number, and of a folder of images that in the part. InputError: the
    text column is missing.

    `note(number, offset)` is called before each row is decoded; rows at an offset in `skip` are not decoded. After
    iteration: `digest`, `first_offset` and `next_offset` (of Parquet in row groups, else in bytes).
    """

    def __init__(
        self,
        part: Part,
        options: IngestOptions | None = None,
        *,
        start_at: int | None = None,
        note: Note | None = None,
        skip: frozenset[int] = frozenset(),
    ) -> None:
        self.part = part
        self.options = options or IngestOptions()
        self._start_at = start_at
        self._note = note
        self._skip = skip
        self._path = part.path
        self.digest = ""
        self.first_offset = self.next_offset = part.start

    def __iter__(self) -> Iterator[IngestBatch]:
        source = self._source()
        try:
            builder = BatchBuilder(self.options)
            for number, raw in enumerate(source):
                if self._note is not None:
                    self._note(number, raw.offset)
                self._add(builder, raw, self._read(source, raw))
                if builder.full:
                    yield builder.take()
            if len(builder):
                yield builder.take()
            self.first_offset, self.next_offset = source.first_offset, source.next_offset
            self.digest = source.digest()
        finally:
            source.close()

    def _source(self) -> RowSource:
        if self.part.format == "parquet":
            return ParquetRows(self.part, self.options, self._skip, self._note)
        if self.part.format == "tar":
            return PackedRows(self.part.path, self.part.uri, self.part.start, self.part.stop, self.options)
        if self.part.format == "images":
            return PictureRows(self.part.path, self.part.uri, self.part.stop, self.options)
        if self.part.format == "csv":
            return CsvRows(self.part, self.options)
        return JsonRows(self.part, self.options, self._start_at)

    def _read(self, source: RowSource, raw: RawRow) -> Row:
        if raw.reason:
            return Row(reason=raw.reason, detail=raw.detail)
        if raw.offset in self._skip:
            return Row(reason="error:ingest", detail="reading it failed before")
        row = source.read(raw)
        if self.options.pairs:
            if row.text is not None and not row.url:
                row.text, row.reason = None, "no_address"
        elif row.text is not None and not row.text.strip(b" \t\r\n\x00"):
            row.text, row.reason = None, "empty_body"
        return row

    def _add(self, builder: BatchBuilder, raw: RawRow, row: Row) -> None:
        content, truncated = row.text, False
        limit = self.options.max_page
        if content is not None and len(content) > limit:
            content, truncated = content[:limit].decode("utf-8", "ignore").encode(), True
        path, offset, length = row.place or (self._path, raw.offset, raw.length)
        if content is not None and row.image is not None:
            row_id = digest("image", row.image, row.url, content)
        elif content is not None:
            row_id = document_id(row.url or row.id, content)
        else:
            row_id = digest("row", self._path, str(raw.offset))
        kind = "damaged" if raw.damaged else "row"
        detail = f"{self._path}, {raw.place}: {row.detail}" if row.detail else ""
        builder.record(
            row_id, kind, row.url, row.date, None, "" if row.reason else _TYPE, raw.offset, raw.length, row.reason or None,
            detail,
        )  # fmt: skip
        if content is not None:
            builder.document(
                row_id, row.url, row.date, None, _TYPE, "utf-8", row.form, path, offset, length, truncated, "", row.extra,
                row.image, content,
            )  # fmt: skip
