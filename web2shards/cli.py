"""The command line: `web2shards COMMAND`, with errors as one message and its mend, and stated exit codes.

Heavy modules (Beam, numba, pyarrow) are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from core.errors import UserError
from web2shards import (
    crawl_commands,
    dedup_commands,
    look_commands,
    machine_commands,
    mend_commands,
    recipe_commands,
    run_commands,
    train_commands,
)
from web2shards.console import say, show_error
from web2shards.signals import exit_code, interrupting, told

DEFECT = "This is a defect of web2shards: please report it with the lines above and the recipe."


class Commands(TyperGroup):
    """Runs a command and turns what it raises into a message and an exit code (runbooks/exit-codes.md)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with interrupting():
                return super().invoke(ctx)
        except UserError as error:
            if debugging(ctx):
                traceback.print_exc()
            show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            say(f"\n[bold]{told()}[/]")
            raise typer.Exit(exit_code()) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if hasattr(error, "exit_code"):  # an error of typer's own, such as an unknown option
                raise
            traceback.print_exc()
            say(f"[bold red]{type(error).__name__}[/] was not expected. {DEFECT}")
            raise typer.Exit(1) from error


def debugging(ctx: Any) -> bool:
    """Whether errors come with their traceback: `--verbose` on any level, or WEB2SHARDS_DEBUG=1."""
    return bool(os.environ.get("WEB2SHARDS_DEBUG")) or bool((ctx.find_root().obj or {}).get("verbose"))


app = typer.Typer(
    name="web2shards", cls=Commands, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]},
    help="Turns a web crawl into training shards, with a report that says why every record was kept or dropped.",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            sys.stdout.write(f"web2shards {version('web2shards')}\n")
        except PackageNotFoundError:
            sys.stdout.write("web2shards, from a checkout that is not installed\n")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction]
    ctx: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show tracebacks and what a run does.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = {"verbose": verbose}


for group in (run_commands, look_commands, mend_commands, machine_commands, crawl_commands):
    group.register(app)
app.add_typer(recipe_commands.app, name="recipe", rich_help_panel="Recipes")
app.add_typer(dedup_commands.app, name="dedup", rich_help_panel="Recipes")
app.add_typer(train_commands.app, name="train", rich_help_panel="Recipes")


def main() -> None:
    """The command line, once its modules are there."""
    # Before pyarrow is imported, which looks at it then (pipelines/memory.py says why).
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Modules and rows are many objects and no garbage: looking for it at every 700 of them took a tenth of the start, and
    # looking through all of them at the exit .2 s.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)
    app()
