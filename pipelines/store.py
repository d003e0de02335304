"""Files of an out folder: unique temporary names, commits by rename, errors that say what to do.

A file becomes visible whole or not at all: it is written under `tmp/`, synced, and renamed after the
run's lease was checked.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from core.errors import LeaseError
from core.files import storage_errors, sync


@dataclass(frozen=True)
class Store:
    """The out folder as one run sees it: `root`, and the generation of the lease that may commit there.

    `generation` 0 means a reader, which may not commit.
    """

    root: str
    generation: int = 0

    def path(self, *parts: str) -> Path:
        return Path(self.root, *parts)

    def scratch(self, *parts: str) -> Path:
        """A path that only this run writes to, removed when it ends."""
        return self.path("tmp", f"g{self.generation}", *parts)

    def temporary(self, name: str) -> Path:
        """A path under `tmp/` that no other attempt uses; its folder exists."""
        folder = self.scratch("drafts")
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid.uuid4().hex}-{Path(name).name[-80:]}"

    def check_lease(self) -> None:
        """LeaseError when a newer run has taken the out folder over."""
        held = lease_path(self.root, self.generation)
        if not held.exists() or lease_path(self.root, self.generation + 1).exists():
            raise LeaseError(
                f"{self.root}: another run took this out folder over (lease {self.generation})",
                "wait for that run, or stop it and start this command again",
            )

    def commit(self, temporary: Path, final: Path, durable: bool = True) -> None:
        """Renames a finished file to its place, after a sync (unless it need not outlive the run) and a look at the lease."""
        with storage_errors(final):
            if durable:
                sync(temporary)
            self.check_lease()
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, final)

    def write_bytes(self, final: Path, data: bytes) -> None:
        """Writes a small file whole."""
        temporary = self.temporary(final.name)
        with storage_errors(final):
            try:
                temporary.write_bytes(data)
                self.commit(temporary, final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


def lease_path(root: str, generation: int) -> Path:
    """Where the lease of a generation lies."""
    return Path(root, "lease", f"{generation:08d}.json")
