"""Whole runs on an S3 server: the same bytes as from local files, through faults too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InputError
from core.retries import PATIENCE_VARIABLE
from pipelines.recipe import Recipe, load_recipe
from tests.pipelines.runs import EXAMPLES, RECIPE, hashes, recipe, small_run
from tests.storage.conftest import S3
from tests.storage.faulty import Fault, Proxy, Rule, every

pytestmark = pytest.mark.storage
Through = Callable[[Rule | None], Proxy]


def remote_recipe(s3: S3) -> Recipe:
    uri = s3.put("in/web.warc.gz", (EXAMPLES / "web.warc.gz").read_bytes())
    return load_recipe(RECIPE.format(warcs=json.dumps([uri])), ())


def test_inputs_give_the_bytes_of_local_files(s3: S3, through: Through, tmp_path: Path) -> None:
    small_run(tmp_path / "local", recipe())
    proxy = through(every(5, Fault(status=503), Fault(reset=True), Fault(cut=10_000)))
    small_run(tmp_path / "remote", remote_recipe(s3))
    assert hashes(tmp_path / "remote") == hashes(tmp_path / "local")
    assert len(proxy.faults) > 3
    proxy.seen.clear()
    again = small_run(tmp_path / "remote", remote_recipe(s3))
    assert not again.passes  # nothing was to be done, and that was told without reading the input
    assert not [r for r in proxy.seen if r.method == "GET" and "web.warc.gz" in r.path and r.range != "bytes=0-5"]


def test_workers_read_from_the_server(s3: S3, through: Through, tmp_path: Path) -> None:
    small_run(tmp_path / "local", recipe())
    through(every(7, Fault(status=500), Fault(reset=True)))
    small_run(tmp_path / "remote", remote_recipe(s3), inline=False, workers=2)
    assert hashes(tmp_path / "remote") == hashes(tmp_path / "local")


def test_a_run_whose_input_goes_away_ends_with_what_to_do(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = remote_recipe(s3)
    proxy = s3.proxy()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv(PATIENCE_VARIABLE, "1")
    asked: list[int] = []

    def rule(request: object) -> Fault | None:
        asked.append(1)
        return Fault(reset=True) if len(asked) > 30 else None

    proxy.rule = rule
    with pytest.raises(InputError, match=r"(?s)web\.warc\.gz cannot be read: .*no answer in .* see that the store is up"):
        small_run(tmp_path / "out", made)
    proxy.rule = lambda request: None
    small_run(tmp_path / "out", made)
    small_run(tmp_path / "local", recipe())
    assert hashes(tmp_path / "out") == hashes(tmp_path / "local")
