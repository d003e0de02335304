"""Servers that do anything at random: each job still has one outcome, in bounded time, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import pytest

from ingest.fetching import RobotsCache, Spent
from ingest.fetching.outcomes import REASONS
from tests.ingest.fetching.servers import PNG, Names, RawHandler, got, quick, raw, run

HEAD = b"HTTP/1.1 200 OK\r\n"


def misbehaving(draw: random.Random, places: list[str]) -> RawHandler:
    """A handler that keeps a connection for as long as its draws let it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind = draw.randrange(20)
            whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(PNG) + PNG
            if kind < 7:
                writer.write(whole)
            elif kind == 7:
                writer.write(whole[: draw.randrange(len(whole))])
                return
            elif kind == 8:
                for at in range(0, len(whole), 400):
                    writer.write(whole[at : at + 400])
                    await writer.drain()
                    await asyncio.sleep(0.01)
            elif kind == 9:
                await asyncio.sleep(60)
            elif kind == 10:
                writer.transport.abort()
                return
            elif kind == 11:
                writer.write(bytes(draw.randrange(256) for _ in range(draw.randrange(300))))
                return
            elif kind == 12:
                noise = bytearray(whole)
                for _ in range(3):
                    noise[draw.randrange(60)] = draw.randrange(256)
                writer.write(bytes(noise))
                return
            elif kind == 13:
                place = draw.choice([*places, "/next", "http://10.0.0.1/", "ftp://x/", "http://["])
                writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % place.encode())
            elif kind == 14:
                status = draw.choice([b"404 No", b"500 Oh", b"503 Busy\r\nRetry-After: 0", b"429 Slow", b"301 Where", b"204 None"])
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
            elif kind == 15:
                writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + bytes(20))
            elif kind == 16:
                writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PNG) + PNG + b"\r\n0\r\n\r\n")
            elif kind == 17:
                writer.write(HEAD + b"X-Robots-Tag: noai\r\nContent-Length: 5\r\n\r\nhello")
            elif kind == 18:
                writer.write(HEAD + b"Content-Length: 900000\r\n\r\n" + bytes(900_000))
            else:
                writer.write(HEAD + b"X: y\r\n" * 500 + b"\r\n" + PNG)
                return
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")

    return handle


@pytest.mark.parametrize("seed", range(4))
def test_every_job_has_one_outcome_whatever_servers_do(seed: int) -> None:
    async def test() -> None:
        draw = random.Random(seed)
        places: list[str] = []
        async with raw(misbehaving(draw, places)) as one, raw(misbehaving(draw, places), "127.0.0.2") as two:
            names = Names({f"h{i}.example": (f"127.0.0.{1 + i % 2}",) for i in range(40)} | {"h7.example": OSError("away")})
            ports = (one.port, two.port)
            urls = [f"http://h{i % 42}.example:{ports[i % 2]}/{i}" for i in range(600)]
            places += draw.sample(urls, 20)
            settings = quick(
                robots=seed % 2 == 0, connect_seconds=0.2, read_seconds=0.2, total_seconds=1.0, max_bytes=500_000, host_failures=5,
                per_host=3, longest_pause_seconds=0.05, look_ahead=200, deadline_seconds=12.0, concurrency=32, per_address=32,
                keep_headers=True,
            )  # fmt: skip
            spent, began = Spent(), time.monotonic()
            outcomes = await got(urls, settings, lookup=names, spent=spent, robots=RobotsCache())
            assert time.monotonic() - began < 20
        counted = Counter(outcome.status for outcome in outcomes)
        assert counted["ok"] > 50
        for outcome in outcomes:
            assert outcome.status in REASONS or outcome.status.startswith("http_")
            assert (outcome.body is not None) == (outcome.status == "ok")
            assert outcome.body is None or outcome.body[:8] == PNG[:8]
            str(outcome).encode()
        assert spent.requests >= sum(outcome.requests for outcome in outcomes)

    run(test())
