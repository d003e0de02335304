"""The commands about the machine and the installation: doctor, warm-up."""

from __future__ import annotations

import json
import sys
import time

import typer

from web2shards import options
from web2shards.console import count, duration, plain, results, say

PANEL = "Installation"
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(rich_help_panel=PANEL)(doctor)
    app.command("warm-up", rich_help_panel=PANEL)(warm_up)


def doctor(ctx: typer.Context, as_json: options.AsJson = False, verbose: options.Verbose = False) -> None:
    """Look at the installation and the machine, and say how to mend what is wrong."""
    options.remember(ctx, verbose)
    from pipelines.doctor import probes
    from pipelines.warm import compiling

    failed = 0
    found: list[dict[str, str]] = []
    with compiling(say):
        for probe in probes():
            failed += probe.state == "failed"
            found.append(vars(probe))
            if not as_json:
                mend = f"\n    [cyan]→ {plain(probe.mend)}[/]" if probe.mend else ""
                results().print(f"{_MARKS[probe.state]} {probe.name}: {plain(probe.told)}{mend}")
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if failed:
        say(f"[bold red]{count(failed, 'probe')} failed[/]")
        raise typer.Exit(1)


def warm_up(ctx: typer.Context, verbose: options.Verbose = False) -> None:
    """Compile the kernels of all scorers into numba's cache, so that the first run does not."""
    options.remember(ctx, verbose)
    from pipelines.warm import Warmed, compiling, warm_up

    def told(warmed: Warmed) -> None:
        if warmed.problem:
            say(f"[red]✗[/] {plain(warmed.name)} ({plain(warmed.entry)}): {plain(warmed.problem)}")
        else:
            results().print(f"[green]✓[/] {plain(warmed.name)} {duration(warmed.seconds)}")

    began = time.monotonic()
    with compiling(lambda text: say(text) if "waiting" in text else None):
        warmed = warm_up(told)
    results().print(f"{count(len(warmed), 'scorer')} ready in {duration(time.monotonic() - began)}")
    if any(one.problem for one in warmed):
        say("[bold red]some scorers do not load[/]: `web2shards doctor` looks for the cause")
        raise typer.Exit(1)
