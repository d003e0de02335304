"""Tables of text: one row, one record, with the same schemas as pages."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.hashing import document_id
from ingest.options import IngestOptions
from ingest.parts import list_parts
from ingest.read import slice_digest

ROWS = [{"text": f"Text {i} mit Umlaut ü", "url": f"http://a.example/{i}", "date": "2024-01-02T03:04:05Z"} for i in range(50)]
JSONL = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("x.jsonl", bytes),
        ("x.jsonl.gz", gzip.compress),
        ("x.jsonl.zst", zstandard.ZstdCompressor().compress),
        ("x.ndjson", lambda d: d.rstrip()),
    ],
)
def test_jsonl(read: Any, name: str, pack: Any) -> None:
    reading = read(pack(JSONL), name)
    assert reading.contents() == [row["text"] for row in ROWS]
    assert [row["url"] for row in reading.documents] == [row["url"] for row in ROWS]
    assert {row["form"] for row in reading.documents} == {"text"}
    assert reading.documents[0]["date"].isoformat() == "2024-01-02T03:04:05+00:00"
    assert reading.documents[0]["id"] == reading.records[0]["id"] == document_id(ROWS[0]["url"], ROWS[0]["text"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part_bytes=st.integers(1, 3000), newline=st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
def test_jsonl_slices_give_the_rows_of_the_whole(read: Any, part_bytes: int, newline: bytes) -> None:
    data = JSONL.replace(b"\n", newline)
    assert read(data, "x.jsonl", part_bytes=part_bytes).records == read(data, "x.jsonl").records


def test_broken_rows_are_rows_with_a_reason(read: Any) -> None:
    lines = [
        b'{"text": "a"}',
        b"{broken",
        b"[1]",
        b"",
        b'{"text": null}',
        b'{"text": " "}',
        b'{"other": 1}',
        b"\xff\xfe",
        b'{"text": "\\ud800b"}',
    ]
    reading = read(b"\n".join(lines), "x.jsonl")
    reasons = reading.reasons()
    assert reasons.pop(6) in ("bad_json", "bad_utf8")
    assert reasons == [None, "bad_json", "bad_json", "not_text", "empty_body", "not_text", None]
    assert reading.contents() == ["a", "?b"]
    assert reading.records[1]["detail"].startswith("x.jsonl, row at 14: ")
    assert [row["offset"] for row in reading.records][:3] == [0, 14, 22]


def test_long_lines_are_not_held(read: Any) -> None:
    data = b'{"text": "' + b"x" * 3_000_000 + b'"}\n{"text": "b"}\n'
    reading = read(data, "x.jsonl", options=IngestOptions(max_record=100_000))
    assert reading.reasons() == ["too_large", None]
    assert reading.records[1]["offset"] == data.index(b"\n") + 1


def test_a_damaged_compressed_file_keeps_what_came_before(read: Any) -> None:
    stored = bytearray(gzip.compress(JSONL * 200))
    stored[len(stored) // 2] ^= 0xFF
    reading = read(bytes(stored), "x.jsonl.gz")
    assert 1000 < len(reading.documents) < 10_000
    assert reading.reasons()[-1] == "damaged_gzip"


def write_parquet(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path, row_group_size=20)


def test_parquet(tmp_path: Path, read_all: Any) -> None:
    texts = [None if i == 3 else f"Text {i}" for i in range(50)]
    dates = pa.array([i * 10**9 for i in range(50)], pa.timestamp("us"))
    write_parquet(tmp_path / "x.parquet", body=texts, when=dates, extra=list(range(50)))
    options = IngestOptions(columns={"text": "body", "date": "when", "id": "extra"})
    whole = read_all(list_parts([str(tmp_path / "x.parquet")]), options)
    parts = list_parts([str(tmp_path / "x.parquet")], part_bytes=1)
    sliced = read_all(parts, options)
    assert len(parts) == 3
    assert sliced.records == whole.records
    assert sliced.documents == whole.documents
    assert whole.contents() == [t for t in texts if t is not None]
    assert whole.reasons()[3] == "not_text"
    assert whole.documents[1]["date"].timestamp() == 1000
    assert {row["url"] for row in whole.records} == {""}
    assert whole.documents[0]["id"] == document_id("0", "Text 0")
    assert [r.digest for r in sliced.readers] == [slice_digest(p) for p in parts]
    assert len({r.digest for r in sliced.readers}) == 3


@pytest.mark.parametrize(
    ("name", "pack", "mark"), [("x.csv", bytes, ","), ("x.csv.gz", gzip.compress, ","), ("x.tsv", bytes, "\t")]
)
def test_csv(read: Any, name: str, pack: Any, mark: str) -> None:
    lines = [
        ["id", "text", "url"],
        ["1", '"two\nlines, ""quoted"""', "http://a.example/"],
        ["2", "ü", ""],
        ["3"],
        ["4", "", "u"],
        ["5", "NA", "v"],
    ]
    data = "\n".join(mark.join(line) for line in lines).encode() + b"\n"
    reading = read(pack(data), name)
    assert reading.contents() == ['two\nlines, "quoted"', "ü", "NA"]
    assert sorted(r or "" for r in reading.reasons()) == ["", "", "", "bad_csv", "empty_body"]
    assert reading.documents[1]["id"] == document_id("2", "ü")
    assert reading.documents[1]["url"] == ""


@pytest.mark.parametrize(
    ("name", "data"), [("x.jsonl", b'{"a": 1, "b": "x"}\n' * 200), ("x.csv", b"a,b\n1,2\n"), ("x.parquet", b"")]
)
def test_a_missing_text_column_is_refused_with_those_there_are(read: Any, tmp_path: Path, name: str, data: bytes) -> None:
    if not data:
        write_parquet(tmp_path / "y.parquet", a=[1], b=["x"])
        data = (tmp_path / "y.parquet").read_bytes()
    with pytest.raises(InputError, match="'a', 'b'") as error:
        read(data, name)
    assert "text" in error.value.mend


def test_empty_tables(read: Any) -> None:
    for name in ("x.jsonl", "x.csv"):
        reading = read(b"", name)
        assert reading.records == []
        assert reading.readers[0].digest
    with pytest.raises(ValueError, match="columns"):
        IngestOptions(columns={"texts": "a"})
