"""WARC files with mutated records between sound ones, each a function of a seeded generator.

What is mutated: WARC and HTTP headers, lengths, codings, charset declarations, bodies, compressed members. What is sound
is known, so that its loss shows.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import brotli
import zstandard

from tests.fuzz import pages

CODECS = (
    "utf-8", "latin-1", "cp1252", "cp1251", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "koi8-r", "utf-16-le", "utf-16",
    "utf-16-be", "iso2022_jp", "cp1255", "cp1256", "cp874", "iso8859-2", "utf-7",
)  # fmt: skip
CHARSETS = (
    *CODECS, "windows-1252", "UTF8", "unknown-8bit", "x-user-defined", "utf-16", "none", '"utf-8"', "'gbk'", "utf-8; charset=big5",
    "\u00fctf-8", "a" * 3000, "hz-gb-2312", "replacement", "iso-2022-kr", "",
)  # fmt: skip
TYPES = (
    "text/html", "application/xhtml+xml", "text/plain", "image/png", "application/octet-stream", "", "text", "TEXT/HTML", "*/*",
)  # fmt: skip
CODINGS = (
    "gzip", "x-gzip", "deflate", "br", "zstd", "identity", "chunked", "compress", "none", "GZIP", "gzip, gzip", "br,,gzip", "\x00",
)  # fmt: skip
KINDS = ("gz", "gz", "gz", "gz", "zst", "plain", "one")
NAMES = {"gz": "fuzz.warc.gz", "one": "fuzz.warc.gz", "zst": "fuzz.warc.zst", "plain": "fuzz.warc"}
#: A bomb of zeros this long inflates from little; several stand in one body.
_BOMB = 1 << 20


@dataclass(frozen=True)
class File:
    """A WARC file: `sound` are the URLs and contents that must come out once each, `mutated` counts the other records.

    `stream`: it is one gzip member, which is whole.
    """

    name: str
    data: bytes
    sound: dict[str, str]
    mutated: int
    part_bytes: int
    stream: bool = False


def warc(rng: Random, real: Sequence[str]) -> File:
    """A file of a few records, every other one mutated."""
    kind = rng.choice(KINDS)
    count = rng.randint(1, 6)
    sound: dict[str, str] = {}
    members: list[bytes] = []
    for i in range(count):
        url, content = f"http://sound.example/{i}", _sound_page(rng, i)
        members.append(packed(kind, [response(url, content.encode())], rng))
        sound[url] = content
        member = packed(kind, [mutated_record(rng, real)], rng)
        if rng.random() < 0.5:
            member = mutated_member(rng, member, kind)
        members.append(member)
    sound["http://sound.example/last"] = content = _sound_page(rng, count)
    members.append(packed(kind, [response("http://sound.example/last", content.encode())], rng))
    data = b"".join(members)
    if kind == "one":
        data = gzip.compress(data, 1, mtime=0)
        if rng.random() < 0.5:  # of one member, nothing is read past damage
            data, sound = mutated_member(rng, data, "gz"), {}
    part_bytes = rng.choice([1 << 30, 1 << 30, size(rng, data)])
    return File(NAMES[kind], data, sound, count, part_bytes, kind == "one" and bool(sound))


def size(rng: Random, data: bytes) -> int:
    return pages.size_of(rng, max(2, len(data)))


def _sound_page(rng: Random, number: int) -> str:
    words = " ".join(rng.choice(pages.WORDS) for _ in range(rng.randint(5, 60)))
    return f"<html><head><title>Page {number}</title></head><body><p>{words}</p></body></html>"


def response(url: str, body: bytes) -> bytes:
    """A response record as it should be."""
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    return record([("WARC-Type", "response"), ("WARC-Target-URI", url), ("WARC-Date", "2024-05-06T07:08:09Z"),
                   ("Content-Type", "application/http; msgtype=response"), ("Content-Length", str(len(block)))], block)  # fmt: skip


def record(fields: Sequence[tuple[str, str]], block: bytes, version: str = "WARC/1.1", newline: str = "\r\n") -> bytes:
    head = newline.join([version, *(f"{name}: {value}" for name, value in fields)]) + newline * 2
    return head.encode("utf-8", "surrogateescape") + block + b"\r\n\r\n"


def packed(kind: str, records: Sequence[bytes], rng: Random) -> bytes:
    """The records as they stand in a file of this kind, a member each."""
    if kind == "gz":
        # Not stored: a member that is cut would go on into the next one, and hold it as it is.
        return b"".join(gzip.compress(r, rng.choice([1, 6, 9]), mtime=0) for r in records)
    if kind == "zst":
        # With checksums: a stored block whose length was changed takes bytes of the next frame, and nothing else tells.
        compressor = zstandard.ZstdCompressor(write_content_size=rng.random() < 0.5, write_checksum=True)
        return b"".join(compressor.compress(r) for r in records)
    return b"".join(records)


def mutated_record(rng: Random, real: Sequence[str]) -> bytes:
    """A record with some things wrong with its headers, codings or body."""
    block = http(rng, body(rng, real))
    fields = [
        ("WARC-Type", rng.choice(["response"] * 6 + ["resource", "conversion", "revisit", "metadata", "RESPONSE", "x" * 400, ""])),
        ("WARC-Target-URI", _url(rng)), ("WARC-Date", _date(rng)),
        ("Content-Type", rng.choice(["application/http; msgtype=response", "text/html", "", "application/http;" * 50])),
        ("Content-Length", _length(rng, len(block))),
    ]  # fmt: skip
    for _ in range(rng.choice([0, 0, 1, 3])):
        fields.insert(rng.randrange(len(fields) + 1), _odd_field(rng))
    if rng.random() < 0.1:
        del fields[rng.randrange(len(fields))]
    if rng.random() < 0.1:
        fields.append(rng.choice(fields))
    if rng.random() < 0.05:
        rng.shuffle(fields)
    version = rng.choice(["WARC/1.1"] * 12 + ["WARC/1.0", "WARC/9.99", "warc/1.1", "WARC/1.1 ", "HTTP/1.1 200 OK", "", "WARC/"])
    made = record(fields, block, version, rng.choice(["\r\n"] * 8 + ["\n", "\r", "\r\n "]))
    if rng.random() < 0.1:
        made = made[: rng.randrange(len(made))]
    return made


def _url(rng: Random) -> str:
    kind = rng.randrange(12)
    return "http://mutated.example/" + str(rng.randrange(1000)) if kind < 6 else rng.choice((
        "", "<http://a.example/>", "javascript:alert(1)", "http://[::1]:99999/", "HTTP://EXAMPLE/" + "%ff" * 100, "dns:a.example",
        "http://\u00fc.example/" + pages.text(rng, 5).replace("\n", ""), "http://" + "a." * 200, "//", "http://a.example/\x00",
        "urn:uuid:0",
        "https://user:pass@a.example:0/?" + "x=1&" * 50, "http://a\udcff.example/",
    ))  # fmt: skip


def _date(rng: Random) -> str:
    return rng.choice(["2024-05-06T07:08:09Z"] * 6 + [
        "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-13-45", "20240506070809",
        "2024-05-06T07:08:09.123456789Z",
        "1969-12-31", "-1", "2024-W01-1", "24:00", "\u0662\u0660\u0662\u0664-01-01",
    ])  # fmt: skip


def _length(rng: Random, right: int) -> str:
    if rng.random() < 0.75:
        return str(right)
    return rng.choice((
        str(right + rng.randint(1, 9)), str(max(0, right - rng.randint(1, 9))), str(right + pages.size_of(rng, 9000)), "0", "-1",
        "", "9" * 18, "9" * 400, "0x10", "1e3", f"{right} ", f"+{right}", "\u0661\u0662", f"{right}, {right}", str(1 << 31),
        str(64 << 20),
    ))  # fmt: skip


def _odd_field(rng: Random) -> tuple[str, str]:
    return rng.choice((
        lambda: ("WARC-Truncated", "length"),
        lambda: ("X" * pages.size_of(rng, 3000), "y"),
        lambda: ("X", "y" * pages.size_of(rng, 100_000)),
        lambda: ("Content-Length", _length(rng, 10)),
        lambda: ("X", "a\r\n folded\r\n\tvalue"),
        lambda: ("X", "a\r\nno colon here"),
        lambda: ("X", "a\r\n" + "\r\n".join(f"X-{i}: {i}" for i in range(pages.size_of(rng, 3000)))),
        lambda: ("X", "a\r\n" + "content-encoding: gzip\r\n" * pages.size_of(rng, 2000)),
        lambda: ("X", pages.text(rng, 30)),
        lambda: ("X\x00", "\x00\udcff\udcfe"),
        lambda: ("X", "WARC/1.1"),
        lambda: ("WARC-Type", "response"),
    ))()  # fmt: skip


def http(rng: Random, stored: bytes) -> bytes:
    """An HTTP response that says of its body what may not be so."""
    status = rng.choice(["HTTP/1.1 200 OK"] * 14 + [
        "HTTP/1.1 404 Not Found", "HTTP/1.1 301 Moved", "HTTP/2 200", "ICY 200 OK", "HTTP/1.1 999", "HTTP/1.1 20", "HTTP/1.1",
        "200 OK", "", "HTTP/1.1  200", "http/1.1 200 ok", "HTTP/1.1 2000 OK", "HTTP/1.1 000",
    ])  # fmt: skip
    declared = rng.choice(TYPES) if rng.random() < 0.3 else "text/html"
    fields = [("Content-Type", declared + (f"; charset={rng.choice(CHARSETS)}" if rng.random() < 0.5 else ""))]
    if rng.random() < 0.35:
        codings = [rng.choice(CODINGS) for _ in range(rng.choice([1, 1, 2, 12]))]
        for name in codings:
            if rng.random() < 0.8:
                stored = coded(rng, stored, name)
        for name in codings:
            where = "Transfer-Encoding" if name == "chunked" or rng.random() < 0.2 else "Content-Encoding"
            fields.append((where, name))
    if rng.random() < 0.1:
        fields.append(_odd_field(rng))
    newline = rng.choice(["\r\n"] * 10 + ["\n", "\n\r", "\r"])
    head = newline.join([status, *(f"{n}: {v}" for n, v in fields)]) + newline * rng.choice([2, 2, 2, 2, 2, 1, 3])
    return head.encode("utf-8", "surrogateescape") + stored


def coded(rng: Random, data: bytes, name: str) -> bytes:
    """The body in a coding, sometimes damaged in it."""
    base = name.lower().partition(",")[0]
    if base in ("gzip", "x-gzip"):
        data = gzip.compress(data, 1, mtime=0) * rng.choice([1, 1, 1, 2])
    elif base == "deflate":
        data = zlib.compress(data, 1)[rng.choice([0, 2]) :]
    elif base == "br":
        data = brotli.compress(data[: 1 << 20], quality=1)
    elif base == "zstd":
        data = zstandard.ZstdCompressor(level=1).compress(data)
    elif base == "chunked":
        data = chunked(rng, data)
    return mangled(rng, data) if rng.random() < 0.3 else data


def chunked(rng: Random, data: bytes) -> bytes:
    """In chunks, whose sizes may lie."""
    out: list[bytes] = []
    at = 0
    while at < len(data) and len(out) < 400:
        n = pages.size_of(rng, 4000)
        wrong = rng.choice(["-1", "f" * 15, "f" * 40, "zz", "", "0x10", f"{n:X};ext=1", f" {n:x} "])
        said = f"{n:x}" if rng.random() < 0.97 else wrong
        out.append(said.encode() + rng.choice([b"\r\n"] * 20 + [b"\n", b"\r", b""]) + data[at : at + n] + b"\r\n")
        at += n
    return b"".join(out) + rng.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"", b"0", b"0\r\nTrailer: x\r\n\r\n"])


def body(rng: Random, real: Sequence[str]) -> bytes:
    """A body: a page in some encoding, or what is no page."""
    kind = rng.random()
    if kind < 0.85:
        page = pages.page(rng, real)
        if rng.random() < 0.3:
            page = f'<meta charset="{rng.choice(CHARSETS)}">' + page
        if rng.random() < 0.1:
            page = f'<?xml version="1.0" encoding="{rng.choice(CHARSETS)}"?>' + page
        data = page.encode(rng.choice(CODECS), rng.choice(["replace", "ignore", "xmlcharrefreplace"]))
        if rng.random() < 0.1:
            data = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\x1b$B", b"+/v8"]) + data
        return mangled(rng, data) if rng.random() < 0.3 else data
    return rng.choice((
        lambda: b"",
        lambda: rng.randbytes(pages.size_of(rng, 5000)),
        lambda: b"\x00" * pages.size_of(rng, 20_000),
        lambda: gzip.compress(b"\x00" * _BOMB * rng.randint(1, 8), 9, mtime=0),
        lambda: gzip.compress(gzip.compress(b"<html>" * 5000, mtime=0), mtime=0),
        lambda: gzip.compress(response("http://inner.example/", b"<html>inner"), 0, mtime=0) * 3,
        lambda: response("http://inner.example/", b"<html>inner") * 3,
        lambda: b"%PDF-1.4" + rng.randbytes(200), lambda: b"\x89PNG\r\n\x1a\n" + rng.randbytes(200), lambda: b'{"a": [' * 300,
        lambda: b"\x1f\x8b\x08" * pages.size_of(rng, 500), lambda: b"\x28\xb5\x2f\xfd" * pages.size_of(rng, 500),
        lambda: b"\xe9 " + rng.choice([b"<!--", b"<script ", b"<style", b"<a "]) * pages.size_of(rng, 8000),
        lambda: rng.choice([b"\x81", b"\xff", b"\xe9", b"\x1b$B", b"\xf0\x9f"]) * pages.size_of(rng, 50_000),
    ))()  # fmt: skip


def mangled(rng: Random, data: bytes) -> bytes:
    """Some bytes changed, taken out, put in or doubled."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del out[at : at + pages.size_of(rng, 200)]
        elif kind == 2:
            out[at:at] = rng.randbytes(pages.size_of(rng, 200))
        elif kind == 3:
            out[at:at] = out[at : at + pages.size_of(rng, 200)]
        else:
            out[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", struct.pack("<I", rng.randrange(1 << 32))])
    return bytes(out)


def mutated_member(rng: Random, member: bytes, kind: str) -> bytes:
    """A compressed member (or plain record) damaged as stored."""
    if not member:
        return member
    ways: list[Callable[[], bytes]] = [
        lambda: mangled(rng, member),
        lambda: member[: rng.randrange(len(member))],
        lambda: member[rng.randrange(len(member)) :],
        lambda: member + rng.randbytes(pages.size_of(rng, 3000)),
        lambda: member + b"\x00" * pages.size_of(rng, 3000),
        lambda: member + member[: rng.randrange(len(member))],
        lambda: rng.randbytes(pages.size_of(rng, 3000)),
        lambda: member[:-8] + rng.randbytes(8),
        lambda: member[:-4] + b"\xff\xff\xff\xff",
    ]
    if kind == "gz":
        flags = rng.randrange(256)
        ways += [
            lambda: member[:3] + bytes([flags]) + member[4:],
            lambda: member[:3] + b"\x04" + member[4:10] + b"\xff\xff" + member[10:],
            lambda: member[:3] + b"\x08" + member[4:10] + b"n" * pages.size_of(rng, 3000) + member[10:],
            lambda: b"\x1f\x8b\x08" * pages.size_of(rng, 300) + member,
            lambda: gzip.compress(member, mtime=0),
        ]
    if kind == "zst":
        ways += [
            lambda: b"\x50\x2a\x4d\x18" + struct.pack("<I", rng.choice([0, len(member) // 2, 1 << 31])) + member,
            lambda: b"\x28\xb5\x2f\xfd" * pages.size_of(rng, 300) + member,
            lambda: member[:4] + bytes([rng.randrange(256)]) + member[5:],
        ]
    return rng.choice(ways)()
