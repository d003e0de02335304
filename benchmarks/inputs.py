"""Builds the crawls that the benchmark reads: documentation pages and altered copies of them, in WARCs.

`python benchmarks/inputs.py [--pages N] [--data FOLDER]` writes `pages-N/NNNNN.warc.gz`, files of 1,500 pages, gzip by
record, with `input.json`, which tells what they are. Every page and copy has its place by the hash of its address: each
file is a sample of the whole, and the short crawl is the first files of the long one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from copies import altered, likeness, words
from documentation import SOURCES, Page, pages, sources

from examples.warc_writer import Capture, Writer

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
#: What the crawls' bytes follow from.
MADE_BY = (SOURCES, HERE / "documentation.py", HERE / "copies.py", HERE / "inputs.py", HERE.parent / "examples" / "warc_writer.py")
FILE_PAGES = 1_500
LONG, SHORT = 30_000, 3_000
START = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Entry:
    """A page of the crawl: the original (copy 0) or an altered copy of it."""

    page: int
    copy: int
    url: str

    @property
    def place(self) -> bytes:
        return hashlib.sha256(self.url.encode()).digest()


def entries(originals: list[Page], total: int) -> list[Entry]:
    """As many pages as asked: all originals, then first copies, second copies …, in the order of their places."""
    found: list[Entry] = []
    copy = 0
    while len(found) < total:
        for number, page in enumerate(originals[: total - len(found)]):
            scheme, rest = page.url.split("://", 1)
            host, path = rest.split("/", 1)
            found.append(Entry(number, copy, f"{scheme}://{f'copy{copy}.' if copy else ''}{host}/{path}"))
        copy += 1
    return sorted(found, key=lambda entry: entry.place)


def body(originals: list[Page], entry: Entry) -> bytes:
    """The HTML of a page of the crawl."""
    html = originals[entry.page].html
    return altered(html, words(html), entry.url) if entry.copy else html


def write_warc(originals: list[Page], chosen: list[Entry], path: Path) -> dict[str, Any]:
    """Writes the pages as one WARC; tells their number, the bytes of their HTML and a digest of what was written."""
    writer = Writer(path.name, START)
    digest, size = hashlib.sha256(), 0
    for entry in chosen:
        html = body(originals, entry)
        writer.write(Capture(entry.url, html, "text/html", {}, payload_type="text/html"))
        digest.update(entry.url.encode() + b"\0" + hashlib.sha256(html).digest())
        size += len(html)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(writer.data)
    os.replace(unfinished, path)
    return {"pages": len(chosen), "html_bytes": size, "warc_bytes": len(writer.data), "sha256": digest.hexdigest()}


def likeness_of_copies(originals: list[Page], chosen: list[Entry], sample: int = 400) -> dict[str, float]:
    """How like their originals the first copies are: Jaccard of the 5-grams of their main texts, of those with 50 words or more."""
    found: list[float] = []
    for entry in (entry for entry in chosen if entry.copy):
        like = likeness(originals[entry.page].html, body(originals, entry))
        if like is not None:
            found.append(like)
        if len(found) == sample:
            break
    found.sort()
    return {
        "pairs": len(found), "median": round(found[len(found) // 2], 3), "p99": round(found[len(found) * 99 // 100], 3),
        "largest": round(found[-1], 3), "share_of_half_or_more": round(sum(like >= 0.5 for like in found) / len(found), 4),
    }  # fmt: skip


_originals: list[Page] = []  # read before the workers are forked, which share them


def _task(work: tuple[list[Entry], Path]) -> dict[str, Any]:
    return write_warc(_originals, *work)


def build(data: Path = DATA, total: int = LONG, processes: int | None = None) -> Path:
    """The folder of a crawl of `total` pages, built if it is not there; input.json is written last."""
    folder = data / f"pages-{total}"
    key = hashlib.sha256(b"".join(path.read_bytes() for path in MADE_BY)).hexdigest()
    told = folder / "input.json"
    if told.is_file() and json.loads(told.read_text())["made_by"] == key:
        return folder
    began = time.monotonic()
    _originals[:] = pages(data / "packages")
    chosen = entries(_originals, total)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    work = [(chosen[at : at + FILE_PAGES], folder / f"{at // FILE_PAGES:05d}.warc.gz") for at in range(0, total, FILE_PAGES)]
    with multiprocessing.get_context("fork").Pool(processes or os.cpu_count()) as pool:
        files = pool.map(_task, work, chunksize=1)
    info = {
        "pages": total,
        "originals": sum(not entry.copy for entry in chosen),
        "html_bytes": sum(f["html_bytes"] for f in files),
        "original_html_bytes": sum(len(page.html) for page in _originals),
        "warc_bytes": sum(f["warc_bytes"] for f in files),
        "files": len(files),
        "sha256": hashlib.sha256("".join(f["sha256"] for f in files).encode()).hexdigest(),
        "likeness_of_copies": likeness_of_copies(_originals, chosen),
        "pages_by_host": dict(sorted(Counter(urlsplit(page.url).hostname for page in _originals).items())),
        "packages": {source.package: source.version for source in sources()},
        "seconds": round(time.monotonic() - began, 1),
        "made_by": key,
    }
    told.write_text(json.dumps(info, indent=2) + "\n")
    return folder


def shorter(folder: Path, total: int = SHORT) -> Path:
    """A crawl of the first `total` pages of another, by links to its files."""
    files = sorted(folder.glob("*.warc.gz"))[: total // FILE_PAGES]
    short = folder.parent / f"pages-{len(files) * FILE_PAGES}"
    shutil.rmtree(short, ignore_errors=True)
    short.mkdir()
    for file in files:
        os.link(file, short / file.name)
    return short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=LONG)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    print((build(options.data, options.pages) / "input.json").read_text(), end="")


if __name__ == "__main__":
    main()
