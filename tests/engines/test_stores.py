"""Input and out folder on an object store, on every engine: the same bytes as on a laptop's disk.

The keys are known by a cluster profile alone, and nothing on this machine's disk is shared but the server's own folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.engines.conftest import ENGINES, running
from tests.engines.processes import Processes
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
