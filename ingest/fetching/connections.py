"""Connections that go to open addresses only, are kept for the next request, and take no header without bounds.

A connection is made to an address that came out of our resolver, and judged once more where its socket is made, so that no
second look-up by anyone else can change where it goes (DNS rebinding).
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from ingest.fetching.addresses import may_connect
from ingest.fetching.resolver import Resolver
from ingest.fetching.settings import FetchSettings

#: Of the header: each line, and how many. Servers of images send some 20 lines; cookies and policies run to a few kB.
MAX_LINE, MAX_FIELDS = 16 << 10, 128
#: How long a connection waits for its next request, and how many addresses of a host are tried.
KEPT_SECONDS, TRIED_ADDRESSES = 15.0, 4


class NotOpen(OSError):
    """A socket was asked for to an address that is not open."""


class Response(aiohttp.ClientResponse):
    """A response that knows who answered, also when its connection has been given back."""

    address = ""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        peer = connection.transport.get_extra_info("peername") if connection.transport is not None else None
        self.address = peer[0] if peer else ""
        return await super().start(connection)


class _CheckedAddresses(AbstractResolver):
    """Our resolver as aiohttp asks for it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolver.resolve(host.removesuffix("."))
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses[:TRIED_ADDRESSES]
        ]

    async def close(self) -> None:
        pass


def open_session(settings: FetchSettings, resolver: Resolver) -> aiohttp.ClientSession:
    """A session without cookies, proxies of the environment, or decoding of bodies; to be closed."""

    def make_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_connect(address[0], settings.networks):
            raise NotOpen(f"{address[0]} is not public")
        return socket.socket(family=family, type=kind, proto=protocol)

    connector = aiohttp.TCPConnector(
        resolver=_CheckedAddresses(resolver),
        use_dns_cache=False,
        limit=0,
        keepalive_timeout=KEPT_SECONDS,
        ssl=settings.verify_tls,
        socket_factory=make_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_FIELDS,
        headers={"User-Agent": settings.user_agent, "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds, sock_read=settings.read_seconds),
    )
