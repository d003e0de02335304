"""How far a crawl goes, and how it asks: more slowly than a fetch of images, and for pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
class CrawlSettings:
    """ValueError names the field that is wrong."""

    #: `host`: pages of the seeds' hosts, with or without `www.`; `subdomains`: of hosts under them too; `any`: all.
    scope: str = "host"
    #: How many links a page may be away from a seed; what a sitemap names counts as one.
    depth: int = 3
    #: Pages that are asked for of one host; and of all, in one run (0: no bound).
    pages_per_host: int = 1_000
    pages: int = 0
    sitemaps: bool = True
    #: Links marked rel=nofollow, and those of pages that say nofollow, are not followed.
    nofollow: bool = True
    fetch: FetchSettings = field(default_factory=crawl_fetch_settings)

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"scope: {self.scope!r} is none of {', '.join(SCOPES)}")
        for name, least in (("depth", 0), ("pages_per_host", 1), ("pages", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: {getattr(self, name)} is below {least}")
        if not self.fetch.keep_headers:
            raise ValueError("fetch.keep_headers: an archive needs all headers")
