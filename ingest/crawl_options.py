"""How far a crawl goes, as the command and a recipe say it: what each option means, and what holds if it is not said.

Apart from `ingest.crawling`, which loads what fetches: command lines and recipes are read without it.
"""

from __future__ import annotations

from typing import Any, Final

#: Default and meaning of each option.
CRAWL_OPTIONS: Final[dict[str, tuple[Any, str]]] = {
    "depth": (3, "links that a page may be away from a seed"),
    "scope": ("host", "host (the seeds' hosts), subdomains (and hosts under them) or any"),
    "pages_per_host": (1_000, "pages of one host, at most"),
    "hosts": (10_000, "hosts that links add to those of the seeds, at most"),
    "pages": (0, "pages that one run asks for, at most (0: no bound)"),
    "sitemaps": (True, "whether sitemaps are read"),
    "nofollow": (True, "whether links marked nofollow are left"),
}


def default(name: str) -> Any:
    """What holds if an option is not said."""
    return CRAWL_OPTIONS[name][0]


def meaning(name: str) -> str:
    """What an option says, in a line."""
    return CRAWL_OPTIONS[name][1]


def read_seeds(text: str) -> list[str]:
    """URLs of a file of seeds, one a line, `#` begins a comment; a host alone is asked for by https."""
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line if "://" in line else f"https://{line}/" for line in lines if line and not line.startswith("#")]
