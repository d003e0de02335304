"""Claim check: senders write chunks for each destination into one file, and only pointers travel.

A file is an Arrow IPC file whose batch i is one destination's chunk, so that a reader maps just what it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc

from core.errors import StorageError
from core.files import storage_errors
from pipelines.memory import forget
from pipelines.store import Store


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
    with storage_errors(temporary):
        try:
            with pa.OSFile(str(temporary), "wb") as sink, ipc.new_file(sink, schema, options=options) as writer:
                for index, destination in enumerate(sorted(chunks)):  # one at a time: `chunks` may make them as asked
                    writer.write_batch(chunks[destination])
                    pointers[destination] = Pointer(str(final), index)
            store.commit(temporary, final, durable=False)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return pointers


class Mapped:
    """The uncompressed chunks at the pointers, in the order of paths, mapped: a page is in memory from its first use
    until `forget`, and comes back when it is used again."""

    def __init__(self, pointers: Iterable[Pointer]) -> None:
        self._maps: dict[str, pa.Buffer] = {}
        self.batches = read_chunks(pointers, self._maps)
        self.forget()

    def forget(self) -> None:
        """Lets go of the pages that are in memory."""
        for data in self._maps.values():
            forget(data)


def read_chunks(pointers: Iterable[Pointer], maps: dict[str, pa.Buffer] | None = None) -> list[pa.RecordBatch]:
    """The chunks at the pointers, in the order of paths, so that the answer does not depend on arrival.

    `maps` receives the mapped files.
    """
    maps = {} if maps is None else maps
    batches: list[pa.RecordBatch] = []
    for pointer in sorted(pointers, key=lambda p: (Path(p.path).name, p.index)):
        try:
            if pointer.path not in maps:
                with pa.memory_map(pointer.path) as source:
                    maps[pointer.path] = source.read_buffer(source.size())
            batches.append(ipc.open_file(pa.BufferReader(maps[pointer.path])).get_batch(pointer.index))
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(f"{pointer.path}: the exchange file is damaged ({error})", "run the same command again") from error
    return batches
