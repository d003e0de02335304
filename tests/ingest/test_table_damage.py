"""Tables that are damaged or made to hurt: only bad rows are lost, and memory and time stay bounded."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import resource
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from ingest.lines import lines
from ingest.options import IngestOptions
from ingest.parts import list_parts
from ingest.read import open_part, slice_digest

SLOW = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
LINES = [json.dumps({"text": f"text {i}", "url": f"http://a.example/{i}"}).encode() + b"\n" for i in range(20)]


@SLOW
@given(st.data())
def test_damaged_bytes_of_jsonl_cost_only_the_lines_they_are_in(read: Any, data: st.DataObject) -> None:
    stored = bytearray(b"".join(LINES))
    places = data.draw(st.lists(st.integers(100, len(stored) - 1), max_size=4))
    for place in places:
        stored[place] = data.draw(st.integers(0, 255))
    got = set(read(bytes(stored), "x.jsonl", part_bytes=data.draw(st.integers(50, 2000))).contents())
    starts = [sum(map(len, LINES[:i])) for i in range(len(LINES) + 1)]
    hurt = {i + k for i in range(len(LINES)) for p in places if starts[i] <= p < starts[i + 1] for k in (0, 1)}
    assert {f"text {i}" for i in range(len(LINES)) if i not in hurt} <= got


@SLOW
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(read: Any, data: bytes) -> None:
    for name in ("x.jsonl", "x.csv", "x.jsonl.gz", "x.csv.zst"):
        try:
            reading = read(b"text,url\n" + data if name == "x.csv" else data, name)
        except InputError:
            continue
        assert all(row["reason"] for row in reading.records if row["id"] not in {d["id"] for d in reading.documents})


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_a_truncated_compressed_table_keeps_what_came_before(read: Any, name: str, pack: Any) -> None:
    texts = [hashlib.sha256(b"%d" % i).hexdigest() * 2 for i in range(6000)]  # hardly compressed: many zstd blocks
    rows = [f'{{"text": "{t}"}}\n' for t in texts] if name == "x.jsonl" else ["text,url\n", *(f"{t},u\n" for t in texts)]
    stored = pack("".join(rows).encode())
    reading = read(stored[: len(stored) * 3 // 4], name + (".gz" if pack is gzip.compress else ".zst"))
    assert 3000 < len(reading.documents) < 5000
    assert reading.contents() == texts[: len(reading.documents)]
    last = reading.records[-1]
    assert (last["kind"], last["reason"]) == ("damaged", "truncated_file")
    assert [row["reason"] for row in reading.records[:-1]] == [None] * len(reading.documents)


def test_a_compressed_table_is_one_part_whatever_its_name(read: Any) -> None:
    for pack in (gzip.compress, zstandard.ZstdCompressor().compress):
        reading = read(pack(b"".join(LINES)), "x.jsonl", part_bytes=20)
        assert (len(reading.readers), len(reading.documents)) == (1, 20)
    assert len(read(b"".join(LINES), "x.jsonl.gz", part_bytes=200).readers) > 1


def test_a_table_of_several_members_is_read_to_its_end(read: Any) -> None:
    halves = b"".join(LINES[:10]), b"".join(LINES[10:])
    for name, pack in (("x.jsonl.gz", gzip.compress), ("x.jsonl.zst", zstandard.ZstdCompressor().compress)):
        assert len(read(b"".join(map(pack, halves)), name).documents) == 20
    assert len(read(gzip.compress(halves[0]) + bytes(512), "x.jsonl.gz").documents) == 10


def test_a_bomb_is_not_read_to_its_end(read: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mebibyte = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    for line in (b"", b'{"text": "a"}\n'):
        reading = read(zstandard.ZstdCompressor().compress(line) + mebibyte * 3000, "x.jsonl.zst")
        assert reading.reasons()[-1] == "too_large"
        assert len(reading.documents) == bool(line)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_json_that_hurts_parsers(read: Any) -> None:
    bad = [
        b"[" * 200_000, b'{"text": ' + b"9" * 10_000 + b"}", b'{"text": NaN}', b'{"text": {"text": "x"}}', b'{"text": ["x"]}',
        b'"text"', b"{}",
    ]  # fmt: skip
    good = [b'{"text": "a", "score": NaN}', b'{"text": "b", "url": 7, "date": "never", "id": {"x": 1}}']
    reading = read(b"\n".join([b'{"text": "first"}', *bad, *good]), "x.jsonl")
    assert reading.contents() == ["first", "a", "b"]
    assert reading.reasons()[1:8] == ["bad_json", "bad_json", *["not_text"] * 3, "bad_json", "not_text"]
    assert reading.documents[2]["url"] == "7"
    assert reading.documents[2]["date"] is None


def test_names_and_texts_have_limits(read: Any) -> None:
    rows = [{"text": "a", "url": "http://a.example/" + "x" * 70_000}, {"text": "ü" * 1000, "url": "u"}]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    reading = read(data, "x.jsonl", options=IngestOptions(max_page=1001))
    assert reading.documents[0]["url"] == ""
    assert "URL is longer" in reading.records[0]["detail"]
    assert reading.contents()[1] == "ü" * 500
    assert [row["truncated"] for row in reading.documents] == [False, True]


@SLOW
@given(st.lists(st.binary(max_size=12), max_size=12), st.integers(1, 20), st.integers(0, 40))
def test_lines_are_those_of_the_file_whatever_its_blocks(blocks: list[bytes], limit: int, stop: int) -> None:
    whole = b"".join(blocks)
    wanted, at = [], 0
    for line in io.BytesIO(whole):
        if at < stop:
            wanted.append((at, line if len(line) <= limit else None, len(line)))
        at += len(line)
    assert [(x.offset, x.data, x.length) for x in lines(blocks, 0, stop, limit)] == wanted


FIELD = st.text(st.sampled_from('ab,"\n;\tü'), min_size=1, max_size=8)


@SLOW
@given(st.lists(st.tuples(FIELD, FIELD), max_size=20))
def test_csv_as_python_writes_it_comes_back(read: Any, rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([("url", "text"), *rows])
    reading = read(out.getvalue().encode(), "x.csv")
    assert [(row["url"], row["content"]) for row in reading.documents] == [(u, t) for u, t in rows if t.strip(" \t\n")]
    assert len(reading.records) == len(rows)


def test_an_unclosed_quote_costs_its_line(read: Any) -> None:
    data = b'text,url\none,1\n"two,2\nthree,3\nfour,4\nfive,5\n'
    reading = read(data, "x.csv")
    assert reading.contents() == ["one", "three", "four", "five"]
    assert [(r["reason"], r["offset"]) for r in reading.records if r["reason"]] == [("bad_csv", 15)]
    assert reading.records[1]["detail"] == "x.csv, line 3: a quote is not closed"
    long = b'text,url\n"one,1\n' + b"two,2\n" * 5000
    assert len(read(long, "x.csv", options=IngestOptions(max_record=1000)).documents) == 5000


def test_quotes_made_to_be_read_again_and_again_are_not(read: Any) -> None:
    reading = read(b"text,url\n" + b'a"b,"c\n' * 40_000, "x.csv", options=IngestOptions(max_record=1 << 20))
    assert set(reading.reasons()) == {"bad_csv"}
    assert len(reading.records) < 40


def test_csv_rows_that_cannot_be_kept(read: Any) -> None:
    data = b"\xef\xbb\xbftext;url\n\xff\xfe;u\none;\xff\n\ntwo;2;3\n" + b"x" * 5000 + b";v\nthree;3\n"
    reading = read(data, "x.csv", options=IngestOptions(max_record=1000))
    assert reading.reasons() == ["bad_utf8", None, "bad_csv", "too_large", None]
    assert reading.contents() == ["one", "three"]
    with pytest.raises(InputError, match="first row cannot be read"):
        read(b'"text,url\n' + b"x,y\n" * 1000, "x.csv", options=IngestOptions(max_record=1000))


def parquet(path: Path, table: pa.Table, **more: Any) -> bytes:
    pq.write_table(table, path, **more)
    return path.read_bytes()


def test_a_damaged_row_group_costs_itself(tmp_path: Path, read: Any) -> None:
    texts = [f"text {i} " + "x" * 200 for i in range(300)]
    plain = {"row_group_size": 100, "use_dictionary": False, "compression": "zstd"}
    stored = bytearray(parquet(tmp_path / "a", pa.table({"text": texts}), **plain))
    middle = pq.ParquetFile(tmp_path / "a").metadata.row_group(1).column(0)
    for i in range(middle.data_page_offset, middle.data_page_offset + middle.total_compressed_size):
        stored[i] ^= 0x5A
    reading = read(bytes(stored), "x.parquet")
    assert reading.contents() == texts[:100] + texts[200:]
    (bad,) = [row for row in reading.records if row["reason"]]
    assert (bad["kind"], bad["reason"], bad["offset"]) == ("damaged", "damaged_parquet", 100)
    assert bad["detail"].startswith("x.parquet, row at 100: row group 1, 100 rows are lost: ")


@settings(SLOW, max_examples=30)
@given(st.lists(st.tuples(st.integers(4, 10_000), st.integers(0, 255)), min_size=1, max_size=5))
def test_damaged_parquet_is_read_or_refused(tmp_path: Path, read: Any, changes: list[tuple[int, int]]) -> None:
    texts = [f"text {i}" for i in range(200)]
    stored = bytearray(parquet(tmp_path / "a", pa.table({"text": texts}), row_group_size=50, compression="zstd"))
    body = len(stored) - 8 - int.from_bytes(stored[-8:-4], "little")
    for place, value in changes:
        stored[4 + place % (body - 4)] = value
    reading = read(bytes(stored), "x.parquet")
    assert len(reading.records) >= 4


def test_strings_that_are_no_utf8_and_other_types_of_text(tmp_path: Path, read: Any) -> None:
    raw = pa.array([b"good", b"\xff\xfe", None, "ü".encode()], pa.binary())
    lying = pa.Array.from_buffers(pa.string(), 4, raw.buffers(), null_count=1)
    for column in (raw, lying, raw.cast(pa.large_binary()), lying.dictionary_encode()):
        reading = read(parquet(tmp_path / "a", pa.table({"text": column})), "x.parquet")
        assert reading.contents() == ["good", "ü"]
        assert reading.reasons() == [None, "bad_utf8", "not_text", None]
    with pytest.raises(InputError, match="holds list"):
        read(parquet(tmp_path / "a", pa.table({"text": [["a"]]})), "x.parquet")
    with pytest.raises(InputError, match="several columns"):
        read(parquet(tmp_path / "a", pa.table([["a"], ["b"]], names=["text", "text"])), "x.parquet")


def test_dates_of_every_kind(tmp_path: Path, read: Any) -> None:
    moment = 1_700_000_000
    kinds = (pa.timestamp("s"), moment), (pa.timestamp("ns", "Europe/Berlin"), moment * 10**9 + 1)
    for kind, value in (*kinds, (pa.timestamp("ms", "UTC"), moment * 1000)):
        table = pa.table({"text": ["a", "b"], "date": pa.array([value, None], kind)})
        dates = [row["date"] for row in read(parquet(tmp_path / "a", table), "x.parquet").documents]
        assert dates[0].timestamp() == moment
        assert dates[1] is None
    table = pa.table({"text": ["a", "b", "c"], "date": ["2023-11-14T22:13:20Z", "20231114", "soon"]})
    dates = [row["date"] for row in read(parquet(tmp_path / "a", table), "x.parquet").documents]
    assert [d and d.isoformat() for d in dates] == ["2023-11-14T22:13:20+00:00", "2023-11-14T00:00:00+00:00", None]
    table = pa.table({"text": ["a", "b"], "date": pa.array([2**62, -(2**62)], pa.timestamp("us"))})
    assert [row["date"] for row in read(parquet(tmp_path / "a", table), "x.parquet").documents] == [None, None]


def test_values_of_a_dictionary_are_decoded_a_few_at_a_time(tmp_path: Path, read_all: Any) -> None:
    value = pa.array(["x" * (8 << 20)])
    indices = pa.array([0] * 100, pa.int32())
    table = pa.table({"text": pa.DictionaryArray.from_arrays(indices, value)})
    pq.write_table(table, tmp_path / "x.parquet", dictionary_pagesize_limit=1 << 30, store_schema=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = open_part(list_parts([str(tmp_path / "x.parquet")])[0], IngestOptions(max_page=1000))
    assert sum(len(batch.documents) for batch in reader) == 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10


def test_rows_and_row_groups_that_failed_before_are_left_out(tmp_path: Path, read: Any) -> None:
    noted: list[int] = []
    data = parquet(tmp_path / "a", pa.table({"text": [f"t{i}" for i in range(30)]}), row_group_size=10)
    reading = read(data, "x.parquet", skip=frozenset([3, 10]), note=lambda _, offset: noted.append(offset))
    assert reading.contents() == [f"t{i}" for i in range(30) if i != 3 and not 10 <= i < 20]
    assert [row["offset"] for row in reading.records if row["reason"] == "error:ingest"] == [3, 10]
    assert noted.count(0) >= 2  # once before the group is decoded, once for its first row
    reading = read(b"".join(LINES), "x.jsonl", skip=frozenset([len(LINES[0])]))
    assert reading.reasons() == [None, "error:ingest", *[None] * 18]


def test_a_json_array_is_refused_and_a_bad_first_line_is_not(read: Any) -> None:
    with pytest.raises(InputError, match="JSON array") as error:
        read(json.dumps([{"text": "a"}, {"text": "b"}], indent=1).encode(), "x.json")
    assert "jq" in error.value.mend
    assert read(b"[broken\n" + LINES[0], "x.jsonl").reasons() == ["bad_json", None]


def test_a_changed_table_has_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    texts = [f"text {i}" for i in range(40)]
    options: dict[str, Any] = {"row_group_size": 20, "use_dictionary": False, "write_statistics": False, "compression": "none"}

    def digests(**columns: Any) -> list[str]:
        pq.write_table(pa.table(columns), path, **options)
        return [slice_digest(part) for part in list_parts([str(path)], part_bytes=1)]

    first = digests(text=texts)
    assert first == digests(text=texts)
    other = digests(text=[*texts[:30], "text xx", *texts[31:]])
    assert (other[0], other[1] == first[1]) == (first[0], False)
    assert digests(body=texts)[0] != first[0]
