"""A polite crawl to WARC: from seeds over links and sitemaps, within a scope and budgets, and taken up where it ended.

    summary = crawl(seeds, Path("out.warc.gz"), CrawlSettings(depth=2))

Requests go through `ingest.fetching`, whose pace, robots.txt, opt-outs, limits and refused addresses hold here too.
"""

from ingest.crawling.crawl import Crawler, Keeper, Summary, judged
from ingest.crawling.one_file import crawl, information
from ingest.crawling.settings import CrawlSettings, HostGroup, crawl_fetch_settings

__all__ = [
    "CrawlSettings", "Crawler", "HostGroup", "Keeper", "Summary", "crawl", "crawl_fetch_settings", "information", "judged",
]  # fmt: skip
