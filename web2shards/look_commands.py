"""The commands that look at a run and change nothing: inspect, check, threshold."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from web2shards import options
from web2shards.console import count, duration, grid, plain, results, say, share

if TYPE_CHECKING:
    from pipelines.inspection import Found
    from pipelines.stored import Run

PANEL = "Results"
#: Characters of a value that are shown without --full.
MOST_SHOWN = 300


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (inspect, check, threshold):
        app.command(rich_help_panel=PANEL)(command)


@contextmanager
def opened(out: str) -> Generator[Run]:
    """A run for reading; its warnings become lines."""
    from pipelines.stored import Run

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        run = Run(out)
    for warning in told:
        say(f"[yellow]warning:[/] {plain(str(warning.message))}")
    yield run


def inspect(
    ctx: typer.Context, out: options.OutFolder,
    query: Annotated[str, typer.Argument(metavar="URL|ID", help="A URL, or an id in hex or its first digits.", show_default=False)],
    full: Annotated[bool, typer.Option("--full", help="Show values whole, texts too.")] = False,
    as_json: options.AsJson = False, cluster: options.StorageOf = None, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Show a page or an image: every column of every layer, its fate, and the rule that dropped it."""
    options.remember(ctx, verbose)
    options.use_storage(cluster)
    from pipelines.inspection import find

    with opened(out) as run:
        found = find(run, query)
    if as_json:
        sys.stdout.write(json.dumps([_jsonable(vars(record)) for record in found], indent=1, ensure_ascii=False) + "\n")
        return
    for record in found:
        _show(record, full)
    if len(found) > 1:
        results().print(f"{count(len(found), 'record')} of this URL or id")


def _show(found: Found, full: bool) -> None:
    out = results()
    url = next((found.values[name] for name in ("page.url", "record.url", "image.url") if found.values.get(name)), "")
    out.print(f"[bold]{plain(url) or 'no URL'}[/]")
    out.print(f"id {found.id}, row {found.row:,} of {found.table} part {plain(found.part)}")
    out.print(_fate(found))
    rows = [
        (_mark(v.verdict), plain(v.reason), plain(v.text), plain(", ".join(f"{k} = {_value(x, 80)}" for k, x in v.values.items())))
        for v in found.verdicts
    ]  # fmt: skip
    if rows:
        out.print(grid(["", "rule", "", "value"], rows))
    most = 1 << 40 if full else MOST_SHOWN
    columns = [(plain(name), plain(_value(value, most))) for name, value in found.values.items() if name != "id"]
    if found.record is not None:
        columns += [(plain(name), plain(_value(value, most))) for name, value in found.record.items() if name != "id"]
    out.print(grid(["column", "value"], columns))
    if found.cluster:
        members = [
            (
                member.id[:12], f"kept by {plain(member.earlier)}" if member.earlier else "kept" if member.kept else "dropped",
                "" if member.alike is None else f"{member.alike:.2f}", plain(member.url or ""),
            )
            for member in found.cluster
        ]  # fmt: skip
        size = int(found.values.get("duplicates.size") or 0)
        out.print(grid(["id", "", "alike", "url"], members, title=f"duplicate cluster of {count(size, found.table[:-1])}"))
    for why in found.untold:
        kept = found.values["duplicates.cluster"].hex()[:12]
        out.print(f"[yellow]an earlier run keeps {kept}, and cannot be looked at:[/] {plain(why)}")


def _fate(found: Found) -> str:
    if found.table == "records":
        detail = found.values.get("record.detail") or ""
        return f"[yellow]no document:[/] {plain(found.reason)}" + (f" ({plain(detail)})" if detail else "")
    if found.kept is None:
        return "[yellow]its fate is not decided yet[/]"
    if found.kept:
        return "[green]kept[/]"
    dropped = next((v for v in found.verdicts if v.verdict is not True), None)
    if found.reason.startswith("error:"):
        message = found.values.get(f"{found.reason.removeprefix('error:')}.error") or ""
        return f"[red]dropped: {plain(found.reason)}[/] {plain(message)}"
    if dropped is not None and found.reason in (dropped.reason, "not_scored"):
        values = ", ".join(f"{name} is {_value(value, 80)}" for name, value in dropped.values.items())
        return f"[red]dropped: {plain(found.reason)}[/] by the rule `{plain(dropped.text)}`: {plain(values)}"
    return f"[red]dropped: {plain(found.reason)}[/]"


