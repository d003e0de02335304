"""A file of an object store, read by ranges: each is asked for again when the store is away for a while.

A file that is written anew while it is read is told: bytes of two files are never taken for one.
"""

from __future__ import annotations

import io
import os
import re
from typing import Any

from core.errors import InputError
from core.remote import asked, file_system, look, opened

#: One request asks for at most so many bytes.
RANGE_BYTES = 8 << 20
#: What stores say of a range when an object was removed, or is shorter now.
_GONE = re.compile("RESOURCE_NOT_FOUND|NO_SUCH_KEY|INVALID_RANGE|HTTP status (404|416)")


class Ranges:
    """A remote file open for reading by ranges; a context manager. Errors are the store's own; UnreachableError when it
    stays away."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        store, path = file_system(uri)
        self._file, self.look = asked(f"{uri}: open", lambda: opened(store, path))

    def read(self, at: int, size: int) -> bytes:
        """`size` bytes from `at`, fewer where the file is shorter now."""
        return asked(f"{self.uri}: bytes {at:,} to {at + size:,}", lambda: self._file.read_at(size, at), size)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Ranges:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class RemoteFile(io.RawIOBase):
    """A remote file. FileNotFoundError or another OSError if it cannot be opened, UnreachableError when its store stays
    away, InputError if it changes or is closed to us while it is read."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.uri = uri
        self._ranges = Ranges(uri)
        self._look = self._ranges.look
        self._at = 0

    def size(self) -> int:
        return self._look.size

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that follow where it is negative or None."""
        left = max(0, self._look.size - self._at)
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
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._look.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._ranges.close()
        super().close()

    def require_unchanged(self) -> None:
        """InputError if the file at the URI is no longer the one that was opened."""
        try:
            now = look(self.uri)
        except OSError as error:
            raise unreadable(self.uri, error) from error
        if now != self._look:
            raise self._changed()

    def _range(self, at: int, size: int) -> bytes:
        try:
            piece = self._ranges.read(at, size)
        except FileNotFoundError:
            raise self._changed() from None
        except OSError as error:
            if _GONE.search(str(error)):
                raise self._changed() from None
            raise unreadable(self.uri, error) from error
        if len(piece) < size:
            raise self._changed()
        return piece

    def _changed(self) -> InputError:
        return InputError(
            f"{self.uri}: was written anew or removed while it was read",
            "run the same command again when nobody writes to the input: what is finished is kept", self.uri,
        )  # fmt: skip


def unreadable(uri: str, error: OSError) -> InputError:
    """The error for an input that cannot be read."""
    why = " ".join(str(error).split())[:400]
    return InputError(f"{uri} cannot be read: {why}", "check that the file is there and that you may read it", uri)
