"""Crawls of a site on loopback: what is asked, in which order and how often, and what a killed crawl goes on with."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fastwarc.warc import ArchiveIterator, WarcRecordType
from typer.testing import CliRunner

from core.errors import InputError, RecipeError, StorageError
from ingest.crawl_options import read_seeds
from ingest.crawling import CrawlSettings, Summary, crawl, crawl_fetch_settings
from ingest.parts import list_parts
from tests.ingest.conftest import read_parts
from tests.ingest.fetching.servers import Names, Site, in_thread, serve
from web2shards.cli import app


class Web:
    """A site of pages 1 to 60, page n of which links to 2n and 2n + 1, with what sites have beside."""

    def __init__(self) -> None:
        self.robots = "User-agent: *\nDisallow: /private\nSitemap: http://site.example:{port}/map.xml\n"
        self.slow = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        port = request.url.port
        path = request.path
        await asyncio.sleep(self.slow)
        if path == "/robots.txt":
            return web.Response(text=self.robots.format(port=port))
        if path == "/map.xml":
            locs = "".join(f"<url><loc>http://site.example:{port}/{name}</loc></url>" for name in ("mapped", "private/mapped"))
            return web.Response(text=f"<?xml version='1.0'?><urlset>{locs}</urlset>", content_type="application/xml")
        if path == "/old":
            raise web.HTTPFound("/2")
        if path == "/away":
            raise web.HTTPFound(f"http://other.example:{port}/")
        if path == "/image":
            return web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(100), content_type="image/png")
        if path in ("/", "/mapped"):
            extra = "".join(f'<a href="/{name}">x</a>' for name in ("1", "old", "away", "image", "private/x", "missing"))
            return self.page(f"{extra}<a href='http://other.example:{port}/'>o</a><a href='http://sub.site.example:{port}/'>s</a>")
        if path[1:].isdigit() and int(path[1:]) <= 60:
            n = int(path[1:])
            return self.page(f'page {n} <a href="{2 * n}">a</a> <a href="/{2 * n + 1}#x">b</a> <a href="{n}">self</a>')
        return web.Response(status=404)

    @staticmethod
    def page(body: str) -> web.Response:
        return web.Response(text=f"<html><body>{body}</body></html>", content_type="text/html")


@dataclass
class Running:
    """The site, known as site.example."""

    web: Web
    site: Site

    def names(self) -> Names:
        return Names(dict.fromkeys(("site.example", "other.example", "sub.site.example"), ("127.0.0.1",)))

    def crawl(self, warc: Path, *, fetch: dict[str, Any] | None = None, **changes: Any) -> Summary:
        values = {"open_networks": ("127.0.0.0/8",), "ports": (), "host_interval_seconds": 0.0, "first_pause_seconds": 0.01}
        settings = CrawlSettings(fetch=crawl_fetch_settings(**(values | (fetch or {}))), **changes)
        return crawl([f"http://site.example:{self.site.port}/"], warc, settings, lookup=self.names())


@pytest.fixture
def server() -> Iterator[Running]:
    web = Web()
    with in_thread(serve(web.answer, routes={"/robots.txt": web.answer})) as site:
        yield Running(web, site)


def urls(warc: Path) -> list[str]:
    records = ArchiveIterator(io.BytesIO(warc.read_bytes()), record_types=WarcRecordType.response, verify_digests=True)
    return [str(record.headers["WARC-Target-URI"]) for record in records]


def paths(warc: Path) -> list[str]:
    return [url.split("/", 3)[3] for url in urls(warc)]


def test_a_site_is_crawled_to_its_depth(server: Running, tmp_path: Path) -> None:
    summary = server.crawl(tmp_path / "a.warc.gz", depth=3)
    wanted = ["", *(str(n) for n in range(1, 12)), "mapped"]  # /old leads to 2, whose links are one nearer for that
    assert sorted(paths(tmp_path / "a.warc.gz")) == sorted(wanted)
    assert summary.statuses == {
        "ok": 13, "robots": 2, "http_404": 1, "other_format": 1, "same_page": 1, "out_of_scope": 1, "sitemap_ok": 1,
    }  # fmt: skip
    assert (summary.records, summary.waiting) == (13, 0)
    assert summary.bytes == (tmp_path / "a.warc.gz").stat().st_size
    asked = Counter(server.site.paths)
    assert asked["/robots.txt"] == 2  # of other.example too, to which /away leads
    assert max(count for path, count in asked.items() if path not in ("/robots.txt", "/2", "/")) == 1
    assert not any(path.startswith("/private") for path in asked)
    assert server.site.most <= 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"PK\x03\x04" + bytes(999), "other_format"), (b"\0\0\0\x18ftypmp42" + bytes(999), "other_format"),
        (b"wOF2" + bytes(999), "other_format"), (b"%PDF-1.7" + bytes(999), "other_format"), (b"plain text", "ok"), (b"<p>x", "ok"),
    ],
)  # fmt: skip
def test_only_pages_are_kept_whatever_they_are_called(body: bytes, status: str, server: Running, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/html")

    with in_thread(serve(answer)) as site:
        assert Running(server.web, site).crawl(tmp_path / "a.warc", depth=0).statuses == {status: 1}


def test_depth_budgets_and_scope_bound_a_crawl(server: Running, tmp_path: Path) -> None:
    assert server.crawl(tmp_path / "a.warc", depth=0).records == 1
    assert server.crawl(tmp_path / "b.warc", depth=5, pages_per_host=5, sitemaps=False).statuses.total() == 5
    found = server.crawl(tmp_path / "c.warc", depth=1, scope="subdomains", sitemaps=False)
    assert f"http://sub.site.example:{server.site.port}/" in urls(tmp_path / "c.warc")
    assert found.statuses["out_of_scope"] == 1
    server.crawl(tmp_path / "d.warc", depth=1, scope="any", sitemaps=False)
    assert f"http://other.example:{server.site.port}/" in urls(tmp_path / "d.warc")


def test_a_crawl_that_ended_early_goes_on(server: Running, tmp_path: Path) -> None:
    warc = tmp_path / "a.warc.gz"
    first = server.crawl(warc, depth=4, pages=4)
    assert 0 < first.records <= 4
    assert first.waiting > 0
    seen = len(server.site.log)
    second = server.crawl(warc, depth=4)
    assert second.waiting == 0
    whole = server.crawl(tmp_path / "whole.warc.gz", depth=4)
    assert sorted(urls(warc)) == sorted(urls(tmp_path / "whole.warc.gz"))
    assert second.statuses == whole.statuses
    assert second.records == whole.records
    again = [asked.path for asked in server.site.log[seen:]]
    assert server.crawl(warc, depth=4).statuses == second.statuses
    assert again.count("/1") <= 2  # by the second and by the whole, or by the whole alone
    with pytest.raises(StorageError, match="another crawl"):
        server.crawl(warc, depth=5)


def test_what_failed_for_now_is_asked_for_again_by_the_next_run(server: Running, tmp_path: Path) -> None:
    warc = tmp_path / "a.warc.gz"
    server.web.slow = 3.0
    hung = server.crawl(warc, depth=1, fetch={"connect_seconds": 0.1, "read_seconds": 0.2})
    assert hung.records == 0
    assert set(hung.statuses) <= {"robots_unreachable", "sitemap_robots_unreachable", "host_unreachable"}
    server.web.slow = 0.0
    assert server.crawl(warc, depth=1).records > 2


def test_a_deadline_leaves_the_rest_waiting(server: Running, tmp_path: Path) -> None:
    server.web.slow = 0.2
    summary = server.crawl(tmp_path / "a.warc.gz", depth=6, fetch={"deadline_seconds": 1.5})
    assert summary.waiting > 0
    assert "not_reached" not in summary.statuses


def test_nothing_to_crawl_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        crawl(["ftp://a.example/", "http://127.0.0.1/"], tmp_path / "a.warc", CrawlSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_warc_that_is_there_is_not_written_over(server: Running, tmp_path: Path) -> None:
    warc = tmp_path / "mine.warc.gz"
    warc.write_bytes(b"somebody's work")
    for _ in range(2):
        with pytest.raises(StorageError, match="there already"):
            server.crawl(warc)
    assert warc.read_bytes() == b"somebody's work"


def test_a_crawl_goes_on_with_other_ports_and_networks(server: Running, tmp_path: Path) -> None:
    warc, here = tmp_path / "a.warc.gz", f"http://127.0.0.1:{server.site.port}/"
    other = "http://a.example:9/"  # nobody answers there
    fetch = {"open_networks": ("127.0.0.0/8",), "host_interval_seconds": 0.0, "retries": 0}
    names = Names({"a.example": ("127.0.0.1",)})
    for ports in ((server.site.port, 9), (9,)):
        settings = CrawlSettings(depth=0, fetch=crawl_fetch_settings(**fetch, ports=ports))
        summary = crawl([here, other], warc, settings, lookup=names)
        assert summary.records == 1
    assert list(summary.refused) == [here]
    assert summary.statuses["port_refused"] == 1


def test_sitemaps_are_looked_for_once_robots_txt_is_known(server: Running, tmp_path: Path) -> None:
    warc, robots = tmp_path / "a.warc.gz", server.web.robots
    server.web.robots = "{nothing.of_the_kind}"  # an answer 500
    assert set(server.crawl(warc, depth=1).statuses) == {"robots_unreachable"}
    server.web.robots = robots
    assert server.crawl(warc, depth=1).statuses["sitemap_ok"] == 1


def test_sitemaps_that_name_each_other_end(server: Running, tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        number = int(request.path[1:-4]) + 1 if request.path.endswith(".xml") and request.path[1:-4].isdigit() else 0
        locs = "".join(f"<loc>http://site.example:{request.url.port}/{number * 3 + i}.xml</loc>" for i in range(3))
        return web.Response(text=f"<sitemapindex>{locs}</sitemapindex>", content_type="application/xml")

    with in_thread(serve(answer)) as site:
        summary = Running(server.web, site).crawl(tmp_path / "a.warc", depth=1)
    assert summary.statuses["sitemap_ok"] == 50


def test_links_of_a_page_that_says_nofollow_are_left(server: Running, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<a href='/2'>2</a>", content_type="text/html", headers={"X-Robots-Tag": "web2shards: nofollow"})

    with in_thread(serve(answer)) as site:
        assert Running(server.web, site).crawl(tmp_path / "a.warc", depth=1, sitemaps=False).records == 1
        assert Running(server.web, site).crawl(tmp_path / "b.warc", depth=1, sitemaps=False, nofollow=False).records == 2


def test_seeds_are_read() -> None:
    text = "# seeds\nhttps://a.example/x#y # why\n\n b.example \nhttp://c.example\n"
    assert read_seeds(text) == ["https://a.example/x#y", "https://b.example/", "http://c.example"]


def test_the_command_crawls_and_tells(server: Running, tmp_path: Path) -> None:
    seeds, warc = tmp_path / "seeds.txt", tmp_path / "out.warc.gz"
    seeds.write_text(f"\N{ZERO WIDTH NO-BREAK SPACE}http://127.0.0.1:{server.site.port}/1\nhttp://10.0.0.1/\n")
    opened = ["--open-network", "127.0.0.0/8", "--port", str(server.site.port)]
    command = ["crawl", str(seeds), "-o", str(warc), "--depth", "1", *opened]
    done = CliRunner().invoke(app, [*command, "--interval", "0", "--no-sitemaps"])
    assert done.exit_code == 0, done.output
    assert "3 pages" in done.output
    assert "not crawled: http://10.0.0.1/: 10.0.0.1 is not public" in done.output
    assert sorted(paths(warc)) == ["1", "2", "3"]
    closed = CliRunner().invoke(app, ["crawl", str(seeds), "-o", str(tmp_path / "b.warc.gz")])
    assert closed.exit_code == InputError.exit_code
    assert CliRunner().invoke(app, [*command, "--scope", "web"]).exit_code == RecipeError.exit_code


def test_the_commands_of_the_runbook(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seeds.txt").write_text(f"http://127.0.0.1:{server.site.port}/1\n")
    page = (Path(__file__).parents[3] / "runbooks" / "crawling.md").read_text()
    commands = re.findall(r"^web2shards (.*)$", page, re.M)
    assert commands
    for command in commands:
        opened = ["--open-network", "127.0.0.0/8", "--port", str(server.site.port), "--interval", "0"]
        done = CliRunner().invoke(app, [*shlex.split(command), *opened])
        assert done.exit_code == 0, done.output
    assert len(urls(Path("out.warc.gz"))) == 7


def test_what_is_crawled_is_an_input(server: Running, tmp_path: Path) -> None:
    server.crawl(tmp_path / "a.warc.gz", depth=1, sitemaps=False)
    reading = read_parts(list_parts([str(tmp_path / "a.warc.gz")]))
    kept = [row["url"] for row in reading.records if row["reason"] is None]
    assert sorted(kept) == sorted(urls(tmp_path / "a.warc.gz"))
    assert "page 2 " in "".join(reading.contents())


def test_a_killed_crawl_goes_on_without_loss_or_doubles(server: Running, tmp_path: Path) -> None:
    seeds, warc = tmp_path / "seeds.txt", tmp_path / "out.warc.gz"
    seeds.write_text(f"http://127.0.0.1:{server.site.port}/1\n")
    command = [
        sys.executable, "-m", "web2shards", "crawl", str(seeds), "-o", str(warc), "--open-network", "127.0.0.0/8",
        "--port", str(server.site.port), "--depth", "6", "--interval", "0.02", "--no-sitemaps",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    for pages in (3, 12):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 30
        while time.monotonic() < ends and len(server.site.log) < pages:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with warc.open("ab") as file:
        file.write(b"\x1f\x8b\x08half a record")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(paths(warc), key=int) == [str(n) for n in range(1, 61)]
