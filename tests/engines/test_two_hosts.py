"""Two hosts, each with a TaskManager or executor and a pool on its own loopback; driver and master on a third; input and out
folder on an object store on a fourth. No host sees another's temporary files, cache or scratch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import hosts
from tests.engines.clusters import Flink, Pools, Spark
from tests.engines.processes import Processes, free_port, listens
from tests.engines.runs import Job
from tests.engines.stores import ObjectStore, sound_of


@pytest.fixture
def processes_of_hosts(tmp_path: Path) -> Iterator[Processes]:
    if why := hosts.allowed():
        pytest.skip(f"no network namespaces can be made here: {why}")
    with Processes(tmp_path / "hosts") as started:
        yield started


@pytest.mark.parametrize("name", ["flink", "spark"])
def test_a_cluster_on_two_hosts(name: str, processes_of_hosts: Processes, demo: Job, tmp_path: Path) -> None:
    started = processes_of_hosts
    driver, first, second, third = hosts.hosts(started, ["driver", "first", "second", "store"])
    store = ObjectStore(started, third).start()
    port = free_port()  # the same on every host, as a pipeline names one address
    pools = [Pools(started, host, count=1, port=port).start() for host in (first, second)]
    cluster = (Flink if name == "flink" else Spark)(started, driver).start(workers=0)
    for host in (first, second):
        cluster.start_worker(f"worker-{host.name}", host)
    cluster.wait(2)
    assert not listens(port)
    assert not listens(port, driver)

    profile = {**cluster.profile(), **pools[0].profile(), **store.profile()}
    done = store.input_of(demo).run(started, "s3://crawl/out", profile, host=driver)
    assert done.code == 0, done.said
    print(name, round(done.seconds, 1))  # noqa: T201 - seen with -s
    assert store.differences("out", sound_of(demo, started, tmp_path / "direct")) == []
    for pool in pools:
        assert list(pool.logs(port).glob("*.log")), f"no worker was started on {pool.host.name}"
        assert any(pool.cache(port).iterdir()), f"no worker drafted a file on {pool.host.name}"
