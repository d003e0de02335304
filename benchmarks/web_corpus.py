"""Reads what a web corpus is (its WARC, its truth) and what a run made of it (its layers), for the measures.

The WARC is walked here with zlib alone, so that the engine's own reader is not what it is measured by; charset
names are compared by the labels of the WHATWG Encoding Standard.
"""

from __future__ import annotations

import codecs
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

Row = dict[str, Any]

#: Names that a browser decodes alike (https://encoding.spec.whatwg.org/#names-and-labels), and Python's for them.
FAMILIES = {
    "windows-1252": ("iso-8859-1", "latin-1", "latin1", "ascii", "us-ascii", "cp1252", "iso8859-1", "x-cp1252"),
    "windows-1254": ("iso-8859-9", "latin5", "cp1254"),
    "windows-874": ("iso-8859-11", "tis-620", "cp874"),
    "gb18030": ("gb2312", "gbk", "gb_2312-80", "cp936", "x-gbk", "hz-gb-2312"),
    "euc-kr": ("ks_c_5601-1987", "ks_c_5601", "cp949", "uhc", "windows-949", "korean"),
    "shift_jis": ("cp932", "windows-31j", "ms_kanji", "sjis", "x-sjis", "shift-jis"),
    "big5": ("big5-hkscs", "cp950", "x-x-big5"),
    "utf-8": ("utf8", "utf-8-sig", "unicode-1-1-utf-8"),
    "utf-16le": ("utf-16", "ucs-2", "unicode"),
}
FAMILY = {name: family for family, names in FAMILIES.items() for name in (family, *names)}
#: The widest codec that Python has for a family.
CODECS = {"euc-kr": "cp949", "shift_jis": "cp932", "windows-874": "cp874", "big5": "big5hkscs"}
GZIP = b"\x1f\x8b\x08"


def family(charset: str) -> str:
    """The name under which all labels of one decoder meet."""
    name = charset.strip().lower()
    return FAMILY.get(name, name)


def decode(data: bytes, charset: str) -> str:
    """The text as a browser would read it; bytes that are not of the charset become U+FFFD."""
    name = family(charset)
    try:
        codec = codecs.lookup(CODECS.get(name, name)).name
    except LookupError:
        codec = "cp1252"
    return data.decode(codec, "replace")


@dataclass(frozen=True)
class Member:
    """One gzip member of a WARC: where it starts, what it says, and whether all of it could be read."""

    offset: int
    type: str  # WARC-Type, empty if the member holds no WARC header
    url: str
    block: bytes
    whole: bool


def members(path: Path) -> Iterator[Member]:
    """Every gzip member of a WARC compressed by record, damaged ones too, in order."""
    data = path.read_bytes()
    position = 0
    while position < len(data):
        unpacker = zlib.decompressobj(31)
        text, whole, end = bytearray(), False, len(data)
        try:
            for start in range(position, len(data), 1 << 16):
                text += unpacker.decompress(data[start : start + (1 << 16)])
                if unpacker.eof:
                    whole, end = True, min(start + (1 << 16), len(data)) - len(unpacker.unused_data)
                    break
        except zlib.error:
            text, end = readable(data[position : position + 4096]), next_member(data, position + 1)
        head, _, block = bytes(text.removesuffix(b"\r\n\r\n")).partition(b"\r\n\r\n")
        named = header_fields(head.decode("utf-8", "replace"))
        yield Member(position, named.get("warc-type", ""), named.get("warc-target-uri", ""), block, whole)
        position = end


def header_fields(head: str) -> dict[str, str]:
    """Names in lower case and values of a header whose first line says what it is."""
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def readable(data: bytes) -> bytearray:
    """What can be unpacked of a damaged gzip member before the damage."""
    unpacker, text = zlib.decompressobj(31), bytearray()
    try:
        for i in range(len(data)):
            text += unpacker.decompress(data[i : i + 1])
    except zlib.error:
        pass
    return text


