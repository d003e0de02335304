"""A run that is killed while it crawls: the same command asks for what is missing only, and ends as one that was not disturbed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from pathlib import Path

from tests.pipelines.servers import python, wait_until
from tests.pipelines.test_crawl_input import HOSTS, Sites, documents, reached, recipe, sites

__all__ = ["sites"]


def known(out: Path) -> set[str]:
    """The pages that the out folder knows to be dealt with."""
    found: set[str] = set()
    for folder in ("journal", "pieces"):
        for path in (out / "input" / "crawl" / folder).glob("*.jsonl.gz"):
            entries = map(json.loads, gzip.decompress(path.read_bytes()).decode().splitlines())
            found |= {entry["url"].partition("://")[2] for entry in entries if entry["kind"] == "page"}
    return found


def test_a_killed_driver_loses_seconds_only(sites: Sites, tmp_path: Path) -> None:
    settings = tmp_path / "recipe.yaml"
    made = recipe(sites, "input.crawl.fetch.host_interval_seconds=1", seeds=[sites.url(n) for n in range(8)], depth=4)
    settings.write_text(json.dumps(made.canonical()))
    out = tmp_path / "out"
    process = python("-m", "web2shards", "run", str(settings), "--out", str(out), "--workers", "2", start_new_session=True)
    try:
        wait_until(lambda: known(out), 120)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait()
    wait_until(lambda: not any(sites.open.values()), 10)
    time.sleep(3)  # workers see that their driver is gone
    had, before = known(out), set(sites.pages)
    assert had
    sites.asked.clear()
    second = python("-m", "web2shards", "run", str(settings), "--out", str(out), "--workers", "2")
    assert second.wait(300) == 0
    assert not {page.replace("/", f":{sites.port}/", 1) for page in sites.pages} & had
    asked = {page for page in before | set(sites.pages) if not page.endswith("/5")}  # which is not there
    assert {f"{host}/0" for host in HOSTS} <= asked <= {page for start in range(8) for page in reached(4, start)}
    assert documents(out) == len(asked)  # nothing is lost, and nothing there twice
