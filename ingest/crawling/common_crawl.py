"""Records of a Common Crawl dump by language and host: chosen by its columnar index, and read by range from its WARCs.

commoncrawl.org/columnar-index and github.com/commoncrawl/cc-index-table (columns, layout, SURT order). What is chosen is copied
member by member into WARCs of our own, which are then an input like any other.
"""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import xxhash

from core.errors import InputError
from core.ranged_file import RANGE_BYTES
from core.remote import at_once, is_remote
from ingest.crawling.http_file import HttpFile, HttpRanges
from ingest.files import open_file, parquet_source

BASE = "https://data.commoncrawl.org"
#: Bytes of the copies, about; and of a gap between two records that is read over rather than asked around.
FILE_BYTES, GAP_BYTES = 128 << 20, 64 << 10
#: Requests at a time, and ranges that are held for them.
AT_ONCE, RANGES_HELD = 8, 32
_COLUMNS = ("url", "url_host_name", "warc_filename", "warc_record_offset", "warc_record_length")
_PAGES = ("text/html", "application/xhtml+xml")
_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?:-\d{2})?")
_LANGUAGE = re.compile(r"[a-z]{3}")
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
#: What SURT keys leave out of a host's name, as webarchive-commons makes them; the index's column of host names has it.
_WWW = re.compile(r"^(?:www[0-9]*\.)+(?=.)")
_PATH = re.compile(r"[A-Za-z0-9][\w./=-]{0,500}")


#: Records that are chosen.
SELECTED = pa.schema([
    ("filename", pa.dictionary(pa.int32(), pa.string())), ("offset", pa.int64()), ("length", pa.int64()), ("hash", pa.uint64()),
])  # fmt: skip


@dataclass(frozen=True)
class CommonCrawl:
    """Which pages: those of `hosts` and hosts under them, and whose first language is one of `languages`; empty means all.

    `languages` are ISO 639-3 codes, as the index has them (`deu`). `limit`: so many records at most, those with the smallest
    hashes of their URLs, so that the choice is a sample and stays (0: all). `base`: where the dump lies: a URL, an object
    store (`s3://commoncrawl`) or a folder with its layout. ValueError names the field that is wrong.
    """

    dump: str
    languages: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    limit: int = 0
    base: str = BASE

    def __post_init__(self) -> None:
        if not _DUMP.fullmatch(self.dump):
            raise ValueError(f"dump: {self.dump!r} is no name of a dump, such as CC-MAIN-2024-10")
        for language in self.languages:
            if not _LANGUAGE.fullmatch(language):
                raise ValueError(f"languages: {language!r} is no ISO 639-3 code, such as deu")
        for host in self.hosts:
            if not _HOST.fullmatch(host) or ".." in f"{host}.":
                raise ValueError(f"hosts: {host!r} is no host name")
        if self.limit < 0:
            raise ValueError(f"limit: {self.limit} is below 0")
        if not self.base:
            raise ValueError("base: give a URL or a folder")


def index_files(source: CommonCrawl) -> list[str]:
    """Paths of the index's files, relative to the base. InputError if there is no such dump."""
    paths = f"crawl-data/{source.dump}/cc-index-table.paths.gz"
    try:
        listed = gzip.decompress(_whole(source, paths)).decode().splitlines()
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{_at(source, paths)} is damaged: {error}", "see that the base is a mirror of Common Crawl") from None
    return sorted(path for path in listed if "/subset=warc/" in path and _inside(path))


def select(source: CommonCrawl, index_file: str) -> pa.Table:
    """The records that one file of the index has for us, in the order in which the WARCs hold them: filename, offset, length, and
    hash (of the URL). Within the limit, as if there were no other file."""
    with _parquet(source, index_file) as file:
        fragment = ds.ParquetFileFormat().make_fragment(file)
        missing = {*_COLUMNS, "fetch_status", "content_mime_detected", "url_surtkey"} - {*fragment.physical_schema.names}
        if missing:
            raise InputError(f"{_at(source, index_file)} has no column {min(missing)}", "this dump's index is of another form")
        found: list[pa.Table] = []
        rows = 0
        for batch in fragment.scanner(columns=list(_COLUMNS), filter=_filter(source), batch_readahead=2).to_batches():
            table = _exact(source, batch)
            found.append(table)
            rows += len(table)
            if source.limit and rows > 2 * source.limit + 10_000:
                found = [smallest(pa.concat_tables(found).unify_dictionaries(), source.limit)]
                rows = len(found[0])
    whole = pa.concat_tables([SELECTED.empty_table(), *found]).unify_dictionaries()
    return smallest(whole, source.limit or len(whole))


