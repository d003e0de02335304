"""Spark that starts a second attempt of whatever is not done yet: two attempts of a task at once are harmless."""

from __future__ import annotations

from pathlib import Path

from tests.engines.clusters import Pools, Spark
from tests.engines.processes import Processes
from tests.engines.runs import Job
from tests.faults.outfolder import contents, differences

#: Every task that runs while another is done is taken for slow.
_EAGER = {
    "spark.speculation": "true", "spark.speculation.interval": "20ms", "spark.speculation.multiplier": "1.0",
    "spark.speculation.quantile": "0.01", "spark.speculation.minTaskRuntime": "1ms",
}  # fmt: skip


def test_repeated_attempts_are_harmless(demo: Job, tmp_path: Path) -> None:
    with Processes(tmp_path / "spark") as started:
        pools = Pools(started).start()
        spark = Spark(started, settings=_EAGER).start()
        assert demo.run(started, tmp_path / "direct").code == 0
        done = demo.run(started, tmp_path / "out", {**spark.profile(parallelism=4), **pools.profile()})
    assert done.code == 0, done.said
    assert "as speculatable" in (tmp_path / "out" / "logs" / "engine.log").read_text()
    assert differences(tmp_path / "out", contents(tmp_path / "direct")) == []
