"""Files of an out folder: unique temporary names, commits that are seen whole or not at all, errors that say what to do.

On a local file system a file is written under `tmp/`, synced, and renamed after the run's lease was checked. On an
object store it is written on this machine and uploaded: a put is atomic, and nothing is renamed.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.errors import LeaseError
from core.files import storage_errors, sync
from core.remote import is_remote
from core.remote_cache import local_scratch, new_draft
from core.remote_path import RemotePath, place, put, remove_tree, upload


@dataclass(frozen=True)
class Store:
    """The out folder as one run sees it: `root` (a path or URI), and the generation of the lease that may commit there.

    `generation` 0 means a reader, which may not commit. `shared` says that workers on other machines take part: on an
    object store, what one task leaves for another then goes through the store too.
    """

    root: str
    generation: int = 0
    shared: bool = False

    @property
    def remote(self) -> bool:
        return is_remote(self.root)

    @cached_property
    def _root(self) -> Path:
        return place(self.root)

    def path(self, *parts: str) -> Path:
        return self._root.joinpath(*parts)

    def local(self, *parts: str) -> Path:
        """A path on this machine's file system, in the out folder where that is local: for logs and drafts."""
        return (local_scratch(self.root) if self.remote else self._root).joinpath(*parts)

    def scratch(self, *parts: str) -> Path:
        """A path that only this run writes to, removed when it ends."""
        return (self.path if self.shared else self.local)("tmp", f"g{self.generation}", *parts)

    def remove_scratch(self) -> None:
        """Removes what `scratch` and `temporary` gave, on the store and on this machine."""
        for folder in {self.scratch(), self.local("tmp", f"g{self.generation}")}:
            remove_tree(folder)

    def temporary(self, name: str) -> Path:
        """A path on this machine that no other attempt uses; its folder exists."""
        if self.remote:
            return new_draft(name)
        folder = self.local("tmp", f"g{self.generation}", "drafts")
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid.uuid4().hex}-{Path(name).name[-80:]}"

    def check_lease(self) -> None:
        """LeaseError when a newer run has taken the out folder over."""
        if not (self._holds_remotely() if self.remote else self._holds()):
            raise LeaseError(
                f"{self.root}: another run took this out folder over (lease {self.generation})",
                "wait for that run, or stop it and start this command again",
            )

    def _holds(self) -> bool:
        return lease_path(self.root, self.generation).exists() and not lease_path(self.root, self.generation + 1).exists()

    def _holds_remotely(self) -> bool:
        told = (path.name.partition("-")[0] for path in claims_below(self.root) if path.suffix == ".json")
        return max((int(generation) for generation in told if generation.isdigit()), default=0) == self.generation > 0

    def commit(self, temporary: Path, final: Path, durable: bool = True) -> None:
        """Puts a finished file in its place, after a look at the lease, and a sync unless it need not outlive the run."""
        with storage_errors(final):
            if isinstance(final, RemotePath):
                self.check_lease()
                # Layers are read again as files; shards hardly, and what tasks leave for each other by range.
                upload(temporary, final, keep=durable and "shards" not in final.parts[len(self._root.parts) :])
                return
            if durable:
                sync(temporary)
            self.check_lease()
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, final)

    def write_bytes(self, final: Path, data: bytes) -> None:
        """Writes a small file whole."""
        if isinstance(final, RemotePath):
            with storage_errors(final):
                self.check_lease()
                put(final, data)
            return
        temporary = self.temporary(final.name)
        with storage_errors(final):
            try:
                temporary.write_bytes(data)
                self.commit(temporary, final)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise


def lease_path(root: str, generation: int) -> Path:
    """Where the lease of a generation lies in a local out folder."""
    return Path(root, "lease", f"{generation:08d}.json")


def claims_below(root: str) -> list[Path]:
    """The files of the lease of an out folder on an object store (`pipelines.remote_lease`)."""
    return sorted(place(root).joinpath("lease").iterdir())