def smallest(table: pa.Table, most: int) -> pa.Table:
    """So many records of a selection at most, those with the smallest hashes, in the order in which the WARCs hold them."""
    table = table.combine_chunks()
    names = table["filename"].combine_chunks() if len(table) else pa.array([], SELECTED.field("filename").type)
    rank = np.argsort(np.argsort(np.array(names.dictionary.to_pylist(), dtype=object), kind="stable"), kind="stable")
    file = rank[names.indices.to_numpy()] if len(table) else np.empty(0, np.int64)
    offset = table["offset"].to_numpy()
    if most < len(table):
        taken = np.lexsort((offset, file, table["hash"].to_numpy()))[:most]
    else:
        taken = np.arange(len(table))
    return table.take(pa.array(taken[np.lexsort((offset[taken], file[taken]))]))


def shares(hashes: Iterable[npt.NDArray[np.uint64]], limit: int) -> list[int]:
    """How many records each of several selections keeps, given the hashes of each, so that all have `limit` together: those with
    the smallest hashes of all."""
    best, owners = np.empty(0, np.uint64), np.empty(0, np.int64)
    number = 0
    for number, one in enumerate(hashes, 1):
        best = np.concatenate([best, one])
        owners = np.concatenate([owners, np.full(len(one), number - 1)])
        order = np.argsort(best, kind="stable")[:limit]
        best, owners = best[order], owners[order]
    return np.bincount(owners, minlength=number).tolist()


def slices(table: pa.Table, file_bytes: int = FILE_BYTES) -> Iterator[pa.Table]:
    """The records of a selection cut into files of about so many bytes."""
    ends = np.cumsum(table["length"].to_numpy())
    start = 0
    while start < len(table):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + file_bytes, side="right")))
        yield table.slice(start, stop - start)
        start = stop


def copy_records(source: CommonCrawl, records: pa.Table, path: Path) -> int:
    """Copies records into the file `path`, a WARC of gzip members, which is there whole or not at all; returns its bytes.

    InputError if a range holds no gzip member: the index and the archive differ then.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    readers: dict[str, HttpRanges | None] = {}
    try:
        with scratch.open("wb") as out:
            ranges = list(_ranges(records))
            for at in range(0, len(ranges), RANGES_HELD):
                held = ranges[at : at + RANGES_HELD]
                for filename in {r.filename for r in held} - readers.keys():
                    readers[filename] = HttpRanges(_at(source, filename)) if _is_http(source) else None

                def read(wanted: _Range) -> bytes:
                    return _read(source, wanted, readers[wanted.filename])

                for wanted, data in zip(held, at_once(read, held, is_remote(source.base), AT_ONCE), strict=True):
                    for offset, length in wanted.records:
                        record = data[offset - wanted.start : offset - wanted.start + length]
                        if len(record) < length or record[:2] != b"\x1f\x8b":
                            where = f"{_at(source, wanted.filename)}, bytes {offset:,} to {offset + length:,}"
                            raise InputError(f"{where}: no record begins there", "the index and the archive differ")
                        out.write(record)
            size = out.tell()
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
        for reader in readers.values():
            if reader is not None:
                reader.close()
    return size


@dataclass(frozen=True)
class _Range:
    filename: str
    start: int
    stop: int
    records: tuple[tuple[int, int], ...]


def _filter(source: CommonCrawl) -> ds.Expression:
    """What the index's statistics can skip row groups by: its rows are in the order of their SURT keys."""
    wanted = (ds.field("fetch_status") == 200) & ds.field("content_mime_detected").isin(list(_PAGES))
    if source.hosts:
        keys: list[ds.Expression] = []
        for host in source.hosts:
            key = ",".join(reversed(_WWW.sub("", host).split(".")))
            # behind a host's name comes `)`, `,` for hosts under it, or `:` and a port; all but the last lie below `-`
            keys.append((ds.field("url_surtkey") >= f"{key})") & (ds.field("url_surtkey") < f"{key}-"))
            keys.append((ds.field("url_surtkey") >= f"{key}:") & (ds.field("url_surtkey") < f"{key};"))
        wanted &= reduce(or_, keys)
    if source.languages:
        codes = [ds.field("content_languages") == code for code in source.languages]
        codes += [
            (ds.field("content_languages") >= f"{code},") & (ds.field("content_languages") < f"{code}-")
            for code in source.languages
        ]
        wanted &= reduce(or_, codes)
    return wanted


