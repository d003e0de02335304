"""The crawl itself: one pass of the fetcher, fed by the links and sitemaps of what it gets, written to WARC and journal.

A record is written whole before the journal says so, so that a crawl which was killed is taken up without loss or doubles.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError
from ingest.crawling.frontier import PAGE, SITEMAP, Frontier, Task, key_of
from ingest.crawling.journal import Entry, Journal
from ingest.crawling.links import links_of
from ingest.crawling.settings import CrawlSettings
from ingest.crawling.sitemaps import read_sitemap
from ingest.crawling.warc import WarcWriter
from ingest.fetching import Lookup, Outcome, RobotsCache, Spent, fetch
from ingest.fetching.rights import robots_directives
from ingest.fetching.urls import Refused, target_of

#: The sitemap that is looked for where robots.txt names none.
DEFAULT_SITEMAP = "/sitemap.xml"


@dataclass(slots=True)
class Summary:
    """What a crawl came to, earlier runs with it: URLs by status, records and bytes of the WARC, and URLs that wait.

    `refused`: seeds that may not be crawled, each with what is wrong with it.
    """

    statuses: Counter[str] = field(default_factory=Counter[str])
    records: int = 0
    bytes: int = 0
    waiting: int = 0
    refused: dict[str, str] = field(default_factory=dict[str, str])
    spent: Spent = field(default_factory=Spent)


def crawl(
    seeds: Sequence[str],
    warc: Path,
    settings: CrawlSettings,
    *,
    lookup: Lookup | None = None,
    note: Callable[[Summary], None] | None = None,
) -> Summary:
    """Crawls from `seeds` into the file `warc`, beside which a journal (`.journal`) is kept; goes on if that is there.

    `note` is called with the summary after each URL. Raises InputError if no seed may be crawled, StorageError if the
    journal is of another crawl, LeaseError if one writes there now.
    """
    seeds = [seed for seed in dict.fromkeys(seed.strip() for seed in seeds) if seed]
    refused = {seed: error for seed in seeds if (error := _refusal(seed, settings)) is not None}
    if len(refused) == len(seeds):
        why = next((f"{seed[:200]}: {error.detail}" for seed, error in refused.items()), "there is none")
        raise InputError(f"none of the seeds is a URL that may be crawled: {why}", "give http or https URLs, one a line")
    crawler = _Crawler(seeds, warc, settings, note or (lambda _: None))
    crawler.summary.refused = {seed: error.detail for seed, error in refused.items()}
    crawler.summary.statuses.update(error.status for error in refused.values())
    try:
        asyncio.run(crawler.run(lookup))
    finally:
        crawler.close()
    return crawler.summary


def _refusal(url: str, settings: CrawlSettings) -> Refused | None:
    try:
        target_of(url, settings.fetch)
    except Refused as refused:
        return refused
    return None


class _Crawler:
    def __init__(self, seeds: Sequence[str], warc: Path, settings: CrawlSettings, note: Callable[[Summary], None]) -> None:
        self._settings = settings
        self._note = note
        header = {
            "seeds": sorted(seeds), "scope": settings.scope, "depth": settings.depth, "sitemaps": settings.sitemaps,
            "nofollow": settings.nofollow, "pages_per_host": settings.pages_per_host,
        }  # fmt: skip
        self._journal = Journal(warc.with_name(f"{warc.name}.journal"), warc, header)
        try:
            self._writer = WarcWriter(warc, self._journal.end)
        except BaseException:
            self._journal.close()
            raise
        self.summary = Summary()
        self._robots = RobotsCache()
        self._written: set[int] = set()
        self._origins: set[str] = set()
        dealt = {key_of(entry.url) for entry in self._journal.entries if not entry.retryable}
        self._frontier = Frontier(seeds, settings, dealt)
        self._replay(seeds)
        if not self._journal.end:
            self._writer.information({"software": f"web2shards/{_version()}", "http-header-user-agent": settings.fetch.user_agent})

    async def run(self, lookup: Lookup | None) -> None:
        settings, summary = self._settings, self.summary
        stream = fetch(self._frontier, settings.fetch, robots=self._robots, lookup=lookup, spent=summary.spent)
        async with contextlib.aclosing(stream) as outcomes:
            async for outcome in outcomes:
                task = self._frontier.ended(outcome.index)
                if outcome.status == "not_reached":
                    summary.waiting += 1
                    continue
                self._take(task, outcome)
                self._note(summary)
        summary.waiting += self._frontier.waiting

    def close(self) -> None:
        self._writer.close()
        self._journal.close()

    def _replay(self, seeds: Sequence[str]) -> None:
        for seed in seeds:
            self._frontier.add(Task(seed, 0))
        for entry in self._journal.entries:
            if not entry.retryable:
                self._count(entry)
            if entry.kind == PAGE and not entry.retryable and _refusal(entry.url, self._settings) is None:
                self._origins.add(target_of(entry.url, self._settings.fetch).origin)
            if entry.status == "ok" and entry.kind == PAGE:
                self._written.add(key_of(entry.final_url or entry.url))
            self._queue(entry)
        self.summary.bytes = self._journal.end

    def _queue(self, entry: Entry) -> None:
        for url in entry.sitemaps:
            self._frontier.add(Task(url, 1, SITEMAP))
        depth = 1 if entry.kind == SITEMAP else entry.depth + 1
        for url in entry.found:
            self._frontier.add(Task(url, depth))

    def _take(self, task: Task, outcome: Outcome) -> None:
        status = "other_format" if outcome.status == "not_an_image" else outcome.status
        found: list[str] = []
        sitemaps = self._sitemaps(task, outcome)
        if status == "ok":
            if task.kind == SITEMAP:
                sitemap = read_sitemap(outcome.body or b"")
                sitemaps += [url for url in sitemap.urls if sitemap.index and self._new(Task(url, 1, SITEMAP))]
                found = [url for url in sitemap.urls if not sitemap.index and self._new(Task(url, 1))]
            elif not self._frontier.in_scope(outcome.final_url):
                status = "out_of_scope"
            elif key_of(outcome.final_url) in self._written:
                status = "same_page"
            else:
                found = self._write(task, outcome)
        final = outcome.final_url if outcome.final_url != task.url else ""
        entry = Entry(task.url, task.depth, task.kind, status, outcome.retryable, self._writer.offset, final, found, sitemaps)
        self._writer.flush()
        self._journal.add(entry)
        self._count(entry)
        self.summary.bytes = self._writer.offset

    def _write(self, task: Task, outcome: Outcome) -> list[str]:
        """Writes a page, and queues what it links to."""
        self._written.add(key_of(outcome.final_url))
        self._writer.response(outcome)
        if outcome.format != "html" or task.depth >= self._settings.depth:
            return []
        body = outcome.body or b""
        nofollow, fetch_settings = self._settings.nofollow, self._settings.fetch
        if nofollow and "nofollow" in robots_directives(outcome.headers, fetch_settings):
            return []
        links = links_of(body, outcome.content_type, outcome.final_url, nofollow=nofollow, agent=fetch_settings.agent)
        return [url for url in links if self._new(Task(url, task.depth + 1))]

    def _sitemaps(self, task: Task, outcome: Outcome) -> list[str]:
        """Sitemaps of a page's origin, when it was asked for the first time and what it answered stays."""
        settings = self._settings
        if not settings.sitemaps or not settings.depth or task.kind == SITEMAP or outcome.retryable:
            return []
        target = target_of(task.url, settings.fetch)
        if target.origin in self._origins:
            return []
        self._origins.add(target.origin)
        rules = self._robots.known(target.origin, settings.fetch)
        listed = rules.sitemaps if rules is not None else []
        return [url for url in listed or [f"{target.origin}{DEFAULT_SITEMAP}"] if self._new(Task(url, 1, SITEMAP))]

    def _new(self, task: Task) -> bool:
        return self._frontier.add(task)

    def _count(self, entry: Entry) -> None:
        self.summary.statuses[entry.status if entry.kind == PAGE else f"sitemap_{entry.status}"] += 1
        self.summary.records += entry.status == "ok" and entry.kind == PAGE


def _version() -> str:
    try:
        return importlib.metadata.version("web2shards")
    except importlib.metadata.PackageNotFoundError:
        return "0"
