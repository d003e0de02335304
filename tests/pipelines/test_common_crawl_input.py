"""Runs whose input is a dump with Common Crawl's layout, on a server on loopback: what is chosen, and what is asked for once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from core.errors import StorageError, UnreachableError
from pipelines import common_crawl_run
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.run_options import RunOptions
from pipelines.status import status_of
from tests.ingest.crawling.test_common_crawl import DUMP, HOSTS, Running, make_dump
from tests.ingest.fetching.servers import in_thread

from .runs import column, hashes, small_run


@pytest.fixture
def dump(tmp_path: Path) -> Iterator[Running]:
    make_dump(tmp_path / "dump")
    with in_thread(Running(tmp_path / "dump").serving()) as running:
        yield running


def recipe(dump: Running, **given: Any) -> Recipe:
    common = {"dump": DUMP, "base": dump.url, **given}
    return load_recipe(json.dumps({
        "name": "dumped", "input": {"common_crawl": common}, "documents": {"score": ["text"]},
        "output": {"text": {"from": "documents", "samples": 10}},
    }, indent=1))  # fmt: skip


def asked(dump: Running, suffix: str) -> int:
    return sum(method == "GET" and path.endswith(suffix) for method, path, _ in dump.log)


def test_records_are_chosen_copied_and_stay(dump: Running, tmp_path: Path) -> None:
    made, out = recipe(dump, hosts=["example.org"], languages=["deu", "eng"]), tmp_path / "out"
    plan = preview(made, RunOptions(str(out)))
    assert (plan.passes[0].name, plan.passes[0].why) == ("copy records", {"records are to be chosen": 1})
    small_run(out, made)
    hosts = {url.split("/")[2] for url in column(out, "page", "url")}
    assert hosts == {"example.org", "www.example.org", "sub.example.org", "10.example.org"}
    assert status_of(str(out)).copied == len(list((out / "input" / "warcs").iterdir())) > 0
    kept = hashes(out, "input", "documents", "shards")
    dump.log.clear()
    assert not small_run(out, made).passes
    assert not dump.log
    assert preview(made, RunOptions(str(out))).nothing
    assert hashes(out, "input", "documents", "shards") == kept
    with pytest.raises(StorageError, match="another hosts"):
        small_run(out, recipe(dump, hosts=["zzz.example"], languages=["deu", "eng"]))
    small_run(out, recipe(dump, hosts=["example.org"], languages=["deu", "eng"], base=str(dump.folder)))  # a mirror


def test_a_limit_holds_over_all_files_of_the_index(dump: Running, tmp_path: Path) -> None:
    small_run(tmp_path / "small", recipe(dump, limit=5))
    small_run(tmp_path / "large", recipe(dump, limit=9), inline=False, workers=2)
    small, large = (set(column(tmp_path / name, "page", "url")) for name in ("small", "large"))
    assert (len(small), len(large)) == (5, 9)
    assert small < large


def test_all_of_it_is_cut_into_slices(dump: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.crawling import common_crawl

    monkeypatch.setattr(common_crawl.slices, "__defaults__", (2_000,))
    small_run(tmp_path / "out", recipe(dump))
    assert len(column(tmp_path / "out", "page", "url")) == 2 * 3 * len(HOSTS)
    assert len(list((tmp_path / "out" / "input" / "warcs").iterdir())) > 3


def test_what_was_copied_is_not_copied_again(dump: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.crawling import common_crawl

    monkeypatch.setattr(common_crawl.slices, "__defaults__", (2_000,))
    monkeypatch.setenv("WEB2SHARDS_STORAGE_PATIENCE", "0.3")
    left = 4

    def spoil(request: web.Request) -> web.Response | None:
        nonlocal left
        left -= request.method == "GET" and request.path.endswith(".warc.gz")
        return web.Response(status=500) if left < 0 and request.path.endswith(".warc.gz") else None

    dump.spoil = spoil
    out = tmp_path / "out"
    with pytest.raises(UnreachableError):
        small_run(out, recipe(dump))
    copied = hashes(out, "input/warcs")
    assert copied
    chosen = asked(dump, ".parquet")
    assert chosen
    dump.spoil = lambda _: None
    dump.log.clear()
    small_run(out, recipe(dump))
    assert not asked(dump, ".parquet")
    now = hashes(out, "input/warcs")
    assert copied.items() < now.items()
    assert asked(dump, ".warc.gz") <= 2 * (len(now) - len(copied))
    assert len(column(out, "page", "url")) == 2 * 3 * len(HOSTS)


def test_a_choice_of_nothing_ends_with_a_report(dump: Running, tmp_path: Path) -> None:
    result = small_run(tmp_path / "out", recipe(dump, hosts=["none.example"]))
    assert result.stats["tables"][0]["total"] == 0
    assert preview(recipe(dump, hosts=["none.example"]), RunOptions(str(tmp_path / "out"))).nothing


def test_a_damaged_note_of_what_was_chosen_is_told(dump: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(dump, limit=2))
    (out / "input" / common_crawl_run.COMMON_CRAWL / "chosen.json").write_text("{")
    with pytest.raises(StorageError, match="chosen"):
        small_run(out, recipe(dump, limit=2))
