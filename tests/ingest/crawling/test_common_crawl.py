"""Choosing records by a columnar index and copying them by range, from a server on loopback with Common Crawl's layout."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web
from fastwarc.warc import ArchiveIterator

from core.errors import InputError, UnreachableError
from ingest.crawling import common_crawl
from ingest.crawling import dump as dumps
from ingest.crawling.common_crawl import copy_records, select, shares, slices, smallest
from ingest.crawling.dump import CommonCrawl, index_files
from ingest.crawling.http_file import HttpFile, HttpRanges
from ingest.crawling.warc import WarcWriter
from ingest.fetching import Outcome
from ingest.parts import list_parts
from tests.ingest.conftest import read_parts
from tests.ingest.fetching.servers import in_thread

DUMP = "CC-MAIN-2024-10"
HOSTS = ["example.org", "www.example.org", "sub.example.org", "example-two.org", "notexample.org", "zzz.example", "10.example.org",
         "www2.zzz.example"]  # fmt: skip
LANGUAGES = ["deu", "deu,eng", "eng", "eng,deu", "fra", None]


def surt(host: str, path: str) -> str:
    """As webarchive-commons has it: without `www.`, `www2.` and the like."""
    return ",".join(reversed(re.sub(r"^www\d*\.", "", host).split("."))) + f"){path}"


def make_dump(folder: Path) -> list[dict[str, Any]]:
    """A small dump: two WARCs of 42 pages, with an index of two files, and what is to be passed over."""
    rows: list[dict[str, Any]] = []
    for number in range(2):
        name = f"crawl-data/{DUMP}/segments/170.{number}/warc/CC-MAIN-2024-{number:05d}.warc.gz"
        path = folder / name
        path.parent.mkdir(parents=True)
        writer = WarcWriter(path)
        writer.information({"software": "x"})
        for h, host in enumerate(HOSTS):
            for p in range(3):
                url = f"https://{host}/{number}/{p}"
                start = writer.offset
                body = f"<html><body><p>page {number} {h} {p}</p></body></html>".encode()
                writer.response(Outcome(0, url, "ok", False, body=body, final_url=url, http_status=200, fetched_at=1.7e9))
                rows.append({
                    "url_surtkey": surt(host, f"/{number}/{p}"), "url": url, "url_host_name": host, "fetch_status": 200,
                    "content_mime_detected": "text/html", "content_languages": LANGUAGES[(h + p) % 6], "warc_filename": name,
                    "warc_record_offset": start, "warc_record_length": writer.offset - start,
                })  # fmt: skip
        writer.close()
    good = [dict(row) for row in rows]
    for change in ({"fetch_status": 404}, {"content_mime_detected": "application/pdf"}, {"warc_filename": "../../etc/passwd"}):
        rows.append(rows[0] | change)
    rows.sort(key=lambda row: row["url_surtkey"])
    schema = pa.schema([
        ("url_surtkey", pa.string()), ("url", pa.string()), ("url_host_name", pa.string()), ("fetch_status", pa.int16()),
        ("content_mime_detected", pa.string()), ("content_languages", pa.string()), ("warc_filename", pa.string()),
        ("warc_record_offset", pa.int32()), ("warc_record_length", pa.int32()),
    ])  # fmt: skip
    paths: list[str] = []
    for number, part in enumerate((rows[:20], rows[20:])):
        paths.append(f"cc-index/table/cc-main/warc/crawl={DUMP}/subset=warc/part-{number:05d}.gz.parquet")
        (folder / paths[-1]).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(part, schema=schema), folder / paths[-1], row_group_size=5, compression="gzip")
    listed = [*paths, f"cc-index/table/cc-main/warc/crawl={DUMP}/subset=robotstxt/part-00000.gz.parquet", "../subset=warc/x"]
    (folder / f"crawl-data/{DUMP}/cc-index-table.paths.gz").write_bytes(gzip.compress("\n".join(listed).encode()))
    return good


class Running:
    """A folder on a server with ranges. `spoil` may answer in its place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[tuple[str, str, str]] = []
        self.spoil: Any = lambda request: None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Running]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield self
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.log.append((request.method, request.path, request.headers.get("Range", "")))
        spoilt = self.spoil(request)
        if spoilt is not None:
            return spoilt
        path = self.folder / request.path.lstrip("/")
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("dump")
    return folder, make_dump(folder)


