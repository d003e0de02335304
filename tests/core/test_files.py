"""Files that appear whole or not at all, and errors of the system that say what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.errors import StorageError
from core.files import Beside, storage_errors


def fail(path: Path, number: int) -> None:
    with storage_errors(path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "what", "mend"),
    [
        (errno.ENOSPC, "the disk is full", "free space"),
        (errno.EDQUOT, "the disk is full", "free space"),
        (errno.EACCES, r"cannot be written \(Permission denied\)", "write permission"),
        (errno.EROFS, "cannot be written", "write permission"),
        (errno.ENOTDIR, "no folder can be made there", "another --out"),
        (errno.ENOENT, "no folder can be made there", "another --out"),
        (errno.ENAMETOOLONG, "the name is too long", "starts deeper"),
    ],
)
def test_errors_name_the_file_and_the_mend(number: int, what: str, mend: str) -> None:
    with pytest.raises(StorageError, match=f"^out/a.tar: {what}") as caught:
        fail(Path("out/a.tar"), number)
    assert mend in caught.value.mend
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        fail(Path("a"), errno.EBADF)
    assert not isinstance(caught.value, StorageError)


def test_a_draft_lies_beside_its_place_and_replaces_what_is_there(tmp_path: Path) -> None:
    place = Beside(tmp_path / "new")
    final = tmp_path / "new" / "a.txt"
    drafts = [place.temporary("a.txt"), place.temporary("a.txt")]
    assert drafts[0] != drafts[1]
    assert all(d.parent == final.parent and d.name.startswith(".a.txt.") and d.suffix == ".tmp" for d in drafts)
    for draft, text in zip(drafts, ("one", "two"), strict=True):
        draft.write_text(text)
        place.commit(draft, final)
        assert final.read_text() == text
    assert [p.name for p in final.parent.iterdir()] == ["a.txt"]
