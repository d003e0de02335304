"""Which engine runs a pipeline: Beam's in-process runner by name, or any other by Beam's own options.

Plain DirectRunner looks for another runner on the network first; FnApiRunner is named instead
(github.com/apache/beam, runners/portability/fn_api_runner).
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import UserError

if TYPE_CHECKING:
    import apache_beam as beam

#: Short names, and Beam's own, of the engines.
NAMES = {
    "direct": "FnApiRunner", "directrunner": "FnApiRunner", "fnapirunner": "FnApiRunner",
    "flink": "FlinkRunner", "flinkrunner": "FlinkRunner",
    "spark": "SparkRunner", "sparkrunner": "SparkRunner",
    "portable": "PortableRunner", "portablerunner": "PortableRunner",
}  # fmt: skip


@dataclass(frozen=True)
class Engine:
    """A runner by Beam's name, and the options that it gets."""

    runner: str
    options: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """Whether pipelines run in this process."""
        return self.runner == "FnApiRunner"

    @contextlib.contextmanager
    def pipeline(self) -> Generator[beam.Pipeline]:
        """A pipeline that runs when the block ends, and is waited for."""
        import apache_beam as beam  # takes half a second, which a run that finds nothing to do is spared
        from apache_beam.options.pipeline_options import PipelineOptions

        if self.local:
            from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

            _sample_often()
            options = PipelineOptions(flags=[], direct_num_workers=1, direct_running_mode="in_memory")
            with _quiet(), beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
                # Only transforms of other languages use it, and a driver that is killed would leave it behind.
                shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)
                yield pipeline
            return
        options = PipelineOptions(flags=[f"--runner={self.runner}", *self.options])
        with beam.Pipeline(options=options) as pipeline:
            yield pipeline


def engine(name: str, options: Sequence[str] = ()) -> Engine:
    """The engine of a name such as direct, flink, spark, FlinkRunner. UserError if there is none of that name."""
    runner = NAMES.get(name.lower().replace("_", ""))
    if runner is None:
        raise UserError(f"--runner {name}: there is no such runner", "one of direct, flink, spark, portable")
    return Engine(runner, tuple(options))


def _sample_often() -> None:
    """Beam waits at the end of each bundle for a thread that looks at its state, by and by every 200 ms only: a tenth of
    a second lost a pass (runners/worker/statesampler.py, whose period is no option)."""
    from apache_beam.runners.worker.statesampler import StateSampler

    if StateSampler.__init__.__defaults__ == (200,):
        StateSampler.__init__.__defaults__ = (10,)


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """A task's own error is reported by the driver; Beam's log of the same would bury it."""
    loggers = [logging.getLogger(name) for name in ("apache_beam", "root")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