@pytest.fixture
def server(dump: tuple[Path, list[dict[str, Any]]]) -> Iterator[Running]:
    with in_thread(Running(dump[0]).serving()) as running:
        yield running


def selected(source: CommonCrawl) -> list[pa.Table]:
    """The selections of all files of the index, within the limit."""
    tables = [select(source, path) for path in index_files(source)]
    kept = shares((table["hash"].to_numpy() for table in tables), source.limit) if source.limit else map(len, tables)
    return [smallest(table, number) for table, number in zip(tables, kept, strict=True)]


def chosen(source: CommonCrawl, rows: Sequence[dict[str, Any]]) -> list[str]:
    urls = {(row["warc_filename"], row["warc_record_offset"]): row["url"] for row in rows}
    whole = pa.concat_tables(selected(source))
    return [urls[place] for place in zip(whole["filename"].to_pylist(), whole["offset"].to_pylist(), strict=True)]


def copy_all(source: CommonCrawl, folder: Path, file_bytes: int = 1 << 30) -> list[Path]:
    """Copies what is chosen; the files."""
    folder.mkdir()
    paths: list[Path] = []
    for table in selected(source):
        for records in slices(table, file_bytes):
            paths.append(folder / f"{len(paths)}.warc.gz")
            assert copy_records(source, records, paths[-1]) == paths[-1].stat().st_size
    return paths


@pytest.mark.parametrize(
    ("hosts", "languages"),
    [
        ((), ()), (("example.org",), ()), (("www.example.org",), ()), (("sub.example.org",), ()), ((), ("deu",)),
        ((), ("deu", "fra")), (("example.org", "zzz.example"), ("eng",)), (("none.example",), ()), (("www2.zzz.example",), ()),
        (("zzz.example",), ()),
    ],
)  # fmt: skip
def test_records_are_chosen_by_host_and_first_language(
    dump: tuple[Path, list[dict[str, Any]]], hosts: tuple[str, ...], languages: tuple[str, ...]
) -> None:
    folder, rows = dump

    def wanted(row: dict[str, Any]) -> bool:
        names = [host.removeprefix("www.") for host in hosts]
        of_host = not hosts or any(row["url_host_name"] == n or row["url_host_name"].endswith(f".{n}") for n in names)
        return of_host and (not languages or (row["content_languages"] or "").split(",")[0] in languages)

    found = chosen(CommonCrawl(DUMP, languages, hosts, base=str(folder)), rows)
    assert Counter(found) == Counter(row["url"] for row in rows if wanted(row))


def test_a_limit_is_a_sample_that_stays(dump: tuple[Path, list[dict[str, Any]]]) -> None:
    small, large = (chosen(CommonCrawl(DUMP, limit=limit, base=str(dump[0])), dump[1]) for limit in (5, 12))
    assert len(small) == 5
    assert len(large) == 12
    assert set(small) < set(large)


