"""The commands on recipes: check, describe, schema, show."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from web2shards import options
from web2shards.console import count, grid, plain, results, say

app = typer.Typer(help="Check, show and describe recipes.", no_args_is_help=True)


@app.command()
def check(recipe: options.RecipeFile, settings: options.Settings = None) -> None:
    """Find every problem of a recipe, and every file it names that is not there, each with its line and its mend."""
    from pipelines.recipe import check_recipe, load_recipe
    from pipelines.recipe_files import check_files_and_plan
    from pipelines.recipe_warnings import warnings_of

    problems = check_recipe(recipe, settings or ())
    if not problems:
        checked = load_recipe(recipe, settings or ())
        problems, skipped = check_files_and_plan(checked)
        for warning in warnings_of(checked):
            say(f"[yellow]warning:[/] {plain(warning)}")
        if skipped:
            say(f"[dim]not looked for, as on an object store: {plain(', '.join(skipped))}; `plan` and `run` do[/]")
    if not problems:
        say(f"[green]{plain(recipe)}: this recipe can be run[/]")
        return
    for problem in problems:
        say(f"[red]{plain(str(problem))}[/]")
    say(f"[bold red]{count(len(problems), 'problem')}[/]")
    raise typer.Exit(2)


@app.command()
def describe(
    scorer: Annotated[str, typer.Argument(help="The name of a scorer; without one all are listed.", show_default=False)] = "",
) -> None:
    """Tell what a scorer computes: its parameters, its columns with units and ranges, where the method comes from, a rule."""
    from pipelines.recipe_describe import describe_scorer, list_scorers

    if scorer:
        sys.stdout.write(describe_scorer(scorer))
        return
    results().print(grid(["scorer", "what it computes"], [(f"[bold]{plain(n)}[/]", plain(told)) for n, told in list_scorers()]))


@app.command()
def show(recipe: options.RecipeFile, settings: options.Settings = None) -> None:
    """Print the recipe as it will run: all defaults and settings, and the columns that each scorer adds."""
    from pipelines.recipe import load_recipe
    from pipelines.recipe_show import show_recipe

    sys.stdout.write(show_recipe(load_recipe(recipe, settings or ())))


@app.command()
def schema() -> None:
    """Print the JSON schema of recipes, with the parameters of every installed scorer, for editors."""
    from pipelines.recipe_show import recipe_schema

    sys.stdout.write(json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n")
