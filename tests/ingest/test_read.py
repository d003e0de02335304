"""Every format opens with its reader, and its slices' digests are known without reading their records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.batches import PAGE_SCHEMA, RECORD_SCHEMA
from ingest.options import IngestOptions
from ingest.parts import Part, list_parts
from ingest.read import open_part, slice_digest

TEXTS = [f"text {i} " + "x" * (i * 37 % 200) for i in range(60)]
NAMES = ["x.warc.gz", "x.warc", "x.warc.wet.gz", "x.parquet", "x.jsonl", "x.jsonl.gz", "x.csv"]


def write(folder: Path, build: Any, name: str) -> list[Part]:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": TEXTS}), path, row_group_size=15)
    elif name.endswith(".csv"):
        path.write_text("text\n" + "".join(t + "\n" for t in TEXTS))
    elif ".jsonl" in name:
        data = "".join(json.dumps({"text": t}) + "\n" for t in TEXTS).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    else:
        wet = ".wet" in name
        records = [
            build.record("conversion", f"http://a.example/{i}", t.encode(), Content_Type="text/plain")
            if wet else build.response(f"http://a.example/{i}", f"<p>{t}</p>".encode())
            for i, t in enumerate(TEXTS)
        ]  # fmt: skip
        path.write_bytes(build.gz(records) if name.endswith(".gz") else b"".join(records))
    return list_parts([str(path)], part_bytes=1500)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_read_in_slices_and_digested_without_reading(tmp_path: Path, build: Any, name: str, read_all: Any) -> None:
    parts = write(tmp_path, build, name)
    assert (len(parts) > 1) == (name not in ("x.jsonl.gz", "x.csv", "x.parquet")) or name == "x.parquet"
    reading = read_all(parts)
    html = "wet" not in name and "warc" in name
    assert reading.contents() == [f"<p>{t}</p>" if html else t for t in TEXTS]
    assert {row["form"] for row in reading.documents} == {"html" if html else "text"}
    assert [reader.digest for reader in reading.readers] == [slice_digest(part) for part in parts]
    assert all(len(reader.digest) == 32 for reader in reading.readers)


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_bounded_and_of_the_schemas(tmp_path: Path, build: Any, name: str) -> None:
    rows = 0
    for part in write(tmp_path, build, name):
        for batch in open_part(part, IngestOptions(batch_documents=4)):
            assert batch.records.schema.equals(RECORD_SCHEMA)
            assert batch.documents.schema.equals(PAGE_SCHEMA)
            assert len(batch.documents) <= 4
            rows += len(batch.documents)
    assert rows == len(TEXTS)


def test_columns_go_by_the_names_that_are_given(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"body": "a", "link": "http://a.example/", "text": "b"}) + "\n")
    options = IngestOptions(columns={"text": "body", "url": "link"})
    (batch,) = open_part(list_parts([str(path)])[0], options)
    row = batch.documents.to_pylist()[0]
    assert (row["content"], row["url"], row["warc"]) == ("a", "http://a.example/", "x.jsonl")