def test_records_are_copied_from_a_server_and_read_as_they_are(server: Running, tmp_path: Path) -> None:
    source = CommonCrawl(DUMP, hosts=("example.org",), base=server.url)
    paths = copy_all(source, tmp_path / "copies")
    data = b"".join(path.read_bytes() for path in paths)
    found = []
    for record in ArchiveIterator(io.BytesIO(data), verify_digests=True):
        found.append((record.headers["WARC-Target-URI"], record.reader.read()))
    assert len(found) == 2 * 4 * 3
    assert len(set(found)) == len(found)
    for url, body in found:
        _, _, host, number, page = url.split("/")
        assert body == f"<html><body><p>page {number} {HOSTS.index(host)} {page}</p></body></html>".encode()
    reading = read_parts(list_parts([str(path) for path in paths]))
    assert [row["url"] for row in reading.records] == [url for url, _ in found]
    warcs = [entry for entry in server.log if entry[0] == "GET" and entry[1].endswith(".warc.gz")]
    assert len(warcs) <= 2 * len(paths)  # near records come by one request
    assert all(entry[2] for entry in server.log if entry[0] == "GET")


def test_an_index_is_read_in_part(server: Running) -> None:
    assert sum(map(len, selected(CommonCrawl(DUMP, hosts=("zzz.example",), base=server.url)))) == 12
    asked = sum(
        int(stop) - int(start) + 1
        for method, path, ranges in server.log
        if method == "GET" and path.endswith(".parquet")
        for start, stop in [ranges.removeprefix("bytes=").split("-")]
    )
    size = sum(path.stat().st_size for path in (server.folder / "cc-index").rglob("*.parquet"))
    assert 0 < asked < size * 3  # footers are read once more where files are as small as here
    assert all("robotstxt" not in path for _, path, _ in server.log)


def test_copies_are_cut_into_files_and_the_same_from_a_folder(server: Running, tmp_path: Path) -> None:
    far = copy_all(CommonCrawl(DUMP, base=server.url), tmp_path / "far", file_bytes=5_000)
    near = copy_all(CommonCrawl(DUMP, base=str(server.folder)), tmp_path / "near", file_bytes=5_000)
    assert len(far) > 2
    assert [path.read_bytes() for path in far] == [path.read_bytes() for path in near]
    assert not [path for path in (tmp_path / "far").iterdir() if path.name.startswith(".")]


def test_slices_hold_all_records_once() -> None:
    table = pa.table({"length": pa.array([10, 200, 30, 40, 1000, 5], pa.int64())})
    assert [part["length"].to_pylist() for part in slices(table, 100)] == [[10], [200], [30, 40], [1000], [5]]
    assert list(slices(table.slice(0, 0), 100)) == []


def test_a_server_that_is_away_for_a_while_is_asked_again(server: Running) -> None:
    left = 3

    def busy(_: web.Request) -> web.Response | None:
        nonlocal left
        left -= 1
        return web.Response(status=503) if left >= 0 else None

    server.spoil = busy
    assert len(index_files(CommonCrawl(DUMP, base=server.url))) == 2


