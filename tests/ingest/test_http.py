"""Bodies come out of their codings as far as they can, and what is declared and not so is left alone."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.http import charset_parameter, decode_body, media_type, parse_response

BODY = b"<html><body>" + b"".join(b"<p>paragraph %d</p>" % i for i in range(3000)) + b"</body></html>"
LIMIT = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor(write_content_size=False).compress,
}


def chunked(data: bytes, size: int = 1000, end: bytes = b"0\r\n\r\n", newline: bytes = b"\r\n") -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x%s%s%s" % (len(p), newline, p, newline) for p in pieces) + end


@pytest.mark.parametrize("name", CODINGS)
def test_content_codings(name: str) -> None:
    stored = CODINGS[name](BODY)
    assert decode_body(stored, {"content-encoding": name}, LIMIT) == (BODY, "")
    cut, problem = decode_body(stored[: len(stored) * 2 // 3], {"content-encoding": name}, LIMIT)
    assert BODY.startswith(cut)
    assert problem or name == "zstd"
    assert len(cut) > 1000 or name == "zstd"
    assert decode_body(stored, {"content-encoding": name}, 5000)[0] == BODY[:5000]
    assert decode_body(BODY, {"content-encoding": name}, LIMIT)[0] == BODY


def test_codings_stack_and_several_members_are_one_body() -> None:
    stored = brotli.compress(gzip.compress(BODY[:20_000]) + gzip.compress(BODY[20_000:]))
    assert decode_body(chunked(stored), {"content-encoding": "gzip, br", "transfer-encoding": "chunked"}, LIMIT)[0] == BODY
    assert decode_body(zlib.compress(BODY), {"content-encoding": "gzip"}, LIMIT)[0] == BODY
    assert decode_body(gzip.compress(BODY), {"content-encoding": "deflate"}, LIMIT)[0] == BODY


def test_damage_in_the_middle_keeps_what_came_before() -> None:
    for name in ("gzip", "deflate"):
        stored = bytearray(CODINGS[name](BODY))
        stored[len(stored) // 2] ^= 0xFF
        out, problem = decode_body(bytes(stored), {"content-encoding": name}, LIMIT)
        assert problem
        assert out[:4000] == BODY[:4000]


def test_bombs_stop_at_the_limit() -> None:
    zeros = bytes(60_000_000)
    stored = {
        "gzip": gzip.compress(zeros, 1),
        "br": brotli.compress(zeros, quality=1),
        "zstd": zstandard.ZstdCompressor().compress(zeros),
    }
    for name, body in stored.items():
        assert len(decode_body(body, {"content-encoding": name}, LIMIT)[0]) == LIMIT


@pytest.mark.parametrize(
    ("stored", "wanted", "problem"),
    [
        (chunked(BODY), BODY, ""),
        (chunked(BODY, newline=b"\n"), BODY, ""),
        (chunked(BODY).replace(b"3e8\r\n", b"3E8 ; ext=1\r\n"), BODY, ""),
        (chunked(BODY, end=b""), BODY, "the last chunk is missing"),
        (chunked(BODY, 10_000)[:15_000], (BODY)[: 15_000 - 2 * len(b"2710\r\n") - 2], "the last chunk is cut"),
        (BODY, BODY, "declared chunked, is not"),
        (chunked(BODY[:3000], end=b"") + b"junk", BODY[:3000], "the chunks are broken"),
        (b"", b"", ""),
    ],
)
def test_chunks(stored: bytes, wanted: bytes, problem: str) -> None:
    assert decode_body(stored, {"transfer-encoding": "chunked"}, LIMIT) == (wanted, problem)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400), st.sampled_from([*CODINGS, "identity", ""]), st.booleans(), st.integers(1, 1000))
def test_no_body_raises(body: bytes, coding: str, chunks: bool, limit: int) -> None:
    fields = {"content-encoding": coding} | ({"transfer-encoding": "chunked"} if chunks else {})
    for stored in (body, CODINGS["gzip"](body)[:-3], b"\x28\xb5\x2f\xfd" + body, b"\x1f\x8b\x08\x00" + body, b"5\r\n" + body):
        assert len(decode_body(stored, fields, limit)[0]) <= limit


def test_responses() -> None:
    response = parse_response(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: a\r\n b\r\n"
        b"Content-Encoding: gzip\r\ncontent-encoding: br\r\n\r\nbody\r\n\r\n"
    )
    assert (response.status, response.body) == (200, b"body\r\n\r\n")
    assert response.fields == {"content-type": "text/html", "x": "a b", "content-encoding": "gzip, br"}
    assert parse_response(b"HTTP/2 404\r\n\r\n").status == 404
    assert parse_response(b"HTTP/1.0 301 Moved").body == b""
    assert parse_response(b"ICY 200 OK\n\nx").body == b"x"
    assert parse_response(b"<html>").status is None
    assert parse_response(b"HTTP/1.1 2000\r\n\r\n").status is None
    assert parse_response("HTTP/1.1 200 OK\r\nX: ü\r\n\r\n".encode("latin-1")).fields["x"] == "ü"


def test_content_types() -> None:
    assert media_type(" Text/HTML ;charset=x") == "text/html"
    assert media_type("nonsense") == ""
    assert [charset_parameter(t) for t in ('text/html; charset="UTF-8"', "a/b;CHARSET = x ;y", "text/html; charset=", "")] == [
        "UTF-8",
        "x",
        "",
        "",
    ]
