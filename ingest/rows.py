"""Rows of tables on their way to documents: what a row is as stored, and what its columns say once decoded.

A table's text is taken as it is; only what cannot be UTF-8 or is no text at all costs its row.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.errors import InputError
from ingest.batches import parse_date
from ingest.options import TABLE_COLUMNS, IngestOptions

#: A longer URL or id is left out: no client sends one, and batches hold thousands of them.
MAX_NAME = 1 << 16

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
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
    """A row decoded; `text` is UTF-8, None if `reason` says why there is none. `extra` is a JSON object of its further columns.

    Of an image in the input `image` is the xxh3-128 of its bytes and `place` the file they are in, by its path relative to the
    prefix, with offset and length; `form` is `file_name` if that is all its caption is.
    """

    text: bytes | None = None
    url: str = ""
    id: str = ""
    date: dt.datetime | None = None
    extra: str | None = None
    reason: str = ""
    detail: str = ""
    image: bytes | None = None
    place: tuple[str, int, int] | None = None
    form: str = "text"


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
    pairs: bool = False
    extra: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, options: IngestOptions) -> ColumnNames:
        extra = {**({options.hash[0]: "text"} if options.hash else {}), **options.extra}
        return cls(**{key: options.columns.get(key, key) for key in TABLE_COLUMNS}, pairs=options.pairs, extra=extra)

    @property
    def key(self) -> str:
        """The column without which a row is nothing."""
        return self.url if self.pairs else self.text

    @property
    def all(self) -> tuple[str, ...]:
        """Text, URL, id and date, then the further ones."""
        return (self.text, self.url, self.id, self.date, *self.extra)

    def require(self, uri: str, there: Sequence[str]) -> None:
        """InputError if a table of these columns lacks one that it must have; id and date it need not have."""
        for name in (self.key, *([self.text] if self.pairs and self.text else []), *self.extra):
            if name not in there:
                raise self.missing(uri, name, there)

    def missing(self, uri: str, wanted: str, there: Sequence[str]) -> InputError:
        """The error for a table without a column."""
        names = ", ".join(repr(name) for name in there[:50]) or "none"
        more = f" and {len(there) - 50} more" if len(there) > 50 else ""
        what = {self.url: "the images' addresses", self.text: "the captions"} if self.pairs else {self.text: "the text"}
        key = {self.url: "url", self.text: "caption"}.get(wanted, "") if self.pairs else "text"
        mend = "leave it out of input.table.columns and verify_hash, or name another"
        if wanted in what:
            example = f"input: {{table: {{path: …, {key}: {(there or ['body'])[0]}}}}}"
            mend = f"say which of them holds {what[wanted]}, for instance {example}"
        return InputError(f"{uri} has no column {wanted!r}; its columns are {names}{more}", mend, uri)


def make_row(names: ColumnNames, values: Sequence[object]) -> Row:
    """A row of its columns' values (`names.all`), as any of the readers gives them."""
    text, url, key, date, *extra = values
    row = Row(id=_name(key), date=_date(date))
    row.url = _name(url)
    if names.extra:
        told = {name: plain(value, kind) for (name, kind), value in zip(names.extra.items(), extra, strict=True)}
        row.extra = json.dumps(told, ensure_ascii=False)
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
    elif names.pairs and text is None:
        row.text = b""
    else:
        what = "there is no text" if text is None else f"the text is {_KINDS.get(type(text).__name__, 'no string')}"
        row.reason, row.detail = "not_text", what
    return row


def plain(value: object, kind: str) -> str | float | int | bool | None:
    """A value as what its column holds; None for what is no such thing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is None or (isinstance(value, str) and (len(value) > MAX_NAME or (kind != "text" and not value.strip()))):
        return None
    try:
        if kind == "text":
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            return text.encode("utf-8", "replace").decode()
        if kind == "boolean":
            return _BOOLEANS.get(str(value).strip().lower())
        number = float(value)  # pyright: ignore[reportArgumentType]  # what has no float raises
        if kind == "number":
            return number if math.isfinite(number) else None
        whole = int(value) if isinstance(value, int | str) else int(number)
        return whole if whole == number and abs(whole) < 1 << 63 else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


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
