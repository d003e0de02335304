"""The commands that follow a run: run, plan, status, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from web2shards import options
from web2shards.console import messages, plain, say

if TYPE_CHECKING:
    from pipelines.recipe import Recipe

PANEL = "Runs"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (run, plan, status, report):
        app.command(rich_help_panel=PANEL)(command)


def checked_recipe(recipe: str, settings: list[str] | None) -> Recipe:
    """The recipe, once its scorers' kernels are compiled; says so when that takes long."""
    from pathlib import Path

    from pipelines.recipe import load_recipe
    from pipelines.warm import compiling

    if not Path(recipe).is_file():  # nothing is compiled for a mistyped name
        return load_recipe(recipe, settings or ())
    with compiling(say):
        return load_recipe(recipe, settings or ())


def run(
    ctx: typer.Context, recipe: options.RecipeFile, out: options.Out = None, settings: options.Settings = None,
    limit: options.Limit = None, workers: options.Workers = 0, runner: options.Runner = "",
    cluster: options.ClusterFile = None, runner_options: options.RunnerOptions = None,
    worker_memory: options.WorkerMemory = 4.0, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Run a recipe: bring its out folder up to date, from input to shards and report."""
    verbose = options.remember(ctx, verbose)
    checked = checked_recipe(recipe, settings)
    from core.errors import InputError
    from pipelines.context import input_patterns
    from pipelines.recipe_warnings import warnings_of
    from pipelines.retries import run_again
    from pipelines.run_options import RunOptions
    from pipelines.zygote import forking
    from web2shards import default_out
    from web2shards.progress import progress_for
    from web2shards.summary import show_result

    chosen = RunOptions(
        out=out or default_out(checked), workers=workers, limit=limit, **on(runner, cluster),
        runner_options=tuple(runner_options or ()), memory_bytes=round(worker_memory * 1e9),
    )  # fmt: skip
    for warning in warnings_of(checked):
        say(f"[yellow]warning:[/] {plain(warning)}")
    with forking(chosen.engine.local) as zygote, progress_for(verbose) as progress:
        result = run_again(checked, chosen, progress, zygote=zygote)
    show_result(result)
    if result.stats["records"]["total"] == 0:
        raise InputError(
            f"{', '.join(input_patterns(checked.input)[0])}: there is not one record in it",
            "check that the files are whole, and of the kind that the recipe says",
        )
    if not any(table["kept"] for table in result.stats["tables"]):
        say("[yellow]warning:[/] no document was kept; the table above and the report say why")


def on(runner: str, cluster: str | None) -> dict[str, Any]:
    """What `--runner` and `--cluster` say, as options of a run. UserError if they do not agree."""
    if cluster is None:
        return {"runner": runner or "direct"}
    from pipelines.cluster import load_cluster
    from pipelines.runners import engine

    profile = load_cluster(cluster)
    return {"runner": engine(runner, (), profile).runner, "cluster": profile}


def plan(
    ctx: typer.Context, recipe: options.RecipeFile, out: options.Out = None, settings: options.Settings = None,
    limit: options.Limit = None, workers: options.Workers = 0, runner: options.Runner = "",
    cluster: options.ClusterFile = None, runner_options: options.RunnerOptions = None,
    as_json: options.AsJson = False, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Say what a run would compute and why, what is there already, where it would run, and what time and disk it may take.

    No cluster is asked: `doctor --cluster` does that.
    """
    options.remember(ctx, verbose)
    checked = checked_recipe(recipe, settings)
    from pipelines.preview import preview
    from pipelines.run_options import RunOptions
    from web2shards import default_out
    from web2shards.plan_view import show_preview

    chosen = RunOptions(
        out=out or default_out(checked), workers=workers, limit=limit, **on(runner, cluster),
        runner_options=tuple(runner_options or ()),
    )  # fmt: skip
    show_preview(preview(checked, chosen), as_json, cluster or "")


def status(
    ctx: typer.Context, out: options.OutFolder, as_json: options.AsJson = False, cluster: options.StorageOf = None,
    verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Say how far a run is, from the files it has committed."""
    options.remember(ctx, verbose)
    options.use_storage(cluster)
    from pipelines.status import status_of
    from web2shards.plan_view import show_status

    show_status(status_of(out), as_json)


def report(
    ctx: typer.Context, out: options.OutFolder,
    browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    cluster: options.StorageOf = None, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Print where the report of a run is, and its summary."""
    options.remember(ctx, verbose)
    options.use_storage(cluster)
    from core.errors import StorageError
    from core.remote_path import place
    from web2shards.look_commands import opened
    from web2shards.summary import show_summary

    page = place(out) / "report" / "index.html"
    with opened(out) as stored:
        if not page.is_file():
            raise StorageError(f"{page}: there is no report", "it is written last: run the same command again")
        show_summary(stored.stats, page)
    if browser:
        import os
        import webbrowser
        from pathlib import Path

        link = Path(os.fspath(page)).resolve().as_uri()
        if not webbrowser.open(link):
            messages().print(f"no browser could be started; open {link}")
