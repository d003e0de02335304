"""Servers and names that mean harm: addresses that are not public, bodies without end, headers without end, bombs."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from aiohttp import web

from ingest.fetching import FetchSettings
from tests.ingest.fetching.servers import PNG, Names, got, hangs, quick, raw, run, says, serve

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "0.0.0.0"])
def test_a_name_of_an_address_that_is_not_public_is_never_connected_to(address: str) -> None:
    async def test() -> None:
        async with serve() as site:
            names = Names({"evil.example": (address,)})
            [outcome] = await got([f"http://evil.example:{site.port}/"], quick(open_networks=()), lookup=names)
        assert (outcome.status, outcome.retryable, outcome.requests) == ("address_refused", False, 0)
        assert site.log == []

    run(test())


def test_a_redirect_to_an_address_that_is_not_public_is_not_followed() -> None:
    async def test() -> None:
        async with serve(host="127.0.0.2") as inner:
            places = {
                "/plain": (f"http://127.0.0.2:{inner.port}/", "address_refused"),
                "/decimal": (f"http://2130706434:{inner.port}/", "address_refused"),
                "/hex": (f"http://0x7f000002:{inner.port}/", "address_refused"),
                "/mapped": (f"http://[::ffff:127.0.0.2]:{inner.port}/", "address_refused"),
                "/name": (f"http://inner.example:{inner.port}/", "address_refused"),
                "/relative": (f"//127.0.0.2:{inner.port}/", "address_refused"),
                "/file": ("file:///etc/passwd", "scheme_refused"),
                "/gopher": ("gopher://127.0.0.1:6379/_FLUSHALL", "scheme_refused"),
                "/credentials": ("http://a:b@outer.example/", "credentials_refused"),
                "/broken": ("http://[", "invalid_url"),
                "/long": ("/" + "a" * 9000, "invalid_url"),
            }

            async def go(request: web.Request) -> web.Response:
                return web.Response(status=302, headers={"Location": places[request.path][0]})

            async with serve(go) as outer:
                names = Names({"outer.example": ("127.0.0.1",), "inner.example": ("127.0.0.2",)})
                settings = quick(open_networks=("127.0.0.1/32",))
                outcomes = await got([f"http://outer.example:{outer.port}{path}" for path in places], settings, lookup=names)
            assert [o.status for o in outcomes] == [status for _, status in places.values()]
            assert inner.log == []
            ports = quick(open_networks=("127.0.0.0/8",), ports=(outer.port,))
            async with serve(lambda _: _found(f"http://127.0.0.2:{inner.port}/"), host="127.0.0.3", port=outer.port) as third:
                [outcome] = await got([third.url()], ports)
            assert outcome.status == "port_refused"
            assert inner.log == []

    run(test())


async def _found(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


def test_a_name_that_changes_its_address_is_judged_each_time() -> None:
    """DNS rebinding: public when it is checked, loopback when it is connected to."""

    async def test() -> None:
        async with serve(host="127.0.0.2") as inner:
            names = Names({"evil.example": [("127.0.0.1",), ("127.0.0.2",)]}, ttl=0.0)
            settings = quick(open_networks=("127.0.0.1/32",), retries=1, connect_seconds=0.5)
            outcomes = await got([f"http://evil.example:{inner.port}/{i}" for i in range(5)], settings, lookup=names)
        assert {o.status for o in outcomes} <= {"connect", "host_unreachable", "address_refused"}
        assert inner.log == []

    run(test())


def test_the_socket_itself_goes_to_no_address_that_is_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the resolver let an address through."""
    monkeypatch.setattr("ingest.fetching.resolver.may_connect", lambda *_: True)

    async def test() -> None:
        async with serve() as site:
            names = Names({"evil.example": ("127.0.0.1",), "both.example": ("127.0.0.1", "127.0.0.2")})
            urls = [f"http://evil.example:{site.port}/", f"http://both.example:{site.port}/"]
            outcomes = await got(urls, quick(open_networks=()), lookup=names)
        assert {o.status for o in outcomes} == {"address_refused"}
        assert site.log == []

    run(test())


def test_of_several_addresses_only_the_open_are_tried() -> None:
    async def test() -> None:
        async with serve() as site, serve(host="127.0.0.2", port=site.port) as closed:
            names = Names({"mixed.example": ("127.0.0.2", "10.0.0.1", "127.0.0.1")})
            [outcome] = await got([f"http://mixed.example:{site.port}/"], quick(open_networks=("127.0.0.1/32",)), lookup=names)
        assert (outcome.status, outcome.address) == ("ok", "127.0.0.1")
        assert closed.log == []

    run(test())


def test_a_robots_txt_that_points_inside_is_not_read() -> None:
    async def test() -> None:
        async with serve(host="127.0.0.2") as inner:

            async def robots(_: web.Request) -> web.Response:
                return web.Response(status=302, headers={"Location": f"http://127.0.0.2:{inner.port}/latest/meta-data"})

            async with serve(routes={"/robots.txt": robots}) as outer:
                settings = quick(open_networks=("127.0.0.1/32",), robots=True)
                [outcome] = await got([outer.url()], settings)
        assert (outcome.status, outcome.retryable) == ("robots_unreachable", True)
        assert inner.log == []

    run(test())


