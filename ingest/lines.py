"""Lines of a file, plain or compressed, with bounded memory: where each begins, and no line held past a limit."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

import zstandard

from ingest.files import BLOCK, ByteSource


def blocks(source: ByteSource, at: int) -> Iterator[bytes]:
    """The file from `at` on."""
    while block := bytes(source.at(at, BLOCK)):
        yield block
        at += len(block)


def inflated(source: ByteSource) -> Iterator[bytes]:
    """The content of a gzip or zstd file; what is left of a damaged one is lost, with a line that is no JSON there."""
    raw = io.BufferedReader(_Raw(source), BLOCK)
    try:
        if bytes(source.at(0, 2)) == b"\x1f\x8b":
            yield from _gunzipped(raw)
        else:
            reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw, read_across_frames=True)
            while data := reader.read(BLOCK):
                yield data
    except (zlib.error, EOFError, zstandard.ZstdError):
        yield b"\n{damaged"


def _gunzipped(raw: io.BufferedIOBase) -> Iterator[bytes]:
    inflate = zlib.decompressobj(31)
    data = b""
    while True:
        data = data or raw.read(1 << 16)
        out = inflate.decompress(data, BLOCK)
        if out:
            yield out
        if inflate.eof:
            data = inflate.unused_data or raw.read(1 << 16)
            if data[:1] != b"\x1f":
                return
            inflate = zlib.decompressobj(31)
        elif not data and not out:
            raise EOFError("the file ends inside a gzip member")
        else:
            data = inflate.unconsumed_tail


class _Raw(io.RawIOBase):
    def __init__(self, source: ByteSource) -> None:
        self._source, self._at = source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def split_lines(blocks: Iterator[bytes], at: int, stop: int, max_line: int) -> Iterator[tuple[int, int, bytes]]:
    """(offset, length, bytes) of the lines that start before `stop`, `at` being the place of the first.

    Of a line longer than `max_line` no more than that and a block is held.
    """
    held: list[bytes] = []
    size = dropped = 0
    for block in blocks:
        begin = 0
        while (end := block.find(b"\n", begin)) >= 0:
            held.append(block[begin : end + 1])
            length = size + dropped + end + 1 - begin
            yield at, length, b"".join(held)
            at += length
            held, size, dropped, begin = [], 0, 0, end + 1
            if at >= stop:
                return
        rest = block[begin:]
        if size <= max_line:
            held.append(rest)
            size += len(rest)
        else:
            dropped += len(rest)
    if size and at < stop:
        yield at, size + dropped, b"".join(held)
