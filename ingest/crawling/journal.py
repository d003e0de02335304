"""What a crawl has done, a line of JSON for each URL, from which it is taken up where it ended.

A line is written after the record that it speaks of and says where that ends: what stands behind the last line's record was
being written when the crawl ended, and is cut off.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import LeaseError, StorageError
from ingest.crawling.frontier import SITEMAP, Task

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A URL with its outcome; `end` is the length of the WARC after it, `found` what it led to and was queued."""

    url: str
    depth: int
    kind: str
    status: str
    retryable: bool
    end: int
    final_url: str = ""
    found: list[str] = field(default_factory=list[str])
    #: URLs of sitemaps that it led to.
    sitemaps: list[str] = field(default_factory=list[str])
    #: Links that were not queued, by the bound that they met.
    left: dict[str, int] = field(default_factory=dict[str, int])
    #: The run that asked for it, where several rounds are one.
    run: int = 0

    @property
    def led_to(self) -> Iterator[Task]:
        """What it led to, as tasks. A redirect to another host is no link further away."""
        deeper = self.depth + (self.status != "elsewhere")
        yield from (Task(url, 1, SITEMAP) for url in self.sitemaps)
        yield from (Task(url, 1 if self.kind == SITEMAP else deeper) for url in self.found)


class Journal:
    """The journal beside a WARC, held by one crawl at a time. `entries` are those of earlier runs."""

    def __init__(self, path: Path, warc: Path, header: dict[str, Any]) -> None:
        """LeaseError if another crawl holds it, StorageError if it is of another crawl or damaged, or new beside a WARC."""
        self.path = path
        try:
            self._file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it is held as long as the crawl lasts
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}", "name a place that can be written", str(path)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise LeaseError(f"{path}: another crawl writes here", "wait for it, or name another file", str(path)) from None
        try:
            self.entries = self._read(warc, header)
        except BaseException:
            self._file.close()
            raise
        #: How much of the WARC the journal vouches for.
        self.end = self.entries[-1].end if self.entries else 0

    def add(self, entry: Entry) -> None:
        """Writes a line."""
        self._line(asdict(entry))

    def close(self) -> None:
        self._file.close()

    def _read(self, warc: Path, header: dict[str, Any]) -> list[Entry]:
        size = warc.stat().st_size if warc.exists() else 0
        self._file.seek(0)
        wanted = {"crawl": VERSION, **header}
        entries: list[Entry] = []
        good = 0
        for number, (line, length) in enumerate(self._lines()):
            entry = None
            try:
                value = json.loads(line)
                if number:
                    entry = Entry(**value)
            except (ValueError, TypeError):
                what = f"{self.path}, line {number + 1}: no line of a journal"
                raise StorageError(what, "remove the journal and its WARC, or name another file", str(self.path)) from None
            if entry is None:
                if value != wanted:
                    then: dict[str, Any] = value if isinstance(value, dict) else {}
                    changed = ", ".join(name for name in wanted if then.get(name) != wanted[name])
                    what = f"{self.path} is of another crawl: it has another {changed or 'form'}"
                    raise StorageError(what, "repeat its settings, or name another file", str(self.path))
            elif entry.end > size:
                break
            else:
                entries.append(entry)
            good += length
        self._file.seek(0)
        self._file.truncate(good)
        if not good:
            if size:
                what = f"{warc} is there already, and no journal of a crawl beside it"
                raise StorageError(what, "name another file, or move it away", str(warc))
            self._line(wanted)
        return entries

    def _lines(self) -> Iterator[tuple[str, int]]:
        """Whole lines with their lengths in bytes; what a crash left of a last one is no line."""
        for line in self._file:
            if line.endswith("\n"):
                yield line, len(line.encode())

    def _line(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()
