"""Files of models that come inside packages from the registry: found without importing the package, and told by a digest.

What the packages import beside (OpenCV, ffmpeg) is not needed here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from core.errors import MissingPackage, ScorerError


@dataclass(frozen=True)
class PackagedFile:
    """A file `path` of the importable package `package`, which `pip install 'web2shards[extra]'` brings."""

    package: str
    path: str
    extra: str

    def find(self) -> Path:
        """Where it lies. MissingPackage if the package is not installed, ScorerError if it has no such file."""
        spec = find_spec(self.package)
        if spec is None:
            raise MissingPackage(f"the package {self.package} is not installed", install(self.extra))
        for folder in spec.submodule_search_locations or ():
            if (found := Path(folder, self.path)).is_file():
                return found
        raise ScorerError(f"the package {self.package} has no file {self.path}", f"{install(self.extra)} --force-reinstall")

    def digest(self) -> str:
        """The sha256 of the file, hexadecimal."""
        path = self.find()
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)


def install(extra: str) -> str:
    """How an extra is installed."""
    return f"pip install 'web2shards[{extra}]'"


@lru_cache(maxsize=16)
def _digest(path: Path, size: int, changed: int) -> str:
    """`size` and `changed` are there for the cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
