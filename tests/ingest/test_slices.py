"""Reading goes on after damage, loses only what is damaged, and gives the same rows however a file is sliced."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.files import OVERLAP
from ingest.options import IngestOptions
from ingest.parts import list_parts
from ingest.read import slice_digest

PROPERTY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def records(build: Any, n: int = 12) -> list[bytes]:
    made = [build.record("warcinfo", "", b"software: test\r\n")]
    for i in range(n):
        made.append(build.record("request", f"http://a.example/{i}", b"GET / HTTP/1.1\r\n\r\n"))
        made.append(build.response(f"http://a.example/{i}", build.page(i, 10 + 13 * i % 60)))
    return made


def packed(build: Any, made: list[bytes], kind: str) -> tuple[bytes, str]:
    if kind == "gz":
        return build.gz(made), "x.warc.gz"
    if kind == "zst":
        return build.zst(made), "x.warc.zst"
    return b"".join(made), "x.warc"


@pytest.mark.parametrize("kind", ["gz", "zst", "plain"])
def test_every_record_has_one_row_at_its_offset(build: Any, read: Any, kind: str) -> None:
    made = records(build)
    data, name = packed(build, made, kind)
    reading = read(data, name)
    members = [packed(build, [r], kind)[0] for r in made]
    assert [row["offset"] for row in reading.records] == build.offsets(members)[:-1]
    expected = [len(m) for m in members]
    assert [row["length"] for row in reading.records] == (expected if kind != "plain" else [n - 4 for n in expected])
    assert [row["kind"] for row in reading.records] == ["warcinfo", *["request", "response"] * 12]
    assert reading.reasons() == ["not_response", *["not_response", None] * 12]
    assert [row["offset"] for row in reading.documents] == [row["offset"] for row in reading.records if row["reason"] is None]
    assert reading.contents() == [build.page(i, 10 + 13 * i % 60).decode() for i in range(12)]
    (reader,) = reading.readers
    assert (reader.first_offset, reader.next_offset) == (0, len(data))


@PROPERTY
@given(kind=st.sampled_from(["gz", "zst", "plain"]), part_bytes=st.integers(1, 4000))
@example(kind="gz", part_bytes=1)
@example(kind="zst", part_bytes=7)
def test_slices_give_the_rows_of_the_whole(build: Any, read: Any, kind: str, part_bytes: int) -> None:
    data, name = packed(build, records(build, 5), kind)
    whole, sliced = read(data, name), read(data, name, part_bytes=part_bytes)
    assert sliced.records == whole.records
    assert sliced.documents == whole.documents


@PROPERTY
@given(data=st.data(), kind=st.sampled_from(["gz", "zst", "plain"]))
def test_damage_costs_the_records_it_touches_and_no_others(build: Any, read: Any, data: st.DataObject, kind: str) -> None:
    made = records(build, 6)
    members = [packed(build, [r], kind)[0] for r in made]
    starts = build.offsets(members)
    raw, name = packed(build, made, kind)
    hurt = bytearray(raw)
    touched: set[int] = set()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        size = data.draw(st.integers(1, 40))
        junk = data.draw(st.binary(min_size=size, max_size=size))
        hurt[at : at + size] = junk[: len(raw) - at]
        touched |= {i for i in range(len(members)) if starts[i] < at + size and at < starts[i + 1]}
    reading = read(bytes(hurt), name)
    rows = {row["offset"]: row for row in reading.records}
    assert len(rows) == len(reading.records)
    if kind != "plain" or 0 not in touched:  # a plain file whose first bytes are gone is searched for its format
        for i in range(len(members)):
            if i not in touched and (kind != "plain" or i - 1 not in touched):
                assert rows[starts[i]]["kind"] in ("warcinfo", "request", "response"), (i, touched)
    size = data.draw(st.integers(1, len(raw)))
    sliced = read(bytes(hurt), name, part_bytes=size)
    assert sliced.records == reading.records


@PROPERTY
@given(cut=st.integers(0, 3000), kind=st.sampled_from(["gz", "zst", "plain"]))
def test_a_truncated_file_loses_its_last_record(build: Any, read: Any, cut: int, kind: str) -> None:
    made = records(build, 4)
    raw, name = packed(build, made, kind)
    members = [packed(build, [r], kind)[0] for r in made]
    end = max(0, len(raw) - cut)
    reading = read(raw[:end], name)
    whole = [s for s, e in zip(build.offsets(members), build.offsets(members)[1:], strict=False) if e <= end]
    good = [row for row in reading.records if row["reason"] in (None, "not_response")]
    assert [row["offset"] for row in good][: len(whole)] == whole
    assert len(reading.records) - len(whole) <= 2
    if kind == "gz" and len(raw[:end]) - sum(map(len, members[: len(whole)])) > 20:
        assert reading.records[-1]["reason"] == "truncated_file"


def test_a_damaged_member_is_one_row_that_says_where_reading_goes_on(build: Any, read: Any) -> None:
    members = [build.gz([r]) for r in records(build, 3)]
    bad = bytearray(members[4])
    bad[len(bad) // 2] ^= 0xFF
    starts = build.offsets(members)
    reading = read(b"".join([*members[:4], bytes(bad), *members[5:]]))
    row = reading.records[4]
    assert (row["kind"], row["reason"], row["offset"], row["length"]) == ("damaged", "damaged_gzip", starts[4], len(bad))
    assert row["url"] == "http://a.example/1"
    assert row["detail"].startswith(f"x.warc.gz, record at {starts[4]:,}: gzip member is damaged")
    assert row["detail"].endswith(f"skipped to the next record at {starts[5]:,}")
    assert [r["reason"] for r in reading.records[:4] + reading.records[5:]].count(None) == 2


def test_garbage_between_members_is_one_row(build: Any, read: Any) -> None:
    first, second = (build.gz([build.response(f"http://a.example/{i}", build.page(i))]) for i in range(2))
    reading = read(first + b"\x00" * 5000 + b"\x1f\x8b\x08garbage" + second)
    assert [row["kind"] for row in reading.records] == ["response", "damaged", "response"]
    assert reading.records[1]["length"] == 5000 + 10


def test_a_payload_that_is_a_warc_does_not_start_a_slice(build: Any, read: Any) -> None:
    inner = build.gz([build.response(f"http://inner.example/{i}", build.page(i)) for i in range(20)])
    outer = [
        build.response("http://a.example/w.warc.gz", inner, type="application/warc"),
        build.response("http://a.example/", build.page(1)),
    ]
    stored = b"".join(_stored_gzip(r) for r in outer)
    whole = read(stored, "x.warc.gz")
    assert [row["url"] for row in whole.records] == ["http://a.example/w.warc.gz", "http://a.example/"]
    for part_bytes in (500, 1000, 3001):
        assert read(stored, "x.warc.gz", part_bytes=part_bytes).records == whole.records


def _stored_gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(0, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def test_several_records_in_one_member(build: Any, read: Any) -> None:
    made = records(build, 6)
    reading = read(gzip.compress(b"".join(made)))
    assert [row["offset"] for row in reading.records] == build.offsets(made)[:-1]
    assert reading.contents() == [build.page(i, 10 + 13 * i % 60).decode() for i in range(6)]
    cut = gzip.compress(b"".join(made))[:-200]
    reading = read(cut)
    assert 5 < len(reading.records) < len(made) + 1
    assert reading.records[-1]["reason"] == "truncated_file"


def test_wrong_lengths_are_mended_where_a_boundary_is_found(build: Any, read: Any) -> None:
    body = build.page(1)
    for wrong in (0, 10, 100_000):
        bad = build.response("http://a.example/bad", body, length=wrong)
        good = [build.response(f"http://a.example/{i}", build.page(i)) for i in range(2, 4)]
        for data, name in ((build.gz([bad, *good]), "x.warc.gz"), (b"".join([bad, *good]), "x.warc")):
            reading = read(data, name)
            assert reading.contents() == [body.decode(), build.page(2).decode(), build.page(3).decode()], (wrong, name)
            assert "Content-Length is" in reading.records[0]["detail"]


def test_a_payload_that_holds_warc_headers_is_left_alone_when_its_length_is_right(build: Any, read: Any) -> None:
    inner = build.response("http://inner.example/", build.page(9))
    outer = build.record("resource", "file:///x.warc", inner + b"\r\n\r\n" + inner, Content_Type="application/warc")
    after = build.response("http://a.example/", build.page(1))
    for part_bytes in (1 << 40, 100):
        reading = read(outer + after, "x.warc", part_bytes=part_bytes)
        assert [row["kind"] for row in reading.records] == ["resource", "response"]


def test_bad_headers_cost_one_record(build: Any, read: Any) -> None:
    good = build.response("http://a.example/", build.page(1))
    for bad in (
        b"WARC/1.0\r\nno end",
        b"WARC/1.1\r\nWARC-Type: response\r\n\r\nbody\r\n\r\n",
        b"nothing like it\r\n\r\n",
        b"WARC/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx",
    ):
        reading = read(build.gz([good, bad, good]))
        assert [row["kind"] for row in reading.records] == ["response", "damaged", "response"]
        assert reading.records[1]["reason"] == "bad_header"


def test_records_past_the_limit_are_skipped_and_bombs_are_not_inflated(build: Any, read: Any) -> None:
    options = IngestOptions(max_record=100_000)
    small = build.response("http://a.example/", build.page(1))
    big = build.response("http://a.example/big", b"<p>" + bytes(range(256)) * 2000)
    for data, name in ((build.gz([big, small]), "x.warc.gz"), (build.zst([big, small]), "x.warc.zst"), (big + small, "x.warc")):
        reading = read(data, name, options=options)
        assert reading.reasons() == ["too_large", None], name
    bomb = gzip.compress(build.response("http://a.example/bomb", b"\0" * 50_000_000))
    reading = read(bomb + build.gz([small]), options=options)
    assert reading.reasons() == ["too_large", None]
    assert reading.records[0]["url"] == "http://a.example/bomb"


def test_empty_files_and_files_that_are_no_warc(read: Any) -> None:
    reading = read(b"")
    assert (reading.records, reading.documents) == ([], [])
    assert reading.readers[0].digest
    reading = read(b"just a text\n" * 100, "x.warc.gz")
    assert [row["reason"] for row in reading.records] == ["bad_header"]


def test_digests_are_of_the_slice_and_a_little_more(build: Any, read: Any, tmp_path: Path) -> None:
    data = build.gz(records(build, 40))
    reading = read(data, part_bytes=3000)
    parts = list_parts([str(tmp_path / "x.warc.gz")], part_bytes=3000)
    assert [r.digest for r in reading.readers] == [slice_digest(p) for p in parts]
    assert len({r.digest for r in reading.readers}) == len(parts)
    assert OVERLAP > 0
    changed = bytearray(data)
    changed[-1] ^= 1
    (tmp_path / "x.warc.gz").write_bytes(changed)
    assert slice_digest(parts[-1]) != reading.readers[-1].digest


def test_lf_only_headers_folding_and_bytes_that_are_no_utf8(build: Any, read: Any) -> None:
    body = build.page(1)
    http = b"HTTP/2 200\nX-Long: one\n two\nContent-Type:\ttext/html;\n charset=utf-8\nX-Bad: \xff\xfe\n\n" + body
    head = f"WARC/1.0\nWARC-Type: response\nWARC-Target-URI: <http://a.example/\n ?x=1>\nContent-Length: {len(http)}\n\n"
    reading = read(head.encode() + http + b"\n\n", "x.warc")
    assert reading.contents() == [body.decode()]
    assert reading.documents[0]["charset"] == "utf-8"
    latin = build.record("response", "http://a.example/ü", http).replace("ü".encode(), b"\xfc")
    assert read(build.gz([latin])).records[0]["url"] == "http://a.example/ü"


def test_zstd_with_a_dictionary_and_skippable_frames(build: Any, read: Any) -> None:
    import zstandard

    made = [build.response(f"http://a.example/{i}", build.page(i)) for i in range(200)]
    dictionary = zstandard.train_dictionary(4096, made)
    raw = dictionary.as_bytes()
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    for stored in (raw, zstandard.ZstdCompressor().compress(raw)):
        frame = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
        data = frame + b"".join(compressor.compress(r) for r in made)
        whole = read(data, "x.warc.zst")
        assert len(whole.documents) == 200
        assert read(data, "x.warc.zst", part_bytes=2000).records == whole.records


def test_notes_come_before_records_and_skipped_offsets_are_not_decoded(build: Any, read: Callable[..., Any]) -> None:
    made = records(build, 4)
    offsets = build.offsets([build.gz([r]) for r in made])
    seen: list[tuple[int, int]] = []
    reading = read(build.gz(made), note=lambda number, offset: seen.append((number, offset)), skip=frozenset(offsets[4:5]))
    assert seen == list(enumerate(offsets[:-1]))
    assert reading.records[4]["reason"] == "error:ingest"
    assert reading.records[4]["url"] == "http://a.example/1"
    assert len(reading.documents) == 3
