"""Claim check: senders write chunks for each destination into one file, and only pointers travel.

A file is an Arrow IPC file whose batch i is one destination's chunk, so that a reader maps just what it needs. After it
stand an xxh3 of each chunk and one of the rest: IPC files have no checksums of their own.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import xxhash

from core.errors import StorageError
from core.files import storage_errors
from core.remote_path import place
from pipelines.memory import forget
from pipelines.store import Store

#: Of each chunk: where it ends, and its xxh3.
_ENTRY = struct.Struct("<QQ")
#: At the end: where the first chunk begins, chunks, xxh3 of what is no chunk, and what such a file is known by.
_END = struct.Struct("<QQQ8s")
_MAGIC = b"w2schunk"


@dataclass(frozen=True)
class Pointer:
    """Batch `index` of the exchange file at `path`."""

    path: str
    index: int

    def to_json(self) -> list[Any]:
        return [self.path, self.index]

    @staticmethod
    def from_json(value: list[Any]) -> Pointer:
        return Pointer(str(value[0]), int(value[1]))


class Made(Mapping[int, pa.RecordBatch]):
    """Chunks that are made when they are asked for, so that one is in memory at a time."""

    def __init__(self, destinations: Iterable[int], make: Callable[[int], pa.RecordBatch]) -> None:
        self._destinations, self._make = list(destinations), make

    def __getitem__(self, destination: int) -> pa.RecordBatch:
        return self._make(destination)

    def __iter__(self) -> Iterator[int]:
        return iter(self._destinations)

    def __len__(self) -> int:
        return len(self._destinations)


def write_chunks(
    store: Store, name: str, chunks: Mapping[int, pa.RecordBatch], schema: pa.Schema, compression: str | None = None
) -> dict[int, Pointer]:  # fmt: skip
    """Writes the chunks of one sender; returns where each destination's is. Nothing is written for no chunks."""
    if not chunks:
        return {}
    final = store.scratch("exchange", name)
    temporary = store.temporary(final.name)
    options = ipc.IpcWriteOptions(compression=compression)
    pointers: dict[int, Pointer] = {}
    bounds: list[int] = []
    with storage_errors(temporary):
        try:
            with pa.OSFile(str(temporary), "wb") as sink, ipc.new_file(sink, schema, options=options) as writer:
                bounds.append(sink.tell())
                for index, destination in enumerate(sorted(chunks)):  # one at a time: `chunks` may make them as asked
                    writer.write_batch(chunks[destination])
                    bounds.append(sink.tell())
                    pointers[destination] = Pointer(str(final), index)
            _seal(temporary, bounds)
            store.commit(temporary, final, durable=False)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return pointers


def _seal(path: Path, bounds: Sequence[int]) -> None:
    """Writes the checksums of a file behind it."""
    with pa.memory_map(str(path)) as source:
        data = memoryview(source.read_buffer(source.size()))
        entries = [_ENTRY.pack(end, _checksum(data[start:end])) for start, end in pairwise(bounds)]
        rest = _checksum(data[: bounds[0]], data[bounds[-1] :])
        data.release()
    with open(path, "ab") as file:
        file.write(b"".join(entries) + _END.pack(bounds[0], len(entries), rest, _MAGIC))


def _checksum(*pieces: memoryview) -> int:
    digest = xxhash.xxh3_64()
    for piece in pieces:
        digest.update(piece)
    return digest.intdigest()


class Mapped:
    """The uncompressed chunks at the pointers, in the order of paths, mapped: a page is in memory from its first use
    until `forget`, and comes back when it is used again."""

    def __init__(self, pointers: Iterable[Pointer]) -> None:
        self._maps: dict[str, pa.Buffer] = {}
        self.batches = read_chunks(pointers, self._maps)

    def forget(self) -> None:
        """Lets go of the pages that are in memory."""
        for data in self._maps.values():
            forget(data)


def read_chunks(pointers: Iterable[Pointer], maps: dict[str, pa.Buffer] | None = None) -> list[pa.RecordBatch]:
    """The chunks at the pointers, in the order of paths, so that the answer does not depend on arrival.

    `maps` receives the mapped files, whose pages are let go again once they are verified.
    """
    found: dict[str, pa.Buffer] = {} if maps is None else maps
    batches: list[pa.RecordBatch] = []
    for pointer in sorted(pointers, key=lambda p: (Path(p.path).name, p.index)):
        try:
            if pointer.path not in found:
                with pa.memory_map(os.fspath(place(pointer.path))) as source:
                    found[pointer.path] = source.read_buffer(source.size())
            batches.append(_chunk(found[pointer.path], pointer.index))
            if maps is not None:
                forget(found[pointer.path])
        except (pa.ArrowException, OSError, ValueError, struct.error) as error:
            raise StorageError(f"{pointer.path}: the exchange file is damaged ({error})", "run the same command again") from error
    return batches


def _entry(view: memoryview, size: int, index: int) -> tuple[int, int]:
    return _ENTRY.unpack_from(view, size + index * _ENTRY.size)


def _chunk(data: pa.Buffer, index: int) -> pa.RecordBatch:
    """A batch of the mapped file `data`; ValueError if the file is not as it was written."""
    view = memoryview(data)
    first, chunks, rest, magic = _END.unpack_from(view, max(0, len(view) - _END.size))
    size = len(view) - _END.size - chunks * _ENTRY.size
    if magic != _MAGIC or size < first or index >= chunks:
        raise ValueError("it is cut, or its end is another's")
    start = _entry(view, size, index - 1)[0] if index else first
    end, checksum = _entry(view, size, index)
    last, _ = _entry(view, size, chunks - 1)
    if not first <= start <= end <= last <= size:
        raise ValueError("its places are out of order")
    if _checksum(view[start:end]) != checksum or _checksum(view[:first], view[last:size]) != rest:
        raise ValueError("a checksum is wrong")
    return ipc.open_file(pa.BufferReader(data.slice(0, size))).get_batch(index)
