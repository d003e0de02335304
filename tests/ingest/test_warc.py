"""What a record becomes: a document, or a row with the reason why it is none."""

from __future__ import annotations

import datetime as dt
import gzip
from typing import Any

import brotli
import pytest

from core.hashing import document_id
from ingest import warc
from ingest.batches import PAGE_SCHEMA, RECORD_SCHEMA
from ingest.options import IngestOptions

PAGE = "<html><head><title>Grüße</title></head><body><p>Ein Absatz, der länger ist.</p></body></html>"
URL = "http://a.example/"


def one(build: Any, read: Any, *args: Any, **more: Any) -> dict[str, Any]:
    reading = read(build.gz([build.response(URL, *args, **more)]))
    (row,) = reading.records
    assert len(reading.documents) == (row["reason"] is None)
    return row


def test_a_page(build: Any, read: Any) -> None:
    reading = read(build.gz([build.response(URL, PAGE.encode(), type="text/html; charset=UTF-8")]), "x.warc.gz")
    (row,), (page,) = reading.records, reading.documents
    assert page["content"] == PAGE
    assert page["id"] == row["id"] == document_id(URL, PAGE)
    assert {k: page[k] for k in ("url", "status", "content_type", "charset", "form", "warc", "offset", "truncated")} == {
        "url": URL,
        "status": 200,
        "content_type": "text/html",
        "charset": "utf-8",
        "form": "html",
        "warc": "x.warc.gz",
        "offset": 0,
        "truncated": False,
    }
    assert page["date"] == dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    assert (row["kind"], row["reason"], row["detail"]) == ("response", None, "")
    assert list(row) == RECORD_SCHEMA.names
    assert list(page) == PAGE_SCHEMA.names


@pytest.mark.parametrize(
    ("status", "type", "body", "reason"),
    [
        ("200 OK", "text/html", b"", "empty_body"),
        ("200 OK", "text/html", b" \r\n\x00 ", "empty_body"),
        ("301 Moved", "text/html", b"<html>moved", "redirect"),
        ("304 Not Modified", "", b"", "http_error"),
        ("404 Not Found", "text/html", b"<html>gone", "http_error"),
        ("503 X", "", b"", "http_error"),
        ("200 OK", "image/png", b"\x89PNG\r\n\x1a\n", "image"),
        ("200 OK", "text/html", b"\xff\xd8\xff\xe0", "image"),
        ("200 OK", "application/octet-stream", b"GIF89a", "image"),
        ("200 OK", "text/css", b"a {}", "not_html"),
        ("200 OK", "text/plain", b"text", "not_html"),
        ("200 OK", "image/jpeg", b"<html><body>no such image", None),
        ("200 OK", "text/plain", b"<!doctype html><p>x", None),
        ("206 Partial", "text/html", b"<p>x", None),
        ("200 OK", "", b"<p>x", None),
    ],
)
def test_reasons(build: Any, read: Any, status: str, type: str, body: bytes, reason: str | None) -> None:
    row = one(build, read, body, status=status, type=type)
    assert row["reason"] == reason
    assert row["status"] == int(status[:3])


def test_records_that_are_no_responses(build: Any, read: Any) -> None:
    made = [
        build.record("revisit", URL, b"HTTP/1.1 200 OK\r\n\r\n", WARC_Profile="x"),
        build.record("metadata", URL, b"a: b"),
        build.record("response", "dns:a.example", b"2024 a.example", Content_Type="text/dns"),
        build.record("response", URL, b"no header at all"),
        build.record("resource", "https://a.example/r", PAGE.encode(), Content_Type="text/html"),
        build.record("resource", "urn:x:y", PAGE.encode(), Content_Type="text/html"),
        build.record("conversion", URL, b"text", Content_Type="text/plain"),
        build.record("", URL, b"x"),
    ]
    reading = read(build.gz(made))
    assert reading.reasons() == [
        "revisit",
        "not_response",
        "not_http",
        "bad_http",
        None,
        "not_response",
        "not_response",
        "not_response",
    ]
    assert reading.documents[0]["status"] is None
    assert reading.documents[0]["content"] == PAGE


