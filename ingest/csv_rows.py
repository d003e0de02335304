"""Rows of a CSV or TSV file (RFC 4180), read forward by Python's csv, which gives up one row where others give up
the file: a quote that is never closed costs the line it stands in.
"""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator

from core.errors import InputError
from ingest.files import ByteSource
from ingest.lines import Line, blocks, is_packed, lines, unpacked
from ingest.members import Damaged
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.rows import ColumnNames, RawRow, Row, make_row

#: Lines read again after unclosed quotes, in records of the greatest size; then the lines of such a row go with it.
_READ_AGAIN = 4
_MAX_HEADER = 1 << 20


class _Unclosed(Exception):
    """A row does not end within the limit or the file."""


class _Feed:
    """Lines for the csv reader, which remembers those of the row at hand."""

    def __init__(self, source: Iterator[Line], limit: int) -> None:
        self._source, self._limit = source, limit
        self._again: deque[Line] = deque()
        self._budget = _READ_AGAIN * limit
        self.taken: list[Line] = []
        self.size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source, None)
        if line is None:
            if self.taken:
                raise _Unclosed("a quote is not closed")
            raise StopIteration
        self.taken.append(line)
        self.size += line.length
        if line.data is None or self.size > self._limit:
            raise _Unclosed(f"longer than {self._limit:,} bytes")
        return line.data.decode("utf-8", "surrogateescape")

    def begin(self) -> None:
        """Another row begins."""
        self.taken, self.size = [], 0

    def give_back(self) -> None:
        """All lines but the first of the row at hand are read again, as far as that was not done too often."""
        if len(self.taken) > 1 and self._budget >= self.size:
            self._budget -= self.size
            self._again.extendleft(reversed(self.taken[1:]))
            self.taken = self.taken[:1]
            self.size = self.taken[0].length


class CsvRows:
    """The rows of a whole file whose first row names the columns; blank lines are no rows."""

    def __init__(self, part: Part, options: IngestOptions) -> None:
        self._part, self._options = part, options
        self._columns = ColumnNames.of(options)
        self._source = ByteSource(part.uri, part.start, part.stop)
        self._names: list[str] = []
        self._places: list[int | None] = []
        self.first_offset = self.next_offset = part.start

    def __iter__(self) -> Iterator[RawRow]:
        source, limit = self._source, self._options.max_record
        # The limit of the csv module is one for the process; the feed's, which is of the row, is never above it.
        csv.field_size_limit(max(csv.field_size_limit(), 1 << 30))
        content = unpacked(source) if is_packed(source) else blocks(source, 0)
        feed = _Feed(lines(content, 0, sys.maxsize, limit), limit)
        number = 1
        at = 0
        try:
            delimiter = self._header(feed)
            number, at = number + len(feed.taken), _end(feed)
            reader = csv.reader(feed, delimiter=delimiter) if delimiter else ()
            values = iter(reader)
            while True:
                feed.begin()
                fields: list[str] | None = None
                reason = detail = ""
                try:
                    fields = next(values)
                except StopIteration:
                    break
                except csv.Error as error:
                    reason, detail = "bad_csv", str(error)
                except _Unclosed as error:
                    reason = "too_large" if len(feed.taken) == 1 and feed.taken[0].data is None else "bad_csv"
                    detail = str(error)
                    feed.give_back()
                if fields is None or fields:
                    yield RawRow(at, feed.size, f"line {number:,}", fields, reason, detail)
                number, at = number + len(feed.taken), _end(feed)
        except Damaged as damage:
            yield RawRow(
                at, 0, f"after line {number - 1:,}", None, damage.reason, f"{damage.what}; nothing is read after it", True
            )
        self.next_offset = source.size

    def _header(self, feed: _Feed) -> str:
        """Reads the names of the columns; returns the delimiter, empty if the file is."""
        try:
            text = next(feed, "").removeprefix("\ufeff")
            delimiter = "\t" if ".tsv" in self._part.path.lower() else _delimiter(text)
            rest = iter((text,))
            names = next(csv.reader(_Chain(rest, feed), delimiter=delimiter), [])
        except (csv.Error, _Unclosed) as error:
            raise InputError(
                f"{self._part.uri}: its first row cannot be read: {error}", "the first row names the columns", self._part.uri
            ) from None
        if not feed.taken:
            return ""
        if feed.size > _MAX_HEADER:
            raise InputError(f"{self._part.uri}: its first row is longer than a megabyte", "the first row names the columns")
        self._names = names = [name.strip() for name in names]
        self._columns.require(self._part.uri, names)
        self._places = [names.index(name) if name in names else None for name in self._columns.all]
        return delimiter

    def read(self, raw: RawRow) -> Row:
        fields: list[str] = raw.data
        if len(fields) != len(self._names):
            return Row(reason="bad_csv", detail=f"{len(fields):,} fields, the first row has {len(self._names):,}")
        values = [None if place is None else fields[place] for place in self._places]
        try:
            (values[0] or "").encode()
        except UnicodeEncodeError:  # what was no UTF-8 came through as lone surrogates
            return Row(reason="bad_utf8", detail="the text is no UTF-8")
        return make_row(self._columns, values)

    def digest(self) -> str:
        return self._source.digest()

    def close(self) -> None:
        self._source.close()


class _Chain:
    """The first line, then the others."""

    def __init__(self, first: Iterator[str], rest: Iterator[str]) -> None:
        self._first, self._rest = first, rest

    def __iter__(self) -> _Chain:
        return self

    def __next__(self) -> str:
        line = next(self._first, None)
        return next(self._rest) if line is None else line


def _end(feed: _Feed) -> int:
    last = feed.taken[-1] if feed.taken else None
    return 0 if last is None else last.offset + last.length


def _delimiter(header: str) -> str:
    """The comma, unless the first line has none and a semicolon or tab."""
    return next((mark for mark in ",;\t" if mark in header), ",")
