"""Tables of text (Parquet, JSONL, CSV) as documents: one row, one record.

JSON Lines: jsonlines.org; CSV: RFC 4180, read by pyarrow.csv.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import xxhash

from core.errors import InputError
from core.hashing import digest, document_id
from ingest.batches import BatchBuilder, IngestBatch, parse_date
from ingest.files import BLOCK, ByteSource, file_system
from ingest.lines import blocks, inflated, split_lines
from ingest.options import TABLE_COLUMNS, IngestOptions
from ingest.parts import Part

Note = Callable[[int, int], None]

#: After how many rows without the text column a JSONL file counts as one that lacks it.
_PATIENCE = 100
_CSV_BLOCK = 16 << 20


class TableReader:
    """Iterates over the batches of a part of a table; the interface is that of `ingest.warc.PartReader`.

    Offsets are bytes for JSONL (of the inflated file where it is compressed) and row numbers for Parquet and CSV.
    A document's id is that of its `id` column if there is one, else of its URL, and of its text.
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
        self._names = {name: self.options.columns.get(name, name) for name in TABLE_COLUMNS}
        self.digest = ""
        self.first_offset = part.start
        self.next_offset = part.stop

    def __iter__(self) -> Iterator[IngestBatch]:
        rows = {"jsonl": self._jsonl, "parquet": self._parquet, "csv": self._csv}[self.part.format]()
        builder = BatchBuilder(self.options)
        for number, (offset, length, row) in enumerate(rows):
            if self._note is not None:
                self._note(number, offset)
            self._add(builder, offset, length, row)
            if builder.full:
                yield builder.take()
        if len(builder):
            yield builder.take()
        if not self.digest:
            self.digest = table_digest(self.part)

    def _add(self, builder: BatchBuilder, offset: int, length: int, row: Mapping[str, Any] | str) -> None:
        path, limit = self.part.path, self.options.max_page
        where = f"{path}, row at {offset:,}"
        if isinstance(row, str):
            row_id = digest("damaged", path, str(offset))
            reason, _, what = row.partition(": ")
            builder.record(row_id, "row", "", None, None, "", offset, length, reason, f"{where}: {what}")
            return
        url, date = _text(row.get(self._names["url"])), _date(row.get(self._names["date"]))
        key = _text(row.get(self._names["id"])) or url
        value = row.get(self._names["text"])
        content = value.encode("utf-8", "replace") if isinstance(value, str) else value
        reason, detail, truncated = None, "", False
        if offset in self._skip:
            reason, detail = "error:ingest", f"{where}: reading it failed before"
        elif not isinstance(content, bytes):
            reason, detail = "no_text", f"{where}: {self._names['text']} is {type(value).__name__}"
        elif not content.strip():
            reason = "empty_body"
        if reason is not None or not isinstance(content, bytes):
            row_id = digest("row", key, str(offset) if not key else b"")
            builder.record(row_id, "row", url, date, None, "text/plain", offset, length, reason, detail)
            return
        if len(content) > limit:
            content, truncated = content[:limit], True
        content = content.decode("utf-8", "ignore" if truncated else "replace").encode()
        row_id = document_id(key, content)
        builder.record(row_id, "row", url, date, None, "text/plain", offset, length, None, detail)
        builder.document(
            row_id, url, date, None, "text/plain", "utf-8", "text", path, offset, length, truncated, content
        )

    def _jsonl(self) -> Iterator[tuple[int, int, Mapping[str, Any] | str]]:
        part = self.part
        source = ByteSource(part.uri, part.start, part.stop)
        try:
            head = bytes(source.at(0, 4))
            limit = self.options.max_record
            compressed = head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd"
            if compressed:
                lines = split_lines(inflated(source), 0, 1 << 62, limit)
            else:
                at = self._first_line(source)
                self.first_offset = self.next_offset = at
                lines = split_lines(blocks(source, at), at, part.stop, limit)
            seen, known = 0, False
            for offset, length, line in lines:
                self.next_offset = part.stop if compressed else offset + length
                row = _parse(line, limit)
                if row is None:
                    continue
                if not isinstance(row, str) and not known:
                    seen += 1
                    known = self._names["text"] in row
                    if seen >= _PATIENCE and not known:
                        self._refuse(list(row))
                yield offset, length, row
            self.next_offset = max(self.next_offset, part.stop)
            self.digest = source.digest()
        finally:
            source.close()

    def _first_line(self, source: ByteSource) -> int:
        """A line belongs to the slice that it starts in."""
        if self._start_at is not None:
            return self._start_at
        if self.part.start == 0:
            return 0
        at = self.part.start - 1
        while block := bytes(source.at(at, BLOCK)):
            end = block.find(b"\n")
            if end >= 0:
                return at + end + 1
            at += len(block)
        return source.size

    def _parquet(self) -> Iterator[tuple[int, int, Mapping[str, Any] | str]]:
        store, path = file_system(self.part.uri)
        try:
            file = pq.ParquetFile(store.open_input_file(path))
            names = file.schema_arrow.names
            if self._names["text"] not in names:
                self._refuse(names)
            columns = [name for name in dict.fromkeys(self._names.values()) if name in names]
            groups = list(range(self.part.start, self.part.stop))
            at = sum(file.metadata.row_group(g).num_rows for g in range(self.part.start))
            for batch in file.iter_batches(self.options.batch_documents, row_groups=groups, columns=columns):
                for row in batch.to_pylist():
                    yield at, len(row.get(self._names["text"]) or ""), row
                    at += 1
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.part.uri} cannot be read: {error}", "check or replace the file") from None

    def _csv(self) -> Iterator[tuple[int, int, Mapping[str, Any] | str]]:
        if self.part.size == 0:
            return
        store, path = file_system(self.part.uri)
        bad: list[str] = []

        def on_bad(row: Any) -> str:
            bad.append(f"bad_csv: {row.actual_columns} columns, {row.expected_columns} were expected")
            return "skip"

        name = self.part.path.lower().removesuffix(".gz").removesuffix(".zst").removesuffix(".zstd")
        try:
            with store.open_input_stream(path, compression=_compression(self.part.path)) as stream:
                reader = pacsv.open_csv(
                    stream,
                    read_options=pacsv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK),
                    parse_options=pacsv.ParseOptions(
                        delimiter="\t" if name.endswith(".tsv") else ",",
                        newlines_in_values=True,
                        invalid_row_handler=on_bad,
                    ),
                    convert_options=pacsv.ConvertOptions(
                        check_utf8=False,
                        strings_can_be_null=False,
                        column_types={column: pa.binary() for column in self._names.values()},
                    ),
                )
                if self._names["text"] not in reader.schema.names:
                    self._refuse(reader.schema.names)
                columns = [name for name in dict.fromkeys(self._names.values()) if name in reader.schema.names]
                at = 0
                for batch in reader:
                    for row in batch.select(columns).to_pylist():
                        yield at, len(row[self._names["text"]] or b""), row
                        at += 1
                    while bad:
                        yield at, 0, bad.pop(0)
                        at += 1
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{self.part.uri} cannot be read as CSV: {error}", "check the file, or convert it to Parquet"
            ) from None

    def _refuse(self, names: list[str]) -> None:
        raise InputError(
            f"{self.part.uri} has no column {self._names['text']!r}; it has {', '.join(map(repr, names[:40]))}",
            "say which column holds the text: columns: {text: …}",
        )


