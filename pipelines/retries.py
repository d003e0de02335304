"""Goes on with a run that lost workers, engine or job server, as often as the cluster profile says."""

from __future__ import annotations

from core.errors import LostError
from pipelines.progress import Progress, Silent
from pipelines.recipe import Recipe
from pipelines.run import run
from pipelines.run_options import RunOptions, RunResult
from pipelines.zygote import Zygote


def run_again(recipe: Recipe, options: RunOptions, progress: Progress | None = None, zygote: Zygote | None = None) -> RunResult:
    """`run`, and again after a LostError: each time only what is missing is done."""
    progress = progress or Silent()
    retries = options.cluster.retries if options.cluster is not None else 0
    for attempt in range(retries):
        try:
            return run(recipe, options, progress, zygote=zygote)
        except LostError as error:
            progress.told(f"{error.message}: going on, {attempt + 1} of {retries} times")
    return run(recipe, options, progress, zygote=zygote)
