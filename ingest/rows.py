"""Rows of tables on their way to documents: what a row is as stored, and what its columns say once decoded.

A table's text is taken as it is; only what cannot be UTF-8 or is no text at all costs its row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from core.errors import InputError
from ingest.batches import parse_date
from ingest.options import TABLE_COLUMNS, IngestOptions

#: A longer URL or id is left out: no client sends one, and batches hold thousands of them.
MAX_NAME = 1 << 16

_KINDS = {"dict": "an object", "list": "a list", "bool": "true or false", "int": "a number", "float": "a number"}


@dataclass(slots=True)
class RawRow:
    """A row as stored: `place` says where to look for it, `offset` is its byte offset or its number in the file.

    `data` is for the reader it came from. With `reason` set it could not be held; `damaged` is a region of the
    file that holds no readable row.
    """

    offset: int
    length: int
    place: str
    data: Any = None
    reason: str = ""
    detail: str = ""
    damaged: bool = False


@dataclass(slots=True)
class Row:
    """A row decoded; `text` is UTF-8, None if `reason` says why there is none."""

    text: bytes | None = None
    url: str = ""
    id: str = ""
    date: dt.datetime | None = None
    reason: str = ""
    detail: str = ""


class RowSource(Protocol):
    """The rows of a part in file order. The offsets are known once iteration ended."""

    first_offset: int
    next_offset: int

    def __iter__(self) -> Iterator[RawRow]: ...

    def read(self, raw: RawRow) -> Row:
        """Decodes a row that has no `reason`."""
        ...

    def digest(self) -> str:
        """xxh3-128 of what the part is read from, 32 hex digits; `slice_digest` gives the same."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class ColumnNames:
    """Which column of a table holds what."""

    text: str
    url: str
    id: str
    date: str

    @classmethod
    def of(cls, options: IngestOptions) -> ColumnNames:
        return cls(**{key: options.columns.get(key, key) for key in TABLE_COLUMNS})


def no_text_column(uri: str, wanted: str, there: list[str]) -> InputError:
    """The error for a table without the text column."""
    names = ", ".join(repr(name) for name in there[:50]) or "none"
    more = f" and {len(there) - 50} more" if len(there) > 50 else ""
    return InputError(
        f"{uri} has no column {wanted!r}; its columns are {names}{more}",
        "say which of them holds the text, for instance input: {table: {path: …, text: " + (there or ["body"])[0] + "}}",
        uri,
    )


def make_row(text: object, url: object, key: object, date: object) -> Row:
    """A row of its columns' values, as any of the readers gives them."""
    row = Row(id=_name(key), date=_date(date))
    row.url = _name(url)
    if not row.url and isinstance(url, str | bytes) and url:
        row.detail = f"its URL is longer than {MAX_NAME:,} bytes"
    if isinstance(text, str):
        try:
            row.text = text.encode()
        except UnicodeEncodeError:
            row.text = text.encode("utf-8", "replace")
            row.detail = row.detail or "it held halves of surrogate pairs"
    elif isinstance(text, bytes):
        try:
            text.decode()
            row.text = text
        except UnicodeDecodeError as error:
            row.reason, row.detail = "bad_utf8", f"the text is no UTF-8 at its byte {error.start:,}"
    else:
        what = "there is no text" if text is None else f"the text is {_KINDS.get(type(text).__name__, 'no string')}"
        row.reason, row.detail = "not_text", what
    return row


def _name(value: object) -> str:
    """A URL or an id; empty for what cannot be one."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() < 128 else ""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _date(value: object) -> dt.datetime | None:
    if isinstance(value, str | bytes):
        return parse_date(_name(value)) if len(value) < 64 else None
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return None
