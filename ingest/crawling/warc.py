"""Writes WARC 1.1 files: each record a gzip member of its own, so that a reader can begin at any of them.

ISO 28500:2017 (iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1). Payload digests are SHA-1 in base32,
as other crawlers write them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ingest.fetching import Outcome

#: What no longer holds of a body that is stored as it was decoded; kept under the name that Heritrix and Common Crawl use.
_CHANGED = frozenset({"content-encoding", "transfer-encoding", "content-length"})
#: Fields of ours in a record's header, by what they say of the response (`ingest.warc` reads them).
TDM_FIELDS = {"tdm-reservation": "TDM-Reservation", "tdm-policy": "TDM-Policy"}
_CONTROLS = re.compile(r"[\x00-\x20\x7f]+")
_LEVEL = 6


class WarcWriter:
    """Appends records to a file, which is compressed if its name ends in `.gz`. `offset` is where the next one begins."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._file: BinaryIO = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115
        self._file.truncate(offset)
        self._file.seek(offset)
        self._compressed = path.name.endswith(".gz")
        self.offset = offset

    def information(self, fields: dict[str, str]) -> None:
        """A warcinfo record: who crawled, how."""
        block = "".join(f"{name}: {_line(value)}\r\n" for name, value in fields.items()).encode()
        self._write("warcinfo", {"Content-Type": "application/warc-fields"}, block, datetime.now(UTC))

    def response(self, outcome: Outcome) -> None:
        """A response record of an outcome with a body; its URL is the one that answered. What tdmrep.json says of it stands in
        the record's own header, as the response did not say it."""
        body = outcome.body or b""
        status = outcome.http_status or 200
        lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
        for name, value in outcome.raw_headers:
            prefix = "X-Crawler-" if name.lower() in _CHANGED else ""
            lines.append(f"{prefix}{_line(name)}: {_line(value)}")
        lines.append(f"Content-Length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        fields = {
            "WARC-Target-URI": outcome.final_url,
            "WARC-Payload-Digest": _digest(body),
            "Content-Type": "application/http;msgtype=response",
        }
        if outcome.address:
            fields["WARC-IP-Address"] = outcome.address
        fields |= {TDM_FIELDS[name]: _line(value) for name, value in outcome.rights.items()}
        self._write("response", fields, head + body, datetime.fromtimestamp(outcome.fetched_at, UTC))

    def copy(self, records: bytes) -> None:
        """Whole records as another writer made them."""
        self._file.write(records)
        self.offset += len(records)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _write(self, kind: str, fields: dict[str, str], block: bytes, at: datetime) -> None:
        head = {
            "WARC-Type": kind,
            "WARC-Record-ID": f"<urn:uuid:{uuid.uuid4()}>",
            "WARC-Date": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "WARC-Block-Digest": _digest(block),
            **fields,
            "Content-Length": str(len(block)),
        }
        record = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n"
        data = record.encode() + block + b"\r\n\r\n"
        if self._compressed:
            data = gzip.compress(data, _LEVEL, mtime=0)
        self._file.write(data)
        self.offset += len(data)


def _digest(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def _line(value: str) -> str:
    """In one line, without control characters; a byte above them, though it may be a space in Latin-1, is part of UTF-8."""
    return _CONTROLS.sub(" ", value).strip(" ")


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
