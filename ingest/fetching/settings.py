"""How a pass fetches: limits of time, size and number, pace, retries, who is asking, and which addresses it may reach.

Defaults follow what image sets are fetched with (img2dataset) where that has a setting, and are polite where it has none.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, fields
from functools import cached_property

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What pages show as images; SVG is a document, and is left out unless it is named.
IMAGE_FORMATS = ("jpeg", "png", "webp", "gif", "avif", "heic", "heif", "bmp", "tiff", "jxl", "jp2")
#: What passes by itself: RFC 9110 §15.5.9, RFC 6585 §4, RFC 8470 §5.2, 5xx of servers and of a large CDN (520-524, 530).
PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 530)
#: Image sets are fetched for training: DeviantArt's directives, and those that ask not to be listed (as img2dataset).
OPT_OUT = ("noai", "noimageai", "noindex", "noimageindex")
#: A product token of a User-Agent: RFC 9309 §2.2.1 has no digits in it, but a site names a robot as its log does.
_TOKEN = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*")
_COMPATIBLE = re.compile(r"\(compatible;\s*([A-Za-z_-][A-Za-z0-9_-]*)", re.IGNORECASE)


@dataclass(frozen=True)
class FetchSettings:
    """All seconds may be fractions. ValueError names the field that is wrong."""

    #: Who asks; robots.txt and X-Robots-Tag are read for its first word (of `Mozilla/5.0 (compatible; mybot/1.0)` for `mybot`), or
    #: for `robots_agent` if that is given.
    user_agent: str = "web2shards/0.1"
    robots_agent: str = ""
    accept: str = "image/avif,image/webp,image/*;q=0.9,*/*;q=0.5"

    #: Formats that are wanted, by content; empty: whatever comes. Others are `not_an_image`.
    formats: tuple[str, ...] = IMAGE_FORMATS
    #: Of the body, as it travels and as it is without its content coding.
    max_bytes: int = 32 << 20
    max_redirects: int = 5
    #: Whether a redirect may lead to another host (`www.` aside); if not the job ends as `elsewhere`, its final URL that one.
    leave_host: bool = True
    max_url_length: int = 8_192

    connect_seconds: float = 10.0
    #: From the request to the end of the header, and the longest pause in a body.
    read_seconds: float = 20.0
    #: One request from its start to the last byte.
    total_seconds: float = 60.0
    #: A body that comes slower than this once `slow_after_seconds` have passed is given up (0: never).
    min_bytes_per_second: int = 1_024
    slow_after_seconds: float = 10.0
    dns_seconds: float = 10.0

    #: Requests at a time: of all, of one host name, of the hosts at one address.
    concurrency: int = 256
    per_host: int = 2
    per_address: int = 16
    dns_concurrency: int = 64
    #: Between the starts of two requests to a host.
    host_interval_seconds: float = 0.1
    #: What robots.txt may ask for as its Crawl-delay; a longer one counts as this.
    max_crawl_delay_seconds: float = 30.0

    #: Tries after the first, in the same pass, for what may pass; pauses double from the first to the longest.
    retries: int = 2
    retry_statuses: tuple[int, ...] = PASSING_STATUSES
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    #: A Retry-After holds for the whole host; one that asks for more ends the host's turn in this pass.
    max_retry_after_seconds: float = 120.0
    seed: int = 0

    #: After so many failures in a row to connect or answer a host is given up for this pass.
    host_failures: int = 3
    #: What one host may take from its first request on; then its rest is `not_reached` (0: no bound).
    host_deadline_seconds: float = 0.0
    #: What the pass may take and spend; what is left then is `not_reached` (0: no bound).
    deadline_seconds: float = 0.0
    max_requests: int = 0
    max_total_bytes: int = 0

    robots: bool = True
    robots_ttl_seconds: float = 86_400.0
    #: X-Robots-Tag directives that count as an opt-out, and whether `TDM-Reservation: 1` and tdmrep.json do.
    opt_out: tuple[str, ...] = OPT_OUT
    tdm_reservation: bool = True
    #: Whether each origin is asked for its /.well-known/tdmrep.json.
    tdmrep: bool = True

    schemes: tuple[str, ...] = ("http", "https")
    #: Empty: any port.
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    #: Networks in CIDR notation that may be reached though they are not public.
    open_networks: tuple[str, ...] = ()
    verify_tls: bool = True

    #: Jobs that are held at most; it should reach over the longest run of one host, which else has the pass to itself.
    look_ahead: int = 20_000
    #: For bodies above 256 kB: all together take no more memory than this (or `max_bytes`, if that is more).
    buffer_bytes: int = 256 << 20
    #: Whether `Outcome.raw_headers` is filled, as an archive wants it, and `Outcome.rights` also where nothing is honoured.
    keep_headers: bool = False

    def __post_init__(self) -> None:
        positive = {
            "max_bytes", "max_url_length", "connect_seconds", "read_seconds", "total_seconds", "dns_seconds", "concurrency",
            "per_host", "per_address", "dns_concurrency", "host_failures", "look_ahead", "buffer_bytes",
        }  # fmt: skip
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                _require(value == value and value != float("inf"), field.name, value, "a finite number")
                _require(value >= (0 if field.name not in positive else 1e-9), field.name, value, "a number above 0")
        _require(bool(_TOKEN.match(self.user_agent)), "user_agent", self.user_agent, "a product token, such as mybot/1.0")
        _require(not re.search(r"[\x00-\x1f\x7f]", self.user_agent + self.accept), "user_agent", self.user_agent, "one line")
        _require(not self.robots_agent or bool(_TOKEN.fullmatch(self.robots_agent)), "robots_agent", self.robots_agent, "a token")
        _require(set(self.schemes) <= {"http", "https"}, "schemes", self.schemes, "http or https")
        _require(all(0 < port < 65_536 for port in self.ports), "ports", self.ports, "between 1 and 65535")
        _require(all(100 <= s < 600 for s in self.retry_statuses), "retry_statuses", self.retry_statuses, "an HTTP status")
        try:
            _ = self.networks
        except ValueError as error:
            raise ValueError(f"open_networks: {error}") from None

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The opened networks."""
        return tuple(ipaddress.ip_network(network) for network in self.open_networks)

    @property
    def agent(self) -> str:
        """The product token that robots.txt is read for (RFC 9309 §2.2.1)."""
        found = _COMPATIBLE.search(self.user_agent) or _TOKEN.match(self.user_agent)
        return self.robots_agent or (found.group(found.lastindex or 0) if found else "")


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name}: {value!r} is not {wanted}")