def table_digest(part: Part) -> str:
    """xxh3-128 of what a part of a table is read from: bytes of the slice, or for Parquet its row groups and schema."""
    if part.format != "parquet":
        source = ByteSource(part.uri, part.start, part.stop)
        try:
            return source.digest()
        finally:
            source.close()
    store, path = file_system(part.uri)
    state = xxhash.xxh3_128()
    with store.open_input_file(path) as file:
        metadata = pq.ParquetFile(file).metadata
        state.update(str(metadata.schema).encode())
        for number in range(part.start, part.stop):
            group = metadata.row_group(number)
            for i in range(group.num_columns):
                column = group.column(i)
                start = min(o for o in (column.dictionary_page_offset, column.data_page_offset) if o is not None)
                file.seek(start)
                left = column.total_compressed_size
                while left > 0 and (data := file.read(min(left, BLOCK))):
                    state.update(data)
                    left -= len(data)
    return state.hexdigest()


def _parse(line: bytes, max_line: int) -> Mapping[str, Any] | str | None:
    bare = line.strip()
    if not bare:
        return None
    if len(line) > max_line:
        return f"too_large: longer than {max_line:,} bytes"
    try:
        row = json.loads(bare)
    except (ValueError, RecursionError) as error:
        return f"bad_json: {str(error)[:200]}"
    if not isinstance(row, dict):
        return f"bad_json: a {type(row).__name__}, not an object"
    return row  # pyright: ignore[reportReturnType]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return "" if value is None else str(value)


def _date(value: Any) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return parse_date(_text(value)) if isinstance(value, str | bytes) else None


def _compression(path: str) -> str | None:
    name = path.lower()
    return "gzip" if name.endswith(".gz") else "zstd" if name.endswith((".zst", ".zstd")) else None
