"""How often manifests are read: a dump's are tens of MB each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipelines import survey

from .runs import hashes, small_run


def test_a_run_reads_each_manifest_once_unless_it_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = survey._read_manifest  # pyright: ignore[reportPrivateUsage]
    read: Counter[str] = Counter()

    def counted(path: Path) -> object:
        read[path.parent.name] += 1
        return real(path)

    monkeypatch.setattr(survey, "_read_manifest", counted)
    small_run(tmp_path / "out")
    assert max(read.values()) <= 2  # what is there, and what a pass has written since
    before = hashes(tmp_path / "out")
    read.clear()
    small_run(tmp_path / "out")  # nothing is to be done
    assert read.pop("page") == 2  # its input's stamps are written anew
    assert read
    assert set(read.values()) == {1}
    assert hashes(tmp_path / "out") == before


def test_a_manifest_that_changed_is_read_again(tmp_path: Path) -> None:
    small_run(tmp_path / "out")
    looking = survey.Survey(survey.Store(str(tmp_path / "out")), ())
    first, sound = looking.pages_manifest()
    assert sound
    assert looking.pages_manifest()[0] is first
    path = tmp_path / "out" / "documents" / "page" / survey.MANIFEST
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)
    again, sound = looking.pages_manifest()
    assert again is not first
    assert (again, sound) == (first, True)
    path.unlink()
    assert looking.pages_manifest() == ({}, False)
