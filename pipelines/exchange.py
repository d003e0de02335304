"""Claim check: senders write chunks for each destination into one file, and only pointers travel.

A chunk is an Arrow IPC stream of one batch, and a pointer says where in the file it stands and its xxh3 (IPC streams have no
checksums of their own), so that a reader maps, or asks an object store for, just what it needs. The file ends with a table
of its chunks, for those who know it by name alone.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import xxhash

from core.errors import InputError, StorageError
from core.files import storage_errors
from core.remote import at_once, is_remote
from core.remote_file import Ranges, RemoteFile
from pipelines.memory import forget
from pipelines.store import Store

#: Of each chunk: where it begins and ends, and its xxh3.
_ENTRY = struct.Struct("<QQQ")
#: At the end: how many chunks, the xxh3 of their entries, and what such a file is known by.
_END = struct.Struct("<QQ8s")
_MAGIC = b"w2schnk2"
#: Chunks begin at a multiple of it, so that what is mapped is aligned as Arrow wants it.
_ALIGNMENT = 64


@dataclass(frozen=True)
class Pointer:
    """The bytes `start` to `end` of the exchange file at `path`, and their xxh3."""

    path: str
    start: int
    end: int
    checksum: int

    def to_json(self) -> list[Any]:
        return [self.path, self.start, self.end, self.checksum]

    @staticmethod
    def from_json(value: list[Any]) -> Pointer:
        path, *numbers = value
        return Pointer(str(path), *map(int, numbers))

    @property
    def size(self) -> int:
        return self.end - self.start


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


class Draft:
    """The chunks of one sender in a file of this machine, that `commit` puts where their readers look."""

    def __init__(
        self, store: Store, name: str, chunks: Mapping[int, pa.RecordBatch], schema: pa.Schema, compression: str | None = None
    ) -> None:  # fmt: skip
        self._store, self._final, self.schema = store, store.scratch("exchange", name), schema
        self._path = store.temporary(name)
        self._entries: dict[int, tuple[int, int, int]] = {}
        with self._or_nothing():
            self._write(chunks, ipc.IpcWriteOptions(compression=compression))

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(end - start for start, end, _ in self._entries.values())

    def pointers(self) -> dict[int, Pointer]:
        """Where each destination's chunk stands in the draft, for who puts drafts together on this machine."""
        return {destination: Pointer(str(self._path), *entry) for destination, entry in self._entries.items()}

    def commit(self) -> dict[int, Pointer]:
        """Puts the file in its place; returns where each destination's chunk is."""
        with self._or_nothing():
            self._store.commit(self._path, self._final, durable=False)
        return {destination: Pointer(str(self._final), *entry) for destination, entry in self._entries.items()}

    def discard(self) -> None:
        """Removes the file, if it was not committed."""
        self._path.unlink(missing_ok=True)

    def _write(self, chunks: Mapping[int, pa.RecordBatch], options: ipc.IpcWriteOptions) -> None:
        bounds: dict[int, tuple[int, int]] = {}
        with pa.OSFile(str(self._path), "wb") as sink:
            for destination in sorted(chunks):  # one at a time: `chunks` may make them as asked
                batch = chunks[destination]
                start = sink.tell()
                with ipc.new_stream(sink, self.schema, options=options) as writer:
                    writer.write_batch(batch)
                bounds[destination] = start, sink.tell()
                sink.write(bytes(-sink.tell() % _ALIGNMENT))
        with pa.memory_map(str(self._path)) as source:
            data = source.read_buffer(source.size())
        view = memoryview(data)
        self._entries = {d: (start, end, _checksum(view[start:end])) for d, (start, end) in bounds.items()}
        view.release()
        forget(data)
        table = b"".join(_ENTRY.pack(*entry) for entry in self._entries.values())
        with open(self._path, "ab") as file:
            file.write(table + _END.pack(len(self._entries), _checksum(memoryview(table)), _MAGIC))

    @contextlib.contextmanager
    def _or_nothing(self) -> Generator[None]:
        with storage_errors(self._path):
            try:
                yield
            except BaseException:
                self.discard()
                raise


def write_chunks(
    store: Store, name: str, chunks: Mapping[int, pa.RecordBatch], schema: pa.Schema, compression: str | None = None
) -> dict[int, Pointer]:  # fmt: skip
    """Writes the chunks of one sender; returns where each destination's is. Nothing is written for no chunks."""
    return Draft(store, name, chunks, schema, compression).commit() if chunks else {}