def test_what_is_wrong_with_a_mirror_is_told(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no dump"):
        index_files(CommonCrawl("CC-MAIN-1999-01", base=server.url))
    with pytest.raises(InputError, match="No such file"):
        index_files(CommonCrawl(DUMP, base=str(tmp_path)))
    source = CommonCrawl(DUMP, base=server.url)
    records = selected(source)[0]
    shifted = records.set_column(1, "offset", pa.array([row + 1 for row in records["offset"].to_pylist()]))
    with pytest.raises(InputError, match="no record"):
        copy_records(source, shifted, tmp_path / "a.warc.gz")
    server.spoil = lambda request: web.Response(body=b"x" * 500) if "Range" in request.headers else None
    with pytest.raises(InputError, match="no ranges"):
        copy_records(source, records, tmp_path / "a.warc.gz")
    server.spoil = lambda request: web.Response(status=500)
    monkeypatch.setenv("WEB2SHARDS_STORAGE_PATIENCE", "0.3")
    with pytest.raises(UnreachableError):
        copy_records(source, records, tmp_path / "a.warc.gz")
    server.spoil = lambda _: None
    index_files(source)  # it answers again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"warc_record_offset": -1}, {"warc_record_length": 0}, {"warc_record_length": -5}, {"warc_record_length": 1 << 33},
        {"warc_record_offset": None}, {"warc_record_length": None}, {"warc_record_offset": 1 << 62},
        {"warc_record_length": "many"}, {"fetch_status": "200"}, {"content_mime_detected": 5}, {"url": b"\xff"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("limit", [0, 1])
def test_an_index_that_points_nowhere_is_told(
    dump: tuple[Path, list[dict[str, Any]]], tmp_path: Path, change: dict[str, Any], limit: int
) -> None:
    pq.write_table(pa.Table.from_pylist([dump[1][0] | change]), tmp_path / "part.parquet")
    with pytest.raises(InputError, match=r"part\.parquet"):
        select(CommonCrawl(DUMP, limit=limit, base=str(tmp_path)), "part.parquet")


def test_an_index_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "part.parquet").write_bytes(b"PAR1" + bytes(50) + b"PAR1")
    with pytest.raises(InputError, match="no readable index"):
        select(CommonCrawl(DUMP, base=str(tmp_path)), "part.parquet")


def test_a_list_of_paths_is_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "PATHS_BYTES", 500)
    path = tmp_path / f"crawl-data/{DUMP}/cc-index-table.paths.gz"
    path.parent.mkdir(parents=True)
    for data, why in ((gzip.compress(bytes(1000)), "damaged"), (bytes(1000), "more than 500"), (b"\x1f\x8bxx", "damaged")):
        path.write_bytes(data)
        with pytest.raises(InputError, match=why):
            index_files(CommonCrawl(DUMP, base=str(tmp_path)))
        with in_thread(Running(tmp_path).serving()) as server, pytest.raises(InputError, match=why):
            index_files(CommonCrawl(DUMP, base=server.url))


def test_a_file_that_was_read_is_closed(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample has records in many thousand files."""
    held: set[str] = set()
    most: list[int] = []

    class Counted(HttpRanges):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            held.add(url)
            most.append(len(held))

        def close(self) -> None:
            held.discard(self.url)
            super().close()

    monkeypatch.setattr(common_crawl, "HttpRanges", Counted)
    monkeypatch.setattr(common_crawl, "RANGES_HELD", 1)
    source = CommonCrawl(DUMP, base=server.url)
    copy_records(source, smallest(pa.concat_tables(selected(source)).unify_dictionaries(), 1 << 30), tmp_path / "a.warc.gz")
    assert most == [1, 1]
    assert not held


def test_a_file_that_is_written_anew_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 100)
    with in_thread(Running(tmp_path).serving()) as server:
        ranges = HttpRanges(f"{server.url}/a.bin")
        assert ranges.read(10, 5) == bytes(range(10, 15))
        assert ranges.read(25_599, 10) == b"\xff"
        assert ranges.read(25_600, 10) == b""
        path.write_bytes(bytes(25_700))
        with pytest.raises(InputError, match="anew"):
            ranges.read(0, 10)
        ranges.close()


def test_a_file_over_http_is_one_that_can_be_sought_in(tmp_path: Path) -> None:
    data = bytes(range(256)) * 100
    (tmp_path / "a.bin").write_bytes(data)
    with in_thread(Running(tmp_path).serving()) as server, HttpFile(f"{server.url}/a.bin") as file:
        buffered = io.BufferedReader(file)
        assert buffered.read(300) == data[:300]
        assert buffered.seek(-10, io.SEEK_END) == len(data) - 10
        assert buffered.read() == data[-10:]
        file.seek(5)
        assert file.read(3) == data[5:8]
        assert file.tell() == 8
        with pytest.raises(FileNotFoundError):
            HttpFile(f"{server.url}/b.bin")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dump", "2024-10"), ("dump", "../x"), ("languages", ("de",)), ("hosts", ("a|b",)), ("hosts", ("org",)), ("limit", -1),
        ("base", ""),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        CommonCrawl(**({"dump": DUMP} | {field: value}))
