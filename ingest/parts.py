"""Parts of the input: slices of files whose names and bounds depend on the input alone.

A record belongs to the slice that it starts in, as in Hadoop's input splits (hadoop.apache.org, FileInputFormat).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.remote import at_once, is_remote
from ingest.files import ByteSource, FoundFile, find_files, parquet_source
from ingest.lines import is_packed
from ingest.members import Gzip, Zstd, skippable_end
from ingest.records import SourceWindow, block_length, parse_header, stream_records

FORMATS = ("warc", "wet", "parquet", "jsonl", "csv")
PART_BYTES = 128 << 20
_PEEK = 1 << 20

_SUFFIXES = (
    (".parquet", "parquet"),
    (".pq", "parquet"),
    (".jsonl", "jsonl"),
    (".ndjson", "jsonl"),
    (".json", "jsonl"),
    (".csv", "csv"),
    (".tsv", "csv"),
    (".wet", "wet"),
    (".warc", "warc"),
    (".arc", ""),
)
_COMPRESSED = (".gz", ".zst", ".zstd")


@dataclass(frozen=True)
class Part:
    """A slice of one file.

    `name` is the file's path relative to its pattern's prefix, escaped, and the slice's number. `start` and
    `stop` are bytes of the file; for Parquet row groups; for CSV and what cannot be sliced the whole file.
    `size` is the stored bytes of the slice.
    """

    name: str
    uri: str
    format: str
    start: int
    stop: int
    size: int

    @property
    def path(self) -> str:
        """The file's path relative to its pattern's prefix."""
        return self.name.rsplit("-", 1)[0].replace("~1", "/").replace("~0", "~")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Part:
        return cls(**value)


def list_parts(patterns: Sequence[str], *, format: str | None = None, part_bytes: int = PART_BYTES) -> list[Part]:
    """The parts of all files that the patterns name, sorted by name.

    A pattern is a path, a URI or a glob (`*`, `?`, `[...]`, `**`). `format` says what the files are, where their
    names do not. InputError: a pattern without a file, two files of one name, a file of no known kind.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"{format!r} is no format of an input", f"use one of {', '.join(FORMATS)}")
    if part_bytes < 1:
        raise ValueError("part_bytes must be at least 1")
    if not patterns:
        raise InputError("no input is named", "give at least one path or pattern")
    names: dict[str, FoundFile] = {}
    for pattern in patterns:
        found = find_files(pattern)
        if not found:
            raise no_file(pattern)
        for file in found:
            known = names.get(file.uri)
            if known is None or (len(file.name), file.name) < (len(known.name), known.name):
                names[file.uri] = file
    files = sorted(names.values(), key=lambda f: (f.name, f.uri))
    for one, other in itertools.pairwise(files):
        if one.name == other.name:
            raise InputError(
                f"{one.uri} and {other.uri} would both be called {one.name}",
                "name them by one pattern that starts higher up, for instance with **, or rename one",
            )
    return parts_of_files(files, format, part_bytes)


def parts_of_files(files: Sequence[FoundFile], format: str | None, part_bytes: int) -> list[Part]:
    """The parts of files, in their order."""
    def slices(file: FoundFile) -> list[Part]:
        return list(_slices(file, format or format_of(file), part_bytes))

    found = at_once(slices, files, any(is_remote(file.uri) for file in files))
    return list(itertools.chain.from_iterable(found))


def no_file(pattern: str) -> InputError:
    """What is said of a pattern that names nothing."""
    return InputError(f"{pattern} matches no file", "check the path; patterns may use *, ?, [...] and **", pattern)


def format_of(file: FoundFile) -> str:
    """The format of a file by its name, else by its first bytes; InputError if neither tells."""
    name = file.name.lower()
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    for suffix, kind in _SUFFIXES:
        if name.endswith(suffix) and kind:
            return kind
    head = _first_bytes(file)
    if head.startswith(b"WARC/"):
        return "warc"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.lstrip()[:1] == b"{":
        return "jsonl"
    raise InputError(
        f"{file.uri} is no WARC, WET, Parquet, JSONL or CSV file by its name or first bytes",
        f"say what it is (format: {', '.join(FORMATS)}), or leave it out of the pattern",
    )


