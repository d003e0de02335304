"""Files that a scorer's parameters name, and whether they can be read: asked before a run, so that none stops on a wrong path."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ScorerError
from core.remote import is_remote


@dataclass(frozen=True)
class NamedFile:
    """A file that is named by a key of a recipe: `key` is where it stands below the scorer's name, such as ("lists", "de").

    `check` raises a UserError or an OSError if it is missing, unreadable, or has nothing in it of what the scorer needs. A
    `remote` one may lie on an object store, which is asked then.
    """

    key: tuple[str | int, ...]
    path: str
    check: Callable[[], object]
    remote: bool = False


def require_file(path: str, what: str, mend: str) -> None:
    """ScorerError unless `path` is a file of this machine that can be opened and is not empty. `what` is it called."""
    if is_remote(path):
        raise ScorerError(f"{what} {path} lies on an object store, and is read from a disk", "copy it, and give its path", path)
    try:
        with open(path, "rb") as file:
            if file.read(1):
                return
        told = "is empty"
    except OSError as error:
        told = f"cannot be read: {error.strerror}"
    raise ScorerError(f"{what} {path} {told}", mend, path)


def resolved(path: str) -> str:
    """A path as it is looked for: in the folder that the command runs in, if it is relative."""
    return path if is_remote(path) or os.path.isabs(path) else os.path.abspath(path)
