"""The commands about the machine and the installation: doctor, worker-pool, warm-up."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Annotated

import typer

from core.errors import UserError
from web2shards import options
from web2shards.console import count, duration, plain, results, say

PANEL = "Installation"
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(rich_help_panel=PANEL)(doctor)
    app.command("worker-pool", rich_help_panel=PANEL)(worker_pool)
    app.command("warm-up", rich_help_panel=PANEL)(warm_up)


def _files(given: str) -> list[str]:
    """The file that is given, or the first and the last of those that a glob names. UserError if there is none here."""
    from core.remote import is_remote

    if is_remote(given):
        return [given]  # of a store that the profile may describe
    from ingest.files import find_files

    found = [file.uri for file in find_files(given)]
    if not found:
        raise UserError(f"--input {given}: there is no such file here", "give a path, or a glob in quotes, as the recipe does")
    return sorted({found[0], found[-1]})


def doctor(
    ctx: typer.Context, cluster: options.ClusterFile = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="DIR", help="With --cluster: an out folder that workers are to write to.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="FILE", help="With --cluster: a file that workers are to read.")
    ] = None,
    as_json: options.AsJson = False, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Look at the installation and the machine, or with --cluster at a cluster, and say how to mend what is wrong."""
    options.remember(ctx, verbose)
    from pipelines.doctor import probes
    from pipelines.warm import compiling

    if cluster is not None:
        from pipelines.cluster import load_cluster
        from pipelines.probes import probe_cluster

        looks = probe_cluster(load_cluster(cluster), out or "", [file for given in inputs or () for file in _files(given)])
    elif out or inputs:
        raise UserError("--out and --input go with --cluster", "give --cluster FILE, or leave them out")
    else:
        looks = probes()
    failed = 0
    found: list[dict[str, str]] = []
    with compiling(say) if cluster is None else contextlib.nullcontext():
        for probe in looks:
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


def worker_pool(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="Where to listen. Beyond loopback whoever reaches it runs code.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0: a free one, which is printed.")] = 50000,
    logs: Annotated[
        str | None, typer.Option("--logs", metavar="DIR", help="A log file for each worker. Default: in the temporary folder.")
    ] = None,
    max_workers: Annotated[int, typer.Option("--max-workers", min=1, max=10_000, metavar="N", help="More are refused.")] = 64,
    verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Serve workers to Flink or Spark on this host, until SIGTERM or Ctrl-C: the environment EXTERNAL of cluster profiles."""
    options.remember(ctx, verbose)
    import os
    import tempfile
    from pathlib import Path

    from pipelines.worker_pool import serve

    folder = Path(logs) if logs else Path(tempfile.gettempdir(), f"web2shards-workers-{os.getuid()}")
    if host not in ("127.0.0.1", "localhost", "::1", "[::1]"):
        say(f"[yellow]warning:[/] whoever reaches {plain(host)} may run code here as this user (runbooks/security.md)")
    serve(host, port, folder.resolve(), max_workers, lambda text: say(plain(text)))


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
