"""The same recipe gives the same bytes on every engine: every shard, layer file, manifest and statistic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engines.processes import Processes
from tests.engines.runs import Engine, Job, shards
from tests.faults.outfolder import contents, differences

Sound = dict[str, str]


def undisturbed(job: Job, processes: Processes, folder: Path) -> Sound:
    """What DirectRunner with one worker writes, once it is known that two write the same."""
    for workers in (1, 2):
        done = job.run(processes, folder / f"direct-{workers}", workers=workers)
        assert done.code == 0, done.said
    sound = contents(folder / "direct-1")
    assert differences(folder / "direct-2", sound) == []
    assert shards(folder / "direct-1")
    return sound


@pytest.fixture(scope="session")
def demo_sound(demo: Job, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return undisturbed(demo, processes, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def dev_sound(dev: Job, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return undisturbed(dev, processes, tmp_path_factory.mktemp("dev"))


def same(job: Job, engine: Engine, sound: Sound, out: Path) -> None:
    done = job.run(engine.processes, out, engine.profile)
    assert done.code == 0, done.said
    assert differences(out, sound) == []
    told = {"engine": engine.name, "seconds": round(done.seconds, 1), "shards": shards(out)}
    print(json.dumps(told))  # noqa: T201 - seen with -s


def test_demo(engine: Engine, demo: Job, demo_sound: Sound, tmp_path: Path) -> None:
    same(demo, engine, demo_sound, tmp_path / "demo")


@pytest.mark.corpora
def test_dev(engine: Engine, dev: Job, dev_sound: Sound, tmp_path: Path) -> None:
    same(dev, engine, dev_sound, tmp_path / "dev")


def test_nothing_to_do_starts_nothing(engine: Engine, demo: Job, demo_sound: Sound, tmp_path: Path) -> None:
    """A finished out folder of DirectRunner is finished for an engine too: no job is submitted."""
    out = tmp_path / "demo"
    assert demo.run(engine.processes, out).code == 0
    done = demo.run(engine.processes, out, engine.profile)
    assert done.code == 0, done.said
    assert done.seconds < 15
    assert differences(out, demo_sound) == []
