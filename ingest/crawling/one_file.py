"""A crawl into one WARC with a journal beside it.

A record is written whole before the journal says so, so that a crawl which was killed is taken up without loss or doubles.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingest.crawling.crawl import Crawler, Summary, judged
from ingest.crawling.journal import Entry, Journal
from ingest.crawling.settings import CrawlSettings
from ingest.crawling.warc import WarcWriter
from ingest.fetching import Lookup, Outcome


def crawl(
    seeds: Sequence[str],
    warc: Path,
    settings: CrawlSettings,
    *,
    lookup: Lookup | None = None,
    note: Callable[[Summary], None] | None = None,
) -> Summary:
    """Crawls from `seeds` into the file `warc`, beside which a journal (`.journal`) is kept; goes on if that is there.

    `note` is called with the summary after each URL. Raises InputError if no seed may be crawled, StorageError if the
    journal is of another crawl, LeaseError if one writes there now.
    """
    seeds, refused = judged(seeds, settings)
    keeper = _File(warc, {"seeds": sorted([*seeds, *refused]), **settings.identity}, information(settings))
    try:
        crawler = Crawler(seeds, keeper, settings, note=note)
        crawler.summary.refused = {seed: error.detail for seed, error in refused.items()}
        crawler.summary.statuses.update(error.status for error in refused.values())
        asyncio.run(crawler.run(lookup))
    finally:
        keeper.close()
    return crawler.summary


def information(settings: CrawlSettings) -> dict[str, str]:
    """The fields of a warcinfo record: who crawls."""
    return {"software": f"web2shards/{_version()}", "http-header-user-agent": settings.fetch.user_agent}


class _File:
    """A WARC with its journal beside it; a line follows its record at once, so that nothing is ever due."""

    due = False

    def __init__(self, warc: Path, header: dict[str, Any], told: dict[str, str]) -> None:
        self._journal = Journal(warc.with_name(f"{warc.name}.journal"), warc, header)
        try:
            self._writer = WarcWriter(warc, self._journal.end)
            if not self._journal.end:
                self._writer.information(told)
        except BaseException:
            self._journal.close()
            raise

    @property
    def bytes(self) -> int:
        return self._writer.offset

    def entries(self) -> Iterable[Entry]:
        return self._journal.entries

    def response(self, outcome: Outcome) -> None:
        self._writer.response(outcome)

    def add(self, entry: Entry) -> None:
        self._writer.flush()
        self._journal.add(replace(entry, end=self._writer.offset))

    def write(self, summary: Summary) -> None:
        return

    def close(self) -> None:
        self._writer.close()
        self._journal.close()


def _version() -> str:
    try:
        return importlib.metadata.version("web2shards")
    except importlib.metadata.PackageNotFoundError:
        return "0"
