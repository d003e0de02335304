"""Faults that tests put into a run: a bit that flips, an exchange file that is damaged, a disk that is small."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Generator
from pathlib import Path
from random import Random

import pytest

from pipelines.store import Store


def flip(data: bytes, rng: Random, low: int = 0) -> bytes:
    out = bytearray(data)
    out[rng.randrange(low, len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def damage_exchange(monkeypatch: pytest.MonkeyPatch, named: str, seed: str) -> list[Path]:
    """Flips a bit of the first exchange file whose name holds `named`; the list then has its path."""
    commit = Store.commit
    hurt: list[Path] = []

    def damaging(self: Store, temporary: Path, final: Path, durable: bool = True) -> None:
        if final.parent.name == "exchange" and named in final.name and not hurt:
            data = temporary.read_bytes()
            whole = len(data) // 3  # of small files too this is inside the first chunk, or in one that is read
            temporary.write_bytes(flip(data[:whole], Random(seed)) + data[whole:])
            hurt.append(final)
        commit(self, temporary, final, durable)

    monkeypatch.setattr(Store, "commit", damaging)
    return hurt


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Generator[Path]:
    """A file system of that size at `folder`; the test is skipped where none may be mounted."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)
