"""A slice of a WARC or WET file as batches of records and documents.

WARC/1.1 is ISO 28500 (iipc.github.io/warc-specifications). Every record gives one row of `records`; responses
and resources that hold HTML, and conversions of a WET file, give a document as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.hashing import digest, document_id
from ingest.batches import BatchBuilder, IngestBatch, parse_date
from ingest.charset import decode
from ingest.files import ByteSource
from ingest.http import Response, charset_parameter, decode_body, gunzipped, is_coded, media_type, parse_response, rights_of
from ingest.options import IngestOptions
from ingest.parts import Part
from ingest.records import RawRecord
from ingest.slices import SliceReader
from ingest.sniff import HTML_TYPES, content_type
from ingest.wet import conversion_type, is_text

Note = Callable[[int, int], None]

_SNIFF_LIMIT = 1 << 16
#: Fields of a record's own header that speak of rights, as those of a response.
_NOTED = ("tdm-reservation", "tdm-policy")
_WEB = ("http:", "https:", "ftp:", "file:")


class PartReader:
    """Iterates over the batches of a part.

    `note(number, offset)` is called before each record is decoded; records at an offset in `skip` are not decoded
    and get the reason `error:ingest`. `start_at` is where the first record begins if that is known; it is needed
    where a slice starts inside a payload that looks like a WARC itself.

    After iteration: `digest` (xxh3-128 of the slice's stored bytes, hex), `first_offset`, where its first record
    began, and `next_offset`, where the first record after it begins. In a whole file each slice's `next_offset`
    is the next one's `first_offset`.
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
        self.first_offset = part.start
        self.next_offset = part.start

    def __iter__(self) -> Iterator[IngestBatch]:
        part = self.part
        source = ByteSource(part.uri, part.start, part.stop)
        try:
            reader = SliceReader(source, part.start, part.stop, self.options, self._start_at)
            builder = BatchBuilder(self.options)
            for number, record in enumerate(reader):
                if self._note is not None:
                    self._note(number, record.offset)
                self._add(builder, record)
                if builder.full:
                    yield builder.take()
            if len(builder):
                yield builder.take()
            self.first_offset, self.next_offset = reader.first_offset, reader.next_offset
            self.digest = source.digest()
        finally:
            source.close()

    def _add(self, builder: BatchBuilder, record: RawRecord) -> None:
        fields = record.headers
        url = fields.get("warc-target-uri", "").strip("<> \t")
        date = parse_date(fields.get("warc-date"))
        kind = fields.get("warc-type", "").lower() or "unknown"
        row = _Row(kind, url)
        if record.reason:
            row.reason, row.detail = record.reason, self._where(record)
            if record.reason.startswith(("damaged", "truncated", "bad_header")):
                row.kind = "damaged"
        elif record.offset in self._skip:
            row.reason, row.detail = "error:ingest", f"{self._path}, record at {record.offset:,}: reading it failed before"
        else:
            try:
                self._read(row, record)
            except Exception as error:  # whatever a hostile record provokes costs that record only
                row = _Row(kind, url, reason="error:ingest", detail=f"{type(error).__name__}: {error}")
            if record.detail and not row.detail:
                row.detail = self._where(record)
        if row.content is not None:
            row_id = document_id(url, row.content)
        elif row.kind == "damaged":
            row_id = digest("damaged", self._path, str(record.offset))
        else:
            row_id = digest(kind, url, record.block)
        builder.record(
            row_id, row.kind, url, date, row.status, row.type, record.offset, record.length, row.reason, row.detail
        )
        if row.content is not None:
            builder.document(
                row_id, url, date, row.status, row.type, row.charset, row.form, self._path, record.offset,
                record.length, row.truncated, row.rights, None, row.content,
            )  # fmt: skip

    def _where(self, record: RawRecord) -> str:
        return f"{self._path}, record at {record.offset:,}: {record.detail}"

    def _read(self, row: _Row, record: RawRecord) -> None:
        row.truncated = "warc-truncated" in record.headers
        declared = record.headers.get("content-type", "")
        if row.kind == "response":
            if not row.url.startswith(_WEB[:2]) and not declared.startswith("application/http"):
                row.type, row.reason = media_type(declared), "not_http"
                return
            response = parse_response(record.block)
            for name in _NOTED:  # what a crawl of ours read in the origin's tdmrep.json
                if name in record.headers:
                    response.fields[name] = "\n".join(filter(None, (response.fields.get(name), record.headers[name])))
            self._read_response(row, response)
        elif row.kind == "resource" and row.url.startswith(_WEB):
            self._read_body(row, Response(None, {"content-type": declared}, record.block))
        elif self.part.format == "wet" and is_text(record):
            row.type, charset = conversion_type(record)
            self._decode(row, record.block, charset, "text")
        else:
            row.type = media_type(declared)
            row.reason = "revisit" if row.kind == "revisit" else "not_response"

    def _read_response(self, row: _Row, response: Response) -> None:
        status = response.status
        row.status = status
        if status is None:
            row.reason = "bad_http" if response.body else "empty_body"
        elif 200 <= status < 300:
            self._read_body(row, response)
        else:
            row.type = media_type(response.fields.get("content-type", ""))
            row.reason = "redirect" if 300 <= status < 400 and status != 304 else "http_error"

    def _read_body(self, row: _Row, response: Response) -> None:
        limit = self.options.max_page
        declared_type = response.fields.get("content-type", "")
        declared = media_type(declared_type)
        body, problem = response.body, ""
        if is_coded(response.fields):
            page_like = not declared.startswith(("image/", "video/", "audio/", "font/"))
            body, problem = decode_body(body, response.fields, limit + 4 if page_like else _SNIFF_LIMIT)
        row.detail, row.rights = problem, rights_of(response.fields)
        row.type = content_type(declared, body)
        if row.type == "application/gzip" and (declared in HTML_TYPES or not declared):
            inside = gunzipped(body, limit + 4)
            if content_type(declared, inside) in HTML_TYPES:
                body, row.type = inside, content_type(declared, inside)
        if not body:
            row.reason = "empty_body"
        elif row.type in HTML_TYPES:
            self._decode(row, body, charset_parameter(declared_type), "html")
        else:
            row.reason = "image" if row.type.startswith("image/") else "not_html"

    def _decode(self, row: _Row, body: bytes, charset: str, form: str) -> None:
        limit = self.options.max_page
        if len(body) > limit:
            body = body[:limit]
            row.truncated = True
        decoded = decode(body, charset, url=row.url, html=form == "html")
        content = decoded.content
        if len(content) > limit:
            content = content[:limit].decode("utf-8", "ignore").encode()
            row.truncated = True
        if not content.strip(b" \t\r\n\x00"):
            row.reason = "empty_body"
            return
        row.form, row.charset, row.content = form, decoded.charset, content
        row.detail = row.detail or decoded.detail


class _Row:
    """What reading a record found out about it."""

    __slots__ = ("charset", "content", "detail", "form", "kind", "reason", "rights", "status", "truncated", "type", "url")

    def __init__(self, kind: str, url: str, reason: str | None = None, detail: str = "") -> None:
        self.kind, self.url, self.reason, self.detail = kind, url, reason, detail
        self.status: int | None = None
        self.type = ""
        self.truncated = False
        self.form = self.charset = self.rights = ""
        self.content: bytes | None = None
