"""A dump of Common Crawl: which one, where it lies, what is wanted of it, and the files that it names.

commoncrawl.org/get-started (layout of a dump and its mirrors). What a dump names is asked for only if it stays inside of it.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from dataclasses import dataclass

from core.errors import InputError
from ingest.crawling.http_file import HttpRanges
from ingest.files import open_file

BASE = "https://data.commoncrawl.org"
#: Read of a list of paths, and of what it holds: those of a dump have 900 lines for the index.
PATHS_BYTES = 16 << 20
_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?:-\d{2})?")
_LANGUAGE = re.compile(r"[a-z]{3}")
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_PATH = re.compile(r"[A-Za-z0-9][\w./=-]{0,500}")


@dataclass(frozen=True)
class CommonCrawl:
    """Which pages: those of `hosts` and hosts under them, and whose first language is one of `languages`; empty means all.

    `languages` are ISO 639-3 codes, as the index has them (`deu`). `limit`: so many records at most, those with the smallest
    hashes of their URLs, so that the choice is a sample and stays (0: all). `base`: where the dump lies: a URL, an object
    store (`s3://commoncrawl`) or a folder with its layout. ValueError names the field that is wrong.
    """

    dump: str
    languages: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    limit: int = 0
    base: str = BASE

    def __post_init__(self) -> None:
        if not _DUMP.fullmatch(self.dump):
            raise ValueError(f"dump: {self.dump!r} is no name of a dump, such as CC-MAIN-2024-10")
        for language in self.languages:
            if not _LANGUAGE.fullmatch(language):
                raise ValueError(f"languages: {language!r} is no ISO 639-3 code, such as deu")
        for host in self.hosts:
            if not _HOST.fullmatch(host) or ".." in f"{host}.":
                raise ValueError(f"hosts: {host!r} is no host name")
        if self.limit < 0:
            raise ValueError(f"limit: {self.limit} is below 0")
        if not self.base:
            raise ValueError("base: give a URL or a folder")


def index_files(source: CommonCrawl) -> list[str]:
    """Paths of the index's files, relative to the base. InputError if there is no such dump."""
    paths = f"crawl-data/{source.dump}/cc-index-table.paths.gz"
    data, where = _whole(source, paths), place_of(source, paths)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            listed = file.read(PATHS_BYTES + 1)
        if len(listed) > PATHS_BYTES:
            raise ValueError(f"more than {PATHS_BYTES:,} bytes")
        lines = listed.decode().splitlines()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(
            f"{where} is damaged: {error}", "see that the base is a mirror of Common Crawl"
        ) from None
    return sorted(path for path in lines if "/subset=warc/" in path and inside(path))


def is_http(source: CommonCrawl) -> bool:
    """Whether it lies on a web server."""
    return source.base.lower().startswith(("http://", "https://"))


def inside(path: str) -> bool:
    """Whether a path that a dump names stays inside of it."""
    return _PATH.fullmatch(path) is not None and ".." not in path.split("/")


def place_of(source: CommonCrawl, path: str) -> str:
    """Where a file of it lies."""
    return f"{source.base.rstrip('/')}/{path}"


def _whole(source: CommonCrawl, path: str) -> bytes:
    where = place_of(source, path)
    try:
        if is_http(source):
            ranges = HttpRanges(where)
            try:
                data = ranges.whole() if ranges.size <= PATHS_BYTES else b""
                size = ranges.size
            finally:
                ranges.close()
        else:
            with open_file(where) as file:
                data = file.read(PATHS_BYTES + 1)
                size = len(data)
    except (FileNotFoundError, PermissionError) as error:
        raise InputError(f"there is no dump {source.dump} at {source.base}: {error}", "check its name and the base") from None
    if size > PATHS_BYTES:
        raise InputError(f"{where}: more than {PATHS_BYTES:,} bytes", "see that the base is a mirror of Common Crawl")
    return data