def _first_bytes(file: FoundFile) -> bytes:
    source = ByteSource(file.uri, 0, 0, block=1 << 16)
    try:
        head = bytes(source.at(0, 4096))
        if head[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(head, 64)
        if head[:4] == Zstd.magic or skippable_end(source, 0):
            codec = Zstd(source)
            return codec.peek(source, skippable_end(source, 0) or 0, 64)
        return head
    except zlib.error:
        return b""
    finally:
        source.close()


def _packed(file: FoundFile) -> bool:
    source = ByteSource(file.uri, 0, 0, block=1 << 16)
    try:
        return is_packed(source)
    finally:
        source.close()


def _slices(file: FoundFile, kind: str, part_bytes: int) -> Iterator[Part]:
    stem = file.name.replace("~", "~0").replace("/", "~1")
    if kind == "parquet":
        bounds = _row_groups(file, part_bytes)
    elif file.size <= part_bytes or kind == "csv" or (kind == "jsonl" and _packed(file)):
        bounds = [(0, file.size, file.size)]
    elif kind == "jsonl":
        bounds = _even(file.size, part_bytes)
    else:
        bounds = _warc_slices(file, part_bytes)
    for number, (start, stop, size) in enumerate(bounds):
        yield Part(f"{stem}-{number:05d}", file.uri, kind, start, stop, size)


def _even(size: int, step: int) -> list[tuple[int, int, int]]:
    return [(at, min(at + step, size), min(step, size - at)) for at in range(0, size, step)]


def _row_groups(file: FoundFile, part_bytes: int) -> list[tuple[int, int, int]]:
    try:
        metadata = pq.ParquetFile(parquet_source(file.uri)).metadata
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file.uri} is no readable Parquet file: {error}", "check or remove the file") from None
    bounds: list[tuple[int, int, int]] = []
    first = size = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        size += sum(row_group.column(c).total_compressed_size for c in range(row_group.num_columns))
        if size >= part_bytes:
            bounds.append((first, group + 1, size))
            first, size = group + 1, 0
    if first < metadata.num_row_groups or not bounds:
        bounds.append((first, metadata.num_row_groups, size))
    return bounds


def _warc_slices(file: FoundFile, part_bytes: int) -> list[tuple[int, int, int]]:
    source = ByteSource(file.uri, 0, 0, block=1 << 16)
    try:
        head = bytes(source.at(0, 4))
        if head[:2] == b"\x1f\x8b":
            whole = _holds_several(Gzip().peek(source, 0, _PEEK))
        elif head == Zstd.magic or skippable_end(source, 0):
            whole = _holds_several(Zstd(source).peek(source, skippable_end(source, 0) or 0, _PEEK))
        else:
            return _plain_slices(source, part_bytes)
        return [(0, file.size, file.size)] if whole else _even(file.size, part_bytes)
    finally:
        source.close()


def _holds_several(content: bytes) -> bool:
    """Whether the content of a member goes on with another record after its first."""
    head, _, rest = content.partition(b"\r\n\r\n")
    size = block_length(parse_header(head))
    return size is not None and rest[size:].lstrip(b"\r\n").startswith(b"WARC/")


def _plain_slices(source: ByteSource, part_bytes: int) -> list[tuple[int, int, int]]:
    starts = [0]
    for record in stream_records(SourceWindow(source, 0), max_block=0, sole=False):
        if record.offset - starts[-1] >= part_bytes:
            starts.append(record.offset)
    stops = [*starts[1:], source.size]
    return [(start, stop, stop - start) for start, stop in zip(starts, stops, strict=True)]
