"""The records of one slice of a WARC file, whatever its compression, with every byte accounted for.

Damage costs the member that it is in: reading goes on at the next member that inflates to a record, as in
gzip recovery tools (gzrecover), and what was passed over is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingest.files import ByteSource
from ingest.members import (
    BOMB_RATIO,
    Codec,
    Damaged,
    Gzip,
    Member,
    Zstd,
    find_record,
    skippable_end,
)
from ingest.options import IngestOptions
from ingest.records import RawRecord, SourceWindow, Window, parse_header, stream_records, whole_record

_FIRST = 1 << 20
#: Failed members may make this many slices' worth of bytes be read again; then the search starts where one failed.
_RETRY_BYTES = 4


class SliceReader:
    """Yields the raw records of `[start, stop)`; afterwards `first_offset` and `next_offset` say what it covered.

    `start_at` is where to begin, when it is known that the slice's first record begins there.
    """

    def __init__(self, source: ByteSource, start: int, stop: int, options: IngestOptions, start_at: int | None) -> None:
        self._source = source
        self._start, self._stop = start, stop
        self._options = options
        self._start_at = start_at
        self._wasted = 0
        self._inside = 0  # how much of the current member was given out as records
        self.first_offset = start
        self.next_offset = start

    def __iter__(self) -> Iterator[RawRecord]:
        source = self._source
        if source.size == 0:
            return
        codec = self._codec()
        if codec is None:
            yield from self._plain()
            return
        at = self._start if self._start_at is None else self._start_at
        if at > 0 and self._start_at is None:
            at = find_record(codec, source, at)
        self.first_offset = self.next_offset = at
        while at < self._stop and at < source.size:
            skip = skippable_end(source, at) if codec.name == "zstd" else None
            if skip is not None:
                at = self.next_offset = skip
                continue
            end = yield from self._member(codec, at)
            at = self.next_offset = end

    def _codec(self) -> Codec | None:
        head = bytes(self._source.at(0, 4))
        if head[:2] == b"\x1f\x8b":
            return Gzip()
        if head == Zstd.magic or skippable_end(self._source, 0) is not None:
            return Zstd(self._source)
        if head[:4] == b"WARC":
            return None
        for codec in (Gzip(), Zstd(self._source)):
            if find_record(codec, self._source, 0) < self._source.size:
                return codec
        return None

    def _plain(self) -> Iterator[RawRecord]:
        at = self._start if self._start_at is None else self._start_at
        self.first_offset = self.next_offset = at
        window = SourceWindow(self._source, at)
        for record in stream_records(window, max_block=self._options.max_record, sole=False):
            if record.offset >= self._stop:
                self.next_offset = record.offset
                return
            self.next_offset = window.offset
            yield record
        self.next_offset = self._source.size

    def _member(self, codec: Codec, at: int) -> Iterator[RawRecord]:
        """The records of the member at `at`; returns where to go on."""
        member: Member | None = None
        window: MemberWindow | None = None
        self._inside = 0
        try:
            if bytes(self._source.at(at, len(codec.magic))) != codec.magic:
                raise Damaged(f"damaged_{codec.name}", f"no {codec.name} member here")
            member = codec.open(self._source, at)
            first = member.read(_FIRST)
            if member.end is not None:
                whole = whole_record(first, self._options.max_record)
                if whole is not None:
                    yield RawRecord(at, member.end - at, *whole)
                    return member.end
                if not first:
                    return member.end
            window = MemberWindow(codec, self._source, at, member, first, self._options.max_record)
            yield from self._window_records(window, at)
            member = window.member
            if member.end is None:
                raise Damaged(f"damaged_{codec.name}", f"{codec.name} member goes on after its records")
            return member.end
        except Damaged as damage:
            found = self._resume(codec, at, window.member if window is not None else member, damage)
            inside = self._inside
            reason = damage.reason
            if reason == "truncated_file" and found < self._source.size:
                reason = f"damaged_{codec.name}"
            record = RawRecord(at + inside, found - at, reason=reason)
            if not inside:
                record.headers = _salvaged_header(codec, self._source, at)
            onward = (
                f"skipped to the next record at {found:,}" if found < self._source.size else "no record follows it"
            )
            record.detail = f"{damage.what}; {onward}"
            yield record
            return found

    def _window_records(self, window: MemberWindow, at: int) -> Iterator[RawRecord]:
        """One record behind the window, because the first of several has another length than an only one."""
        previous: RawRecord | None = None
        several = False
        try:
            for record in stream_records(window, max_block=self._options.max_record, sole=True):
                if previous is not None:
                    several = True
                    self._inside = previous.offset + previous.length
                    yield _placed(previous, at, previous.length)
                previous = record
        except Damaged:
            if previous is not None:
                self._inside = previous.offset + previous.length
                yield _placed(previous, at, previous.length)
            raise
        if previous is not None:
            end = window.member.end
            length = previous.length if several or end is None else end - at
            yield _placed(previous, at, length)

    def _resume(self, codec: Codec, at: int, member: Member | None, damage: Damaged) -> int:
        """Where the next record is, searched from just after `at`, or from where reading failed if that costs much."""
        read = damage.read if member is None else member.consumed()
        self._wasted += damage.cost if member is None else read
        much = self._wasted > _RETRY_BYTES * max(self._stop - self._start, 64 << 20)
        return find_record(codec, self._source, at + max(1, read) if much else at + 1)


def _placed(record: RawRecord, at: int, length: int) -> RawRecord:
    record.offset += at
    record.length = length
    return record


class MemberWindow(Window):
    """A window on the content of a member, which is opened anew to go back."""

    def __init__(self, codec: Codec, source: ByteSource, at: int, member: Member, first: bytes, max_record: int) -> None:
        super().__init__(_bounded(member, max_record), first)
        self.member = member
        self._open = lambda: codec.open(source, at)
        self._max_record = max_record

    def back(self, offset: int) -> bool:
        self.member = self._open()
        self._read = _bounded(self.member, self._max_record)
        self.data, self.at, self.offset, self._ended, self.damage = b"", 0, 0, False, None
        self.skip(offset)
        return True

    def price(self, size: int) -> int:
        return size + self.offset


def _bounded(member: Member, max_record: int) -> Callable[[int], bytes]:
    """Reads a member until it turns out to be a bomb."""
    total = 0

    def read(n: int) -> bytes:
        nonlocal total
        data = member.read(n)
        total += len(data)
        if total > max_record and total > BOMB_RATIO * member.consumed():
            raise Damaged("too_large", f"inflates to more than {total:,} bytes from {member.consumed():,}")
        return data

    return read


def _salvaged_header(codec: Codec, source: ByteSource, at: int) -> dict[str, str]:
    """What can still be read of a damaged member's WARC header."""
    head = codec.salvage(source, at, 1 << 13)
    end = head.find(b"\r\n\r\n")
    return parse_header(head[: end if end >= 0 else head.rfind(b"\n") + 1]) if head[:5] == b"WARC/" else {}

