"""Runs whose input is a crawl: groups of hosts on loopback that lead to each other, what is asked of them, and what stays."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from core.errors import InputError, StorageError
from pipelines import crawled_group
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.run_options import RunOptions
from pipelines.status import status_of
from tests.ingest.fetching.servers import Site, in_thread, serve
from web2shards.cli import app

from .runs import hashes, small_run

WORDS = "A page about cats that has words enough to be kept, and then some more of them, since short pages are dropped. " * 3
HOSTS = [f"127.0.7.{n}" for n in range(1, 9)]


@dataclass
class Sites:
    """Hosts whose pages 0 to 4 lead to the next page and to the same page of the next host; `busy` paths answer 503."""

    port: int = 0
    busy: set[str] = field(default_factory=set[str])
    away: dict[str, str] = field(default_factory=dict[str, str])
    asked: Counter[str] = field(default_factory=Counter[str])
    open: Counter[str] = field(default_factory=Counter[str])
    most: Counter[str] = field(default_factory=Counter[str])

    def url(self, host: int = 0, path: str = "/0") -> str:
        return f"http://{HOSTS[host]}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.Response:
        host, path = request.host.partition(":")[0], request.path
        self.asked[f"{host}{path}"] += 1
        self.open[host] += 1
        self.most[host] = max(self.most[host], self.open[host])
        await asyncio.sleep(0.002)
        self.open[host] -= 1
        key = f"{HOSTS.index(host)}{path}"
        if key in self.busy:
            return web.Response(status=503)
        if key in self.away:
            raise web.HTTPFound(self.away[key])
        number = path[1:]
        if not number.isdigit() or int(number) > 4:
            return web.Response(status=404)
        there = self.url((HOSTS.index(host) + 1) % len(HOSTS), path)
        links = f"<a href='/{int(number) + 1}'>on</a> <a href='{there}'>there</a>"
        return web.Response(text=f"<html><body><p>{host} {path} {WORDS}</p>{links}", content_type="text/html")

    @property
    def pages(self) -> Counter[str]:
        """What was asked for, but for the files that every host is asked for."""
        return Counter({path: n for path, n in self.asked.items() if not path.endswith((".txt", ".json", ".xml"))})


@pytest.fixture
def sites() -> Iterator[Sites]:
    found = Sites()
    files: dict[str, Any] = dict.fromkeys(("/robots.txt", "/.well-known/tdmrep.json"), found.answer)
    with in_thread(serve(found.answer, files, host="0.0.0.0")) as site:
        assert isinstance(site, Site)
        found.port = site.port
        yield found


def recipe(sites: Sites, *settings: str, **crawl: Any) -> Recipe:
    fetch = {
        "host_interval_seconds": 0, "open_networks": ["127.0.0.0/8"], "ports": [], "retries": 0, "first_pause_seconds": 0.01,
        "connect_seconds": 2,
    }  # fmt: skip
    given = {"seeds": [sites.url()], "scope": "any", "depth": 3, "fetch": fetch, **crawl}
    return load_recipe(json.dumps({
        "name": "crawled", "input": {"crawl": given}, "documents": {"score": ["text"], "keep": ["text.characters >= 100"]},
        "output": {"text": {"from": "documents", "samples": 10}},
    }, indent=1), settings)  # fmt: skip


def reached(depth: int, start: int = 0) -> set[str]:
    """What is so many links away: pages further on, hosts further on, or both."""
    return {f"{HOSTS[(start + host) % 8]}/{page}" for host in range(depth + 1) for page in range(depth + 1 - host)}


def documents(out: Path) -> int:
    return json.loads((out / "report" / "stats.json").read_bytes())["tables"][0]["total"]


def test_groups_of_hosts_lead_to_each_other(sites: Sites, tmp_path: Path) -> None:
    made, out = recipe(sites), tmp_path / "out"
    before = preview(made, RunOptions(str(out)))
    assert (before.passes[0].name, before.passes[0].why) == ("crawl", {"not crawled yet": 1})
    assert before.pipelines[0].passes == ("crawl",)
    result = small_run(out, made)
    assert set(sites.pages) == reached(3)
    assert set(sites.pages.values()) == {1}
    assert max(sites.most.values()) == 1  # one request at a time
    assert documents(out) == len(reached(3))
    crawl = result.stats["crawl"]
    assert (crawl["pages"], crawl["statuses"]["ok"], crawl["left"]) == (10, 10, {})
    assert "<h2>Crawl</h2>" in (out / "report" / "index.html").read_text()
    told = status_of(str(out)).crawl
    assert told is not None
    assert told["pages"] == 10
    assert not list((out / "input" / "crawl" / "pieces").glob("*"))

    kept = hashes(out, "input/warcs", "shards", "documents")
    sites.asked.clear()
    assert not small_run(out, made).passes
    assert not sites.asked
    assert hashes(out, "input/warcs", "shards", "documents") == kept
    assert preview(made, RunOptions(str(out))).nothing


def test_several_workers_come_to_the_same(sites: Sites, tmp_path: Path) -> None:
    made, out = recipe(sites), tmp_path / "out"
    small_run(out, made, inline=False, workers=2)
    assert set(sites.pages) == reached(3)
    assert set(sites.pages.values()) == {1}
    assert max(sites.most.values()) == 1
    assert documents(out) == 10


def test_what_failed_is_tried_by_the_next_run_and_what_was_got_stays(sites: Sites, tmp_path: Path) -> None:
    made, out = recipe(sites), tmp_path / "out"
    sites.busy = {"1/0", "0/1"}
    result = small_run(out, made)
    assert result.stats["crawl"]["statuses"]["http_503"] == 2
    assert sites.pages[f"{HOSTS[1]}/0"] == 1  # not in each round
    first = hashes(out, "input/warcs")
    assert preview(made, RunOptions(str(out))).passes[0].why == {"URLs are to be asked for, or again": 2}
    sites.busy.clear()
    had = set(sites.pages) - {f"{HOSTS[1]}/0", f"{HOSTS[0]}/1"}
    sites.asked.clear()
    result = small_run(out, made)
    assert set(sites.pages) == reached(3) - had
    assert result.stats["crawl"]["statuses"] == {"ok": 10} | {
        name: n for name, n in result.stats["crawl"]["statuses"].items() if name.startswith("sitemap")
    }
    assert first.items() <= hashes(out, "input/warcs").items()
    assert documents(out) == 10


def test_a_killed_crawl_asks_for_what_is_missing_only(sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, out = recipe(sites, depth=4), tmp_path / "out"
    monkeypatch.setattr(crawled_group, "WRITE_SECONDS", 0.0)
    add, added = crawled_group.GroupKeeper.add, Counter[str]()

    def die(self: Any, entry: Any) -> None:
        added["all"] += entry.kind == "page"
        if added["all"] == 8:
            raise MemoryError("killed")
        add(self, entry)

    monkeypatch.setattr(crawled_group.GroupKeeper, "add", die)
    with pytest.raises(Exception, match="killed"):
        small_run(out, made)
    asked = Counter(sites.pages)
    monkeypatch.setattr(crawled_group.GroupKeeper, "add", add)
    sites.asked.clear()
    result = small_run(out, made)
    again = set(asked) & set(sites.pages)
    assert len(again) <= 2  # what was under way: its record was not written
    assert set(asked) | set(sites.pages) == reached(4)
    assert result.stats["crawl"]["statuses"]["ok"] == len(reached(4)) == documents(out)
    assert not list((out / "input" / "crawl" / "pieces").glob("*"))


def test_a_redirect_to_another_host_is_followed_by_its_group(sites: Sites, tmp_path: Path) -> None:
    sites.away = {"0/0": sites.url(3)}
    result = small_run(tmp_path / "out", recipe(sites, depth=1))
    assert set(sites.pages) == {f"{HOSTS[0]}/0"} | reached(1, 3)
    assert result.stats["crawl"]["statuses"]["elsewhere"] == 1
    assert result.stats["crawl"]["statuses"]["ok"] == 3


def test_bounds_are_counted(sites: Sites, tmp_path: Path) -> None:
    result = small_run(tmp_path / "out", recipe(sites, pages_per_host=1, sitemaps=False, depth=4))
    assert set(sites.pages) == {f"{HOSTS[n]}/0" for n in range(5)}
    assert result.stats["crawl"]["left"] == {"pages_per_host": 4}
    sites.asked.clear()
    result = small_run(tmp_path / "none", recipe(sites, hosts=0, sitemaps=False))
    assert {path.partition("/")[0] for path in sites.pages} == {HOSTS[0]}
    assert result.stats["crawl"]["left"]["hosts"] > 0


def test_bounds_hold_over_rounds_and_runs(sites: Sites, tmp_path: Path) -> None:
    """Hosts that have had their pages when others lead to them."""
    made = recipe(sites, seeds=[sites.url(n, f"/{n % 2 * 2}") for n in range(8)], pages_per_host=2, depth=4, sitemaps=False)
    sites.busy = {"1/3"}
    for _ in range(2):
        result = small_run(tmp_path / "out", made)
        sites.busy.clear()
    assert Counter(page.partition("/")[0] for page in sites.pages) == dict.fromkeys(HOSTS, 2)
    assert f"{HOSTS[1]}/3" in sites.pages
    assert result.stats["crawl"]["statuses"] == {"ok": 16}
    assert result.stats["crawl"]["left"]["pages_per_host"] > 0


def test_pages_of_a_run_are_a_bound_of_all_its_groups(sites: Sites, tmp_path: Path) -> None:
    made = recipe(sites, seeds=[sites.url(n) for n in range(8)], scope="host", pages=2, depth=1, sitemaps=False)
    before = -1
    while before < (asked := sites.pages.total()):
        before = asked
        small_run(tmp_path / "out", made)
        assert sites.pages.total() <= asked + 2
    assert set(sites.pages) == {f"{host}/{n}" for host in HOSTS for n in range(2)}
    assert set(sites.pages.values()) == {1}


def test_a_seed_that_is_gone_leaves_nothing_to_do(sites: Sites, tmp_path: Path) -> None:
    """What it led to is out of the scope now."""
    out = tmp_path / "out"
    given = [sites.url(n) for n in range(4)]
    small_run(out, recipe(sites, seeds=given, scope="host", depth=2, sitemaps=False))
    fewer = recipe(sites, seeds=[given[0], *given[2:]], scope="host", depth=2, sitemaps=False)
    small_run(out, fewer)
    assert preview(fewer, RunOptions(str(out))).nothing


def test_pages_of_a_run_are_bounded_and_the_next_one_goes_on(sites: Sites, tmp_path: Path) -> None:
    made, out = recipe(sites, pages=4, depth=2, sitemaps=False), tmp_path / "out"
    small_run(out, made)
    assert 0 < len(sites.pages) < len(reached(2))
    for _ in range(6):
        small_run(out, made)
    assert set(sites.pages) == reached(2)
    assert set(sites.pages.values()) == {1}


def test_another_crawl_wants_another_folder_and_seeds_may_be_added(sites: Sites, tmp_path: Path) -> None:
    seeds, out = tmp_path / "seeds.txt", tmp_path / "out"
    seeds.write_text(f"{sites.url()} # the first\n")
    small_run(out, recipe(sites, seeds=str(seeds), scope="host", depth=1))
    assert set(sites.pages) == {f"{HOSTS[0]}/{n}" for n in range(2)}
    with pytest.raises(StorageError, match="another depth"):
        small_run(out, recipe(sites, seeds=str(seeds), scope="host", depth=2))
    with pytest.raises(StorageError, match="another depth"):
        preview(recipe(sites, seeds=str(seeds), scope="host", depth=2), RunOptions(str(out)))
    seeds.write_text(f"{sites.url()}\n{sites.url(5)}\n")
    sites.asked.clear()
    small_run(out, recipe(sites, seeds=str(seeds), scope="host", depth=1))
    assert set(sites.pages) == {f"{HOSTS[5]}/{n}" for n in range(2)}
    assert documents(out) == 4


def test_without_a_network_a_run_ends_and_says_why(tmp_path: Path) -> None:
    closed = Sites(port=9)
    made = recipe(closed, seeds=[closed.url(n) for n in range(3)])
    result = small_run(tmp_path / "out", made)
    assert result.stats["crawl"]["total"] == 3
    assert set(result.stats["crawl"]["statuses"]) <= {"robots_unreachable", "host_unreachable", "connect"}
    assert (result.stats["records"]["pages"], result.stats["tables"][0]["total"]) == (0, 0)


def test_a_takedown_says_that_it_leaves_the_warcs_and_works_without_them(sites: Sites, tmp_path: Path) -> None:
    made, out = recipe(sites, depth=1), tmp_path / "out"
    small_run(out, made)
    warcs = list((out / "input" / "warcs").iterdir())
    given = ["remove", str(out), "--workers", "1"]
    told = CliRunner().invoke(app, [*given, "--url", sites.url()])
    assert told.exit_code == 0, told.output
    assert f"{len(warcs)} WARCs that the run got" in " ".join(told.output.split())
    assert any(b"127.0.7.1 /0 A page" in gzip.decompress(path.read_bytes()) for path in warcs)
    for path in warcs:
        path.unlink()
    told = CliRunner().invoke(app, [*given, "--url", sites.url(1)])
    assert told.exit_code == 0, told.output
    assert "removed 1 document" in " ".join(told.output.split())
    assert "WARC" not in told.output
    with pytest.raises(InputError, match="cannot be read"):
        small_run(out, made)
