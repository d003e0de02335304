"""How far a crawl goes, and how it asks: more slowly than a fetch of images, and for pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import xxhash

from ingest.fetching import FetchSettings

SCOPES = ("host", "subdomains", "any")


def crawl_fetch_settings(**changes: Any) -> FetchSettings:
    """Settings of the fetcher for a crawl: one request at a time and a second between two, pages and sitemaps only."""
    values: dict[str, Any] = {
        "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5",
        "formats": ("html", ""),
        "max_bytes": 10 << 20,
        "per_host": 1,
        "host_interval_seconds": 1.0,
        "keep_headers": True,
    }
    return FetchSettings(**(values | changes))


@dataclass(frozen=True)
class HostGroup:
    """The hosts that one of several crawlers asks: those whose names hash to it. The number of `groups` is a power of two."""

    groups: int = 1
    group: int = 0

    def of(self, host: str) -> int:
        """The group of a host, its name without `www.`."""
        bits = self.groups.bit_length() - 1
        return xxhash.xxh3_64_intdigest(host.encode()) >> (64 - bits) if bits else 0


ALL_HOSTS = HostGroup()


@dataclass(frozen=True)
class CrawlSettings:
    """ValueError names the field that is wrong."""

    #: `host`: pages of the seeds' hosts, with or without `www.`; `subdomains`: of hosts under them too; `any`: all.
    scope: str = "host"
    #: How many links a page may be away from a seed; what a sitemap names counts as one.
    depth: int = 3
    #: Pages that are asked for of one host; and of all, in one run (0: no bound).
    pages_per_host: int = 1_000
    pages: int = 0
    #: Hosts that links may add to those of the seeds, where the scope lets them.
    hosts: int = 10_000
    sitemaps: bool = True
    #: Links marked rel=nofollow, and those of pages that say nofollow, are not followed.
    nofollow: bool = True
    fetch: FetchSettings = field(default_factory=crawl_fetch_settings)

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it another crawl if it changes: what was not followed is not known any more."""
        names = ("scope", "depth", "sitemaps", "nofollow", "pages_per_host", "hosts")
        return {name: getattr(self, name) for name in names}

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"scope: {self.scope!r} is none of {', '.join(SCOPES)}")
        for name, least in (("depth", 0), ("pages_per_host", 1), ("pages", 0), ("hosts", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: {getattr(self, name)} is below {least}")
        if not self.fetch.keep_headers:
            raise ValueError("fetch.keep_headers: an archive needs all headers")
