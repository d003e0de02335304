"""Links, sitemaps, records, the frontier's order and the journal."""

from __future__ import annotations

import gzip
import io
import json
import time
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator as WarcioIterator
from warcio.checker import Checker

from core.errors import LeaseError, StorageError
from ingest.crawling import CrawlSettings, crawl_fetch_settings
from ingest.crawling.frontier import SITEMAP, Frontier, Task
from ingest.crawling.journal import Entry, Journal
from ingest.crawling.links import links_of
from ingest.crawling.sitemaps import read_sitemap
from ingest.crawling.warc import WarcWriter
from ingest.fetching import Outcome

PAGE = """<html><head><base href="/sub/"><title>t</title></head><body>
<a href="a.html">1</a> <a href="/b?x=1&amp;y=2#top">2</a> <a href="http://other.example/c">3</a> <a href="a.html#again">4</a>
<a rel="NoFollow noopener" href="hidden">5</a> <a href="mailto:x@example.org">6</a> <a href="javascript:void(0)">7</a>
<a href=" //cdn.example/d ">8</a> <map><area href="e"></map> <a>9</a> <a href="http://[bad">10</a> <a href="">11</a>"""


def test_links_are_resolved_and_each_is_there_once() -> None:
    assert links_of(PAGE.encode(), "text/html", "https://example.org/x/y") == [
        "https://example.org/sub/a.html",
        "https://example.org/b?x=1&y=2",
        "http://other.example/c",
        "https://cdn.example/d",
        "https://example.org/sub/e",
    ]
    assert "https://example.org/sub/hidden" in links_of(PAGE.encode(), "", "https://example.org/", nofollow=False)


@pytest.mark.parametrize("content", ["nofollow", "noindex, NoFollow", "none"])
def test_a_page_may_ask_that_its_links_are_not_followed(content: str) -> None:
    page = f'<meta name="Robots" content="{content}"><a href="/a">x</a>'.encode()
    assert links_of(page, "text/html", "https://example.org/") == []
    assert links_of(page, "text/html", "https://example.org/", nofollow=False) == ["https://example.org/a"]


def test_links_of_a_page_in_another_charset() -> None:
    page = '<a href="/größe">x</a>'.encode("windows-1252")
    assert links_of(page, "text/html; charset=windows-1252", "https://example.org/") == ["https://example.org/größe"]


