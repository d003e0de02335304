"""WCXB's development pages with their whole main text, and folds that part no domain.

Web Content eXtraction Benchmark (arXiv 2605.21097; annotations CC BY 4.0). Of one domain all pages are in one fold, so
that no page is judged by a model that has seen its site.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

FOLDS = 5
_CANONICAL = re.compile(r'(?:rel="canonical"[^>]*href="|property="og:url"[^>]*content=")([^"]+)', re.IGNORECASE)
#: Second-level names under which sites are registered ("bbc.co.uk").
_PUBLIC = {"co", "com", "org", "ac", "gov", "edu", "net", "gob", "or", "ne"}


@dataclass(frozen=True)
class Annotated:
    """A page, its kind and the main text that people marked."""

    id: str
    type: str
    domain: str
    html: str
    text: str

    @property
    def fold(self) -> int:
        return zlib.crc32(self.domain.encode()) % FOLDS


def corpora() -> Path:
    default = Path(__file__).resolve().parents[3] / "shared" / "corpora"
    folder = Path(os.environ.get("WEB2SHARDS_CORPORA", default))
    if not (folder / "extraction").is_dir():
        raise SystemExit("the development corpora are not here: set WEB2SHARDS_CORPORA")
    return folder


def domain(url: str) -> str:
    """The registered domain of a URL, by a short list of public suffixes."""
    host = url.split("//")[-1].split("/")[0].split(":")[0].lower()
    labels = host.split(".")
    of_country = len(labels) > 2 and labels[-2] in _PUBLIC and len(labels[-1]) == 2
    return ".".join(labels[-3 if of_country else -2 :])


def wcxb() -> list[Annotated]:
    """The development pages in the order of the file; a page without a URL is told by the one that it names, or its id."""
    pages: list[Annotated] = []
    with lzma.open(corpora() / "extraction" / "wcxb-dev.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            named = _CANONICAL.search(row["html"])
            url = row["url"] or (named[1] if named else f"http://{row['id']}.invalid/")
            kind = "collection" if row["type"] == "category" else row["type"]
            pages.append(Annotated(row["id"], kind, domain(url), row["html"], row["text"] or ""))
    return pages
