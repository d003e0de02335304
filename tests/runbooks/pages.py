"""What runbooks show in fenced blocks: commands, Python and YAML."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "runbooks"
#: A comment before a command that no test runs.
NOT_RUN = "# not run: "


@dataclass(frozen=True)
class Command:
    """A command of a page, its variables apart; `not_run` says why no test runs it, if none does."""

    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    not_run: str = ""


def text_of(page: str) -> str:
    return (RUNBOOKS / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """The language and the text of each fenced block, in order."""
    yield from blocks_of(text_of(page))


def blocks_of(text: str) -> list[tuple[str, str]]:
    """The same of the text of a page."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


def unfenced(page: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```(\w+)\n(.*?)^```$", "", text_of(page), flags=re.M | re.S)


def commands_of(block: str) -> Iterator[Command]:
    """The commands of a block of shell, without comments."""
    why = ""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if line.startswith(NOT_RUN):
            why = line.removeprefix(NOT_RUN)
        if not words:
            continue
        count = next(n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word))
        variables = tuple((name, value) for name, _, value in (word.partition("=") for word in words[:count]))
        yield Command(tuple(words[count:]), variables, why)
        why = ""


def commands(page: str) -> list[Command]:
    """All commands of a page."""
    return [command for kind, block in blocks(page) if kind == "sh" for command in commands_of(block)]