def read_chunks(pointers: Iterable[Pointer]) -> list[pa.RecordBatch]:
    """The chunks at the pointers, in the order of paths, so that the answer does not depend on arrival."""
    wanted = _in_order(pointers)
    maps: dict[str, pa.Buffer] = {}
    if any(is_remote(pointer.path) for pointer in wanted):
        found = at_once(_fetch, wanted, far=True)
        return [_batch(pa.py_buffer(data), pointer) for data, pointer in zip(found, wanted, strict=True)]
    return [_batch(_mapped(pointer, maps), pointer) for pointer in wanted]


def read_only_chunk(path: Path) -> pa.RecordBatch:
    """The chunk of a file of one."""
    uri = str(path)
    with _damage(uri):
        with RemoteFile(uri) if is_remote(uri) else open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END.size - _ENTRY.size))
            tail = file.read() or b""
        chunks, checksum, magic = _END.unpack_from(tail, len(tail) - _END.size)
        entry = tail[: _ENTRY.size]
        if magic != _MAGIC or chunks != 1 or _checksum(memoryview(entry)) != checksum:
            raise ValueError("it is cut, or its end is another's")
    return read_chunks([Pointer(uri, *_ENTRY.unpack(entry))])[0]


class Mapped:
    """The uncompressed chunks at the pointers, in the order of paths, mapped: a page is in memory from its first use
    until `forget`, and comes back when it is used again. Those of an object store are fetched into a file first, which is
    the `store`'s draft and has no name."""

    def __init__(self, store: Store, pointers: Iterable[Pointer]) -> None:
        wanted = _in_order(pointers)
        self._maps: dict[str, pa.Buffer] = {}
        remote = any(is_remote(pointer.path) for pointer in wanted)
        self.batches: list[pa.RecordBatch] = []
        at = _spooled(store, wanted, self._maps) if remote else wanted
        for pointer, local in zip(wanted, at, strict=True):
            data = _mapped(local, self._maps)
            self.batches.append(_batch(data, pointer))
            forget(self._maps[local.path])

    def forget(self) -> None:
        """Lets go of the pages that are in memory."""
        for data in self._maps.values():
            forget(data)


def _in_order(pointers: Iterable[Pointer]) -> list[Pointer]:
    return sorted(pointers, key=lambda p: (p.path.rpartition("/")[2], p.start))


def _mapped(pointer: Pointer, maps: dict[str, pa.Buffer]) -> pa.Buffer:
    """The bytes of a chunk on this machine; `maps` are the files that are mapped already."""
    with _damage(pointer.path):
        if pointer.path not in maps:
            with pa.memory_map(pointer.path) as source:
                maps[pointer.path] = source.read_buffer(source.size())
        data = maps[pointer.path]
        if not 0 <= pointer.start <= pointer.end <= data.size:
            raise ValueError("it is cut")
        return data.slice(pointer.start, pointer.size)


def _spooled(store: Store, pointers: Sequence[Pointer], maps: dict[str, pa.Buffer]) -> list[Pointer]:
    """Fetches chunks into a file that is mapped and then unlinked; returns where they stand there."""
    spool = store.temporary("fetched.arrow")
    starts: list[int] = []
    size = 0
    for pointer in pointers:
        starts.append(size)
        size += pointer.size + -pointer.size % _ALIGNMENT
    with storage_errors(spool):
        try:
            with open(spool, "xb") as file:
                file.truncate(size)

                def fetch(one: tuple[Pointer, int]) -> None:
                    pointer, at = one
                    data = memoryview(_fetch(pointer))
                    while data:
                        written = os.pwrite(file.fileno(), data, at)
                        data, at = data[written:], at + written

                for _ in at_once(fetch, list(zip(pointers, starts, strict=True)), far=True):
                    pass
            with pa.memory_map(str(spool)) as source:
                maps[str(spool)] = source.read_buffer(source.size())
        finally:
            spool.unlink(missing_ok=True)
    return [Pointer(str(spool), at, at + p.size, p.checksum) for at, p in zip(starts, pointers, strict=True)]


def _fetch(pointer: Pointer) -> bytes:
    """The bytes of a chunk of an object store."""
    with _damage(pointer.path), Ranges(pointer.path) as file:
        return file.read(pointer.start, pointer.size)


def _batch(data: pa.Buffer, pointer: Pointer) -> pa.RecordBatch:
    with _damage(pointer.path):
        if data.size != pointer.size or _checksum(memoryview(data)) != pointer.checksum:
            raise ValueError("a checksum is wrong")
        return ipc.open_stream(pa.BufferReader(data)).read_next_batch()


@contextlib.contextmanager
def _damage(path: str) -> Generator[None]:
    try:
        yield
    except (pa.ArrowException, InputError, OSError, ValueError, struct.error) as error:
        raise StorageError(f"{path}: the exchange file is damaged ({error})", "run the same command again") from error


def _checksum(data: memoryview) -> int:
    return xxhash.xxh3_64_intdigest(data)
