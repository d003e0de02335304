"""HTML pages of documentation out of Debian's packages: real pages of many projects, the same ones on every machine.

`sources.tsv` pins each package by version and sha256. apt-get gets them from whatever archive it is set up for; dpkg-deb
opens them. Debian 12 has these versions.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "sources.tsv"
PAGE = re.compile(r"\.(?:x?html|htm)(?:\.gz)?$")
#: Translations, which lie beside the English page and name their language in the middle.
TRANSLATED = re.compile(r"\.(?:ca|cs|da|de|es|fr|hu|it|ja|ko|nl|pl|pt|pt-br|ro|ru|sv|tr|zh|zh-cn)\.html?$")
#: Bytes of a page that is taken.
SMALLEST, LARGEST = 1_000, 1_000_000


@dataclass(frozen=True)
class Source:
    """A package, and how many of its pages are taken at most, of those whose path holds `within`."""

    package: str
    version: str
    sha256: str
    pages: int
    within: str


@dataclass(frozen=True)
class Page:
    """A page as it was found, under an address that nobody serves (RFC 2606)."""

    url: str
    html: bytes


def sources(path: Path = SOURCES) -> list[Source]:
    """The packages of the table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [Source(r["package"], r["version"], r["sha256"], int(r["pages"]), r["within"] or "") for r in rows]


def fetch(source: Source, folder: Path) -> Path:
    """The package's file, downloaded once; SystemExit if it cannot be had or is not the pinned one."""
    folder.mkdir(parents=True, exist_ok=True)
    found = next(iter(folder.glob(f"{source.package}_*.deb")), None)
    if found is None:
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise SystemExit("the benchmark's pages come from Debian's packages: run it on Debian 12, or in a container of it")
        name = f"{source.package}={source.version}"
        done = subprocess.run(["apt-get", "download", "--quiet", name], cwd=folder, capture_output=True, text=True)
        found = next(iter(folder.glob(f"{source.package}_*.deb")), None)
        if done.returncode or found is None:
            said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise SystemExit(f"apt-get download {name}: {said[0]}\nrun `apt-get update` first; these versions are Debian 12's")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise SystemExit(f"{found.name}: sha256 is {digest}, and sources.tsv says {source.sha256}; delete the file and run again")
    return found


def html_files(package: Path, within: str) -> Iterator[tuple[str, bytes]]:
    """(path, content) of the HTML files of a package, unpacked; links are left out, and what is too small or too large."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            if not member.isfile() or within not in path or not PAGE.search(path) or TRANSLATED.search(path):
                continue
            file = archive.extractfile(member)
            assert file is not None  # a regular file
            data = file.read()
            if path.endswith(".gz"):
                try:
                    path, data = path[:-3], gzip.decompress(data)
                except (OSError, EOFError, zlib.error):
                    continue
            if SMALLEST <= len(data) <= LARGEST:
                yield path, data


def pages(folder: Path, table: Path = SOURCES) -> list[Page]:
    """The pages of all packages, each content once: of every package those with the smallest hashes of their paths."""
    seen: set[bytes] = set()
    found: list[Page] = []
    for source in sources(table):
        files = sorted(html_files(fetch(source, folder), source.within), key=lambda f: hashlib.sha256(f[0].encode()).digest())
        taken = 0
        for path, html in files:
            digest = hashlib.sha256(html).digest()
            if taken < source.pages and digest not in seen:
                seen.add(digest)
                taken += 1
                found.append(Page(f"https://{source.package}.example/{path.removeprefix('usr/share/doc/')}", html))
    return found
