"""A file that can be sought in, over ranges of it that come from elsewhere: for readers of Parquet and of archives."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from typing import Any

#: One request asks for at most so many bytes.
RANGE_BYTES = 8 << 20


class RangedFile(io.RawIOBase, ABC):
    """What a file needs beside its length and a way to read a range of it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    @property
    @abstractmethod
    def _length(self) -> int:
        """How many bytes there are."""

    @abstractmethod
    def _range(self, at: int, size: int) -> bytes:
        """Bytes from `at` on, `size` of them and RANGE_BYTES at most, that are within the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that follow where it is negative or None."""
        if self.closed:
            raise ValueError("the file is closed")
        left = max(0, self._length - self._at)
        size = left if size is None or size < 0 else min(size, left)
        pieces: list[bytes] = []
        while size > 0:
            piece = self._range(self._at, min(size, RANGE_BYTES))
            self._at += len(piece)
            size -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
