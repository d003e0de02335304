"""Engines that run for a module's tests, and the runs on DirectRunner that theirs are compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import clusters
from tests.engines.processes import ROOT, Processes
from tests.engines.runs import Engine, Job

CORPORA = Path(os.environ.get("WEB2SHARDS_CORPORA", ROOT.parent / "shared" / "corpora"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """What starts processes for runs on DirectRunner."""
    with Processes(tmp_path_factory.mktemp("direct")) as started:
        yield started


ENGINES = ["flink-local", "spark-local", "flink-cluster", "spark-cluster"]


def running(name: str, started: Processes) -> Engine:
    """An engine by its name, whose processes are `started`."""
    if name.endswith("local"):
        return Engine(name, started, clusters.local_flink() if name == "flink-local" else clusters.local_spark())
    pools = clusters.Pools(started).start()
    cluster = (clusters.Flink if name == "flink-cluster" else clusters.Spark)(started).start()
    return Engine(name, started, {**cluster.profile(), **pools.profile()})


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each engine in turn, as long as a module's tests on it take."""
    with Processes(tmp_path_factory.mktemp(request.param)) as started:
        yield running(request.param, started)


@pytest.fixture(scope="session")
def demo() -> Job:
    """The demo, cut into eight parts."""
    return Job("recipes/demo.yaml", ("input.part=300kB",))


@pytest.fixture(scope="session")
def dev() -> Job:
    """The development corpus, whose documents carry marks by which they are told."""
    warc = CORPORA / "web" / "dev.warc.gz"
    if not warc.is_file():
        pytest.skip("the development corpora are not here (set WEB2SHARDS_CORPORA)")
    return Job("recipes/multilingual.yaml", (f"input.warcs={warc}", "input.part=8MB", "output.text.samples=500"))
