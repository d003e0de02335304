"""Where a plan would run: what starting costs there, how much runs at a time, where exchange files go."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ClusterError, RecipeError
from pipelines.cluster import load_cluster
from pipelines.placement import placement
from pipelines.preview import preview
from pipelines.recipe import load_recipe
from pipelines.run import run
from pipelines.run_options import RunOptions

POOLS = "environment: {type: EXTERNAL, address: 'localhost:50000'}\n"
PROCESS = "environment: {type: PROCESS, command: /a/b}\n"


@pytest.mark.parametrize(
    ("profile", "start", "server", "waiting", "workers"),
    [
        ("runner: flink\nmaster: '[local]'\n", (10, 20), (3, 7), (23, 47), "threads of this process"),
        ("runner: flink\nmaster: a:8081\n" + POOLS, (20, 25), (3, 7), (43, 57), "pools at localhost:50000"),
        ("runner: flink\nmaster: a:8081\njob_endpoint: b:8099\n" + POOLS, (20, 25), None, (40, 50), "pools at"),
        ("runner: spark\nmaster: 'local[2]'\n", (3, 20), (9, 15), (15, 55), "threads"),
        ("runner: spark\njob_endpoint: b:8099\n" + POOLS, (30, 70), None, (60, 140), "pools at"),
        ("runner: spark\nmaster: yarn\n" + PROCESS, (30, 70), (9, 15), (69, 155), "started by /a/b"),
        ("runner: portable\njob_endpoint: embed\n", None, None, None, "threads"),
    ],
)  # fmt: skip
def test_what_starting_costs(
    profile: str, start: object, server: object, waiting: object, workers: str, tmp_path: Path
) -> None:
    told = placement(RunOptions(str(tmp_path), cluster=load_cluster(profile)))
    assert (told.start, told.job_server, told.waiting(2)) == (start, server, waiting)
    assert workers in told.workers


@pytest.mark.parametrize(
    ("out", "cluster", "folder", "in_store", "shared"),
    [
        ("out", None, "out/tmp", False, False),
        ("out", "runner: flink\nmaster: '[local]'\n", "out/tmp", False, False),
        ("out", "runner: flink\nmaster: a:8081\n" + POOLS, "out/tmp", False, True),
        ("s3://crawl/out", None, "scratch", False, False),
        ("s3://crawl/out", "runner: flink\nmaster: a:8081\n" + POOLS, "s3://crawl/out/tmp", True, True),
        ("s3://crawl/out", "runner: flink\nmaster: '[local]'\n", "s3://crawl/out/tmp", True, False),
    ],
)
def test_where_exchange_files_go(out: str, cluster: str | None, folder: str, in_store: bool, shared: bool) -> None:
    told = placement(RunOptions(out, cluster=load_cluster(cluster) if cluster else None))
    assert folder in told.exchange
    assert ("://" in told.exchange) is told.exchange_in_store is in_store
    assert told.shared is shared


@pytest.mark.parametrize(
    ("master", "tasks"),
    [("local[3]", 3), ("local[2, 4]", 2), ("local", 1), ("local[*]", None), ("local[0]", None), ("spark://a:7077", None)],
)  # fmt: skip
def test_a_local_spark_says_how_much_runs_at_a_time(master: str, tasks: int | None) -> None:
    profile = f"runner: spark\nmaster: '{master}'\n" + (POOLS if "://" in master else "")
    options = RunOptions("out", workers=0 if tasks else 7, cluster=load_cluster(profile))
    assert placement(options).parallelism == tasks
    if tasks:
        assert placement(replace(options, workers=tasks)).parallelism == tasks
        with pytest.raises(RecipeError, match=f"--workers 9: the cluster runs {tasks} tasks"):
            placement(replace(options, workers=9))
    assert options.worker_count == (7 if tasks is None else tasks)
    assert placement(RunOptions("out", cluster=load_cluster(profile + "parallelism: 5\n"))).parallelism == 5


def test_options_of_beam_go_over_the_profile() -> None:
    options = ("--flink_master=a:8081", "--parallelism=7", "--environment_type=EXTERNAL", "--environment_config=b:5")
    told = placement(RunOptions("out", runner="flink", runner_options=options))
    assert (told.master, told.parallelism, told.workers) == ("a:8081", 7, "pools at b:5 (EXTERNAL)")
    with pytest.raises(RecipeError, match="a cluster's hosts need workers"):
        placement(RunOptions("out", runner="flink", runner_options=options[:1]))


def test_the_profiles_store_is_known_before_anything_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input and out folder are read before the first pipeline: they may be in the store that the profile describes."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "before")
    monkeypatch.delenv("CRAWL_KEY", raising=False)
    storage = "storage: {endpoint: 'http://127.0.0.1:9', region: here, access_key_env: CRAWL_KEY}\n"
    options = RunOptions(str(tmp_path / "out"), cluster=load_cluster("runner: flink\nmaster: '[local]'\n" + storage))
    recipe = load_recipe(
        "name: a\ninput: {warcs: s3://crawl/none.warc.gz}\ndocuments: {score: [text]}\noutput: {text: {from: documents}}\n"
    )
    for look in (preview, run):
        with pytest.raises(ClusterError, match="the environment variable CRAWL_KEY is not set here"):
            look(recipe, options)
        assert not (tmp_path / "out").exists()
    monkeypatch.setenv("CRAWL_KEY", "abc")
    options.engine.use_storage()
    assert [os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION")] == [
        "http://127.0.0.1:9", "abc", "here",
    ]  # fmt: skip
