"""The same recipe gives the same bytes on every engine: every shard, layer file, manifest and statistic."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.processes import Processes
from tests.engines.record import record
from tests.engines.runs import Engine, Job, shards
from tests.faults.outfolder import contents, differences

Sound = dict[str, str]


def undisturbed(name: str, job: Job, processes: Processes, folder: Path) -> Sound:
    """What DirectRunner with one worker writes, once it is known that two write the same."""
    seconds: list[float] = []
    for workers in (1, 2):
        done = job.run(processes, folder / f"direct-{workers}", workers=workers)
        assert done.code == 0, done.said
        seconds.append(done.seconds)
    sound, wrong = contents(folder / "direct-1"), differences(folder / "direct-2", contents(folder / "direct-1"))
    record(name, "direct, 1 worker", seconds[0], shards(folder / "direct-1"), True)
    record(name, "direct, 2 workers", seconds[1], shards(folder / "direct-2"), not wrong)
    assert wrong == []
    assert shards(folder / "direct-1")
    return sound


@pytest.fixture(scope="session")
def demo_sound(demo: Job, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return undisturbed("demo", demo, processes, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def dev_sound(dev: Job, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return undisturbed("dev.warc.gz", dev, processes, tmp_path_factory.mktemp("dev"))


def same(name: str, job: Job, engine: Engine, sound: Sound, out: Path) -> None:
    done = job.run(engine.processes, out, engine.profile)
    assert done.code == 0, done.said
    wrong = differences(out, sound)
    record(name, engine.name, done.seconds, shards(out), not wrong)
    assert wrong == []


def test_demo(engine: Engine, demo: Job, demo_sound: Sound, tmp_path: Path) -> None:
    same("demo", demo, engine, demo_sound, tmp_path / "demo")


@pytest.mark.corpora
def test_dev(engine: Engine, dev: Job, dev_sound: Sound, tmp_path: Path) -> None:
    same("dev.warc.gz", dev, engine, dev_sound, tmp_path / "dev")


def test_nothing_to_do_starts_nothing(engine: Engine, demo: Job, demo_sound: Sound, tmp_path: Path) -> None:
    """A finished out folder of DirectRunner is finished for an engine too: no job is submitted."""
    out = tmp_path / "demo"
    assert demo.run(engine.processes, out).code == 0
    done = demo.run(engine.processes, out, engine.profile)
    assert done.code == 0, done.said
    assert done.seconds < 15
    assert differences(out, demo_sound) == []
