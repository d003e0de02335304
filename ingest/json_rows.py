"""Rows of a JSONL slice: one JSON object a line (jsonlines.org), each read by itself.

NaN and Infinity, which Python writes and RFC 8259 does not know, are taken where they are no text.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

from core.errors import InputError
from ingest.files import ByteSource
from ingest.lines import blocks, is_packed, line_start, lines, unpacked
from ingest.members import Damaged
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.rows import ColumnNames, RawRow, Row, make_row

#: A file in whose first rows (within the first bytes) a column does not stand has none.
_HEAD_ROWS = 100
_HEAD_BYTES = 1 << 20


class JsonRows:
    """The lines that start in the part's bytes; a compressed file is one part. Blank lines are no rows."""

    def __init__(self, part: Part, options: IngestOptions, start_at: int | None) -> None:
        self._part, self._options, self._start_at = part, options, start_at
        self._columns = ColumnNames.of(options)
        self._source = ByteSource(part.uri, part.start, part.stop)
        self._packed = is_packed(self._source)
        self._has_key = False
        self.first_offset = self.next_offset = part.start

    def __iter__(self) -> Iterator[RawRow]:
        part, source = self._part, self._source
        if self._packed:
            begin, stop = (0, sys.maxsize) if part.start == 0 else (source.size, 0)
            content = unpacked(source)
        else:
            begin = self._start_at if self._start_at is not None else line_start(source, part.start)
            stop, content = part.stop, blocks(source, begin)
        self.first_offset = at = begin
        try:
            for line in lines(content, begin, stop, self._options.max_record):
                at = line.offset + line.length
                place = f"row at {line.offset:,}"
                if line.data is None:
                    limit = self._options.max_record
                    yield RawRow(line.offset, line.length, place, None, "too_large", f"longer than {limit:,} bytes")
                elif data := line.data.strip(b" \t\r\n"):
                    yield RawRow(line.offset, line.length, place, data)
        except Damaged as damage:
            yield RawRow(at, 0, f"row at {at:,}", None, damage.reason, f"{damage.what}; nothing is read after it", True)
        self.next_offset = source.size if self._packed else at

    def read(self, raw: RawRow) -> Row:
        data: bytes = raw.data
        if raw.offset == 0:
            data = data.removeprefix(b"\xef\xbb\xbf")
        try:
            value = json.loads(data.decode())
        except UnicodeDecodeError as error:
            return Row(reason="bad_json", detail=f"no UTF-8 at its byte {error.start:,}")
        except (ValueError, RecursionError) as error:
            self._check_array(data, raw.offset)
            return Row(reason="bad_json", detail=str(error) or "nested too deeply")
        if not isinstance(value, dict):
            self._check_array(data, raw.offset)
            return Row(reason="bad_json", detail="the line is no JSON object")
        names = self._columns
        if names.key not in value:
            self._check_column()
        return make_row(names, [value.get(name) for name in names.all])

    def digest(self) -> str:
        return self._source.digest()

    def close(self) -> None:
        self._source.close()

    def _check_array(self, data: bytes, offset: int) -> None:
        """A file that is one JSON array is not taken apart line by line."""
        if offset == 0 and data[:1] == b"[" and self._ends_as_array():
            raise InputError(
                f"{self._part.uri} holds a JSON array, not one JSON object a line",
                "write one object a line, for instance with jq -c '.[]'", self._part.uri,
            )  # fmt: skip

    def _ends_as_array(self) -> bool:
        if self._packed:
            return next(self._first_objects(), None) is None
        source = ByteSource(self._part.uri, 0, 0, block=1 << 12)
        try:
            return bytes(source.at(max(0, source.size - 256), 256)).rstrip().endswith(b"]")
        finally:
            source.close()

    def _check_column(self) -> None:
        """Whether the file has the column at all that each row must have; asked when a row lacks it."""
        if self._has_key:
            return
        seen: dict[str, None] = {}
        for value in self._first_objects():
            if self._columns.key in value:
                self._has_key = True
                return
            seen |= dict.fromkeys(value)
        if seen:
            raise self._columns.missing(self._part.uri, self._columns.key, list(seen))
        self._has_key = True

    def _first_objects(self) -> Iterator[dict[str, Any]]:
        source = ByteSource(self._part.uri, 0, 0)
        try:
            content = unpacked(source) if self._packed else blocks(source, 0)
            for line in itertools.islice(lines(content, 0, _HEAD_BYTES, _HEAD_BYTES), _HEAD_ROWS):
                try:
                    value = json.loads((line.data or b"").decode("utf-8-sig"))
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield value
        except Damaged:
            return
        finally:
            source.close()
