"""The members of a tar as they stand, found by their headers: damage costs what it covers, and nothing is unpacked.

POSIX.1-1988 ustar, pax and GNU's long names (IEEE Std 1003.1, pax; GNU tar manual, "Basic Tar Format").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import InputError
from ingest.files import ByteSource

BLOCK = 512
#: Bytes of a name, or of the further headers of one member, that are read.
_LONGEST = 1 << 16
_ZEROS = bytes(BLOCK)
_FILES = (b"0", b"\0", b"7")
#: What is looked through at a time for the next header.
_WINDOW = 1 << 20
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


@dataclass(frozen=True, slots=True)
class Member:
    """A member: where its headers begin, where its bytes lie (`size` of them from `start`, all there), and where the next begins.

    `name` is as stored. `is_file`: it is a plain file, no link, folder, device or sparse file. `is_cut`: the archive ends before.
    """

    name: str
    offset: int
    start: int
    size: int
    is_file: bool
    is_cut: bool

    @property
    def stop(self) -> int:
        return self.start + -(-self.size // BLOCK) * BLOCK


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `offset` to `stop` in which no header can be read, and why."""

    offset: int
    stop: int
    what: str


def tar_members(source: ByteSource, start: int, stop: int, uri: str) -> Iterator[Member | Damage]:
    """The members whose headers begin from `start`, where one does, to below `stop`; folders are left out.

    After damage it goes on at the next block that is a header by its magic and checksum. InputError for a tar that is compressed.
    """
    if start == 0:
        _require_plain(bytes(source.at(0, 8)), uri)
    at = start
    while at < min(stop, source.size):
        try:
            member = _member(source, at)
        except _Unreadable as error:
            # Not behind `at`: what was read as further headers of one member is not read over again as those of the next.
            following = _next_header(source, error.at + BLOCK)
            yield Damage(at, following, str(error))
            at = following
            continue
        if member is None:
            return
        if not (member.name.endswith("/") and not member.size):
            yield member
        if member.is_cut:
            return
        at = member.stop


class _Unreadable(Exception):
    """A header that is none; it stands at `at`."""

    at = 0


def _require_plain(head: bytes, uri: str) -> None:
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            raise InputError(
                f"{uri}: is packed by {name}, and images are read where they lie in a tar",
                "unpack it to a plain .tar, which images hardly make larger", uri,
            )  # fmt: skip


def _member(source: ByteSource, offset: int) -> Member | None:
    """The member whose first header stands at `offset`; None at the end of the archive."""
    at, name, size = offset, "", -1
    is_sparse = False
    try:
        while True:
            header = bytes(source.at(at, BLOCK))
            if at == offset and (not header or header == _ZEROS):
                return None
            if len(header) < BLOCK:
                raise _Unreadable("the archive ends in a header")
            own = _check(header)
            kind, start = header[156:157], at + BLOCK
            if kind not in (b"L", b"K", b"x", b"g"):
                length = own if size < 0 else size
                is_file = kind in _FILES and not is_sparse
                length = length if kind not in (b"1", b"2", b"3", b"4", b"5", b"6") else 0
                told = name or _name(header)
                if kind == b"5":
                    told = f"{told.rstrip('/')}/"
                there = max(0, source.size - start)
                return Member(told, offset, start, min(length, there), is_file, length > there)
            if own > _LONGEST or start + own > source.size:
                raise _Unreadable("a name or its further headers are too long")
            if start + own - offset > 4 * _LONGEST:
                raise _Unreadable("there is no end of further headers")
            data = bytes(source.at(start, own))
            if kind == b"L":
                name = data.split(b"\0", 1)[0].decode("utf-8", "replace")
            elif kind == b"x":
                told_by_pax = _pax(data)
                name = told_by_pax.get("path", name)
                is_sparse |= any(key.startswith("GNU.sparse.") for key in told_by_pax)
                if "size" in told_by_pax:
                    size = _whole(told_by_pax["size"], 10)
            at = start + -(-own // BLOCK) * BLOCK
    except _Unreadable as error:
        error.at = at
        raise


def _check(header: bytes) -> int:
    """The size that a header says; _Unreadable if its checksum, or a number in it, is none."""
    said = _number(header[148:156])
    if said != sum(header) - sum(header[148:156]) + 8 * 32:
        raise _Unreadable("a header's checksum is wrong")
    return _number(header[124:136])


def _number(field: bytes) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    return _whole(field.split(b"\0", 1)[0].decode("latin-1").strip() or "0", 8)


def _whole(digits: str, base: int) -> int:
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise _Unreadable("a header has a number that is none")
    try:
        return int(digits, base)
    except ValueError:
        raise _Unreadable("a header has a number that is none") from None


def _name(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "replace")


def _pax(data: bytes) -> dict[str, str]:
    """Records `length key=value\\n` of a pax header; what is none ends them."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        if space < 0 or not data[at:space].isdigit():
            break
        end = at + int(data[at:space])
        if not space < end <= len(data) or data[end - 1 : end] != b"\n":
            break
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at = end
    return found


def _next_header(source: ByteSource, at: int) -> int:
    """Where the next header stands from `at` on, a multiple of a block; the end of the file if none does."""
    begin = at
    while at < source.size:
        window = bytes(source.at(at, _WINDOW))
        place = window.find(b"ustar")
        while place >= 0:
            header = at + place - 257
            if header >= begin and not (header - begin) % BLOCK and _is_header(bytes(source.at(header, BLOCK))):
                return header
            place = window.find(b"ustar", place + 1)
        at += max(BLOCK, len(window) - BLOCK)
    return source.size


def _is_header(block: bytes) -> bool:
    try:
        return len(block) == BLOCK and _check(block) >= 0
    except _Unreadable:
        return False
