"""Whose turn it is: queues of jobs by host, dealt out under the host's pace and the caps of host and address.

No clock and no network here: times come in as numbers, so that the order of turns can be tested without waiting. Hosts that
have begun come before new ones, so that connections are used again and few are open.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ingest.fetching.outcomes import Job
from ingest.fetching.settings import FetchSettings
from ingest.fetching.urls import Target

#: Hosts without work that are remembered, for what they answered.
REMEMBERED = 16_384


@dataclass(slots=True, eq=False)
class Hop:
    """A job at the URL that it has come to."""

    job: Job
    target: Target
    redirects: int = 0
    tries: int = 0
    requests: int = 0
    wire_bytes: int = 0


@dataclass(slots=True, eq=False)
class Host:
    """What is known of a host name, and its jobs: `queue` in order, `later` those that wait for another try."""

    name: str
    interval: float
    queue: deque[Hop] = field(default_factory=deque[Hop])
    later: list[tuple[float, int, Hop]] = field(default_factory=list[tuple[float, int, Hop]])
    address: str = ""
    active: int = 0
    next_at: float = 0.0
    #: When its first request was made.
    began_at: float | None = None
    #: It has answered: more than one request at a time may be made.
    answered: bool = False
    #: Failures in a row to connect or answer, and answers in a row that it is busy.
    failures: int = 0
    busy: int = 0
    #: Reason and detail for which nothing more is asked of it in this pass.
    given_up: tuple[str, str] | None = None
    #: The same for single origins.
    closed: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    robots_tries: dict[str, int] = field(default_factory=dict[str, int])
    #: Held while it is asked for robots.txt or tdmrep.json.
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: The time for which it stands in a heap of turns; never, or -infinity while it waits for its address.
    offered_at: float = math.inf

    @property
    def idle(self) -> bool:
        return not (self.queue or self.later or self.active)


@dataclass(slots=True)
class _Address:
    active: int = 0
    parked: deque[Host] = field(default_factory=deque[Host])


class Turns:
    """The hosts of a pass. A host's first job puts it into `unresolved`; `resolved` lets its turns begin."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._hosts: dict[str, Host] = {}
        self._idle: OrderedDict[str, Host] = OrderedDict()
        self._addresses: dict[str, _Address] = {}
        self._begun: list[tuple[float, int, Host]] = []
        self._new: list[tuple[float, int, Host]] = []
        self._numbers = itertools.count()
        self.unresolved: deque[Host] = deque()
        #: Jobs in queues; hosts that have a job, and of those the ones that have begun.
        self.held = 0
        self.begun = 0

    @property
    def waiting_to_begin(self) -> int:
        """Hosts that are resolved and had no turn yet, at most."""
        return len(self._new)

    def host(self, name: str) -> Host:
        """The host of a name, which is new if it was not seen lately."""
        host = self._hosts.get(name)
        if host is None:
            host = self._idle.pop(name, None) or Host(name, self._settings.host_interval_seconds)
            self._hosts[name] = host
            self.begun += host.began_at is not None
        return host

    def add(self, hop: Hop, *, first: bool = False, at: float | None = None) -> None:
        """Queues a hop at its host: at the end, `first`, or to be tried from `at` on."""
        host = self.host(hop.target.host)
        fresh = not (host.address or host.queue or host.later)
        if at is not None:
            heapq.heappush(host.later, (at, next(self._numbers), hop))
        elif first:
            host.queue.appendleft(hop)
        else:
            host.queue.append(hop)
        self.held += 1
        if fresh:
            self.unresolved.append(host)
        else:
            self._offer(host)

    def resolved(self, host: Host, address: str) -> None:
        """A host's address is known: the one under which it shares a cap with others."""
        host.address = address
        self._offer(host)

    def take(self, now: float, settle: Callable[[Host, Hop], bool]) -> tuple[Host, Hop] | None:
        """The next hop whose turn has come; its host counts as asked until `done`.

        `settle` is called with each hop first, and says whether it has dealt with it without a request.
        """
        while True:
            heap = self._begun if self._begun and self._begun[0][0] <= now else self._new
            if not heap or heap[0][0] > now:
                return None
            at, _, host = heapq.heappop(heap)
            if host.offered_at != at:
                continue
            host.offered_at = math.inf
            hop = self._turn(host, now, settle)
            if hop is not None:
                self._offer(host)
                return host, hop

    def next_at(self) -> float | None:
        """When the next turn may come; None if that hangs on what is under way."""
        return min((heap[0][0] for heap in (self._begun, self._new) if heap), default=None)

    def done(self, host: Host) -> None:
        """A request to the host has ended."""
        host.active -= 1
        address = self._addresses[host.address]
        address.active -= 1
        self._unpark(host.address)
        if not (address.active or address.parked):
            del self._addresses[host.address]
        self._offer(host)
        self.forget(host)

    def drain(self, host: Host) -> list[Hop]:
        """Takes all jobs of a host out."""
        hops = [*host.queue, *(hop for _, _, hop in sorted(host.later, key=lambda entry: entry[:2]))]
        host.queue.clear()
        host.later.clear()
        self.held -= len(hops)
        self.forget(host)
        return hops

    def drain_all(self) -> Iterator[Hop]:
        """Takes all jobs of all hosts out."""
        for host in list(self._hosts.values()):
            yield from self.drain(host)

    def forget(self, host: Host) -> None:
        """Moves a host without work to those that are only remembered."""
        if not host.idle or self._hosts.pop(host.name, None) is None:
            return
        self.begun -= host.began_at is not None
        self._idle[host.name] = host
        if len(self._idle) > REMEMBERED:
            self._idle.popitem(last=False)

    def _turn(self, host: Host, now: float, settle: Callable[[Host, Hop], bool]) -> Hop | None:
        """A hop of a host if it may be asked now, else None: the host is offered again when that changes."""
        while host.later and host.later[0][0] <= now:
            host.queue.append(heapq.heappop(host.later)[2])
        while host.queue and settle(host, host.queue[0]):
            host.queue.popleft()
            self.held -= 1
        if not host.queue or self._full(host) or host.next_at > now:
            self._offer(host)
            self._unpark(host.address)
            self.forget(host)
            return None
        address = self._addresses.setdefault(host.address, _Address())
        if address.active >= self._settings.per_address:
            address.parked.append(host)
            host.offered_at = -math.inf
            return None
        if host.began_at is None:
            host.began_at = now
            self.begun += 1
        host.active += 1
        address.active += 1
        host.next_at = now + host.interval
        self.held -= 1
        return host.queue.popleft()

    def _full(self, host: Host) -> bool:
        return host.active >= (self._settings.per_host if host.answered else 1)

    def _offer(self, host: Host) -> None:
        if not host.address or not (host.queue or host.later) or self._full(host):
            return
        at = host.next_at if host.queue else max(host.next_at, host.later[0][0])
        if at < host.offered_at:
            host.offered_at = at
            heapq.heappush(self._new if host.began_at is None else self._begun, (at, next(self._numbers), host))

    def _unpark(self, name: str) -> None:
        """Offers a host that waits for its address, if there is room: one, as each that ends its turn lets the next come."""
        address = self._addresses.get(name)
        while address is not None and address.parked and address.active < self._settings.per_address:
            host = address.parked.popleft()
            host.offered_at = math.inf
            self._offer(host)
            if host.offered_at < math.inf:
                return
