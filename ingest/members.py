"""Compressed members of a WARC: gzip members (RFC 1952) and zstd frames (RFC 8878), read with bounded memory.

A member knows where it ends in the file, and a codec finds the next member after damage: the next magic
number from which the first bytes inflate to `WARC/`. WARC in zstd: iipc.github.io/warc-specifications.
"""

from __future__ import annotations

import struct
import zlib
from typing import Protocol

import zstandard

from ingest.files import ByteSource

CHUNK = 1 << 16
#: A member that inflates past the limit at more than this ratio is not inflated to its end but searched past.
BOMB_RATIO = 100
ZSTD_MAX_WINDOW = 1 << 27
_PROBE = 4096
#: How much of a zstd frame is handed to the decoder at a time where only its beginning is wanted.
_PEEK = 4096
#: What going over a block header of a zstd frame counts for, in bytes read.
_BLOCK_COST = 256
_STEP = 32
_SEARCH = 1 << 20


class Damaged(Exception):
    """A member cannot be read on: `reason` as in the records, `what` for its message.

    `read`: stored bytes gone over to find that out, where no member could be opened; `cost`: what that counts for.
    """

    def __init__(self, reason: str, what: str, read: int = 0, cost: int = 0) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what
        self.read = read
        self.cost = cost


class Member(Protocol):
    """One compressed member; `end` is the offset after it once all of it was read, else None."""

    end: int | None

    def read(self, n: int) -> bytes:
        """`n` bytes of content, fewer only at the end of the member; Damaged when it cannot be read on."""
        ...

    def consumed(self) -> int:
        """Stored bytes read so far."""
        ...


class Codec(Protocol):
    """What is particular to a compression."""

    name: str
    magic: bytes

    def open(self, source: ByteSource, offset: int) -> Member: ...
    def peek(self, source: ByteSource, offset: int, n: int) -> bytes: ...
    def salvage(self, source: ByteSource, offset: int, n: int) -> bytes: ...


class GzipMember:
    """A gzip member at `offset`. What was inflated before damage is given out before Damaged is raised."""

    def __init__(self, source: ByteSource, offset: int) -> None:
        self._source = source
        self._start = self._at = offset
        self._inflate = zlib.decompressobj(31)
        self._given = 0
        self._damage: Damaged | None = None
        self.end: int | None = None

    def read(self, n: int) -> bytes:
        data = self._some(n)
        if len(data) < n and self.end is None:
            parts, missing = [data], n - len(data)
            while missing and self.end is None:
                try:
                    data = self._some(missing)
                except Damaged as damage:
                    self._damage = damage
                    break
                parts.append(data)
                missing -= len(data)
            data = b"".join(parts)
        self._given += len(data)
        return data

    def consumed(self) -> int:
        return self._at - self._start

    def _some(self, n: int) -> bytes:
        if self._damage is not None:
            raise self._damage
        if self.end is not None:
            return b""
        while True:
            inflate = self._inflate
            chunk = self._source.at(self._at, CHUNK)
            # Only a member of many records is worth a copy that lets what precedes damage be read to the byte.
            saved = inflate.copy() if self._given >= CHUNK else None
            try:
                out = inflate.decompress(chunk, n)
            except zlib.error as error:
                damage = Damaged("damaged_gzip", f"gzip member is damaged ({error})")
                out = _before_damage(saved, chunk, n) if saved is not None else b""
                if not out:
                    raise damage from None
                self._damage = damage
                return out
            if not chunk and not out and not inflate.eof:
                raise Damaged("truncated_file", "the file ends inside the gzip member")
            if inflate.eof:
                self._at += len(chunk) - len(inflate.unused_data)
                self.end = self._at
                return out
            self._at += len(chunk) - len(inflate.unconsumed_tail)
            if out:
                return out


def _before_damage(inflate: zlib._Decompress, chunk: memoryview, n: int) -> bytes:  # pyright: ignore[reportPrivateUsage]
    """What of a damaged chunk can be inflated, up to `n` bytes."""
    out = b""
    try:
        for at in range(0, len(chunk), _STEP):
            out += inflate.decompress(chunk[at : at + _STEP], n)
            if len(out) >= n:
                break
    except zlib.error:
        pass
    return out[:n]


class Gzip:
    name = "gzip"
    magic = b"\x1f\x8b\x08"

    def open(self, source: ByteSource, offset: int) -> Member:
        return GzipMember(source, offset)

    def peek(self, source: ByteSource, offset: int, n: int) -> bytes:
        """The first `n` bytes of content at `offset`, fewer or none where there is no member."""
        try:
            return zlib.decompressobj(31).decompress(source.at(offset, max(_PROBE, n)), n)
        except zlib.error:
            return b""

    def salvage(self, source: ByteSource, offset: int, n: int) -> bytes:
        """Up to `n` bytes of content of a damaged member, as far as it can be read."""
        return _before_damage(zlib.decompressobj(31), source.at(offset, n), n)


