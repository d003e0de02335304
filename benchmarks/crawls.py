"""The crawls that both sides of the end-to-end benchmark read beside the long one: a third of the short one, and real damage.

Both are byte ranges of gzip members of other WARCs. They are written under other names and renamed when they are whole.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

from inputs import DATA, FILE_PAGES, HERE
from web_corpus import members

CORPORA = Path(os.environ.get("WEB2SHARDS_CORPORA", HERE.parent.parent / "shared" / "corpora"))
#: A crawl with real damage, which is not in the repository.
DEV = CORPORA / "web" / "dev.warc.gz"


def third(short: Path, total: int, each: int = FILE_PAGES) -> Path:
    """The first third of each file of a crawl made by inputs.py, `each` pages a file; `total` pages in all, which names it."""
    folder = short.parent / f"pages-{total}"
    files = sorted(short.glob("*.warc.gz"))
    if len(files) * (each // 3) != total:
        raise ValueError(f"thirds of {len(files)} files of {each} pages are not {total} pages")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in files:
        replace(folder / file.name, file.read_bytes()[: end_of(file, each // 3)])
    return folder


def end_of(warc: Path, pages: int) -> int:
    """Where the request of the page after the first `pages` ones begins."""
    found = 0
    for member in members(warc):
        if member.type == "request" and found == pages:
            return member.offset
        found += member.type == "response"
    if found < pages:
        raise ValueError(f"{warc.name} has {found} pages, not {pages}")
    return warc.stat().st_size


def halves(warc: Path, data: Path = DATA) -> Path:
    """The records of a WARC as two files, as the peer works file by file; made anew if the WARC is newer or of another size.

    Where the payload is HTML this is written into the record, as crawlers such as Common Crawl's do: without it datatrove
    guesses by libmagic, and takes half of these pages for something else.
    """
    folder = data / "dev-halves"
    told = folder / "source.json"  # written last
    if told.is_file() and fresh(told, warc):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, content in enumerate(split(warc)):
        replace(folder / f"{number}.warc.gz", content)
    replace(told, json.dumps({"bytes": warc.stat().st_size}).encode())
    return folder


def fresh(told: Path, source: Path) -> bool:
    """Whether what `told` stands for was made of the source as it is now."""
    now = source.stat()
    return told.stat().st_mtime_ns >= now.st_mtime_ns and json.loads(told.read_text())["bytes"] == now.st_size


def split(warc: Path) -> list[bytearray]:
    """Both halves, the second from the first request after the middle."""
    content = warc.read_bytes()
    found = list(members(warc))
    ends = [member.offset for member in found[1:]] + [len(content)]
    parts = [bytearray(), bytearray()]
    half = 0
    for member, end in zip(found, ends, strict=True):
        if member.type == "request" and member.offset >= len(content) // 2:
            half = 1
        record = content[member.offset : end]
        if member.type == "response" and member.whole and is_html(member.block):
            named = b"WARC-Type: response\r\n"
            record = gzip.compress(
                gzip.decompress(record).replace(named, named + b"WARC-Identified-Payload-Type: text/html\r\n", 1), mtime=0
            )
        parts[half] += record
    return parts


def is_html(response: bytes) -> bool:
    """Whether a response says that it is HTML, or says nothing and looks like it."""
    head, _, body = response.partition(b"\r\n\r\n")
    kind = re.search(rb"(?im)^content-type:\s*([^;\s]*)", head)
    return b"html" in kind[1].lower() if kind else b"<html" in body[:2048].lower()


def replace(path: Path, content: bytes | bytearray) -> None:
    """Writes a file that is whole or not there."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
