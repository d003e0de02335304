"""A crawl whose out folder is on an S3 server: WARCs, journals and state lie there, and the next run goes on from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipelines import crawled_group
from pipelines.run import RunOptions, run
from tests.pipelines.test_crawl_input import Sites, reached, recipe, sites
from tests.storage.conftest import S3

__all__ = ["sites"]
pytestmark = pytest.mark.storage


def test_a_crawl_into_a_store(s3: S3, sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawled_group, "WRITE_SECONDS", 0.0)
    made, options = recipe(sites), RunOptions("s3://crawl/out", inline=True)
    sites.busy = {"1/0"}
    run(made, options)
    folder = s3.folder / "out" / "input"
    warcs = {path.name: path.read_bytes() for path in (folder / "warcs").iterdir()}
    assert warcs
    assert not [path for path in Path(folder, "crawl", "pieces").rglob("*") if path.is_file()]
    sites.busy.clear()
    asked = Counter(sites.pages)
    result = run(made, options)
    assert all(path.read_bytes() == warcs[path.name] for path in (folder / "warcs").iterdir() if path.name in warcs)
    assert set(sites.pages) == reached(3)
    assert {page for page in sites.pages - asked if asked[page]} == {"127.0.7.2/0"}
    assert result.stats["tables"][0]["total"] == 10
