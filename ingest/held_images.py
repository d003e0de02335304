"""Images that lie in the input, read where they are: in a file of their own or within a tar, told by the digest of their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import xxhash

from core.errors import InputError
from ingest.files import BinaryFile, open_file, read_exactly, uris_of

_OPEN = 16


class HeldImages:
    """Reads images by the path of their file relative to the input's prefix, offset and length; keeps some files open. A context
    manager."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = list(patterns)
        self._files: OrderedDict[str, BinaryFile] = OrderedDict()

    def read(self, id: bytes, file: str, offset: int, length: int) -> bytes:
        """The bytes of an image, whose xxh3-128 is `id`. InputError if they are no longer there."""
        why = ""
        for uri in uris_of(self._patterns, file):
            try:
                data = read_exactly(self._file(uri), offset, length)
            except (InputError, OSError) as error:
                why = why or (error.message if isinstance(error, InputError) else str(error))
                continue
            if xxhash.xxh3_128_digest(data) == id:
                return data
            why = f"{uri}, {length:,} bytes at {offset:,}: is another image than the one that was read there"
        raise InputError(
            why or f"{file}: the input no longer names it",
            "leave the input as it is while a run reads it; run the same command again, and what changed is read anew", file,
        )  # fmt: skip

    def _file(self, uri: str) -> BinaryFile:
        if uri not in self._files:
            self._files[uri] = open_file(uri)
            while len(self._files) > _OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(uri)
        return self._files[uri]

    def __enter__(self) -> HeldImages:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()
