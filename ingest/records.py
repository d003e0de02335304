"""WARC records out of a stream of bytes (WARC/1.1, ISO 28500): header, block, and what to do when they disagree.

A record's block ends where Content-Length says if a record boundary is there; else at the next plausible header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ingest.files import BLOCK, ByteSource
from ingest.members import Damaged

MAX_HEADER = 1 << 18
_STEP = 1 << 20
_END = b"\r\n\r\n"
#: Lengths that prove wrong may cost so many bytes of reading forward and back; then a record ends at the next header.
TRUST = 1 << 31
_HEADER = re.compile(rb"WARC/\d\.\d{1,2}[ \t]{0,8}\r?\n(?=[A-Za-z-]{1,40}[ \t]{0,8}:)")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_ONCE = (b"\nwarc-type:", b"\nwarc-record-id:", b"\nwarc-date:", b"\ncontent-length:")
#: How far before the end of what was searched a header may begin and still be cut by it.
_MARGIN = 128


@dataclass(slots=True)
class RawRecord:
    """One record as stored: `block` is what follows the WARC header; `reason` is empty unless it could not be read.

    `offset` is where its member begins in the file, plus its place in the inflated member if that holds several.
    """

    offset: int
    length: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    block: bytes = b""
    reason: str = ""
    detail: str = ""


def parse_header(head: bytes) -> dict[str, str]:
    """Field names in lower case to values; the first of repeated fields counts; folded lines are joined."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    fields: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def runs_on(head: bytes) -> bool:
    """Whether a header was cut and that of another record follows in it: a line ends as a record begins, and either
    is no field, or stands between fields that a record has once."""
    at = head.find(b"WARC/", 5)
    while at >= 0:
        if _HEADER.match(head + b"\r\n", at):
            line = head.rfind(b"\n", 0, at) + 1
            before, after = head[:at].lower(), head[at:].lower()
            if b":" not in head[line:at] or any(name in before and name in after for name in _ONCE):
                return True
        at = head.find(b"WARC/", at + 5)
    return False


def block_length(fields: dict[str, str]) -> int | None:
    """Content-Length, None if it is missing or no number."""
    text = fields.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def whole_record(data: bytes, max_block: int) -> tuple[dict[str, str], bytes] | None:
    """Header and block of `data` if it is exactly one well-formed record; None if it needs a closer look."""
    if data[:5] != b"WARC/":
        return None
    end = _HEADER_END.search(data, 0, MAX_HEADER)
    if end is None or runs_on(data[: end.start()]):
        return None
    fields = parse_header(data[: end.start()])
    size = block_length(fields)
    if size is None or size > max_block or len(data) - end.end() < size or data[end.end() + size :].strip(b"\r\n"):
        return None
    return fields, data[end.end() : end.end() + size]


