"""The commands that take something out of a run: prune what is not needed, remove what must go."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from web2shards import options
from web2shards.console import count, grid, plain, results, say, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.removal import Takedown

PANEL = "Results"
MOST_LISTED = 20


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (prune, remove):
        app.command(rich_help_panel=PANEL)(command)


def prune(
    ctx: typer.Context, out: options.OutFolder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    cluster: options.StorageOf = None, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Delete what a run no longer needs: layers and parts of earlier plans, files beside the index, leftovers."""
    verbose = options.remember(ctx, verbose)
    options.use_storage(cluster)
    from pipelines.pruning import prune as prune_run

    found = prune_run(out, dry_run)
    groups: dict[tuple[str, str], list[int]] = {}
    for stale in found:
        try:
            folder = stale.path.parent.relative_to(out).as_posix()
        except ValueError:
            folder = str(stale.path.parent)
        groups.setdefault((folder.split("/g")[0] if folder.startswith("tmp") else folder, stale.why), []).append(stale.bytes)
        if verbose:
            say(plain(f"{stale.path}: {stale.why}"))
    if groups:
        rows = [(plain(f), plain(why), f"{len(sizes):,}", size(sum(sizes))) for (f, why), sizes in sorted(groups.items())]
        results().print(grid(["folder", "why", "files", "size"], rows, right=(2, 3)))
    total = f"{count(len(found), 'file')}, {size(sum(stale.bytes for stale in found))}"
    results().print("nothing to delete" if not found else f"would delete {total}" if dry_run else f"deleted {total}")


def remove(
    ctx: typer.Context, out: options.OutFolder,
    urls: Annotated[list[str] | None, typer.Option("--url", help="A page, whatever spelling of its URL.")] = None,
    hosts: Annotated[list[str] | None, typer.Option("--host", help="A host, with its subdomains.")] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="A document by its id, or its first digits.")] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="An image that lies in the input, by its file's path, or its shard's and member's."),
    ] = None,
    file: Annotated[str | None, typer.Option("--file", help="URLs, hosts and ids, one a line; # begins a comment.")] = None,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies",
            help="Also remove their duplicates: documents of the same text or page, and near copies, whose texts are alike. "
            "See them with --dry-run first.",
        ),
    ] = False,
    note: Annotated[str, typer.Option("--note", help="A remark for the log, such as the number of the request.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    workers: options.Workers = 0, cluster: options.StorageOf = None, verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Take records out of layers and shards for good, and keep them out of every later run of this out folder."""
    verbose = options.remember(ctx, verbose)
    options.use_storage(cluster)
    from pipelines.takedown import look_up, take_down
    from web2shards.progress import progress_for

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        takedowns = _takedowns(out, {"url": urls or [], "host": hosts or [], "name": names or []}, ids or [], file)
        taken = look_up(out, takedowns, copies)
        most = len(taken.matches) if verbose else MOST_LISTED
        rows = [
            (m.id[:12], plain(m.url), m.copy, str(len(m.copies) - len(m.near) or ""), str(len(m.near) or ""))
            for m in taken.matches[:most]
        ]  # fmt: skip
        if rows:
            results().print(grid(["id", "url", "", "copies", "near copies"], rows, right=(3, 4)))
        if taken.documents > len(rows):
            results().print(f"… and {taken.documents - len(rows):,} more")
        if taken.others:
            say(
                f"[yellow]{count(taken.others, 'other document')} would stay[/]: {taken.others - taken.near:,} of the same text or "
                f"page, {count(taken.near, 'near copy', 'near copies')} (alike, not the same); --copies takes them too"
            )
        elif taken.near:
            say(f"[yellow]{count(taken.near, 'near copy', 'near copies')} among them[/]: alike, not the same")
        if taken.earlier:
            say(
                f"[yellow]of {count(taken.earlier, 'document')} an earlier run keeps a copy[/], which is not reached here: "
                "take it down in that out folder too"
            )
        if taken.warcs:
            say(
                f"[yellow]{count(taken.warcs, 'WARC')} that the run got from the web keep what they have[/]: to reach that too, "
                f"delete those in {plain(out)}/input/warcs; `remove` works without them, another run stops or gets them again"
            )
        if not taken.documents:
            say(f"[yellow]nothing in {plain(out)} is meant by that, or it is removed already[/]; later runs heed it too")
        if dry_run:
            results().print(f"would remove {count(taken.documents, 'document')}")
            return
        from pipelines.run import RunOptions

        with progress_for(verbose) as progress:
            taken = take_down(RunOptions(out, workers=workers), taken, note, progress)
    done = taken.redacted
    files = f"; {count(done.files, 'layer file')} and {count(done.shards, 'shard')} cleaned" if done is not None else ""
    results().print(
        f"removed {count(taken.documents, 'document')}{files}; "
        f"{count(taken.samples or 0, 'sample')} in the shards now; logged in {plain(out)}/removed.jsonl"
    )


def _takedowns(out: str, given: Mapping[str, list[str]], ids: list[str], file: str | None) -> list[Takedown]:
    from pathlib import Path

    from core.errors import InputError
    from pipelines.removal import Takedown
    from pipelines.takedown import by_id

    found = [Takedown.of(kind, value) for kind, values in given.items() for value in values]
    found += [by_id(out, digits) for digits in ids]
    if file is not None:
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read ({error})", "give a text file with one URL, host or id a line") from error
        found += [Takedown.guess(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise InputError("nothing to remove is named", "give --url, --host, --id, --name or --file")
    return found