def next_member(data: bytes, start: int) -> int:
    """Where the next gzip member that holds a WARC record starts, or the end of the data."""
    while (start := data.find(GZIP, start)) >= 0:
        try:
            if zlib.decompressobj(31).decompress(data[start : start + 512], 5) == b"WARC/":
                return start
        except zlib.error:
            pass
        start += 1
    return len(data)


def body(block: bytes) -> bytes:
    """The body of an HTTP response, its chunking and encodings undone as far as they are there."""
    head, _, data = block.partition(b"\r\n\r\n")
    fields = header_fields(head.decode("latin-1").lower())
    if "chunked" in fields.get("transfer-encoding", ""):
        data = dechunked(data)
    for name in reversed([name.strip() for name in fields.get("content-encoding", "").split(",")]):
        data = decoded(data, name)
    return data


def dechunked(data: bytes) -> bytes:
    """The chunks joined, or the data itself where it is not chunked at all."""
    out, rest = bytearray(), data
    while rest:
        size, found, rest = rest.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            return bytes(out) if out else data
        if length == 0 or not found:
            break
        out += rest[:length]
        rest = rest[length + 2 :]
    return bytes(out)


def decoded(data: bytes, encoding: str) -> bytes:
    """The data without one content encoding, as far as it goes; unchanged if it is not encoded so."""
    try:
        if encoding == "br":
            return brotli.decompress(data)
        if encoding == "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if encoding in ("gzip", "x-gzip"):
            return zlib.decompressobj(31).decompress(data)
        if encoding == "deflate":
            try:
                return zlib.decompressobj(15).decompress(data)
            except zlib.error:
                return zlib.decompressobj(-15).decompress(data)
    except (zlib.error, brotli.error, zstandard.ZstdError):
        pass
    return data


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, plain, .gz or .xz."""
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_table(out: Path, table: str, layers: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """Layers of one table side by side, columns named `layer.column`, `id` once.

    Raises ValueError where two layers of a part do not hold the same ids in the same order, and
    FileNotFoundError where a layer that is not optional is missing.
    """
    first = out / table / layers[0]
    parts = sorted(path.relative_to(first) for path in first.rglob("*.parquet"))
    if not parts:
        raise FileNotFoundError(f"no layer files in {first}")
    there = [*layers, *(name for name in optional if (out / table / name).is_dir())]
    tables: list[pa.Table] = []
    for part in parts:
        columns: dict[str, Any] = {}
        for layer in there:
            got = pq.read_table(out / table / layer / part, partitioning=None)
            if not columns:
                columns["id"] = got["id"]
            elif not got["id"].equals(columns["id"]):
                raise ValueError(f"{out / table / layer / part}: its ids are not those of {layers[0]}")
            columns |= {f"{layer}.{name}": got[name] for name in got.column_names if name != "id"}
        tables.append(pa.table(columns))
    return pa.concat_tables(tables, promote_options="default")


@dataclass
class Run:
    """A run's rows, by where their records stand, beside the truth about them."""

    truth: list[Row]
    documents: dict[tuple[str, int], Row]  # by url and offset
    records: list[Row]

    def document(self, row: Row) -> Row | None:
        return self.documents.get((row["url"], row["offset"]))

    def pages(self, choose: Callable[[Row], bool]) -> list[tuple[Row, Row | None]]:
        """Truth rows of pages that were served (status 200) and are chosen, with their documents."""
        rows = (row for row in self.truth if row["kind"] == "html" and row["status"] == 200)
        return [(row, self.document(row)) for row in rows if choose(row)]


def load(out: Path, truths: Iterable[Path]) -> Run:
    """Reads the layers of a run and the truth of its corpus."""
    table = read_table(out, "documents", ["page", "fate"], ["text", "language", "duplicates"])
    documents = {(row["page.url"], row["page.offset"]): row for row in table.to_pylist()}
    records = read_table(out, "records", ["record"])
    truth = [row for path in truths for row in read_rows(path)]
    return Run(truth, documents, records.to_pylist())
