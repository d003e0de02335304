"""The resolver as it is used: c-ares against a name server on loopback, and a fetch by names that it gives."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import struct
import time
from collections.abc import AsyncIterator, Mapping

import pytest

from ingest.fetching import CaresLookup, NoSuchHost
from tests.ingest.fetching.servers import got, quick, run, serve

SERVFAIL, NXDOMAIN = 2, 3
A, AAAA = 1, 28


class Dns(asyncio.DatagramProtocol):
    """Answers A and AAAA questions from a dictionary: addresses, a code of failure, or None for silence."""

    def __init__(self, names: Mapping[str, tuple[str, ...] | int | None], ttl: int = 77) -> None:
        self.names = names
        self.ttl = ttl
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        at, labels = 12, list[str]()
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        kind = struct.unpack_from(">H", data, at + 1)[0]
        name = ".".join(labels).lower()
        self.asked.append(name)
        found = self.names.get(name, NXDOMAIN)
        if found is None:
            return
        code = found if isinstance(found, int) else 0
        answers: list[bytes] = []
        for text in found if isinstance(found, tuple) else ():
            ip = ipaddress.ip_address(text)
            if kind == (A if ip.version == 4 else AAAA):
                answers.append(struct.pack(">HHHIH", 0xC00C, kind, 1, self.ttl, len(ip.packed)) + ip.packed)
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(answers), 0, 0)
        self.transport.sendto(head + data[12 : at + 5] + b"".join(answers), address)  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def name_server(names: Mapping[str, tuple[str, ...] | int | None]) -> AsyncIterator[tuple[Dns, str]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Dns(names), local_addr=("127.0.0.1", 0))
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


NAMES: Mapping[str, tuple[str, ...] | int | None] = {
    "both.example": ("8.8.8.8", "8.8.4.4", "2606:4700::1111"),
    "old.example": ("8.8.8.8",),
    "new.example": ("2606:4700::1111",),
    "none.example": (),
    "broken.example": SERVFAIL,
    "silent.example": None,
    "here.example": ("127.0.0.1",),
    "inside.example": ("10.0.0.1", "::1"),
}


def test_c_ares_tells_addresses_and_how_long_they_hold() -> None:
    async def test() -> None:
        async with name_server(NAMES) as (_, place):
            lookup = CaresLookup([place], seconds=2.0)
            addresses, ttl = await lookup.addresses("both.example")
            assert set(addresses) == {"8.8.8.8", "8.8.4.4", "2606:4700::1111"}
            assert ttl == 77
            assert list((await lookup.addresses("old.example"))[0]) == ["8.8.8.8"]
            assert list((await lookup.addresses("new.example"))[0]) == ["2606:4700::1111"]
            for name in ("none.example", "gone.example"):
                with pytest.raises(NoSuchHost):
                    await lookup.addresses(name)
            began = time.monotonic()
            for name in ("broken.example", "silent.example"):
                with pytest.raises(OSError, match="name servers"):
                    await lookup.addresses(name)
            assert time.monotonic() - began < 8
            await lookup.close()

    run(test())


def test_a_fetch_by_names_of_a_name_server() -> None:
    async def test() -> None:
        async with name_server(NAMES) as (server, place), serve() as site:
            urls = [f"http://{host}.example:{site.port}/{i}" for host in ("here", "inside", "gone", "silent") for i in range(3)]
            settings = quick(dns_seconds=0.4, retries=1)
            outcomes = await got(urls, settings, lookup=CaresLookup([place], seconds=0.4))
        statuses = [o.status for o in outcomes]
        assert statuses == ["ok"] * 3 + ["address_refused"] * 3 + ["dns_not_found"] * 3 + ["dns"] * 3
        assert [o.retryable for o in outcomes] == [False] * 9 + [True] * 3
        assert server.asked.count("here.example") == 2  # A and AAAA, once

    run(test())
