"""The command line and clusters: profiles that are refused, probes alone, and what the runbooks about clusters say."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from pipelines.cluster import load_cluster
from web2shards.cli import app

from .conftest import Cli

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
PAGES = ("flink", "spark", "security", "debugging", "kubernetes")


def profile(folder: Path, text: str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(text)
    return path


def test_doctor_probes_a_cluster_alone(cli: Cli, tmp_path: Path) -> None:
    path = profile(tmp_path, "runner: flink\njob_endpoint: 127.0.0.1:9\nenvironment: {type: EXTERNAL, address: '127.0.0.1:9'}\n")
    result = cli("doctor", "--cluster", path)
    assert result.exit_code == 1
    assert "✗ job server: no job server answers at 127.0.0.1:9 (connection refused)" in result.stdout
    assert "→ start `web2shards worker-pool --port 9` on every host" in result.stdout
    assert "scorers" not in result.stdout
    told = json.loads(cli("doctor", "--cluster", path, "--json").stdout)
    assert [probe["state"] for probe in told] == ["failed", "failed"]
    assert cli("doctor", "--cluster", profile(tmp_path, "runner: portable\njob_endpoint: embed\n")).exit_code == 0
    assert cli("doctor", "--out", "x").exit_code == 1


def test_a_run_starts_nothing_on_a_cluster_that_is_not_there(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    path = profile(tmp_path, "runner: flink\njob_endpoint: 127.0.0.1:9\nenvironment: {type: EXTERNAL, address: '127.0.0.1:9'}\n")
    result = cli("run", recipe, "--out", tmp_path / "out", "--cluster", path)
    assert result.exit_code == 8
    assert "2 probes of the cluster failed" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "out").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("text", "more", "code", "told"),
    [
        ("runner: flink\nmastr: x\n", [], 2, "cluster.yaml:2: mastr: unknown key `mastr`"),
        ("runner: flink\nmaster: '[local]'\n", ["--runner", "spark"], 1, "the cluster profile is for flink"),
    ],
)
def test_profiles_that_are_refused(
    cli: Cli, recipe: Path, tmp_path: Path, text: str, more: list[str], code: int, told: str
) -> None:
    result = cli("run", recipe, "--out", tmp_path / "out", "--cluster", profile(tmp_path, text), *more)
    assert result.exit_code == code
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("page", PAGES)
def test_the_runbooks_profiles_are_sound(page: str) -> None:
    text = (RUNBOOKS / f"{page}.md").read_text()
    blocks = [b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "apiVersion" not in b]
    assert blocks or page == "debugging"
    for block in blocks:
        load_cluster(block)


@pytest.mark.parametrize("page", PAGES)
def test_the_runbooks_commands_have_the_options_they_name(page: str) -> None:
    commands = typer.main.get_command(app)
    assert isinstance(commands, click.Group) or hasattr(commands, "commands")
    for line in re.findall(r"^    (?:\w+=\S+ )*web2shards (.+)$", (RUNBOOKS / f"{page}.md").read_text(), re.MULTILINE):
        name, *arguments = shlex.split(line, comments=True)
        command = commands.commands[name]  # pyright: ignore[reportAttributeAccessIssue]
        if "…" not in line:
            command.make_context(name, arguments, resilient_parsing=False)
