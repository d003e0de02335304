"""The bodies of responses that a WARC holds, each read by where its record begins."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import InputError
from ingest.batches import parse_date
from ingest.files import ByteSource
from ingest.http import decode_body, parse_response
from ingest.options import IngestOptions
from ingest.records import RawRecord
from ingest.slices import SliceReader

#: Beyond every file: nothing of it is hashed while it is read.
_FAR = 1 << 62
_OPEN = 16


@dataclass(frozen=True)
class Recorded:
    """A body without its codings, when it was captured, what is wrong with the record, empty if nothing, and the
    fields of the HTTP header, names in lower case."""

    body: bytes = b""
    date: dt.datetime | None = None
    problem: str = ""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


class Records:
    """Reads records of WARC files by file and offset; keeps some files open. A context manager."""

    def __init__(self, options: IngestOptions) -> None:
        self._options = options
        self._files: OrderedDict[str, ByteSource] = OrderedDict()

    def body(self, uri: str, offset: int, url: str, limit: int) -> Recorded:
        """The body, at most `limit` bytes, of the record at `offset`, if it is of `url`."""
        try:
            record = self._record(uri, offset)
        except (InputError, OSError) as error:
            return Recorded(problem=str(error))
        if record is None or record.reason:
            return Recorded(problem=record.detail or record.reason if record else "no record begins there")
        if record.headers.get("warc-target-uri", "").strip("<> \t") != url:
            return Recorded(problem="another record begins there")
        date = parse_date(record.headers.get("warc-date"))
        if record.headers.get("warc-type", "").lower() == "resource":
            return Recorded(record.block[:limit], date)
        response = parse_response(record.block)
        body, _ = decode_body(response.body, response.fields, limit)
        return Recorded(body, date, fields=response.fields)

    def _record(self, uri: str, offset: int) -> RawRecord | None:
        if uri not in self._files:
            self._files[uri] = ByteSource(uri, _FAR, _FAR)
            while len(self._files) > _OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(uri)
        return next(iter(SliceReader(self._files[uri], offset, offset + 1, self._options, offset)), None)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: object) -> None:
        for source in self._files.values():
            source.close()
