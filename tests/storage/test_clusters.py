"""Workers of a pool find an object store by what a cluster profile says of it; Beam's own job server hands them tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import ClusterError
from pipelines.cluster import Cluster
from pipelines.run import RunOptions, RunResult, run
from tests.faults.outfolder import contents
from tests.pipelines.runs import small_run
from tests.pipelines.servers import worker_pool
from tests.storage.conftest import KEYS, S3
from tests.storage.test_runs import remote_recipe

pytestmark = pytest.mark.storage
NAMED = {"CRAWL_KEY": KEYS["AWS_ACCESS_KEY_ID"], "CRAWL_SECRET": KEYS["AWS_SECRET_ACCESS_KEY"]}


@pytest.fixture
def without_keys(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that knows nothing of the store."""
    remote_recipe(s3)
    for name in (*KEYS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("WEB2SHARDS_CACHE", str(tmp_path / "cache"))
    return monkeypatch


def run_on(s3: S3, pool: str, port: int = 0) -> RunResult:
    storage = {"endpoint": f"http://127.0.0.1:{port or s3.port}", "region": "us-east-1"}
    storage |= {"access_key_env": "CRAWL_KEY", "secret_key_env": "CRAWL_SECRET"}
    made: dict[str, Any] = {"runner": "portable", "job_endpoint": "embed", "storage": storage}
    made["environment"] = {"type": "EXTERNAL", "address": pool}
    return run(remote_recipe(s3), RunOptions("s3://crawl/out", cluster=Cluster.model_validate(made)))


def test_a_pool_finds_the_store(s3: S3, without_keys: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proxy = s3.proxy()
    for name, value in NAMED.items():
        without_keys.setenv(name, value)
    with worker_pool(tmp_path / "logs") as (_, pool):
        run_on(s3, pool, proxy.port)
    assert [r for r in proxy.seen if r.method == "PUT" and "/out/.probe-" in r.path]  # the pool could write, and did
    sent = [r for r in proxy.seen if r.method == "PUT" and "/tmp/g1/" in r.path]
    assert {r.path.split("/tmp/g1/")[1].split("/")[0] for r in sent} >= {"exchange", "results"}
    for name, value in KEYS.items():
        without_keys.setenv(name, value)
    without_keys.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3.port}")
    small_run(tmp_path / "local", remote_recipe(s3))
    assert contents(s3.folder / "out") == contents(tmp_path / "local")


@pytest.mark.parametrize("probed", [True, False])
def test_a_pool_without_the_keys_is_told(s3: S3, without_keys: pytest.MonkeyPatch, tmp_path: Path, probed: bool) -> None:
    """Before anything starts, or by the first task where this machine is not told of the pool."""
    with worker_pool(tmp_path / "logs", *([] if probed else ["--host", "127.0.0.2"])) as (_, pool):
        for name, value in NAMED.items():
            without_keys.setenv(name, value)
        with pytest.raises(ClusterError, match="the environment variable CRAWL_KEY is not set") as caught:
            run_on(s3, pool)
    assert "in the environment of the worker-pool" in str(caught.value) if not probed else "start it with" in caught.value.mend
    assert not list((s3.folder / "out").glob("documents/*/*.parquet"))


def test_a_driver_without_the_keys_is_told_at_once(s3: S3, without_keys: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="the environment variable CRAWL_KEY is not set here"):
        run_on(s3, "127.0.0.2:50000")


def test_a_store_that_a_pool_does_not_reach_is_told(s3: S3, without_keys: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pipelines.handshake import try_paths

    for name, value in NAMED.items():
        without_keys.setenv(name, value)
    storage = {"endpoint": "http://127.0.0.1:9", "region": "us-east-1", "access_key_env": "CRAWL_KEY"}
    wrong = try_paths(["s3://crawl/in/web.warc.gz"], "s3://crawl/out", "", storage)
    assert set(wrong) == {"s3://crawl/in/web.warc.gz", "s3://crawl/out"}
    assert "Could not connect" in wrong["s3://crawl/in/web.warc.gz"]
    assert "no answer in" in wrong["s3://crawl/out"]
    right = {**storage, "endpoint": f"http://127.0.0.1:{s3.port}", "secret_key_env": "CRAWL_SECRET"}
    assert try_paths(["s3://crawl/in/web.warc.gz"], "s3://crawl/out", "", right) == {}
    missing = try_paths(["s3://crawl/in/none.warc.gz", str(tmp_path / "none")], "", "", right)
    assert set(missing) == {"s3://crawl/in/none.warc.gz", str(tmp_path / "none")}
    assert not list((s3.folder / "out").glob("*"))
