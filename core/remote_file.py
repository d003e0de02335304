"""A file of an object store, read by ranges: each is asked for again when the store is away for a while.

A file that is written anew while it is read is told: bytes of two files are never taken for one.
"""

from __future__ import annotations

import re

from core.errors import InputError
from core.ranged_file import RangedFile
from core.remote import asked, file_system, look, opened

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


class RemoteFile(RangedFile):
    """A remote file. FileNotFoundError or another OSError if it cannot be opened, UnreachableError when its store stays
    away, InputError if it changes or is closed to us while it is read."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.uri = uri
        self._ranges = Ranges(uri)
        self._look = self._ranges.look

    def size(self) -> int:
        return self._look.size

    @property
    def _length(self) -> int:
        return self._look.size

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
