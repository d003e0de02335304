"""Records of a Common Crawl dump by language and host: chosen by its columnar index, and read by range from its WARCs.

commoncrawl.org/columnar-index and github.com/commoncrawl/cc-index-table (columns, layout, SURT order). What is chosen is copied
member by member into WARCs of our own, which are then an input like any other.
"""

from __future__ import annotations

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
from ingest.crawling.dump import CommonCrawl, inside, is_http, place_of
from ingest.crawling.http_file import HttpFile, HttpRanges
from ingest.files import open_file, parquet_source

#: Bytes of the copies, about; and of a gap between two records that is read over rather than asked around.
FILE_BYTES, GAP_BYTES = 128 << 20, 64 << 10
#: Requests at a time, and ranges that are held for them.
AT_ONCE, RANGES_HELD = 8, 32
#: What a record takes, and where it begins, at most: a WARC of a dump is about 1 GB, what a page has in it 5 MiB.
MAX_RECORD_BYTES, MAX_OFFSET = 64 << 20, 1 << 40
_COLUMNS = ("url", "url_host_name", "warc_filename", "warc_record_offset", "warc_record_length")
_PAGES = ("text/html", "application/xhtml+xml")
#: What SURT keys leave out of a host's name, as webarchive-commons makes them; the index's column of host names has it.
_WWW = re.compile(r"^(?:www[0-9]*\.)+(?=.)")


#: Records that are chosen.
SELECTED = pa.schema([
    ("filename", pa.dictionary(pa.int32(), pa.string())), ("offset", pa.int64()), ("length", pa.int64()), ("hash", pa.uint64()),
])  # fmt: skip


def select(source: CommonCrawl, index_file: str) -> pa.Table:
    """The records that one file of the index has for us, in the order in which the WARCs hold them: filename, offset, length, and
    hash (of the URL). Within the limit, as if there were no other file. InputError if it is damaged, or points to no records."""
    where = place_of(source, index_file)
    try:
        with _parquet(source, index_file) as file:
            return _selected(source, file, where)
    except (pa.ArrowException, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{where} is no readable index: {why}", "see that the base is a mirror of Common Crawl", where) from None


def _selected(source: CommonCrawl, file: pa.NativeFile, where: str) -> pa.Table:
    fragment = ds.ParquetFileFormat().make_fragment(file)
    missing = {*_COLUMNS, "fetch_status", "content_mime_detected", "url_surtkey"} - {*fragment.physical_schema.names}
    if missing:
        raise InputError(f"{where} has no column {min(missing)}", "this dump's index is of another form")
    found: list[pa.Table] = []
    rows = 0
    for batch in fragment.scanner(columns=list(_COLUMNS), filter=_filter(source), batch_readahead=2).to_batches():
        table = _exact(source, batch)
        if len(table) and not pc.all(_are_places(table)).as_py():
            bad = table.filter(pc.invert(_are_places(table))).slice(0, 1).to_pylist()[0]
            what = f"a record of {bad['length']} bytes at {bad['offset']} of {bad['filename'][:200]}"
            raise InputError(f"{where}: {what}", "the index is damaged: see that the base is a mirror of Common Crawl", where)
        found.append(table)
        rows += len(table)
        if source.limit and rows > 2 * source.limit + 10_000:
            found = [smallest(pa.concat_tables(found).unify_dictionaries(), source.limit)]
            rows = len(found[0])
    whole = pa.concat_tables([SELECTED.empty_table(), *found]).unify_dictionaries()
    return smallest(whole, source.limit or len(whole))


def _are_places(table: pa.Table) -> pa.ChunkedArray:
    """Which rows say where a record may lie."""
    offset, length = table["offset"], table["length"]
    inside_file = pc.and_(pc.greater_equal(offset, 0), pc.less(offset, MAX_OFFSET))
    return pc.fill_null(pc.and_(inside_file, pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_RECORD_BYTES))), False)


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
                wanted_files = {r.filename for r in held}
                for filename in readers.keys() - wanted_files:  # ranges come in the order of files: it is done with
                    _close(readers.pop(filename))
                for filename in wanted_files - readers.keys():
                    readers[filename] = HttpRanges(place_of(source, filename)) if is_http(source) else None

                def read(wanted: _Range) -> bytes:
                    return _read(source, wanted, readers[wanted.filename])

                for wanted, data in zip(held, at_once(read, held, is_remote(source.base), AT_ONCE), strict=True):
                    for offset, length in wanted.records:
                        record = data[offset - wanted.start : offset - wanted.start + length]
                        if len(record) < length or record[:2] != b"\x1f\x8b":
                            where = f"{place_of(source, wanted.filename)}, bytes {offset:,} to {offset + length:,}"
                            raise InputError(f"{where}: no record begins there", "the index and the archive differ")
                        out.write(record)
            size = out.tell()
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
        for reader in readers.values():
            _close(reader)
    return size


def _close(reader: HttpRanges | None) -> None:
    if reader is not None:
        reader.close()


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
    names = table["warc_filename"].cast(pa.string()).to_pylist()
    table = table.filter(pa.array([name is not None and inside(name) for name in names], pa.bool_()))
    urls = table["url"].cast(pa.string()).to_pylist()
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
    with open_file(place_of(source, wanted.filename)) as file:
        file.seek(wanted.start)
        return file.read(wanted.stop - wanted.start)


def _parquet(source: CommonCrawl, path: str) -> pa.NativeFile:
    where = place_of(source, path)
    file = HttpFile(where) if is_http(source) else parquet_source(where)
    if isinstance(file, io.IOBase):
        return pa.PythonFile(file, mode="r")
    return pa.OSFile(file)
