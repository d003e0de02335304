"""Input and out folder on an object store, on every engine: the same bytes as on a laptop's disk.

The keys are known by a cluster profile alone, and nothing on this machine's disk is shared but the server's own folder.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.retries import PATIENCE_VARIABLE
from tests.engines.clusters import SMALL, Flink, Pools, Spark
from tests.engines.conftest import ENGINES, running
from tests.engines.processes import Processes, kill, listens, wait_for
from tests.engines.runs import Engine, Job
from tests.engines.stores import ObjectStore, sound_of


@pytest.fixture(scope="session")
def sound(demo: Job, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return sound_of(demo, processes, tmp_path_factory.mktemp("sound") / "direct")


@pytest.fixture(scope="module", params=ENGINES)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, ObjectStore]]:
    """Each engine in turn, with a store."""
    with Processes(tmp_path_factory.mktemp(request.param)) as started:
        store = ObjectStore(started).start()
        engine = running(request.param, started)
        yield replace(engine, profile={**engine.profile, **store.profile()}), store


def test_demo(stored: tuple[Engine, ObjectStore], demo: Job, sound: dict[str, str]) -> None:
    engine, store = stored
    done = store.input_of(demo).run(engine.processes, "s3://crawl/demo", engine.profile)
    assert done.code == 0, done.said
    print(engine.name, round(done.seconds, 1))  # noqa: T201 - seen with -s
    assert store.differences("demo", sound) == []
    assert not [path for path in (store.folder / "demo" / "tmp").rglob("*") if path.is_file()]


def started_until(process: subprocess.Popen[bytes], store: ObjectStore, name: str, files: int) -> bool:
    """Waits until a run has committed so many layer files; False if it ended before."""
    while process.poll() is None:
        if len(list((store.folder / name / "documents").glob("*/*.parquet"))) >= files:
            return True
        time.sleep(0.05)
    return False


AWAY_SECONDS = 20


@pytest.mark.parametrize("patience", [180, 3])
def test_a_store_that_is_away(stored: tuple[Engine, ObjectStore], demo: Job, sound: dict[str, str], patience: int) -> None:
    """For 20 s in the middle of a run, which waits for it; or is told to wait for less, and is gone on with."""
    engine, store = stored
    job, name = store.input_of(demo), f"away-{patience}"
    more = {PATIENCE_VARIABLE: str(patience)}
    process = job.start(engine.processes, f"s3://crawl/{name}", engine.profile, environment=more)
    assert started_until(process, store, name, 20), engine.processes.said(name)
    store.stop()
    time.sleep(AWAY_SECONDS)
    store.start()
    code, said = process.wait(600), engine.processes.said(name)
    print(engine.name, patience, code)  # noqa: T201 - seen with -s
    assert "Traceback" not in said, said
    assert code in ((0,) if patience > AWAY_SECONDS else (0, 9)), said
    if code:
        assert "see that the store is up" in said
        done = job.run(engine.processes, f"s3://crawl/{name}", engine.profile)
        assert done.code == 0, done.said
    assert store.differences(name, sound) == []
    # What the processes that do tasks say is kept, in the log of the worker that started them or beside the engine's.
    logs = [*engine.processes.folder.glob("workers-*/*.log"), *engine.processes.folder.glob("tmp/state/**/workers.log")]
    assert any(re.search(r"^s3://.*; again in", log.read_text(), re.M) for log in logs)


@pytest.mark.parametrize("name", ["flink", "spark"])
def test_a_worker_whose_disk_is_full(name: str, demo: Job, sound: dict[str, str], tmp_path: Path) -> None:
    """It ends the run, which names its host, and is gone on with when there is room; Spark may have others do its tasks."""
    with Processes(tmp_path / name) as started:
        store = ObjectStore(started).start()
        pools = Pools(started, disk="100k").start()
        cluster = (Flink if name == "flink" else Spark)(started).start()
        profile = {**cluster.profile(), **pools.profile(), **store.profile()}
        job = store.input_of(demo)
        done = job.run(started, "s3://crawl/full", profile)
        print(name, done.code, round(done.seconds, 1))  # noqa: T201 - seen with -s
        assert done.code in ((4,) if name == "flink" else (0, 4)), done.said
        if done.code:
            assert re.search(rf"error: .*disk is full.*on the host {SMALL}", done.said.replace("\n", " ")), done.said
            assert "free space" in done.said
        assert "Traceback" not in done.said
        pools.disk = ""
        first = next(iter(pools.started))
        kill(pools.started[first])
        pools.start_pool(first)
        wait_for("the pool", lambda: listens(first))
        done = job.run(started, "s3://crawl/full", profile)
        print(name, done.code, round(done.seconds, 1))  # noqa: T201 - seen with -s
        assert done.code == 0, done.said
        assert store.differences("full", sound) == []