def _mark(verdict: bool | None) -> str:
    return "[dim]null[/]" if verdict is None else "[green]keeps[/]" if verdict else "[red]drops[/]"


def _value(value: Any, most: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bytes):
        text = value.hex()
        return text if len(text) <= most else f"{text[:most]}… ({len(value):,} bytes)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    text = json.dumps(_jsonable(value), ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    if len(text) <= most and "\n" not in text:
        return text
    return text if most > len(text) and most > MOST_SHOWN else f"{' '.join(text[:most].split())}… ({len(text):,} characters)"


def _jsonable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return _jsonable(vars(value)) if hasattr(value, "__dict__") else str(value)


def check(
    ctx: typer.Context, out: options.OutFolder, cluster: options.StorageOf = None, verbose: options.Verbose = False
) -> None:  # fmt: skip
    """Read everything that a run wrote and verify it: layers, alignment, shards against their index, sums."""
    verbose = options.remember(ctx, verbose)
    options.use_storage(cluster)
    import time

    from core.errors import CheckError
    from pipelines.verify import verify

    began = time.monotonic()
    checked = verify(out, (lambda text: say(plain(text))) if verbose else None)
    for problem in checked.problems:
        say(f"[red]{plain(str(problem))}[/]")
    if checked.problems:
        raise CheckError(f"{out}: {count(len(checked.problems), 'problem')}", "the lines above say what to do about each")
    results().print(
        f"[green]sound:[/] {count(checked.files, 'layer file')}, {count(checked.rows, 'row')}, "
        f"{count(checked.shards, 'shard')}, {count(checked.samples, 'sample')}, in {duration(time.monotonic() - began)}"
    )
    if checked.sums:  # what two runs of one recipe have in common, wherever they ran
        results().print(f"sha256 of the shards' sha256sum: {checked.sum}")


def threshold(
    ctx: typer.Context, out: options.OutFolder,
    column: Annotated[
        str, typer.Argument(metavar="COLUMN", help="A column of numbers, such as quality.score.", show_default=False)
    ],
    top: Annotated[str, typer.Option("--top", metavar="SHARE", help="The share to keep, such as 10%.", show_default=False)],
    by: Annotated[str, typer.Option("--by", metavar="COLUMN", help="A share of each label, such as language.label.")] = "",
    where: Annotated[
        str, typer.Option(metavar="RULE", help="Of which rows. Default: those kept, and those that a rule on COLUMN dropped.")
    ] = "",
    lowest: Annotated[bool, typer.Option("--lowest", help="Keep the lowest values, not the highest.")] = False,
    verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Print the rule that keeps a share of a run's documents by a column, exactly."""
    options.remember(ctx, verbose)
    from core.errors import RecipeError
    from pipelines.top_share import top_share

    try:
        share_ = float(top.removesuffix("%")) / (100 if top.endswith("%") else 1)
    except ValueError:
        share_ = -1.0
    if not 0 < share_ <= 1:
        raise RecipeError(f"--top {top} is no share", "write it as 10% or 0.1")
    by = f"{by}.label" if by and "." not in by else by
    with opened(out) as run:
        found = top_share(run, column, share_, by, where, lowest)
    for group in found.groups:
        kept = f"{group.kept:,} of {count(group.rows, 'row')} ({share(group.kept, group.rows)})"
        say(f"{plain(group.label)}: {kept} {'up to' if lowest else 'from'} {group.threshold} on")
    if found.asked_again:
        rules = " and ".join(f"`{rule}`" for rule in found.asked_again)
        say(plain(f"of what is kept and what {rules} dropped; --where fate.kept asks of what is kept alone"))
    if found.unknown:
        say(f"[yellow]warning:[/] {count(found.unknown, 'row')} without a value of {plain(column)}: no share of them")
    results().print(plain(f"- '{found.rule}'" if "{" in found.rule else f"- {found.rule}"))
