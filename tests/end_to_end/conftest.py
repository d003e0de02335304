"""Puts the measures of benchmarks/ on the path, and finds the development corpora."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the example crawl."""
    return ROOT / "examples"


@pytest.fixture(scope="session")
def web_corpus_folder() -> Path:
    """The development corpus of web pages; the test is skipped where it is not."""
    corpora = Path(os.environ.get("WEB2SHARDS_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not (corpora / "web" / "dev.warc.gz").is_file():
        pytest.skip("the development corpora are not here (set WEB2SHARDS_CORPORA)")
    return corpora / "web"