def test_coded_bodies(build: Any, read: Any) -> None:
    raw = PAGE.encode()
    assert one(build, read, gzip.compress(raw), extra="Content-Encoding: gzip\r\n")["reason"] is None
    assert one(build, read, brotli.compress(raw), extra="Content-Encoding: br\r\n")["reason"] is None
    assert one(build, read, gzip.compress(raw))["reason"] is None
    row = one(build, read, raw, extra="Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")
    assert row["reason"] is None
    assert row["detail"] == "declared chunked, is not"
    row = one(build, read, gzip.compress(build.page(1, 900))[:900], extra="Content-Encoding: gzip\r\n")
    assert row["reason"] is None
    assert row["detail"] == "the compressed body is cut"


def test_pages_are_cut_at_the_stated_size(build: Any, read: Any) -> None:
    body = ("<p>" + "ü" * 5000).encode()
    options = IngestOptions(max_page=1000)
    for extra, stored in (("", body), ("Content-Encoding: gzip\r\n", gzip.compress(body))):
        reading = read(build.gz([build.response(URL, stored, extra=extra)]), options=options)
        (page,) = reading.documents
        assert page["truncated"]
        assert page["content"] == "<p>" + "ü" * 498
    reading = read(build.gz([build.response(URL, body, WARC_Truncated="length")]))
    assert reading.documents[0]["truncated"]


def test_batches_are_bounded_and_keep_the_order(build: Any, read: Any, tmp_path: Any) -> None:
    made = [build.response(f"{URL}{i}", build.page(i)) for i in range(30)]
    path = tmp_path / "y.warc.gz"
    path.write_bytes(build.gz(made))
    from ingest.parts import list_parts

    (part,) = list_parts([str(path)])
    for options in (IngestOptions(batch_documents=7), IngestOptions(batch_bytes=3000), IngestOptions(batch_records=4)):
        batches = list(warc.PartReader(part, options))
        assert len(batches) > 4
        assert all(len(b.documents) <= 7 or options.batch_documents > 7 for b in batches)
        assert [u for b in batches for u in b.documents["url"].to_pylist()] == [f"{URL}{i}" for i in range(30)]


def test_a_record_that_makes_reading_fail_costs_itself(build: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = warc.decode

    def fails(body: bytes, *args: Any, **more: Any) -> Any:
        if b"Page 1<" in body:
            raise RecursionError("too deep")
        return real(body, *args, **more)

    monkeypatch.setattr(warc, "decode", fails)
    reading = read(build.gz([build.response(f"{URL}{i}", build.page(i)) for i in range(3)]))
    assert reading.reasons() == [None, "error:ingest", None]
    assert reading.records[1]["detail"] == "RecursionError: too deep"


def test_ids_do_not_depend_on_the_place_and_tell_records_apart(build: Any, read: Any) -> None:
    a, b = (build.response(f"{URL}{i}", build.page(i)) for i in range(2))
    one_way, other_way = read(build.gz([a, b])), read(b + a, "x.warc")
    assert [r["id"] for r in one_way.records] == [r["id"] for r in reversed(other_way.records)]
    image = b"\x89PNG\r\n\x1a\n"
    rows = read(build.gz([build.response(URL, image + bytes([i]), type="image/png") for i in range(3)])).records
    assert len({row["id"] for row in rows}) == 3


def test_wet_files_give_texts(build: Any, read: Any) -> None:
    made = [
        build.record("warcinfo", "", b"x: y"),
        build.record("conversion", URL, "Grüße\nzwei <b>Zeilen</b>".encode(), Content_Type="text/plain"),
        build.record("conversion", f"{URL}2", b"", Content_Type="text/plain"),
        build.record("conversion", f"{URL}3", b"\x89PNG", Content_Type="image/png"),
    ]
    reading = read(build.gz(made), "x.warc.wet.gz")
    assert reading.reasons() == ["not_response", None, "empty_body", "not_response"]
    (page,) = reading.documents
    assert (page["form"], page["content"], page["content_type"], page["status"]) == (
        "text",
        "Grüße\nzwei <b>Zeilen</b>",
        "text/plain",
        None,
    )
