"""Scorers that misbehave, installed for the tests as a package of their own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.recipe_scorers import installed_scorers

from .image_runs import Server

TROUBLE = '''
"""Scorers that misbehave on texts that ask for it."""
from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from core.scorer import column


@dataclass(frozen=True)
class Trouble:
    """Counts characters; raises, dies or hangs where the text says so."""

    version_: int = 1
    everywhere: bool = False

    name: ClassVar[str] = "trouble"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self):
        return ("text.text",)

    @property
    def schema(self):
        return pa.schema([column("size", pa.int64(), "characters")])

    def weights_digest(self):
        return ""

    def open(self):
        return None

    def score(self, batch):
        texts = batch.column(0).to_pylist()
        for text in texts:
            if self.everywhere or "RAISE" in (text or ""):
                raise ValueError("asked to raise")
            if "SEGFAULT" in (text or ""):
                os.kill(os.getpid(), signal.SIGSEGV)
            if "HANG" in (text or ""):
                time.sleep(3600)
        sizes = pa.array([None if t is None else len(t) for t in texts], pa.int64())
        return pa.RecordBatch.from_arrays([sizes], schema=self.schema)


@dataclass(frozen=True)
class Dear(Trouble):
    """The same, costly; leaves a mark for every row that it scores."""

    marks: str = ""

    name: ClassVar[str] = "dear"
    costly: ClassVar[bool] = True

    def score(self, batch):
        with open(self.marks, "a") as file:
            file.write(f"{len(batch)}\\\\n")
        return super().score(batch)
'''


READERS = '''
"""Scorers that read what is more than a record's content."""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from core.scorer import column


@dataclass(frozen=True)
class Echo:
    """Says again what a column says."""

    of: str = "duplicates.size"

    name: ClassVar[str] = "echo"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self):
        return (self.of,)

    @property
    def schema(self):
        return pa.schema([column("said", pa.string(), "the value as text")])

    def weights_digest(self):
        return ""

    def open(self):
        return None

    def score(self, batch):
        said = [None if v is None else str(v) for v in batch.column(0).to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(said, pa.string())], schema=self.schema)
'''


@pytest.fixture(scope="session")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Installs the scorers `trouble` and `dear`."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "troublesome_scorers.py").write_text(TROUBLE.replace("\\\\n", "\\n"))
    (folder / "echoing_scorers.py").write_text(READERS)
    info = folder / "troublesome_scorers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: troublesome-scorers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[web2shards.scorers]\ntrouble = troublesome_scorers:Trouble\ndear = troublesome_scorers:Dear\n"
        "echo = echoing_scorers:Echo\n"
    )
    sys.path.insert(0, str(folder))
    installed_scorers.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    installed_scorers.cache_clear()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of images on loopback."""
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()
