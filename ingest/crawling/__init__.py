"""A polite crawl to WARC: from seeds over links and sitemaps, within a scope and budgets, and taken up where it ended.

    summary = crawl(seeds, Path("out.warc.gz"), CrawlSettings(depth=2))

Requests go through `ingest.fetching`, whose pace, robots.txt, opt-outs, limits and refused addresses hold here too.
"""

from ingest.crawling.crawl import Summary, crawl
from ingest.crawling.settings import CrawlSettings, crawl_fetch_settings

__all__ = ["CrawlSettings", "Summary", "crawl", "crawl_fetch_settings"]
