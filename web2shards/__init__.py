"""The public API: run a recipe, say what a run would compute, and open what a run wrote.

Names are imported when they are used, so that `import web2shards` and the command line start at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.preview import Preview
    from pipelines.progress import Progress
    from pipelines.recipe import Recipe
    from pipelines.run import RunResult
    from pipelines.run_options import RunOptions
    from pipelines.stored import Run, Table

__all__ = ["Preview", "Recipe", "Run", "RunResult", "Table", "load_recipe", "open", "plan", "run"]

_HOMES = {
    "Preview": "pipelines.preview", "Recipe": "pipelines.recipe", "Run": "pipelines.stored",
    "RunResult": "pipelines.run", "Table": "pipelines.stored",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'web2shards' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def open(out: str | PathLike[str]) -> Run:
    """An out folder for reading: its tables, their layers joined. Takes no lease; a run may go on beside it.

    InputError if there is no run.
    """
    from pipelines.stored import Run

    return Run(str(out))


def load_recipe(path_or_text: str | PathLike[str], settings: Sequence[str] = ()) -> Recipe:
    """The recipe of a file, or of a text of several lines, with `key=value` settings applied.

    RecipeError lists every problem with its line and its mend.
    """
    from pathlib import Path

    from pipelines.recipe import load_recipe

    return load_recipe(path_or_text if isinstance(path_or_text, str) else Path(path_or_text), settings)


def run(
    recipe: Recipe | str | PathLike[str], out: str | PathLike[str] | None = None, *, settings: Sequence[str] = (),
    limit: int | None = None, workers: int = 0, runner: str = "direct", runner_options: Sequence[str] = (),
    cluster: str | PathLike[str] | None = None, worker_memory: float = 4.0, progress: Progress | None = None,
) -> RunResult:  # fmt: skip
    """Brings the out folder (by default out/<name>) up to date with a recipe.

    `workers` 0 takes one for each processor; one that takes more than `worker_memory` GB is ended, and its task done
    again. `limit` takes the first parts of the input only. `cluster` is the path of a cluster profile. Raises a UserError
    whose `mend` says what to do.
    """
    from dataclasses import replace

    from pipelines.retries import run_again

    checked = _recipe(recipe, settings)
    options = _options(checked, out, limit, workers, runner, runner_options, cluster)
    return run_again(checked, replace(options, memory_bytes=round(worker_memory * 1e9)), progress)


def plan(
    recipe: Recipe | str | PathLike[str], out: str | PathLike[str] | None = None, *, settings: Sequence[str] = (),
    limit: int | None = None, workers: int = 0, runner: str = "direct", runner_options: Sequence[str] = (),
    cluster: str | PathLike[str] | None = None,
) -> Preview:  # fmt: skip
    """What `run` with the same arguments would compute, why, and where; computes and writes nothing, and asks no cluster."""
    from pipelines.preview import preview

    checked = _recipe(recipe, settings)
    return preview(checked, _options(checked, out, limit, workers, runner, runner_options, cluster))


def default_out(recipe: Recipe) -> str:
    """Where a recipe's run goes unless it is said: out/<name>."""
    return f"out/{recipe.name}"


def _options(
    recipe: Recipe, out: str | PathLike[str] | None, limit: int | None, workers: int, runner: str,
    runner_options: Sequence[str], cluster: str | PathLike[str] | None,
) -> RunOptions:  # fmt: skip
    from pipelines.cluster import load_cluster
    from pipelines.run_options import RunOptions

    profile = None if cluster is None else load_cluster(str(cluster))
    return RunOptions(
        out=str(out) if out is not None else default_out(recipe), workers=workers, limit=limit,
        runner=profile.runner if profile is not None and runner == "direct" else runner, cluster=profile,
        runner_options=tuple(runner_options),
    )  # fmt: skip


def _recipe(recipe: Recipe | str | PathLike[str], settings: Sequence[str]) -> Recipe:
    from pipelines.recipe import Recipe

    if isinstance(recipe, Recipe):
        if settings:
            raise ValueError("settings: give them to load_recipe, which made this recipe")
        return recipe
    return load_recipe(recipe, settings)
