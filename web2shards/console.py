"""Where the command line writes: messages and progress to stderr, results to stdout; and how numbers look there."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from core.errors import UserError

#: Columns of a table that is written to a file or a pipe.
FILE_WIDTH = 120
_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


@functools.cache
def _console(stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = FILE_WIDTH
    return console


def messages() -> Console:
    """The console on stderr."""
    return _made(True)


def results() -> Console:
    """The console on stdout."""
    return _made(False)


def _made(stderr: bool) -> Console:
    import sys

    console = _console(stderr)
    # Tests and notebooks exchange the streams of the process.
    if console.file is not (sys.stderr if stderr else sys.stdout):
        _console.cache_clear()
        console = _console(stderr)
    return console


def say(text: str) -> None:
    """A line for the user, with rich's markup, on stderr."""
    messages().print(text)


def plain(text: str) -> str:
    """`text` without a meaning as markup, and without control characters."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text))


def show_error(error: UserError) -> None:
    """The message, and what to do about it."""
    mend = f"\n  [cyan]→ {plain(error.mend)}[/]" if error.mend else ""
    say(f"[bold red]error:[/] {plain(error.message)}{mend}")


def grid(headings: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = (), title: str = "") -> Table:
    """A table of texts; the columns numbered in `right` are aligned right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table


def size(bytes: float) -> str:
    """1.2 MB; powers of 1000."""
    value = float(bytes)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """0.4 s, 35 s, 4 min 10 s, 3 h 20 min, 5 d 3 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, small, name, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= unit:
            rest = whole % unit // small
            return f"{whole // unit} {name} {rest} {part}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def count(number: int, one: str, many: str = "") -> str:
    """1 part, 1,200 parts."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: float, whole: float) -> str:
    """12.3%; a dash where there is no whole."""
    return f"{100 * part / whole:.1f}%" if whole else "–"


def by_number(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts, the largest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
