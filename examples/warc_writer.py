"""Writes WARC/1.1 files, one gzip member a record, in a form that depends on nothing but its arguments.

The record types and headers are those of ISO 28500:2017; record ids are version 5 UUIDs and gzip headers
carry no time, so that writing the same captures again gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import brotli
import zstandard

REASONS = {
    200: "OK", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 404: "Not Found", 410: "Gone", 503: "Service Unavailable",
}  # fmt: skip
IDENTICAL_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
CHUNK = 4096


@dataclass
class Capture:
    """One fetch: what the server sent for a URL, and what is true about it.

    `transfer` names the codings of the body in the order they were applied (`gzip`, `deflate`, `deflate-raw`,
    `br`, `zstd`, `chunked`); the names after `claimed:` stand in the headers but were not applied.
    `damage` is done to the written record: `gzip_member`, `truncated_member`, `warc_longer`, `warc_shorter`.
    """

    url: str
    body: bytes
    content_type: str | None
    truth: dict[str, Any]
    status: int = 200
    transfer: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    content_length: int = 0  # added to the true length of the body in its HTTP header
    cut_encoded: int = 0  # bytes taken off the end of the encoded body
    damage: str = ""
    request: bool = True
    fetch_ms: int = 0
    type: str = "response"  # or revisit, resource
    revisit_of: Capture | None = None
    profile: str = IDENTICAL_PAYLOAD
    payload_type: str = ""  # what the crawler took the payload for, if it looked
    record_id: str = field(default="", init=False)
    date: str = field(default="", init=False)


def digest(data: bytes) -> str:
    """`sha1:` and the base32 SHA-1, as WARC digests are written."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


def deflated(data: bytes, level: int) -> bytes:
    """The data as bare deflate, without a header."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def gzip_member(data: bytes, level: int) -> bytes:
    """A gzip member that names no time and no system; Python's own header differs between its versions."""
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + deflated(data, level) + trailer


