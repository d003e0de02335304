"""What a crawl has still to ask for: queues by host that take turns, within scope, depth and budgets, each URL once.

It is the stream of jobs that a pass of the fetcher reads: None while all that is left hangs on what is under way.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import xxhash

from core.addresses import canonical_url
from ingest.crawling.settings import ALL_HOSTS, CrawlSettings, HostGroup
from ingest.fetching.outcomes import Job
from ingest.fetching.urls import Refused, target_of

#: Jobs of one host that a pass holds at most: enough to keep its pace, so that the others have their turns.
AHEAD = 8
#: Sitemaps of one host, however many robots.txt and indexes name.
MAX_SITEMAPS = 50
#: URLs that are remembered, those that wait with them: some 300 bytes each.
MOST_SEEN = 2_000_000
#: Why a link of the scope is not followed: its host has had its pages, there are hosts enough, too much is remembered.
PAGES_PER_HOST, HOSTS, URLS = "pages_per_host", "hosts", "urls"

PAGE, SITEMAP = "page", "sitemap"


@dataclass(frozen=True, slots=True)
class Task:
    """A URL to ask for, its distance from a seed, and whether it is a page or a sitemap."""

    url: str
    depth: int
    kind: str = PAGE


@dataclass(slots=True)
class _Queue:
    name: str
    tasks: deque[Task]
    pages: int = 0
    sitemaps: int = 0
    under_way: int = 0
    waiting: bool = False


class Frontier:
    """Tasks by host. `seeds` say what the scope is; they are added like all else.

    `dealt`: keys of URLs that an earlier run has dealt with: they count, and are not asked for. URLs of hosts that are not of
    `mine` count too, and are not asked for either: `elsewhere` says what their group is.
    """

    def __init__(
        self, seeds: Iterable[str], settings: CrawlSettings, dealt: AbstractSet[int] = frozenset(), mine: HostGroup = ALL_HOSTS
    ) -> None:
        self._settings = settings
        self._dealt = dealt
        self._mine = mine
        #: Hosts beyond the seeds' that may be asked and, if it is one of several groups, that links may lead to in others.
        self._room = [-(-settings.hosts // mine.groups), settings.hosts]
        #: Links of the scope that were not queued, by reason.
        self.left: Counter[str] = Counter()
        self._roots = {host for seed in seeds if (host := self.host_of(seed))}
        self._seen: set[int] = set()
        self._queues: dict[str, _Queue] = {}
        self._turn: deque[_Queue] = deque()
        self._open: dict[int, tuple[Task, _Queue]] = {}
        self._next = 0
        #: Pages that were given out; tasks that wait.
        self.asked = 0
        self.waiting = 0

    def host_of(self, url: str) -> str:
        """The host of a URL without `www.`, empty if the URL may not be asked for."""
        try:
            return target_of(url, self._settings.fetch).host.removeprefix("www.")
        except Refused:
            return ""

    def in_scope(self, url: str) -> bool:
        """Whether a URL belongs to the crawl."""
        host = self.host_of(url)
        if not host or self._settings.scope == "any":
            return bool(host)
        if host in self._roots:
            return True
        return self._settings.scope == "subdomains" and any(host.endswith(f".{root}") for root in self._roots)

    def add(self, task: Task) -> bool:
        """Queues a task, unless its URL was seen, is out of scope or too deep, or its host's budget is used up."""
        if task.depth > self._settings.depth or not self.in_scope(task.url):
            return False
        key = key_of(task.url)
        if key in self._seen:
            return False
        if len(self._seen) >= MOST_SEEN:
            return self._leave(URLS)
        host = self.host_of(task.url)
        queue = self._queues.get(host)
        away = self._mine.of(host) != self._mine.group
        if queue is None:
            if host not in self._roots:
                if not self._room[away]:
                    return self._leave(HOSTS)
                self._room[away] -= 1
            queue = self._queues[host] = _Queue(host, deque())
        if task.kind == PAGE:
            if queue.pages >= self._settings.pages_per_host:
                return self._leave(PAGES_PER_HOST)
            queue.pages += 1
        else:
            if queue.sitemaps >= MAX_SITEMAPS:
                return False
            queue.sitemaps += 1
        self._seen.add(key)
        if away or key in self._dealt:
            return True
        self.waiting += 1
        if task.kind == SITEMAP:
            queue.tasks.appendleft(task)
        else:
            queue.tasks.append(task)
        self._offer(queue)
        return True

    def elsewhere(self, url: str) -> int | None:
        """The group of the host of a URL, None if that is this one."""
        group = self._mine.of(self.host_of(url))
        return None if group == self._mine.group else group

    def _leave(self, why: str) -> bool:
        self.left[why] += 1
        return False

    def ended(self, index: int) -> Task:
        """The task of a job that has its outcome."""
        task, queue = self._open.pop(index)
        queue.under_way -= 1
        self._offer(queue)
        return task

    def __iter__(self) -> Iterator[Job | None]:
        return self

    def __next__(self) -> Job | None:
        while self._turn and not 0 < self._settings.pages <= self.asked:
            queue = self._turn.popleft()
            queue.waiting = False
            if not queue.tasks:
                continue
            task = queue.tasks.popleft()
            queue.under_way += 1
            self.waiting -= 1
            self.asked += task.kind == PAGE
            self._offer(queue)
            self._next += 1
            self._open[self._next] = (task, queue)
            return Job(self._next, task.url)
        if self._open:
            return None
        raise StopIteration

    def _offer(self, queue: _Queue) -> None:
        if queue.tasks and queue.under_way < AHEAD and not queue.waiting:
            queue.waiting = True
            self._turn.append(queue)


def key_of(url: str) -> int:
    """What two spellings of one URL have in common, in 64 bits."""
    return xxhash.xxh3_64_intdigest(canonical_url(url).encode("utf-8", "replace"))
