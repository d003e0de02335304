"""The cache of kernels is emptied when what they were compiled from has changed, and only then."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from core import kernel_cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    found = kernel_cache.cache_folder("core")
    assert found is not None
    assert found.parent == tmp_path
    return found


def test_kernels_are_discarded_when_a_source_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = folder / f"words.split-1.{kernel_cache._TAG}.nbi"
    other = folder / "words.split-1.py399.nbi"
    kernel_cache.discard_stale()
    kernel.touch()
    other.touch()
    assert kernel_cache.is_cached("core.words")
    assert not kernel_cache.is_cached("core.spans")
    assert not kernel_cache.discard_stale()
    assert kernel.exists()
    monkeypatch.setattr(kernel_cache, "sources_key", lambda: "changed")
    assert kernel_cache.discard_stale()
    assert not kernel.exists()
    assert other.exists()
    assert not kernel_cache.discard_stale()


def test_the_key_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "_ROOT", tmp_path)
    for room in ("core", "filters"):
        (tmp_path / room).mkdir()
    path = tmp_path / "core" / "a.py"
    path.write_text("A = 1\n")
    key = kernel_cache.sources_key()
    path.touch()
    assert kernel_cache.sources_key() == key
    path.write_text("A = 2\n")
    assert kernel_cache.sources_key() != key


def test_without_a_place_for_a_cache_nothing_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "cache_folder", lambda room: None)
    assert not kernel_cache.discard_stale()
    assert not kernel_cache.is_cached("core.spans")