def encode_body(body: bytes, transfer: Sequence[str]) -> bytes:
    """The body as it goes over the wire."""
    for name in transfer:
        if name == "gzip":
            body = gzip_member(body, 6)
        elif name == "deflate":
            body = zlib.compress(body, 6)
        elif name == "deflate-raw":
            body = deflated(body, 6)
        elif name == "br":
            body = brotli.compress(body, quality=6)
        elif name == "zstd":
            body = zstandard.ZstdCompressor(level=6).compress(body)
        elif name == "chunked":
            pieces = [body[i : i + CHUNK] for i in range(0, len(body), CHUNK)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif not name.startswith("claimed:"):
            raise ValueError(f"unknown transfer coding: {name}")
    return body


def http_response(capture: Capture, when: datetime) -> bytes:
    """Status line, headers and encoded body."""
    body = encode_body(capture.body, capture.transfer)
    if capture.cut_encoded:
        body = body[: -capture.cut_encoded]
    names = [name.removeprefix("claimed:").replace("deflate-raw", "deflate") for name in capture.transfer]
    lines = [f"HTTP/1.1 {capture.status} {REASONS[capture.status]}"]
    lines.append(f"Date: {when:%a, %d %b %Y %H:%M:%S} GMT")
    lines.append("Server: Apache/2.4.71 (Debian)")
    if capture.content_type is not None:
        lines.append(f"Content-Type: {capture.content_type}")
    lines += [f"{name}: {value}" for name, value in capture.headers]
    encodings = [name for name in names if name != "chunked"]
    if encodings:
        lines.append(f"Content-Encoding: {', '.join(encodings)}")
    if "chunked" in names:
        lines.append("Transfer-Encoding: chunked")
    elif capture.type != "revisit":
        lines.append(f"Content-Length: {len(body) + capture.content_length}")
    if capture.type == "revisit":
        body = b""
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def http_request(url: str) -> bytes:
    host, _, path = url.split("://", 1)[1].partition("/")
    head = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ExampleBot/1.0\r\nAccept: */*\r\n\r\n"
    return head.encode("utf-8")


class Writer:
    """Collects the members of one WARC; `data` is the file so far.

    The clock starts at `start` and moves on by a second and a half or so with each fetch.
    """

    def __init__(self, name: str, start: datetime) -> None:
        self.name = name
        self.now = start.replace(tzinfo=UTC)
        self.data = bytearray()
        self.records: dict[str, int] = {}
        self._fields("warcinfo", None, f"software: web2shards examples\r\nformat: WARC File Format 1.1\r\n"
                     f"isPartOf: {name}\r\nrobots: classic\r\n", {"WARC-Filename": name})  # fmt: skip

    def write(self, capture: Capture) -> None:
        """Appends the capture with its request and metadata; its truth gets the offset of the main record."""
        salt = hashlib.sha256(capture.url.encode()).digest()
        self.now += timedelta(milliseconds=1000 + int.from_bytes(salt[:2], "big") % 1000)
        capture.date = self._date()
        capture.record_id = self._id(capture.type)
        if capture.request and capture.type != "resource":
            self._record("request", capture.url, http_request(capture.url), "application/http; msgtype=request",
                         {"WARC-Concurrent-To": capture.record_id})  # fmt: skip
        if capture.type == "resource":
            block, kind = capture.body, capture.content_type or "application/octet-stream"
        else:
            block, kind = http_response(capture, self.now), "application/http; msgtype=response"
        more = {"WARC-IP-Address": f"192.0.2.{10 + salt[2] % 200}", "WARC-Payload-Digest": digest(capture.body)}
        if capture.payload_type:
            more["WARC-Identified-Payload-Type"] = capture.payload_type
        if capture.revisit_of is not None:
            first = capture.revisit_of
            more |= {"WARC-Profile": capture.profile, "WARC-Refers-To": first.record_id,
                     "WARC-Refers-To-Target-URI": first.url, "WARC-Refers-To-Date": first.date,
                     "WARC-Payload-Digest": digest(first.body)}  # fmt: skip
        capture.truth["offset"] = len(self.data)
        self._record(capture.type, capture.url, block, kind, more, capture.record_id, capture.damage)
        if capture.fetch_ms:
            self._fields("metadata", capture.url, f"fetchTimeMs: {capture.fetch_ms}\r\n",
                         {"WARC-Refers-To": capture.record_id})  # fmt: skip

    def _id(self, type: str) -> str:
        serial = f"{self.name}/{len(self.data)}/{type}"
        return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, serial)}>"

    def _date(self) -> str:
        return f"{self.now:%Y-%m-%dT%H:%M:%S}.{self.now.microsecond // 1000:03}Z"

    def _fields(self, type: str, url: str | None, text: str, more: dict[str, str]) -> None:
        self._record(type, url, text.encode(), "application/warc-fields", more)

    def _record(
        self, type: str, url: str | None, block: bytes, kind: str, more: dict[str, str],
        record_id: str = "", damage: str = "",
    ) -> None:  # fmt: skip
        length = len(block) + {"warc_longer": 4000, "warc_shorter": -len(block) // 2}.get(damage, 0)
        head = {"WARC-Type": type, "WARC-Record-ID": record_id or self._id(type), "WARC-Date": self._date()}
        if url is not None:
            head["WARC-Target-URI"] = url
        head |= more | {"WARC-Block-Digest": digest(block), "Content-Type": kind, "Content-Length": str(length)}
        lines = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items())
        member = bytearray(gzip_member(lines.encode("utf-8") + b"\r\n" + block + b"\r\n\r\n", 9))
        if damage == "gzip_member":
            middle = len(member) // 2
            member[middle : middle + 64] = b"\xff" * 64
        elif damage == "truncated_member":
            del member[len(member) * 2 // 3 :]
        self.data += member
        self.records[type] = self.records.get(type, 0) + 1
