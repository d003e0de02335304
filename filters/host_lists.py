"""Lists of hosts and URLs, read into one table: UT1's folders, files of hosts, and the network rules of ad blockers.

UT1 is dsi.ut-capitole.fr/blacklists (squidGuard's format: CATEGORY/domains, CATEGORY/urls); rules are EasyList's and AdGuard's
(adguard.com/kb/general/ad-filtering/create-own-filters), of which those are taken that keep a browser from opening a page.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import xxhash

from core.addresses import url_host
from core.errors import ScorerError
from filters.host_table import MAX_LISTS, Keys, Values, insert, parse_names

_MEND = "give lists: paths of a UT1 folder, of files with a host or URL a line, or of filter lists such as EasyList"
_UT1 = ("domains", "urls")
#: A rule on hosts or URLs: an exception, what is blocked, options.
_RULE = re.compile(r"(@@)?\|\|([^\s^$|*?,/]+(?:/[^\s^$|*]*)?)\^?\|?(?:\$([^\s/]+))?")
#: Options with which a rule holds for the page itself. Any other is about what a page loads, or where from.
_OF_PAGES = frozenset({"all", "doc", "document", "important"})
_RULES = re.compile(rb"^(?:\|\||@@|\[Adblock)", re.MULTILINE)
_MAX_FILE = 1 << 31
#: Bytes of lines that are looked through at once for an entry.
_LINES = 1 << 20


@dataclass(frozen=True)
class HostTable:
    """Names of the lists, in order; the table; and by list how many entries it has, and how many lines say nothing of pages."""

    names: tuple[str, ...]
    keys: Keys
    values: Values
    entries: dict[str, int]
    skipped: dict[str, int]


@dataclass(frozen=True)
class Source:
    """A file of a list."""

    name: str
    path: Path

    def stamp(self) -> tuple[str, str, int, int]:
        status = self.path.stat()
        return self.name, str(self.path), status.st_size, status.st_mtime_ns


def sources_of(lists: Sequence[str], categories: Sequence[str]) -> list[Source]:
    """The files of lists, in the order of their names. Of a UT1 folder each category is a list; `categories` chooses some.

    Raises ScorerError if a path is not there, is too large or a category is in none of the folders.
    """
    found: list[Source] = []
    for given in lists:
        path = Path(given)
        if path.is_dir():
            folders = [path] if any((path / name).is_file() for name in _UT1) else sorted(path.iterdir())
            folders = [folder for folder in folders if folder.is_dir() and not (folder.is_symlink() and folder != path)]
            found += [
                Source(folder.name, folder / name)
                for folder in folders for name in _UT1
                if (folder / name).is_file() and (not categories or folder.name in categories)
            ]  # fmt: skip
        elif path.is_file():
            found.append(Source(path.name.partition(".")[0] or path.name, path))
        else:
            raise ScorerError(f"there is no list {given}", _MEND, given)
    names = {source.name for source in found}
    missing = [category for category in categories if category not in names]
    if missing or not found:
        what = f"no list has the category {missing[0]}" if missing else f"there are no domains or urls in {', '.join(lists)}"
        raise ScorerError(what, _MEND)
    large = [str(source.path) for source in found if source.path.stat().st_size >= _MAX_FILE]
    if large or len(names) >= MAX_LISTS:
        raise ScorerError(f"{large[0]} has 2 GiB or more" if large else f"there are {len(names):,} lists", "split it")
    return sorted(found, key=lambda source: (source.name, str(source.path)))


def require_entries(given: str, categories: Sequence[str]) -> None:
    """ScorerError unless a list, or what `categories` choose of it, is there and has a host or URL. Reads to the first."""
    sources = sources_of((given,), ())
    chosen = [source for source in sources if source.name in categories] if categories and Path(given).is_dir() else sources
    if chosen and not any(_has_entry(source.path) for source in chosen):
        names = f" ({', '.join(sorted({source.name for source in chosen}))})" if chosen is not sources else ""
        raise ScorerError(f"the list {given}{names} has not one host or URL", _MEND, given)


def _has_entry(path: Path) -> bool:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            rules = _RULES.search(whole) is not None
        while lines := file.readlines(_LINES):
            raw = b"".join(lines).removeprefix(b"\xef\xbb\xbf")
            if any(len(some.keys) for _, some in _read(raw, rules)):
                return True
    return False


def digest_of(sources: Sequence[Source]) -> str:
    """xxh3-128 of the names and contents of files, in hex."""
    return _digest(tuple(source.stamp() for source in sources))


def table_of(sources: Sequence[Source]) -> HostTable:
    """The table of all files; it is made once in a process while they stay as they are."""
    return _table(tuple(source.stamp() for source in sources))


Stamps = tuple[tuple[str, str, int, int], ...]


@lru_cache(maxsize=8)
def _digest(stamps: Stamps) -> str:
    digest = xxhash.xxh3_128()
    for name, path, size, _ in stamps:
        digest.update(f"{name}\0{Path(path).name}\0{size}\0".encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _table(stamps: Stamps) -> HostTable:
    names = tuple(sorted({stamp[0] for stamp in stamps}))
    entries, skipped = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    parsed: list[tuple[int, Keys]] = []
    for name, path, _, _ in stamps:
        place = 2 * names.index(name)
        raw = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
        for exception, some in _read(raw, _RULES.search(raw) is not None):
            parsed += [(place + exception, some.keys), (2 * len(names), some.with_paths)]
            entries[name] += len(some.keys)
            skipped[name] += some.skipped
    size = 1 << max(4, (2 * sum(len(keys) for _, keys in parsed)).bit_length())
    table, values = np.zeros(size, np.uint64), np.zeros(size, np.uint16)
    for value, keys in parsed:
        insert(keys, value, table, values)
    return HostTable(names, table, values, entries, skipped)


@dataclass(frozen=True)
class _Names:
    """Keys of hosts and URLs, of hosts with listed paths, and the lines that say neither."""

    keys: Keys
    with_paths: Keys
    skipped: int


def _read(raw: bytes, rules: bool) -> Iterator[tuple[int, _Names]]:
    """What lines block (0) and except (1), of a file with `rules` of ad blockers, or of one with names."""
    if rules:
        blocked, excepted, skipped = read_rules(raw.decode("utf-8", "replace"))
        yield 0, _names("\n".join(blocked).encode(), skipped)
        yield 1, _names("\n".join(excepted).encode(), 0)
    else:
        yield 0, _names(raw, 0)


def _names(raw: bytes, skipped: int) -> _Names:
    keys, with_paths, unread, foreign = parse_names(np.frombuffer(raw, np.uint8))
    if len(foreign):
        lines = (raw[start:end].decode("utf-8", "replace") for start, end in foreign.tolist())
        ascii_lines = "\n".join(_in_ascii(line) for line in lines).encode()
        more, more_paths, more_unread, _ = parse_names(np.frombuffer(ascii_lines, np.uint8))
        keys, with_paths = np.concatenate([keys, more]), np.concatenate([with_paths, more_paths])
        unread += more_unread
    return _Names(keys, with_paths, skipped + unread)


def _in_ascii(line: str) -> str:
    """A line whose host is written in ASCII, as in a URL (IDNA); `?` if it cannot be."""
    word = line.split()[-1]
    name, slash, path = word.partition("://")[2 if "://" in word else 0].partition("/")
    host = url_host(f"http://{name.lstrip('*.')}/")
    path = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace")) for c in path)
    return f"{host}{slash}{path}" if host and host.isascii() and "%" not in host else "?"


def read_rules(text: str) -> tuple[list[str], list[str], int]:
    """Hosts and URLs that rules of an ad blocker block and except, and how many rules are about something else."""
    blocked: list[str] = []
    excepted: list[str] = []
    skipped = 0
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "![" or (line[0] == "#" and not line.startswith(("##", "#@#", "#?#", "#$#", "#%#"))):
            continue
        match = _RULE.fullmatch(line)
        if match is None or not (match[3] is None or set(match[3].lower().split(",")) <= _OF_PAGES):
            skipped += 1
        else:
            (excepted if match[1] else blocked).append(match[2])
    return blocked, excepted, skipped
