"""Resolves host names once for many requests: a bounded cache with the answers' own times to live, also of failures.

One look-up of a host is under way at a time, and only addresses that may be connected to come out. Negative answers are
kept as RFC 2308 has it, bounded so that a dead name server is asked again in the same pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiodns
import pycares

from ingest.fetching.addresses import may_connect
from ingest.fetching.outcomes import Spent
from ingest.fetching.settings import FetchSettings
from ingest.fetching.urls import Refused

#: Bounds of how long an answer is kept, in seconds; that there is no such host; that nobody answered.
SHORTEST, LONGEST, NEGATIVE, SILENT = 30.0, 3_600.0, 60.0, 0.1
CACHED_HOSTS = 65_536

#: c-ares' codes for a name that is not there or is none (ares.h); all others say that nobody knows.
_NOT_FOUND = frozenset({pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME})


class NoSuchHost(Exception):
    """The name servers answered: there is no address of that name."""


class Lookup(Protocol):
    """Where names are resolved."""

    async def addresses(self, host: str) -> tuple[Sequence[str], float]:
        """IP addresses of a host in the order to try them, and for how many seconds they hold.

        NoSuchHost if there are none; any other exception says that it could not be found out.
        """
        ...

    async def close(self) -> None: ...


class CaresLookup:
    """c-ares: the machine's name servers and hosts file, without a thread for each name."""

    def __init__(self, nameservers: Sequence[str] | None = None, seconds: float = 10.0) -> None:
        tries = 2
        self._resolver = aiodns.DNSResolver(nameservers, timeout=max(0.5, seconds / tries / 2), tries=tries)

    async def addresses(self, host: str) -> tuple[Sequence[str], float]:
        try:
            found = await self._resolver.getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            code = error.args[0] if error.args else None
            if code in _NOT_FOUND:
                raise NoSuchHost(host) from None
            raise OSError(f"the name servers: {error.args[-1] if error.args else error}") from None
        addresses = [node.addr[0].decode() if isinstance(node.addr[0], bytes) else str(node.addr[0]) for node in found.nodes]
        return list(dict.fromkeys(addresses)), float(min((node.ttl for node in found.nodes), default=0))

    async def close(self) -> None:
        await self._resolver.close()


@dataclass(frozen=True, slots=True)
class _Entry:
    until: float
    addresses: tuple[str, ...] = ()
    refused: Refused | None = None


class Resolver:
    """A cache over a Lookup."""

    def __init__(
        self, lookup: Lookup, settings: FetchSettings, spent: Spent, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lookup = lookup
        self._settings = settings
        self._spent = spent
        self._clock = clock
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[_Entry]] = {}
        self._slots = asyncio.Semaphore(settings.dns_concurrency)

    async def resolve(self, host: str) -> tuple[str, ...]:
        """The open addresses of a host name, at least one; raises Refused (`dns`, `dns_not_found`, `address_refused`)."""
        entry = self._cache.get(host)
        if entry is None or entry.until <= self._clock():
            task = self._under_way.get(host)
            if task is None:
                task = self._under_way[host] = asyncio.create_task(self._find(host))
                task.add_done_callback(lambda _: self._under_way.pop(host, None))
            entry = await asyncio.shield(task)
        else:
            self._cache.move_to_end(host)
        if entry.refused is not None:
            raise Refused(entry.refused.status, entry.refused.detail)
        return entry.addresses

    async def close(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._lookup.close()

    async def _find(self, host: str) -> _Entry:
        async with self._slots:
            entry = await self._look_up(host)
        self._cache[host] = entry
        while len(self._cache) > CACHED_HOSTS:
            self._cache.popitem(last=False)
        return entry

    async def _look_up(self, host: str) -> _Entry:
        self._spent.lookups += 1
        try:
            async with asyncio.timeout(self._settings.dns_seconds):
                found, ttl = await self._lookup.addresses(host)
        except NoSuchHost:
            return self._failed("dns_not_found", f"{host} has no address")
        except TimeoutError:
            return self._failed("dns", f"no answer of the name servers on {host} in {self._settings.dns_seconds:g} s")
        except Exception as error:
            return self._failed("dns", f"{host}: {error}"[:200])
        opened = tuple(address for address in found if may_connect(address, self._settings.networks))
        if not found:
            return self._failed("dns_not_found", f"{host} has no address")
        if not opened:
            return self._failed("address_refused", f"{host} is {found[0]}, which is not public")
        return _Entry(self._clock() + min(max(ttl, SHORTEST), LONGEST), opened)

    def _failed(self, status: str, detail: str) -> _Entry:
        return _Entry(self._clock() + (SILENT if status == "dns" else NEGATIVE), refused=Refused(status, detail))