@given(st.binary(max_size=300), st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_bytes_have_links_or_none(body: bytes, content_type: str) -> None:
    for link in links_of(b"<a href='" + body + b"'>" + body, content_type, "https://example.org/"):
        assert link.lower().startswith(("http://", "https://"))
    read_sitemap(body)
    read_sitemap(b"\x1f\x8b" + body)
    read_sitemap(b"<urlset><loc>" + body)


def test_sitemaps_of_all_forms_are_read() -> None:
    plain = b"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
    <url><loc> https://example.org/a?x=1&amp;y=2 </loc><lastmod>2024</lastmod></url>
    <url><loc><![CDATA[https://example.org/b]]></loc><image:image><image:loc>https://example.org/i.png</image:loc></image:image></url>
    </urlset>"""
    wanted = ["https://example.org/a?x=1&y=2", "https://example.org/b"]  # the image is no page
    assert read_sitemap(plain).urls == wanted
    assert read_sitemap(gzip.compress(plain)).urls == wanted
    index = read_sitemap(b"<sm:sitemapindex><sm:sitemap><sm:loc>https://example.org/s1.xml</sm:loc></sm:sitemap>")
    assert index.index
    assert index.urls == ["https://example.org/s1.xml"]
    lines = read_sitemap(b"\xef\xbb\xbfhttps://example.org/a\r\nx\nhttps://example.org/b")
    assert lines.urls == ["https://example.org/a", "https://example.org/b"]


@pytest.mark.parametrize(
    ("loc", "url"),
    [
        ("https://e.example/?f[]=1&amp;g[]=2", "https://e.example/?f[]=1&g[]=2"),
        ("<![CDATA[ https://e.example/?f[]=1&copy=2&amp;x]]>", "https://e.example/?f[]=1&copy=2&amp;x"),
        ("https://e.example/?a=1&copy=2&#38;d&#x3d;3", "https://e.example/?a=1&copy=2&d=3"),
    ],
)
def test_urls_of_a_sitemap_are_as_they_were_meant(loc: str, url: str) -> None:
    assert read_sitemap(f"<urlset><url><loc>{loc}</loc></url></urlset>".encode()).urls == [url]


@pytest.mark.parametrize("part", [b" ", b"<loc ", b"<loc>", b"<loc> <![CDATA[", b"]"])
def test_a_sitemap_made_to_cost_time_does_not(part: bytes) -> None:
    began = time.process_time()
    read_sitemap(b"<urlset><loc>" + part * (2_000_000 // len(part)))
    assert time.process_time() - began < 5


PARTS = ["<a href='/{}'>x</a>", "<area href='{}'><p>", "<a href='/{}'", "<div><a href=x{}>", "<meta name=x{}>"]


@pytest.mark.parametrize("part", PARTS)
def test_a_page_of_very_many_links_costs_no_time(part: str) -> None:
    page = "".join(part.format(i) for i in range(20_000)).encode()
    began = time.process_time()
    assert len(links_of(page, "text/html", "https://example.org/")) <= 5_000
    assert time.process_time() - began < 5


def test_links_are_not_followed_where_our_robot_is_told_not_to() -> None:
    page = b"<meta name='MyBot' content='index, nofollow'><a href='/a'>a</a>"
    assert links_of(page, "text/html", "https://example.org/", agent="mybot") == []
    assert links_of(page, "text/html", "https://example.org/", agent="otherbot") == ["https://example.org/a"]
    assert links_of(page, "text/html", "https://example.org/") == ["https://example.org/a"]


def test_a_sitemap_made_to_cost_memory_does_not() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><loc>https://e.example/&b;</loc>' * 2
    assert len(read_sitemap(bomb).urls) == 2
    assert read_sitemap(gzip.compress(bytes(80 << 20))).urls == []
    assert len(read_sitemap(b"<urlset>" + b"<loc>https://e.example/a</loc>" * 60_000).urls) == 50_000


def outcome(url: str, body: bytes, headers: tuple[tuple[str, str], ...] = (), status: int = 200) -> Outcome:
    values = {"final_url": url, "http_status": status, "raw_headers": headers, "address": "192.0.2.1", "fetched_at": 1.7e9}
    return Outcome(0, url, "ok", False, body=body, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_records_are_read_back_by_fastwarc_and_warcio(tmp_path: Path, name: str) -> None:
    bodies = [b"<html>\xff\r\n\r\n</html>", b"x" * 100_000, b"a"]
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Content-Length", "7"), ("X-\xe9", "\xe9\r\n b"))
    path = tmp_path / name
    writer = WarcWriter(path)
    writer.information({"software": "x/1", "http-header-user-agent": "bot"})
    offsets: list[int] = []
    for i, body in enumerate(bodies):
        offsets.append(writer.offset)
        writer.response(outcome(f"https://example.org/{i}", body, headers, 200 if i else 299))
    writer.close()
    assert writer.offset == path.stat().st_size
    records = [
        (record.record_type, record.headers.get("WARC-Target-URI"), record.reader.read(), record.http_headers)
        for record in ArchiveIterator(io.BytesIO(path.read_bytes()), verify_digests=True)
    ]
    assert [record[0] for record in records] == [WarcRecordType.warcinfo, *[WarcRecordType.response] * 3]
    assert [record[2] for record in records[1:]] == bodies
    assert [record[1] for record in records[1:]] == [f"https://example.org/{i}" for i in range(3)]
    http_headers = records[2][3]
    assert http_headers is not None
    assert http_headers.get("Content-Length") == "100000"
    assert http_headers.get("X-Crawler-Content-Encoding") == "gzip"
    assert http_headers.get("Content-Encoding") is None
    with path.open("rb") as file:
        found = []
        for record in WarcioIterator(file, check_digests="raise"):
            content = record.content_stream().read()
            if record.rec_type == "response":
                found.append((record.rec_headers["WARC-Target-URI"], content, record.rec_headers["WARC-Date"]))
    assert found == [(f"https://example.org/{i}", body, "2023-11-14T22:13:20Z") for i, body in enumerate(bodies)]
    for offset, body in zip(offsets, bodies, strict=True):
        assert next(iter(ArchiveIterator(io.BytesIO(path.read_bytes()[offset:])))).reader.read() == body
    checker = Checker(type("Options", (), {"inputs": [str(path)], "verbose": False, "exitcode": 0})())
    checker.process_all()
    assert checker.exit_value == 0


def test_fields_of_a_header_cannot_begin_another_and_keep_their_bytes(tmp_path: Path) -> None:
    name = "filename=\u00e0 la.html".encode().decode("latin-1")  # its second byte would be a space of Latin-1
    headers = (("Content-Disposition", name), ("X-A\r\nX-B", "c\r\n\r\nd\x00\te"))
    writer = WarcWriter(tmp_path / "a.warc")
    writer.response(outcome("https://example.org/", b"body", headers))
    writer.close()
    assert b"Content-Disposition: filename=\xc3\xa0 la.html\r\nX-A X-B: c d e\r\n" in (tmp_path / "a.warc").read_bytes()


def test_a_writer_goes_on_behind_what_is_good(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    writer = WarcWriter(path)
    writer.response(outcome("https://example.org/0", b"0"))
    good = writer.offset
    writer.response(outcome("https://example.org/1", b"1"))
    writer.close()
    again = WarcWriter(path, good)
    again.response(outcome("https://example.org/2", b"2"))
    again.close()
    urls = [record.headers["WARC-Target-URI"] for record in ArchiveIterator(io.BytesIO(path.read_bytes()))]
    assert urls == ["https://example.org/0", "https://example.org/2"]


def given_out(frontier: Frontier) -> list[str]:
    urls: list[str] = []
    for job in frontier:
        if job is None:
            break
        urls.append(job.url)
    return urls


def test_the_frontier_keeps_scope_depth_and_budgets() -> None:
    seeds = ["https://www.a.example/", "https://b.example/"]
    frontier = Frontier(seeds, CrawlSettings(depth=2, pages_per_host=3))
    for seed in seeds:
        assert frontier.add(Task(seed, 0))
    assert not frontier.add(Task("https://c.example/", 1))
    assert not frontier.add(Task("https://x.a.example/", 1))
    assert not frontier.add(Task("ftp://a.example/", 1))
    assert not frontier.add(Task("https://a.example/deep", 3))
    assert not frontier.add(Task("http://www.a.example", 1))  # another spelling of a seed
    assert frontier.add(Task("https://a.example/1", 1))
    assert frontier.add(Task("https://a.example/2", 2))
    assert not frontier.add(Task("https://a.example/3", 2))
    assert frontier.add(Task("https://a.example/sitemap.xml", 1, SITEMAP))  # counts to no budget, and comes first
    assert frontier.waiting == 5
    assert given_out(frontier) == [
        "https://a.example/sitemap.xml", "https://b.example/", "https://www.a.example/", "https://a.example/1", "https://a.example/2",
    ]  # fmt: skip
    assert next(frontier) is None
    for index in range(1, 6):
        frontier.ended(index)
    with pytest.raises(StopIteration):
        next(frontier)


def test_a_host_has_so_many_sitemaps_at_most() -> None:
    frontier = Frontier(["https://a.example/"], CrawlSettings())
    added = [frontier.add(Task(f"https://a.example/{i}.xml", 1, SITEMAP)) for i in range(60)]
    assert added == [True] * 50 + [False] * 10
    assert frontier.add(Task("https://a.example/page", 1))


def test_scopes_differ() -> None:
    urls = [f"https://{host}/x" for host in ("a.example", "sub.a.example", "nota.example", "other.example", "10.0.0.1")]
    for scope, number in (("host", 1), ("subdomains", 2), ("any", 4)):
        frontier = Frontier(["https://a.example/"], CrawlSettings(scope))
        assert sum(frontier.in_scope(url) for url in urls) == number


def test_hosts_take_turns_and_none_fills_the_pass() -> None:
    frontier = Frontier([], CrawlSettings("any", depth=9))
    for i in range(100):
        frontier.add(Task(f"https://large.example/{i}", 1))
    frontier.add(Task("https://small.example/", 1))
    urls = given_out(frontier)
    assert len(urls) == 9
    assert urls[1] == "https://small.example/"
    frontier.ended(1)
    assert given_out(frontier) == ["https://large.example/8"]


def test_pages_of_a_run_are_counted() -> None:
    frontier = Frontier([], CrawlSettings("any", pages=3))
    for i in range(10):
        frontier.add(Task(f"https://a.example/{i}", 1))
    assert len(given_out(frontier)) == 3
    assert frontier.waiting == 7


@pytest.mark.parametrize(("field", "value"), [("scope", "web"), ("depth", -1), ("pages_per_host", 0), ("pages", -1)])
def test_a_wrong_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        CrawlSettings(**{field: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="keep_headers"):
        CrawlSettings(fetch=crawl_fetch_settings(keep_headers=False))


HEADER = {"seeds": ["https://a.example/"], "depth": 1}


def test_a_journal_is_cut_to_what_the_warc_holds(tmp_path: Path) -> None:
    path, warc = tmp_path / "a.journal", tmp_path / "a"
    journal = Journal(path, warc, HEADER)
    warc.write_bytes(bytes(250))
    entries = [Entry(f"https://a.example/{i}", 0, "page", "ok", False, 100 * (i + 1), "", ["é\ud800\n"]) for i in range(3)]
    for entry in entries:
        journal.add(entry)
    with pytest.raises(LeaseError):
        Journal(path, warc, HEADER)
    journal.close()
    with path.open("a") as file:
        file.write('{"url":"https://a.exa')  # what a crash leaves
    again = Journal(path, warc, HEADER)
    assert again.entries == entries[:2]
    assert again.end == 200
    again.add(entries[2])
    again.close()
    warc.write_bytes(bytes(300))
    third = Journal(path, warc, HEADER)
    assert third.entries == entries
    third.close()


def test_a_journal_of_another_crawl_or_none_is_refused(tmp_path: Path) -> None:
    path, warc = tmp_path / "a.journal", tmp_path / "a"
    Journal(path, warc, HEADER).close()
    with pytest.raises(StorageError, match="another crawl"):
        Journal(path, warc, HEADER | {"depth": 2})
    lines = path.read_text()
    for bad in ("{}\n", "x\n", "[1]\n", json.dumps({"url": 1}) + "\n"):
        path.write_text(lines + bad)
        with pytest.raises(StorageError, match="no line"):
            Journal(path, warc, HEADER)
    path.write_text("")
    Journal(path, warc, HEADER).close()