class Window:
    """A stream read forward, of which `data[at:]` is held; `offset` is the place of `data[at]` in the stream.

    A stream that is damaged ends there, and `damage` says so. `trust`: bytes that may still be read in vain because a
    header told a length that was wrong.
    """

    def __init__(self, read: Callable[[int], bytes], data: bytes = b"") -> None:
        self._read = read
        self.data, self.at, self.offset = data, 0, 0
        self.damage: Damaged | None = None
        self.trust = TRUST
        self._ended = False

    def back(self, offset: int) -> bool:
        """Go back to `offset`; False if this stream cannot."""
        return False

    def price(self, size: int) -> int:
        """What going forward by `size` bytes and back again costs, in bytes read."""
        return size

    def have(self, n: int) -> int:
        """How many bytes are held after trying for `n`."""
        held = len(self.data) - self.at
        if held >= n or self._ended:
            return held
        parts = [self.data[self.at :]]
        while held < n and not self._ended:
            try:
                # A quarter more than asked for: what is held is copied here, and each record may ask anew.
                more = self._read(max(n - held, held // 4))
            except Damaged as damage:
                self.damage, more = damage, b""
            self._ended = not more
            parts.append(more)
            held += len(more)
        self.data, self.at = b"".join(parts), 0
        return held

    def take(self, n: int) -> bytes:
        """The next `n` bytes, which are held."""
        out = self.data[self.at : self.at + n]
        self.at += n
        self.offset += n
        return out

    def skip(self, n: int) -> int:
        """Go forward by `n` bytes without holding them; how many there were."""
        held = min(n, len(self.data) - self.at)
        self.at += held
        self.offset += held
        if held == n:
            return n
        done = held
        while done < n and self.have(min(_STEP, n - done)):
            step = min(len(self.data) - self.at, n - done)
            self.at += step
            self.offset += step
            done += step
        return done


class SourceWindow(Window):
    """A window on a file, which can also go to another place without reading what lies between."""

    def __init__(self, source: ByteSource, offset: int) -> None:
        super().__init__(self._more)
        self._source = source
        self.offset = self._next = offset

    def _more(self, n: int) -> bytes:
        data = bytes(self._source.at(self._next, n))
        self._next += len(data)
        return data

    def skip(self, n: int) -> int:
        if n > len(self.data) - self.at:
            n = min(n, self._source.size - self.offset)
            self.move(self.offset + n)
            return n
        return super().skip(n)

    def move(self, offset: int) -> None:
        """Go to `offset` of the file."""
        self.data, self.at, self.offset, self._next, self._ended = b"", 0, offset, offset, False

    def back(self, offset: int) -> bool:
        self.move(offset)
        return True

    def price(self, size: int) -> int:
        return 2 * BLOCK


def stream_records(window: Window, *, max_block: int, sole: bool) -> Iterator[RawRecord]:
    """The records of a stream of them, each before the next is read; offsets and lengths are places in the stream.

    `sole`: the stream is one intact compressed member, whose end is known to be right: a block that it cuts
    short is whole, and only its Content-Length is wrong. With `max_block=0` nothing is held (a walk). Damaged comes
    after the last record that is sure to be whole.
    """
    while True:
        _skip_newlines(window)
        start = window.offset
        record: RawRecord | None = None
        if window.have(1):
            fields, size, problem = _read_header(window)
            if problem:
                found = _discard_to_header(window, 1)
                record = RawRecord(0, 0, reason="bad_header", detail=problem + _onward(window, found))
            elif size <= max_block:
                record = _held_block(window, fields, size, max_block, sole)
            else:
                record = _large_block(window, fields, size)
            record.offset, record.length = start, window.offset - start
        if window.damage is not None and window.at == len(window.data):
            raise window.damage
        if record is None:
            return
        yield record


def _read_header(window: Window) -> tuple[dict[str, str], int, str]:
    n = 4096
    while True:
        held = window.have(n)
        end = _HEADER_END.search(window.data, window.at, window.at + n)
        if end is not None or held < n or n >= MAX_HEADER:
            break
        n *= 4
    if window.data[window.at : window.at + 5] != b"WARC/":
        return {}, 0, "no WARC header here"
    if end is None or runs_on(window.data[window.at : end.start()]):
        return {}, 0, "the WARC header has no end"
    fields = parse_header(window.data[window.at : end.start()])
    size = block_length(fields)
    if size is None:
        return {}, 0, f"Content-Length is {fields.get('content-length', 'missing')!r}"
    window.skip(end.end() - window.at)
    return fields, size, ""


def _at_boundary(window: Window) -> bool:
    held = window.have(16)
    return _is_boundary(window.data[window.at : window.at + min(held, 16)])


def _is_boundary(rest: bytes) -> bool:
    """Whether a record can end before `rest`: nothing follows, or two newlines, or one and another record."""
    bare = rest.lstrip(b"\r\n")
    return not bare or rest.startswith(b"\r\n\r\n") or (len(bare) < len(rest) and bare.startswith(b"WARC/"))


def _held_block(window: Window, fields: dict[str, str], size: int, max_block: int, sole: bool) -> RawRecord:
    held = window.have(size + 16)
    if held >= size:
        after = window.data[window.at + size : window.at + size + 16]
        if _is_boundary(after):
            return RawRecord(0, 0, fields, window.take(size))
    block, found, whole = _block_to_header(window, max_block)
    if not whole:
        return RawRecord(0, 0, fields, b"", "too_large", f"longer than {max_block:,} bytes")
    if not found and held < size and not sole:
        return RawRecord(0, 0, fields, b"", "truncated_file", f"the file ends {size - len(block):,} bytes early")
    block = _without_newlines(block)
    detail = f"Content-Length is {size:,}, the record has {len(block):,} bytes"
    return RawRecord(0, 0, fields, block, "", detail)


def _large_block(window: Window, fields: dict[str, str], size: int) -> RawRecord:
    start = window.offset
    if window.price(size) <= window.trust:
        if window.skip(size) == size and _at_boundary(window):
            return RawRecord(0, 0, fields, b"", "too_large", f"{size:,} bytes")
        window.trust -= window.price(size)
        window.back(start)
    _discard_to_header(window, 0)
    if window.offset - start == size + len(_END):
        return RawRecord(0, 0, fields, b"", "too_large", f"{size:,} bytes")
    return RawRecord(0, 0, fields, b"", "wrong_length", f"Content-Length is {size:,}, no record ends there")


def _block_to_header(window: Window, max_block: int) -> tuple[bytes, bool, bool]:
    """What comes before the next plausible header; whether there is one; whether it fits in `max_block`."""
    n = _STEP
    while True:
        held = window.have(n)
        match = _next_header(window.data, window.at)
        if match >= 0 and match - window.at <= max_block:
            return window.take(match - window.at), True, True
        if held < n and match < 0:
            return window.take(held), False, held <= max_block
        if held > max_block + MAX_HEADER or match >= 0:
            return b"", _discard_to_header(window, 0), False
        n = min(n * 2, max_block + MAX_HEADER + 1)


def _discard_to_header(window: Window, first: int) -> bool:
    """Go to the next plausible header from byte `first` on; False if there is none and all was read."""
    window.skip(min(first, window.have(1)))
    while True:
        held = window.have(_STEP)
        match = _next_header(window.data, window.at)
        if match >= 0:
            window.skip(match - window.at)
            return True
        if held < _STEP:
            window.skip(held)
            return False
        window.skip(held - _MARGIN)


def _next_header(data: bytes, at: int) -> int:
    match = _HEADER.search(data, at)
    return match.start() if match else -1


def _skip_newlines(window: Window) -> None:
    while held := window.have(16):
        bare = window.data[window.at : window.at + 4096].lstrip(b"\r\n")
        newlines = min(held, 4096) - len(bare)
        window.skip(newlines)
        if bare:
            return


def _without_newlines(block: bytes) -> bytes:
    """The block without the two newlines that end a record."""
    for end in (b"\r\n\r\n", b"\n\n", b"\r\n"):
        if block.endswith(end):
            return block[: -len(end)]
    return block


def _onward(window: Window, found: bool) -> str:
    return f"; skipped to the next record at {window.offset:,}" if found else "; nothing could be read after it"

