"""The crawl itself: one pass of the fetcher, fed by the links and sitemaps of what it gets, which a keeper writes down."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import InputError
from ingest.crawling.frontier import PAGE, SITEMAP, Frontier, Task, key_of
from ingest.crawling.journal import Entry
from ingest.crawling.links import links_of
from ingest.crawling.settings import ALL_HOSTS, CrawlSettings, HostGroup
from ingest.crawling.sitemaps import read_sitemap
from ingest.fetching import Lookup, Outcome, RobotsCache, Spent, fetch
from ingest.fetching.rights import robots_directives
from ingest.fetching.urls import Refused, target_of

#: The sitemap that is looked for where robots.txt names none.
DEFAULT_SITEMAP = "/sitemap.xml"


@dataclass(slots=True)
class Summary:
    """What a crawl came to, earlier runs with it: URLs by status, records and bytes of the WARC, and URLs that wait.

    `again`: URLs among `statuses` that the next run asks for again. `left`: links of the scope that were not followed, by the
    bound that they met. `refused`: seeds that may not be crawled, each with what is wrong with it. `sent`: URLs that were led to
    and are for others to ask, by group.
    """

    statuses: Counter[str] = field(default_factory=Counter[str])
    records: int = 0
    bytes: int = 0
    waiting: int = 0
    again: int = 0
    left: Counter[str] = field(default_factory=Counter[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    sent: Counter[int] = field(default_factory=Counter[int])
    spent: Spent = field(default_factory=Spent)


class Keeper(Protocol):
    """Where a crawl keeps its records and what it has done."""

    @property
    def bytes(self) -> int:
        """Of the records."""
        ...

    @property
    def due(self) -> bool:
        """Whether `write` is to be called."""
        ...

    def entries(self) -> Iterable[Entry]:
        """What earlier runs have done, in its order."""
        ...

    def response(self, outcome: Outcome) -> None:
        """Keeps a record."""
        ...

    def add(self, entry: Entry) -> None:
        """Notes what came of a URL; its record, if it has one, was kept before."""
        ...

    def write(self, summary: Summary) -> None:
        """Makes sure that what was kept outlives this process; called from another thread, while nothing is added."""
        ...


def judged(seeds: Sequence[str], settings: CrawlSettings) -> tuple[list[str], dict[str, Refused]]:
    """Seeds that may be crawled, each once, and those that may not. InputError if there is none that may."""
    seeds = [seed for seed in dict.fromkeys(seed.strip() for seed in seeds) if seed]
    refused = {seed: error for seed in seeds if (error := _refusal(seed, settings)) is not None}
    if len(refused) == len(seeds):
        why = next((f"{seed[:200]}: {error.detail}" for seed, error in refused.items()), "there is none")
        raise InputError(f"none of the seeds is a URL that may be crawled: {why}", "give http or https URLs, one a line")
    return [seed for seed in seeds if seed not in refused], refused


def _refusal(url: str, settings: CrawlSettings) -> Refused | None:
    try:
        target_of(url, settings.fetch)
    except Refused as refused:
        return refused
    return None


class Crawler:
    """One crawl, or its share of hosts: `mine`, to which other groups have led by `mail`.

    `run` is the number of this run of several rounds: what failed in it is not asked for again in it. Links of pages whose keys
    are `unreadable` are not looked for, and `reading` is called with the key of a page before they are.
    """

    def __init__(
        self,
        seeds: Sequence[str],
        keeper: Keeper,
        settings: CrawlSettings,
        *,
        note: Callable[[Summary], None] | None = None,
        mine: HostGroup = ALL_HOSTS,
        mail: Iterable[Task] = (),
        robots: RobotsCache | None = None,
        run: int = 0,
        unreadable: AbstractSet[int] = frozenset(),
        reading: Callable[[int], None] | None = None,
    ) -> None:
        self._settings, self._keeper = settings, keeper
        self._note, self._reading = note, reading
        self._run, self._unreadable = run, unreadable
        self.summary = Summary()
        self._robots = RobotsCache() if robots is None else robots
        self._written: set[int] = set()
        self._origins: set[str] = set()
        dealt = {key_of(entry.url) for entry in keeper.entries() if self._is_dealt(entry)}
        self._frontier = Frontier(seeds, settings, dealt, mine)
        self._replay(seeds, mail)

    @property
    def asked(self) -> int:
        """Pages that were asked for in this run."""
        return self._frontier.asked

    async def run(self, lookup: Lookup | None = None) -> None:
        """Asks for what is left, as far as deadline and budgets go."""
        settings, summary = self._settings, self.summary
        stream = fetch(self._frontier, settings.fetch, robots=self._robots, lookup=lookup, spent=summary.spent)
        async with contextlib.aclosing(stream) as outcomes:
            async for outcome in outcomes:
                task = self._frontier.ended(outcome.index)
                if outcome.status == "not_reached":
                    summary.waiting += 1
                    continue
                self._take(task, outcome)
                if self._note is not None:
                    self._note(summary)
                if self._keeper.due:
                    await asyncio.to_thread(self._keeper.write, summary)
        summary.waiting += self._frontier.waiting

    def _is_dealt(self, entry: Entry) -> bool:
        return not entry.retryable or 0 < self._run == entry.run

    def _replay(self, seeds: Sequence[str], mail: Iterable[Task]) -> None:
        """Queues what is to be asked for, what was dealt with counts. Mail comes last: what came since then may not take the
        places in the bounds that others have had."""
        for seed in seeds:
            if self._frontier.elsewhere(seed) is None:
                self._frontier.add(Task(seed, 0))
        seeds_left = self._frontier.left.copy()
        for entry in self._keeper.entries():
            if self._is_dealt(entry):
                self._frontier.add(Task(entry.url, entry.depth, entry.kind))
                self._count(entry)
                self.summary.left.update(entry.left)
            if entry.kind == PAGE and not entry.retryable and _refusal(entry.url, self._settings) is None:
                self._origins.add(target_of(entry.url, self._settings.fetch).origin)
            if entry.status == "ok" and entry.kind == PAGE:
                self._written.add(key_of(entry.final_url or entry.url))
        for entry in self._keeper.entries():
            for task in entry.led_to:
                self._new(task)
        self._frontier.left = seeds_left  # the others are of links that entries tell of
        for task in mail:
            self._frontier.add(task)
        self.summary.left += self._frontier.left
        self._frontier.left.clear()
        self.summary.bytes = self._keeper.bytes

    def _take(self, task: Task, outcome: Outcome) -> None:
        status = "other_format" if outcome.status == "not_an_image" else outcome.status
        found: list[str] = []
        self._frontier.left.clear()
        sitemaps = self._sitemaps(task, outcome)
        if status == "elsewhere":
            if not self._frontier.in_scope(outcome.final_url):
                status = "out_of_scope"
            elif self._new(Task(outcome.final_url, task.depth, task.kind)):
                (sitemaps if task.kind == SITEMAP else found).append(outcome.final_url)
        elif status == "ok":
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
        left = dict(self._frontier.left)
        entry = Entry(task.url, task.depth, task.kind, status, outcome.retryable, 0, final, found, sitemaps, left, self._run)
        self._keeper.add(entry)
        self._count(entry)
        self.summary.left.update(left)
        self.summary.bytes = self._keeper.bytes

    def _write(self, task: Task, outcome: Outcome) -> list[str]:
        """Writes a page, and queues what it links to."""
        key = key_of(outcome.final_url)
        self._written.add(key)
        self._keeper.response(outcome)
        if outcome.format != "html" or task.depth >= self._settings.depth or key in self._unreadable:
            return []
        body = outcome.body or b""
        nofollow, fetch_settings = self._settings.nofollow, self._settings.fetch
        if nofollow and "nofollow" in robots_directives(outcome.headers, fetch_settings):
            return []
        if self._reading is not None:
            self._reading(key)
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
        if not self._frontier.add(task):
            return False
        group = self._frontier.elsewhere(task.url)
        if group is not None:
            self.summary.sent[group] += 1
        return True

    def _count(self, entry: Entry) -> None:
        self.summary.statuses[entry.status if entry.kind == PAGE else f"sitemap_{entry.status}"] += 1
        self.summary.records += entry.status == "ok" and entry.kind == PAGE
        self.summary.again += entry.retryable
