"""What a run did, in a few lines: layers that were there already, that were carried over, that were computed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.account import SHARDS, Done
from web2shards.console import count, plain


def account_lines(done: Sequence[Done]) -> list[str]:
    """A line for all layers and passes of which the same is to be told, in the order of the run, in console markup."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for each in done:
        name = each.name if each.table == "documents" or each.name.startswith(SHARDS) or "of images" in each.name else (
            f"{each.table}/{each.name}"
        )  # fmt: skip
        for told in _told(each):
            lines.setdefault(told, []).append(name)
    return [
        f"[bold]{verb:<9}[/] {plain(', '.join(names))}: {what}" + (f" [dim]({plain(why)})[/]" if why else "")
        for (verb, what, why), names in lines.items()
    ]  # fmt: skip


def _told(each: Done) -> Iterator[tuple[str, str, str]]:
    """What is to be told: a verb, parts and rows, the reasons."""
    whole = each.name.startswith(SHARDS)
    if each.computed:
        parts = count(len(each.computed), "part")
        of = parts if not each.reused else f"{len(each.computed):,} of {count(each.parts, 'part')}"
        rows = count(each.rows, "sample" if whole else "row")
        carried = f" computed, {each.carried:,} carried over" if each.carried else ""
        verb = "carried" if each.carried and not each.rows else "written" if whole else "computed"
        yield verb, rows if whole else f"{of}, {rows}{carried}", each.why
    if each.reused:
        yield "reused", "as it is" if whole else count(each.reused, "part"), ""