def _exact(source: CommonCrawl, batch: pa.RecordBatch) -> pa.Table:
    table = pa.Table.from_batches([batch])
    if source.hosts:
        hosts = [re.sub(r"^www\.(?=.*\.)", "", host) for host in source.hosts]
        pattern = "^(.*[.])?(" + "|".join(re.escape(host) for host in hosts) + ")$"
        table = table.filter(pc.match_substring_regex(table["url_host_name"], pattern))
    names = table["warc_filename"].to_pylist()
    table = table.filter(pa.array([name is not None and _inside(name) for name in names], pa.bool_()))
    urls = table["url"].to_pylist()
    hashes = pa.array([xxhash.xxh3_64_intdigest((url or "").encode()) for url in urls], pa.uint64())
    columns = [table["warc_filename"], table["warc_record_offset"], table["warc_record_length"], hashes]
    columns[0] = pc.dictionary_encode(columns[0].cast(pa.string()))
    return pa.table([c.cast(f.type) for c, f in zip(columns, SELECTED, strict=True)], schema=SELECTED)


def _ranges(records: pa.Table) -> Iterator[_Range]:
    """Records that lie near each other in a file are read by one request."""
    held: list[tuple[int, int]] = []
    name, start, stop = "", 0, 0
    rows = zip(records["filename"].to_pylist(), records["offset"].to_pylist(), records["length"].to_pylist(), strict=True)
    for filename, offset, length in rows:
        if length <= 0 or offset < 0:
            raise InputError(f"{filename}: a record of {length:,} bytes at {offset:,}", "the index is damaged")
        if held and (filename != name or offset < start or offset > stop + GAP_BYTES or offset + length - start > RANGE_BYTES):
            yield _Range(name, start, stop, tuple(held))
            held = []
        if not held:
            name, start, stop = filename, offset, offset
        held.append((offset, length))
        stop = max(stop, offset + length)
    if held:
        yield _Range(name, start, stop, tuple(held))


def _read(source: CommonCrawl, wanted: _Range, reader: HttpRanges | None) -> bytes:
    if reader is not None:
        pieces = range(wanted.start, wanted.stop, RANGE_BYTES)
        return b"".join(reader.read(at, min(RANGE_BYTES, wanted.stop - at)) for at in pieces)
    with open_file(_at(source, wanted.filename)) as file:
        file.seek(wanted.start)
        return file.read(wanted.stop - wanted.start)


def _is_http(source: CommonCrawl) -> bool:
    return source.base.lower().startswith(("http://", "https://"))


def _inside(path: str) -> bool:
    """Whether a path that a dump names stays inside of it."""
    return _PATH.fullmatch(path) is not None and ".." not in path.split("/")


def _at(source: CommonCrawl, path: str) -> str:
    return f"{source.base.rstrip('/')}/{path}"


def _whole(source: CommonCrawl, path: str) -> bytes:
    where = _at(source, path)
    try:
        if _is_http(source):
            ranges = HttpRanges(where)
            try:
                return ranges.whole()
            finally:
                ranges.close()
        with open_file(where) as file:
            return file.read()
    except (FileNotFoundError, PermissionError) as error:
        raise InputError(f"there is no dump {source.dump} at {source.base}: {error}", "check its name and the base") from None


def _parquet(source: CommonCrawl, path: str) -> pa.NativeFile:
    where = _at(source, path)
    file = HttpFile(where) if _is_http(source) else parquet_source(where)
    if isinstance(file, io.IOBase):
        return pa.PythonFile(file, mode="r")
    return pa.OSFile(file)
