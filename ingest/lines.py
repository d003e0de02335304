"""Lines of a text file, plain or compressed, with bounded memory however long a line is.

A line belongs to the slice that it starts in, as in Hadoop's TextInputFormat (hadoop.apache.org).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from ingest.files import BLOCK, ByteSource
from ingest.members import BOMB_RATIO, CHUNK, ZSTD_MAX_WINDOW, Damaged, Gzip, Zstd, skippable_end, zstd_frame_end

#: A compressed table that inflates past this at more than BOMB_RATIO is not read on.
_BOMB_BYTES = 256 << 20
_STEP = 1 << 14


@dataclass(slots=True)
class Line:
    """One line with its newline; `data` is None if it is longer than the limit."""

    offset: int
    data: bytes | None
    length: int


def is_packed(source: ByteSource) -> bool:
    """Whether the file is compressed, by its first bytes."""
    head = bytes(source.at(0, 4))
    return head[:3] == Gzip.magic or head == Zstd.magic or skippable_end(source, 0) is not None


def line_start(source: ByteSource, offset: int) -> int:
    """Where the first line that starts at or after `offset` starts; the file's size if none does."""
    if offset <= 0:
        return 0
    at = offset - 1
    while block := bytes(source.at(at, BLOCK)):
        end = block.find(b"\n")
        if end >= 0:
            return at + end + 1
        at += len(block)
    return source.size


def blocks(source: ByteSource, offset: int) -> Iterator[bytes]:
    """The file from `offset` on, as stored."""
    while data := bytes(source.at(offset, BLOCK)):
        yield data
        offset += len(data)


def unpacked(source: ByteSource) -> Iterator[bytes]:
    """The content of a gzip or zstd file of any number of members; Damaged where it cannot be read on."""
    total = 0
    for data, stored in _zstd_blocks(source) if bytes(source.at(0, 3)) != Gzip.magic else _gzip_blocks(source):
        yield data
        total += len(data)
        if total > _BOMB_BYTES and total > BOMB_RATIO * stored:
            raise Damaged("too_large", f"inflates to more than {total:,} bytes from {stored:,}")


def _gzip_blocks(source: ByteSource) -> Iterator[tuple[bytes, int]]:
    codec, at = Gzip(), 0
    while at < source.size:
        if bytes(source.at(at, 3)) != codec.magic:
            if bytes(source.at(at, CHUNK)).strip(b"\x00"):
                raise Damaged("damaged_gzip", f"no gzip member at byte {at:,}")
            return
        member = codec.open(source, at)
        while data := member.read(_STEP):
            yield data, at + member.consumed()
        assert member.end is not None
        at = member.end


def _zstd_blocks(source: ByteSource) -> Iterator[tuple[bytes, int]]:
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW)
    at = 0
    while at < source.size:
        skip = skippable_end(source, at)
        if skip is not None:
            at = skip
            continue
        cut: Damaged | None = None
        try:
            end = zstd_frame_end(source, at)
        except Damaged as damage:
            end, cut = source.size, damage
        stored = _Stored(source, at, end)
        reader = decoder.stream_reader(stored, read_size=CHUNK)  # pyright: ignore[reportArgumentType]
        try:
            while data := reader.read(_STEP):
                yield data, stored.at
        except zstandard.ZstdError as error:
            raise Damaged("damaged_zstd", f"zstd frame is damaged ({error})") from None
        if cut is not None:
            raise cut
        at = end


class _Stored:
    """The bytes `[at, end)` of a source as a file, for zstandard's stream reader."""

    def __init__(self, source: ByteSource, at: int, end: int) -> None:
        self._source, self.at, self._end = source, at, end

    def read(self, size: int = -1) -> bytes:
        n = self._end - self.at if size < 0 else min(size, self._end - self.at)
        data = bytes(self._source.at(self.at, n)) if n > 0 else b""
        self.at += len(data)
        return data


def lines(content: Iterable[bytes], offset: int, stop: int, limit: int) -> Iterator[Line]:
    """The lines that start in `[offset, stop)`; `offset` is the place of `content` in the file or its content.

    Of a line longer than `limit` bytes only the length is kept.
    """
    held: list[bytes] = []
    start, size = offset, 0
    if start >= stop:
        return
    for block in content:
        at = 0
        while (end := block.find(b"\n", at)) >= 0:
            size += end + 1 - at
            data: bytes | None = None
            if size <= limit:
                data = block[at : end + 1]
                if held:
                    held.append(data)
                    data = b"".join(held)
            yield Line(start, data, size)
            start += size
            if start >= stop:
                return
            held, size, at = [], 0, end + 1
        if at < len(block):
            size += len(block) - at
            if size <= limit:
                held.append(block[at:])
            else:
                held.clear()
    if size:
        yield Line(start, b"".join(held) if size <= limit else None, size)
