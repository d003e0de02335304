"""What a worker is doing right now, in a small piece of shared memory that outlives the process.

When a worker dies, its note tells which rows of which scorer (or which record of the input) it held; while it
lives, the note's clock shows that it is not stuck and its counter feeds the progress bar. A note has no name: none
stays behind when the driver is killed, and a full disk does not reach it (a page of a mapped file that has no place
on the disk kills who writes to it).
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from dataclasses import dataclass

_FORMAT = struct.Struct("<dQQQq64s")
SIZE = 128


@dataclass(frozen=True)
class Note:
    """`clock` is time.monotonic() of the last stroke (one clock for all processes of a machine); rows are
    `start` to `stop` of the part (half-open) in the scorer of `layer`; `offset` is the byte offset of the record
    being read, or -1; `rows` counts the rows done in this task."""

    clock: float
    rows: int
    start: int
    stop: int
    offset: int
    layer: str


def new_note() -> int:
    """A descriptor of SIZE zero bytes that processes can share."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("web2shards-note")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.write(descriptor, bytes(SIZE))
    return descriptor


class NoteBook:
    """Writes notes to a descriptor made by `new_note`, which it takes over."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)
        self._rows = 0

    def begin(self) -> None:
        """A new task: nothing done yet, nothing at hand."""
        self._rows = 0
        self._write(0, 0, -1, "")

    def scoring(self, layer: str, start: int, stop: int) -> None:
        """Rows `start` to `stop` of the part go into the scorer of `layer`."""
        self._write(start, stop, -1, layer)

    def reading(self, number: int, offset: int) -> None:
        """The record at `offset` of the input is being read; `number` is its place, which readers tell too."""
        self._write(0, 0, offset, "")

    def done(self, rows: int) -> None:
        """`rows` more rows of the task are through; nothing is at hand."""
        self._rows += rows
        self._write(0, 0, -1, "")

    def _write(self, start: int, stop: int, offset: int, layer: str) -> None:
        name = layer.encode("utf-8", "replace")[:64]
        # At once: pack_into fills with zeros first, which a reader, or the death of this process, may catch.
        self._map[: _FORMAT.size] = _FORMAT.pack(time.monotonic(), self._rows, start, stop, offset, name)


class SilentNotes(NoteBook):
    """Notes that nobody reads: for tasks that run in the caller's own process."""

    def __init__(self) -> None:
        self._rows = 0

    def _write(self, start: int, stop: int, offset: int, layer: str) -> None:
        return


def read_note(descriptor: int) -> Note | None:
    """The last note; None if there is none yet."""
    try:
        data = os.pread(descriptor, SIZE, 0)
    except OSError:
        return None
    if len(data) < SIZE:
        return None
    clock, rows, start, stop, offset, layer = _FORMAT.unpack_from(data)
    if clock == 0.0:
        return None
    return Note(clock, rows, start, stop, offset, layer.rstrip(b"\0").decode("utf-8", "replace"))
