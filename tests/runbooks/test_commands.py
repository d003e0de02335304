"""The commands, the Python and the YAML of runbooks, run as they stand there."""

from __future__ import annotations

import re
import shlex
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from core import errors
from pipelines.recipe import check_recipe
from tests.pipelines.servers import worker_pool
from web2shards.cli import app

from .conftest import call
from .pages import ROOT, RUNBOOKS, Command, blocks, commands, commands_of, text_of, unfenced

#: Pages whose commands are run here, and whether a finished run lies in out/mine before.
HERE = {
    "local.md": False, "tuning.md": False, "commands.md": False, "debugging.md": True, "deduplication.md": False,
    "decontamination.md": False, "faults.md": False, "pii.md": False, "quality.md": True, "resume-and-retry.md": True,
    "security.md": False, "takedown.md": True,
}  # fmt: skip
#: Pages whose commands need an object store, an engine or servers.
ELSEWHERE = {
    "storage.md": "tests/storage/test_runbook.py", "flink.md": "tests/engines/test_runbooks.py",
    "spark.md": "tests/engines/test_runbooks.py", "crawling.md": "tests/ingest/crawling/test_crawl.py",
}  # fmt: skip
#: What makes a command shorter; and what is not of this machine.
SHORTER = {("--inputs", "100000"): "40", ("--port", "50000"): "0"}
BARE = r"^(    |\t)\s*([A-Z_]+=\S+ )*(web2shards|python|java|duckdb|docker|make|pip) "
PAGES = sorted(path.name for path in RUNBOOKS.glob("*.md"))


def run(command: Command, folder: Path) -> None:
    words = list(command.words)
    for place, pair in enumerate(pairwise(command.words), 1):
        words[place] = SHORTER.get(pair, words[place])
    if words[1] == "worker-pool":
        with worker_pool(folder / "logs") as (process, _):
            pass
        assert process.returncode == 0
        return
    if words[0] == "python":
        done = call(ROOT, *words[1:], variables=dict(command.variables))
    else:
        assert words[0] == "web2shards"
        done = call(folder, "-m", *words, variables=dict(command.variables))
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("page", HERE)
def test_every_command_works(page: str, world: Path, request: pytest.FixtureRequest) -> None:
    if HERE[page]:
        request.getfixturevalue("finished")
    python = ""
    ran = 0
    for kind, block in blocks(page):
        if kind == "python":
            python += block
            done = call(world, "-c", python)
            assert done.returncode == 0, f"{python}\n{done.stderr}"
        elif kind == "sh":
            for command in commands_of(block):
                if not command.not_run:
                    run(command, world)
                    ran += 1
    assert ran > 0


def test_every_command_is_run_or_marked() -> None:
    """A page with commands is run here or by the test that is named; a command outside of blocks for the shell is run by none."""
    for page in PAGES:
        assert not re.search(BARE, unfenced(page), re.M), page
        shown = commands(page)
        if page in ELSEWHERE:
            assert f'"{page}"' in (ROOT / ELSEWHERE[page]).read_text(), page
        else:
            assert page in HERE or all(command.not_run for command in shown), page
    assert not HERE.keys() & ELSEWHERE.keys()
    assert {*HERE, *ELSEWHERE} <= {*PAGES}


@pytest.mark.parametrize("page", ["kubernetes.md", "yarn.md", "dataflow.md"])
def test_pages_that_are_not_run_say_so_and_why(page: str) -> None:
    assert re.search(r"\*Not run( here: there is no|, and not offered:)", text_of(page))


def known(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and what is left of them."""
    found: Any = typer.main.get_command(app)
    while words and hasattr(found, "commands"):
        assert words[0] in found.commands, words
        found, words = found.commands[words[0]], words[1:]
    return found, words


def named() -> list[tuple[str, str]]:
    """`web2shards …` between backticks, on all pages."""
    pages = [*RUNBOOKS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    found = [(page.name, text) for page in pages for text in re.findall(r"`web2shards ([^`]+)`", page.read_text("utf-8"))]
    assert len(found) > 20
    return found


def test_commands_that_are_named_exist_with_their_options() -> None:
    for page, text in named():
        if text.startswith("COMMAND"):
            continue
        command, rest = known([word for word in shlex.split(text) if word != "…"])
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        unknown = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in options]
        assert unknown == [], (page, text)


def test_the_table_of_commands_is_whole() -> None:
    rows = re.findall(r"^\| `([a-z -]+?)(?: [A-Z\[][^`]*)?` \|", text_of("commands.md"), re.M)
    top: Any = typer.main.get_command(app)
    there = [
        f"{name} {inner}".strip()
        for name, command in top.commands.items() for inner in getattr(command, "commands", {"": command})
    ]  # fmt: skip
    assert sorted(rows) == sorted(there)


def test_exit_codes_are_those_of_the_code() -> None:
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", text_of("exit-codes.md"), re.M)]
    classes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.UserError)}
    assert rows == sorted({0, 128 + signal.SIGINT, 128 + signal.SIGTERM, *classes})


@pytest.mark.parametrize("page", ["decontamination.md", "deduplication.md", "pii.md", "quality.md"])
def test_recipes_of_pages_can_be_run(page: str, tmp_path: Path) -> None:
    found = [block for kind, block in blocks(page) if kind == "yaml"]
    assert found
    for block in found:
        lines = block.splitlines()
        assert lines[0] in ("documents:", "images:")
        if lines[0] == "images:":
            lines[:0] = ["documents: {score: [text]}"]
        if not any("score:" in line for line in lines):
            lines[1:1] = ["  score: [text, exact, minhash]", "  keep: [duplicates.kept]"]
        path = tmp_path / "recipe.yaml"
        path.write_text("name: a\ninput: {warcs: x.warc.gz}\n" + "\n".join(lines) + "\noutput: {text: {from: documents}}\n")
        assert [str(problem) for problem in check_recipe(path)] == []


@pytest.mark.parametrize("page", ["README.md", "docs/recipes.md"])
def test_recipes_that_are_shown_can_be_run(page: str, tmp_path: Path) -> None:
    found = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)
    assert len(found) >= 2
    for block in found:
        path = tmp_path / "recipe.yaml"
        documents = "" if "documents:" in block else "documents: {score: [text]}\n"
        path.write_text(block if block.startswith("name:") else f"name: a\ninput: {{warcs: x.warc.gz}}\n{documents}{block}")
        assert [str(problem) for problem in check_recipe(path)] == []


def test_every_link_leads_somewhere() -> None:
    broken: list[str] = []
    for page in [*RUNBOOKS.glob("*.md"), ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
