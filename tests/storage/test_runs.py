"""Whole runs on an S3 server: the same bytes as from local files, through faults too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import web2shards
from core.errors import StorageError, UnreachableError
from core.remote_path import place, put
from core.retries import PATIENCE_VARIABLE
from dedup.minhash import MinHash
from pipelines.clustering import cluster_signatures
from pipelines.progress import Silent
from pipelines.recipe import Recipe, load_recipe
from pipelines.remote_lease import RemoteLease
from pipelines.run import RunOptions, RunResult, run
from pipelines.store import Store
from tests.faults.outfolder import contents
from tests.pipelines.runs import EXAMPLES, RECIPE, hashes, recipe, small_run
from tests.storage.conftest import KEYS, S3
from tests.storage.faulty import Fault, Proxy, Request, Rule, every
from web2shards.cli import app

pytestmark = pytest.mark.storage
Through = Callable[[Rule | None], Proxy]


def remote_recipe(s3: S3, *settings: str) -> Recipe:
    if not (s3.folder / "in/web.warc.gz").exists():
        s3.put("in/web.warc.gz", (EXAMPLES / "web.warc.gz").read_bytes())
    return load_recipe(RECIPE.format(warcs='["s3://crawl/in/web.warc.gz"]'), settings)


def test_inputs_give_the_bytes_of_local_files(s3: S3, through: Through, tmp_path: Path) -> None:
    small_run(tmp_path / "local", recipe())
    proxy = through(every(5, Fault(status=503), Fault(reset=True), Fault(cut=10_000)))
    small_run(tmp_path / "remote", remote_recipe(s3))
    assert hashes(tmp_path / "remote") == hashes(tmp_path / "local")
    assert len(proxy.faults) > 3
    proxy.seen.clear()
    again = small_run(tmp_path / "remote", remote_recipe(s3))
    assert not again.passes  # nothing was to be done, and that was told without reading the input
    assert not [r for r in proxy.seen if r.method == "GET" and "web.warc.gz" in r.path and not r.range.startswith("bytes=0-")]


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
    with pytest.raises(UnreachableError, match=r"(?s)web\.warc\.gz: .*no answer in .* see that the store is up"):
        small_run(tmp_path / "out", made)
    proxy.rule = lambda request: None
    small_run(tmp_path / "out", made)
    small_run(tmp_path / "local", recipe())
    assert hashes(tmp_path / "out") == hashes(tmp_path / "local")


def out_of(s3: S3, name: str = "out") -> Path:
    """What the server has of an out folder on it, as files."""
    return s3.folder / name


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a current folder in which nothing may be written by mistake."""
    monkeypatch.setenv("WEB2SHARDS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "cache"


def remote_run(made: Recipe, out: str = "s3://crawl/out", **options: Any) -> RunResult:
    return run(made, RunOptions(out, **({"inline": True} | options)))


def test_an_out_folder_on_the_server_has_the_bytes_of_a_local_one(s3: S3, through: Through, tmp_path: Path) -> None:
    small_run(tmp_path / "local", remote_recipe(s3))
    proxy = through(None)
    told = remote_run(remote_recipe(s3))
    assert len(proxy.seen) < 20 * len(contents(out_of(s3)))  # each is money
    assert hashes(out_of(s3)) == hashes(tmp_path / "local")
    assert contents(out_of(s3)) == contents(tmp_path / "local")
    assert not list((tmp_path / "here").iterdir())
    assert not [path for path in (out_of(s3) / "tmp").rglob("*") if path.is_file()]
    assert str(told.report) == "s3://crawl/out/report/index.html"
    again = remote_run(remote_recipe(s3))
    assert not again.passes


FAULTS = (Fault(status=503), Fault(reset=True), Fault(cut=3_000), Fault(unheard=True), Fault(status=500))


def test_an_out_folder_through_faults(s3: S3, through: Through, tmp_path: Path) -> None:
    """Every seventh request fails, some after the server did what it was asked."""
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    proxy = through(every(7, *FAULTS))
    remote_run(made)
    assert contents(out_of(s3)) == contents(tmp_path / "local")
    assert len(proxy.faults) > 50
    assert {fault for _, fault in proxy.faults} == set(FAULTS)


def test_workers_write_to_the_server(s3: S3, tmp_path: Path) -> None:
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    remote_run(made, inline=False, workers=2)
    assert contents(out_of(s3)) == contents(tmp_path / "local")


def test_a_run_outlives_a_server_that_is_restarted(s3: S3, tmp_path: Path) -> None:
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    away: list[threading.Timer] = []

    def rule(request: Request) -> None:
        if request.number in (150, 500):
            s3.stop()
            away.append(threading.Timer(6, s3.start))
            away[-1].start()

    proxy = s3.proxy(rule)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        remote_run(made)
    for timer in away:
        timer.join()
    assert len(away) == 2
    assert contents(out_of(s3)) == contents(tmp_path / "local")


def test_an_out_folder_whose_server_goes_away_is_gone_on_with(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with what to do, nothing is taken for damaged, and the same command completes it."""
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    for number in (60, 200, 420):
        proxy = s3.proxy()
        with monkeypatch.context() as patched:
            patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
            patched.setenv(PATIENCE_VARIABLE, "1")
            proxy.rule = lambda request, number=number: Fault(reset=True) if request.number > number else None
            with pytest.raises(UnreachableError, match="no answer in"):
                remote_run(made)
    told: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Silent, "told", lambda self, message: told.append(message))
        remote_run(made)
    assert not [line for line in told if "damaged" in line]
    assert contents(out_of(s3)) == contents(tmp_path / "local")


def test_another_machine_goes_on(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """With a looser rule and an empty cache: what is there is read from the server."""
    made = remote_recipe(s3)
    remote_run(made)
    shutil.rmtree(cache)
    looser = remote_recipe(s3, "documents.keep=[text.characters >= 100, language.score >= 0.3, duplicates.kept]")
    told = remote_run(looser)
    assert "extract and score" not in told.passes
    small_run(tmp_path / "local", looser)
    assert contents(out_of(s3)) == contents(tmp_path / "local")


PROFILE = """
runner: portable
job_endpoint: localhost:8099
storage: {{endpoint: "http://127.0.0.1:{port}", region: us-east-1, access_key_env: CRAWL_KEY, secret_key_env: CRAWL_SECRET}}
"""


@pytest.mark.parametrize("named", [False, True], ids=["environment", "profile"])
def test_the_looks_and_mends_of_a_run_on_the_server(s3: S3, tmp_path: Path, named: bool) -> None:
    """open, status, report, inspect, check, prune and remove; the store by the tools' variables, or by a profile alone."""
    out = "s3://crawl/out"
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILE.format(port=s3.port))

    def cli(*arguments: str) -> Result:
        with pytest.MonkeyPatch.context() as patched:
            for name in (*KEYS, "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION") if named else ():
                patched.setenv(name, "")  # so that it comes back as it was
                patched.delenv(name)
            patched.setenv("CRAWL_KEY", KEYS["AWS_ACCESS_KEY_ID"])
            patched.setenv("CRAWL_SECRET", KEYS["AWS_SECRET_ACCESS_KEY"])
            told = CliRunner().invoke(app, [*arguments, *(["--cluster", str(profile)] if named else [])])
        assert told.exit_code == 0, (arguments, told.output, told.exception)
        return told

    remote_run(remote_recipe(s3))
    stored = web2shards.open(out)
    table = stored.documents.head(5, ["id", "page.url", "text.text"], "fate.kept")
    assert table.num_rows == 5
    assert stored.stats["tables"][0]["kept"] > 5
    assert "finished" in cli("status", out).stdout
    assert f"{out}/report/index.html" in cli("report", out).stdout.replace("\n", "")
    url = table.column("page.url")[0].as_py()
    assert url in cli("inspect", out, url).stdout.replace("\n", "")
    cli("check", out)
    stray = out_of(s3) / "shards" / "text" / "train-000099.tar"
    stray.write_bytes(b"stray")
    assert "the index does not list it" in cli("prune", out).stdout
    assert not stray.exists()
    cli("remove", out, "--url", url, "--workers", "1")
    assert web2shards.open(out).documents.head(1, ["id", "text.text", "fate.reason"], f"page.url == '{url}'").to_pylist()[0][
        "text.text"
    ] is None  # fmt: skip
    cli("check", out)


def test_a_shard_that_was_changed_is_found_and_written_anew(s3: S3, tmp_path: Path) -> None:
    made = remote_recipe(s3)
    remote_run(made)
    before = contents(out_of(s3))
    shard = sorted((out_of(s3) / "shards" / "text").glob("*.tar"))[0]
    layer, other = sorted((out_of(s3) / "documents" / "language").glob("*.parquet"))[:2]
    for path in (shard, layer, other):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        if path == other:  # the store knows it so, and sees no damage
            put(place(f"s3://crawl/out/documents/language/{path.name}"), bytes(data))
        else:
            path.write_bytes(data)
        os.utime(path, (1, 1))
    told = remote_run(made)
    assert "extract and score" in told.passes
    assert contents(out_of(s3)) == before


def test_the_demo_as_a_user_runs_it(s3: S3, through: Through, tmp_path: Path) -> None:
    """By the command line, through faults."""
    root = Path(__file__).parents[2]
    files = ["web.warc.gz", "pictures/pictures.warc.gz"]
    for file in files:
        s3.put(f"in/{file}", (EXAMPLES / file).read_bytes())
    stored = ["--set", f"input.warcs=[{', '.join(f's3://crawl/in/{file}' for file in files)}]"]
    proxy = through(every(25, *FAULTS))
    for out, settings in ((str(tmp_path / "local"), []), ("s3://crawl/out", stored)):
        words = [sys.executable, "-m", "web2shards", "run", "recipes/demo.yaml", "--out", out, "--workers", "2", *settings]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(proxy.faults) > 10
    here, there = contents(tmp_path / "local"), contents(out_of(s3))
    assert here.pop("report/stats.json") != there.pop("report/stats.json")  # it names the input
    assert here == there


def test_what_tasks_hand_each_other_can_go_through_the_server(
    s3: S3, through: Through, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """As on an engine, whose workers do not share a disk."""
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    monkeypatch.setattr("pipelines.run.lease_for", lambda root, shared: RemoteLease(root, shared=True))
    proxy = through(every(11, *FAULTS))
    remote_run(made)
    assert [r for r in proxy.seen if r.method == "PUT" and "/tmp/g1/exchange/" in r.path]
    assert [r for r in proxy.seen if r.method == "PUT" and "/tmp/g1/results/" in r.path]
    assert contents(out_of(s3)) == contents(tmp_path / "local")
    assert not [path for path in (out_of(s3) / "tmp").rglob("*") if path.is_file()]


def test_a_killed_run_is_gone_on_with(s3: S3, tmp_path: Path) -> None:
    """The driver is killed when so many objects are there; the same command completes it to the same bytes."""
    made = remote_recipe(s3)
    small_run(tmp_path / "local", made)
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE.format(warcs='["s3://crawl/in/web.warc.gz"]'))
    words = [sys.executable, "-m", "web2shards", "run", str(file), "--out", "s3://crawl/out", "--workers", "2"]
    root = Path(__file__).parents[2]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

    for objects in (10, 60, 95):
        driver = start()
        while driver.poll() is None and sum(p.is_file() for p in out_of(s3).rglob("*")) < objects:
            time.sleep(0.02)
        driver.kill()
        driver.communicate()
    last = start()
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors.decode()
    assert contents(out_of(s3)) == contents(tmp_path / "local")
    assert not [path for path in (out_of(s3) / "tmp").rglob("*") if path.is_file()]


@pytest.mark.parametrize("out", ["hdfs://name/out", "file:///tmp/out", "ftp://host/out"])
def test_stores_that_cannot_hold_an_out_folder_are_refused(out: str) -> None:
    with pytest.raises(StorageError, match="an out folder is a local path, or a URI"):
        remote_run(recipe(), out)


def test_what_a_run_wrote_it_does_not_read_again(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver asks for footers alone; files of a run that was killed before its manifests are read whole."""
    read: list[Path] = []
    monkeypatch.setattr("pipelines.survey.check_seal", read.append)
    made = remote_recipe(s3)
    remote_run(made)
    assert read == []
    for manifest in out_of(s3).glob("documents/*/_layer.json"):
        manifest.unlink()
    remote_run(made)
    assert {path.parent.name for path in read} >= {"page", "language", "fate"}


@pytest.mark.parametrize("killed", [False, True])
def test_signatures_are_clustered_on_the_server(s3: S3, tmp_path: Path, killed: bool) -> None:
    """What a killed run left on this machine is gone after the next."""
    rows = np.random.default_rng(1).integers(0, 1 << 32, (3, 108), np.uint64)
    rows[1] = rows[0]
    pq.write_table(pa.table({"signature": rows.tolist()}), tmp_path / "s.parquet")
    uri = s3.put("in/s.parquet", (tmp_path / "s.parquet").read_bytes())
    left = Store("s3://crawl/out", 7).scratch("exchange", "x")
    if killed:
        left.parent.mkdir(parents=True)
        left.write_bytes(b"left")
    told = cluster_signatures([uri], MinHash(verify="signature"), RunOptions("s3://crawl/out", inline=True))
    assert (told.rows, told.kept) == (3, 2)
    assert (out_of(s3) / "clusters" / "_index.json").is_file()
    assert not left.parent.parent.parent.exists()  # tmp/
