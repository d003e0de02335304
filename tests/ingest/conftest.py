"""WARC records and files made by hand, so that every byte of them is known; and where the corpora are."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from ingest.options import IngestOptions
from ingest.parts import Part, list_parts
from ingest.read import open_part


@dataclass
class Reading:
    """What all parts of an input gave: rows of both tables, and each part's reader after it was read."""

    records: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    readers: list[Any] = field(default_factory=list)

    def reasons(self) -> list[str | None]:
        return [row["reason"] for row in self.records]

    def contents(self) -> list[str]:
        return [row["content"] for row in self.documents]


class Build:
    """Makes records and files."""

    @staticmethod
    def record(kind: str, url: str, block: bytes, *, length: int | None = None, **fields: str) -> bytes:
        head = [
            f"WARC-Type: {kind}",
            "WARC-Date: 2024-05-06T07:08:09Z",
            f"Content-Length: {len(block) if length is None else length}",
        ]
        if url:
            head.append(f"WARC-Target-URI: {url}")
        head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        return b"WARC/1.1\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"

    @staticmethod
    def response(
        url: str, body: bytes, *, status: str = "200 OK", type: str = "text/html", extra: str = "", **fields: Any
    ) -> bytes:
        head = f"HTTP/1.1 {status}\r\n" + (f"Content-Type: {type}\r\n" if type else "") + extra + "\r\n"
        fields.setdefault("Content_Type", "application/http; msgtype=response")
        return Build.record("response", url, head.encode() + body, **fields)

    @staticmethod
    def page(n: int, words: int = 40) -> bytes:
        text = " ".join(f"word{(n * 7919 + i * 104729) % 100_003}" for i in range(words))
        return f"<html><head><title>Page {n}</title></head><body><p>{text}</p></body></html>".encode()

    @staticmethod
    def gz(records: Sequence[bytes]) -> bytes:
        return b"".join(gzip.compress(record, mtime=0) for record in records)

    @staticmethod
    def zst(records: Sequence[bytes]) -> bytes:
        compressor = zstandard.ZstdCompressor(write_content_size=False)
        return b"".join(compressor.compress(record) for record in records)

    @staticmethod
    def offsets(members: Sequence[bytes]) -> list[int]:
        starts = [0]
        for member in members:
            starts.append(starts[-1] + len(member))
        return starts


@pytest.fixture
def build() -> Build:
    return Build()


def read_parts(parts: Sequence[Part], options: IngestOptions | None = None, **more: Any) -> Reading:
    """Reads parts as the driver does: where a slice did not begin where the one before it ended, again."""
    reading = Reading()
    before: Any = None
    for part in parts:
        start_at = None
        while True:
            reader = open_part(part, options, start_at=start_at, **more)
            batches = list(reader)
            same = before is not None and before.part.uri == part.uri
            if not same or before.next_offset == reader.first_offset or start_at is not None:
                break
            start_at = before.next_offset
        if same:
            assert before.next_offset == reader.first_offset
        for batch in batches:
            assert isinstance(batch.records, pa.RecordBatch)
            reading.records += batch.records.to_pylist()
            reading.documents += batch.documents.to_pylist()
        before = reader
        reading.readers.append(reader)
    return reading


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes bytes to a file and reads it: `read(data, "x.warc.gz", part_bytes=…, options=…)`."""

    def run(
        data: bytes, name: str = "x.warc.gz", *, part_bytes: int = 1 << 40, options: IngestOptions | None = None, **more: Any
    ) -> Reading:
        path = tmp_path / name
        path.write_bytes(data)
        return read_parts(list_parts([str(path)], part_bytes=part_bytes), options, **more)

    return run


@pytest.fixture(scope="session")
def read_all() -> Read:
    return read_parts


@pytest.fixture(scope="session")
def corpora() -> Path:
    default = Path(__file__).parents[3] / "shared" / "corpora"
    folder = Path(os.environ.get("WEB2SHARDS_CORPORA", default))
    if not folder.is_dir():
        pytest.skip("the development corpora are not here (WEB2SHARDS_CORPORA)")
    return folder