class _Range:
    """The bytes `[start, end)` of a source as a file, for zstandard's stream reader."""

    def __init__(self, source: ByteSource, start: int, end: int) -> None:
        self._source, self.at, self._end = source, start, end

    def read(self, size: int = -1) -> bytes:
        n = self._end - self.at if size < 0 else min(size, self._end - self.at)
        data = bytes(self._source.at(self.at, n)) if n > 0 else b""
        self.at += len(data)
        return data


class ZstdMember:
    """A zstd frame at `offset`; its end comes from the block headers, before anything is decoded."""

    def __init__(self, source: ByteSource, offset: int, decoder: zstandard.ZstdDecompressor) -> None:
        self._start, self._stop = offset, zstd_frame_end(source, offset)
        self._range = _Range(source, offset, self._stop)
        self._reader = decoder.stream_reader(self._range, read_size=CHUNK)  # pyright: ignore[reportArgumentType]
        self._damage: Damaged | None = None
        self.end: int | None = None

    def read(self, n: int) -> bytes:
        if self._damage is not None:
            raise self._damage
        parts: list[bytes] = []
        while n and self.end is None:
            try:
                data = self._reader.read(min(n, CHUNK))
            except zstandard.ZstdError:  # whose words hang on what the decoder read before
                self._damage = Damaged("damaged_zstd", "zstd frame is damaged")
                if not parts:
                    raise self._damage from None
                break
            if not data:
                self.end = self._stop
            parts.append(data)
            n -= len(data)
        return b"".join(parts)

    def consumed(self) -> int:
        return self._range.at - self._start


class Zstd:
    """zstd frames, with the dictionary that a skippable frame at the file's start may hold."""

    name = "zstd"
    magic = b"\x28\xb5\x2f\xfd"

    def __init__(self, source: ByteSource) -> None:
        dictionary = _zstd_dictionary(source)
        self._decoder = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=ZSTD_MAX_WINDOW)

    def open(self, source: ByteSource, offset: int) -> Member:
        return ZstdMember(source, offset, self._decoder)

    def peek(self, source: ByteSource, offset: int, n: int) -> bytes:
        """The first `n` bytes of content at `offset`; whether the frame has an end is not looked at."""
        stored = _Range(source, offset, source.size)
        try:
            return self._decoder.stream_reader(stored, read_size=_PEEK).read(n)  # pyright: ignore[reportArgumentType]
        except zstandard.ZstdError:
            return b""

    def salvage(self, source: ByteSource, offset: int, n: int) -> bytes:
        return self.peek(source, offset, n)


def zstd_frame_end(source: ByteSource, offset: int) -> int:
    """Where the zstd frame at `offset` ends, by its block headers (RFC 8878 §3.1.1)."""
    head = bytes(source.at(offset, 18))
    if len(head) < 6 or head[:4] != Zstd.magic:
        raise Damaged("damaged_zstd", "no zstd frame here")
    flags = head[4]
    single = flags >> 5 & 1
    sizes = (1 if single else 0, 2, 4, 8)
    at = offset + 5 + (not single) + (0, 1, 2, 4)[flags & 3] + sizes[flags >> 6]
    cost = 0
    while True:
        block = bytes(source.at(at, 3))
        cost += _BLOCK_COST
        if len(block) < 3:
            raise Damaged("truncated_file", "the file ends inside the zstd frame", at - offset, at - offset + cost)
        word = int.from_bytes(block, "little")
        kind, size = word >> 1 & 3, word >> 3
        if kind == 3 or size > 1 << 17:
            raise Damaged("damaged_zstd", "zstd frame is damaged (bad block header)", at - offset, at - offset + cost)
        at += 3 + (1 if kind == 1 else size)
        if word & 1:
            at += 4 * (flags >> 2 & 1)
            if at > source.size:
                raise Damaged("truncated_file", "the file ends inside the zstd frame", at - offset, at - offset + cost)
            return at


def skippable_end(source: ByteSource, offset: int) -> int | None:
    """Where the zstd skippable frame at `offset` ends, None if there is none."""
    head = bytes(source.at(offset, 8))
    if len(head) < 8 or head[1:4] != b"\x2a\x4d\x18" or head[0] >> 4 != 5:
        return None
    end = offset + 8 + struct.unpack("<I", head[4:])[0]
    return end if end <= source.size else None


def _zstd_dictionary(source: ByteSource) -> zstandard.ZstdCompressionDict | None:
    end = skippable_end(source, 0)
    if end is None or end > 64 << 20:
        return None
    data = bytes(source.at(8, end - 8))
    if data[:4] == Zstd.magic:
        reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW).stream_reader(data)
        data = reader.read(64 << 20)
    return zstandard.ZstdCompressionDict(data) if data else None


def find_record(codec: Codec, source: ByteSource, offset: int) -> int:
    """The offset of the first member at or after `offset` that holds a WARC record; the file's size if none."""
    while offset < source.size:
        block = bytes(source.at(offset, _SEARCH))
        i = block.find(codec.magic)
        while i >= 0:
            if codec.peek(source, offset + i, 5) == b"WARC/":
                return offset + i
            i = block.find(codec.magic, i + 1)
        offset += max(1, len(block) - len(codec.magic) + 1)
    return source.size