def test_nothing_of_loopback_is_open_unless_it_is_said() -> None:
    assert not FetchSettings().networks


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Type: image/png\r\n\r\n" + PNG)
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async def chunks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PNG) + PNG + b"\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            await writer.drain()

    async def test() -> None:
        for handler in (endless, chunks, says(HEAD + b"Content-Length: 99999999999\r\n\r\n" + PNG)):
            async with raw(handler) as site:
                [outcome] = await got([site.url()], quick(max_bytes=300_000))
            assert (outcome.status, outcome.retryable, outcome.body) == ("too_large", False, None)
            assert outcome.wire_bytes < 1 << 20
        async with raw(says(HEAD + b"Content-Length: %d\r\n\r\n" % len(PNG) + PNG)) as site:
            [outcome] = await got([site.url()], quick(max_bytes=len(PNG)))
            assert outcome.status == "ok"
            [outcome] = await got([site.url()], quick(max_bytes=len(PNG) - 1))
            assert outcome.status == "too_large"

    run(test())


def _bombs() -> dict[str, bytes]:
    plain = PNG + bytes(40 << 20)
    return {
        "gzip": gzip.compress(plain, 9),
        "deflate": zlib.compress(plain, 9),
        "br": brotli.compress(plain, quality=1),
        "zstd": zstandard.ZstdCompressor().compress(plain),
        "gzip, gzip": gzip.compress(gzip.compress(plain, 9)),
    }


def test_a_decompression_bomb_is_defused() -> None:
    async def test() -> None:
        for coding, bomb in _bombs().items():
            head = HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(bomb))
            async with raw(says(head + bomb)) as site:
                [outcome] = await got([site.url()], quick(max_bytes=1 << 20))
            assert (outcome.status, outcome.body) == ("too_large", None), coding

    run(test())


def test_a_body_that_drips_is_given_up() -> None:
    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 100000\r\n\r\n" + PNG[:600])
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def test() -> None:
        async with raw(drips) as site:
            settings = quick(slow_after_seconds=0.3, min_bytes_per_second=10_000, retries=0)
            began = time.monotonic()
            [outcome] = await got([site.url()], settings)
            assert (outcome.status, outcome.retryable) == ("slow", True)
            [outcome] = await got([site.url()], quick(total_seconds=0.5, retries=0))
            assert (outcome.status, outcome.retryable) == ("timeout", True)
            assert time.monotonic() - began < 8

    run(test())


def test_a_header_that_drips_stalls_or_never_comes_is_given_up() -> None:
    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def stalls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 100000\r\n\r\n" + PNG)
        await asyncio.sleep(3600)

    async def informs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def test() -> None:
        for handler in (drips, stalls, informs, hangs):
            async with raw(handler) as site:
                began = time.monotonic()
                [outcome] = await got([site.url()], quick(connect_seconds=0.3, read_seconds=0.5, retries=0))
            assert (outcome.status, outcome.retryable) == ("timeout", True)
            assert time.monotonic() - began < 8

    run(test())


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 5_000_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % i for i in range(5_000)),
        b"X: " + b"a" * 100_000,
        b"Set-Cookie: " + b"a" * 15_000 + b"\r\n" + b"A: b\r\n" * 200,
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"\x00\x01\x02: \xff\r\n",
    ],
    ids=["long field", "many fields", "endless field", "many and long", "two lengths", "smuggling", "controls"],
)
def test_a_header_beyond_bounds_is_an_error_of_protocol(head: bytes) -> None:
    async def test() -> None:
        async with raw(says(HEAD + head + b"\r\n" + PNG)) as site, serve() as other:
            outcomes = await got([site.url(), other.url()], quick(retries=0))
        assert outcomes[0].status in ("protocol", "connect")
        assert outcomes[0].body is None
        assert outcomes[1].status == "ok"

    run(test())


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 99999 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n", HEAD + b"Content-Length: -1\r\n\r\nabc",
        HEAD + b"Content-Length: abc\r\n\r\nabc", HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        HEAD + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
        HEAD + b"Content-Type: \xff\xfe\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\x00\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n",
        HEAD + b"X-Robots-Tag: \xff: \xfe\r\nRetry-After: \xff\r\nContent-Length: 1\r\n\r\nx", bytes(range(256)) * 100,
    ],
)  # fmt: skip
def test_no_answer_breaks_the_pass(answer: bytes) -> None:
    async def test() -> None:
        async with raw(says(answer)) as site, serve() as other:
            outcomes = await got([site.url(), other.url(), site.url("/2")], quick(retries=1, total_seconds=3.0))
        assert outcomes[0].status != "ok"
        assert outcomes[1].status == "ok"
        for outcome in outcomes:
            assert outcome.detail.encode() + outcome.content_type.encode() + str(outcome.headers).encode()

    run(test())


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Any) -> None:
    import datetime
    import ssl

    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "self.example")])
    start = datetime.datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("self.example")]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "self.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def test() -> None:
        async with serve(ssl_context=context) as site:
            names = Names({"self.example": ("127.0.0.1",)})
            urls = [f"https://self.example:{site.port}/{i}" for i in range(2)]
            assert {o.status for o in await got(urls, quick(), lookup=names)} == {"tls"}
            assert {o.status for o in await got(urls, quick(robots=True), lookup=names)} == {"tls"}
            assert {o.status for o in await got(urls, quick(verify_tls=False, robots=True), lookup=names)} == {"ok"}

    run(test())
