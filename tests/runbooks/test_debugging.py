"""debugging.md has every message that engines, job servers and pools are made to say by web2shards."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pipelines.engine_errors import KNOWN, explain

from .pages import ROOT, text_of

#: Errors that say the same as a row, or list what failed.
IN_OTHER_WORDS = {
    "probes of the cluster failed", "; and it ", "cannot be written",
}  # fmt: skip
#: The words of traps that are no message of ours: where runs stand still, or an engine says it itself.
TRAPS = [
    "1-1", "CANCELLED: client cancelled", "300 lines of 1 kB", "listens on every interface",
    "RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1", "engines carry no packages to workers", "a pool of its own",
    "one job at a time on a job server", "NoSuchMethodError", "more than 90 seconds", "the same\nPython minor",
    "--artifacts-dir", "InvalidClassException", "--environment_cache_millis", "--number_of_execution_retries",
    "heartbeat", "DataSet", "BlobServer", "job outlives a driver",
]  # fmt: skip


def told() -> str:
    """The first cells of the table of messages."""
    rows = text_of("debugging.md").partition("## Flink and Spark")[2]
    return "\n".join(re.findall(r"^\| (.*?) \| ", rows, re.M))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.message[:40])
def test_what_engines_say_is_in_the_table(known: object) -> None:
    message = str(getattr(known, "message", ""))
    for literal in re.split(r"\{\d\}", message):
        words = literal.strip()
        assert len(words) < 4 or any(words.startswith(cell) or cell.startswith(words) or words in cell for cell in cells()), words


def cells() -> list[str]:
    """What stands between backticks in them, with its placeholders cut out."""
    quoted = re.findall(r"`([^`]+)`", told())
    pieces = [piece.strip() for text in quoted for piece in re.split(r"HOST:PORT|URL|\bN\b|COMMAND|KEY|NAME|…", text)]
    return [piece for piece in pieces if piece]


def test_what_nobody_knows_is_in_the_table() -> None:
    said = explain("java.lang.Odd: thing", Path("engine.log")).message
    assert any(said.startswith(cell) for cell in cells() if cell.startswith("the job failed"))


def messages(module: str) -> list[str]:
    """The longest literal of each ClusterError and LostError that a module raises."""
    found: list[str] = []
    for node in ast.walk(ast.parse((ROOT / "pipelines" / f"{module}.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("ClusterError", "LostError"):
            values = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
            texts = [value for value in values if isinstance(value, str)]
            found += [max(texts, key=len).strip(" :(,").partition("\n")[0]] if texts else []
    return [text for text in found if len(text) > 4]


@pytest.mark.parametrize("module", ["probes", "job_server", "submission", "handshake", "worker_pool"])
def test_what_we_say_of_clusters_is_in_the_table(module: str) -> None:
    found = messages(module)
    assert found
    for text in found:
        first = text.partition(" (log")[0]
        assert any(first in known or known in first for known in [*IN_OTHER_WORDS, *(c for c in cells() if len(c) > 8)]), text


@pytest.mark.parametrize("trap", TRAPS)
def test_traps_are_told(trap: str) -> None:
    pages = " ".join(text_of("debugging.md").split())
    assert " ".join(trap.split()) in pages
