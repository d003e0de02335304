"""The command line: quick to start, one message with a mend for every error, stated exit codes."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import EXAMPLES, RECIPE, Cli, write_recipe

COMMANDS = (
    "run", "plan", "status", "report", "inspect", "check", "prune", "remove", "doctor", "worker-pool", "warm-up", "recipe", "dedup",
)  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'pyarrow', 'numba', 'numpy', 'apache_beam', 'pydantic', 'yaml', 'psutil'}"
    code = f"import sys; import web2shards, web2shards.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_is_listed_and_has_help(cli: Cli) -> None:
    listed = cli("--help").stdout
    for command in COMMANDS:
        assert command in listed
        told = cli(command, "--help")
        assert told.exit_code == 0
        assert "Usage" in told.stdout


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("web2shards")


def test_run_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web2shards", "status", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error:")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "no-such-recipe.yaml"], 2, "no-such-recipe.yaml: no such file"),
        (["run", "{recipe}", "--set", "input.warcs=nowhere/*.warc.gz"], 3, "nowhere/*.warc.gz matches no file"),
        (["plan", "{recipe}", "--set", "input.warcs=nowhere/*.warc.gz"], 3, "nowhere/*.warc.gz matches no file"),
        (["run", "{recipe}", "--set", "documents.keep+=gopher.words >= 50"], 2, "gopher"),
        (["run", "{recipe}", "--set", "name=other", "--out", "{finished}"], 4, "holds the run `small`"),
        (["plan", "{recipe}", "--set", "name=other", "--out", "{finished}"], 4, "holds the run `small`"),
        (["run", "{recipe}", "--runner", "dataflow-2"], 1, "there is no such runner"),
        (["run", "{recipe}", "--no-such-option"], 2, "No such option"),
        (["run"], 2, "Missing argument"),
        (["no-such-command"], 2, "No such command"),
        (["status", "{tmp}"], 3, "there is no run here"),
        (["report", "{tmp}"], 3, "there is no run here"),
        (["check", "{tmp}"], 3, "there is no run here"),
        (["prune", "{tmp}"], 3, "there is no run here"),
        (["inspect", "{tmp}", "http://a.example/"], 3, "there is no run here"),
        (["remove", "{tmp}", "--host", "a.example"], 3, "there is no run here"),
        (["inspect", "{finished}", "http://nowhere.example/"], 3, "no document, record or image"),
        (["remove", "{finished}"], 3, "nothing to remove is named"),
        (["remove", "{finished}", "--url", "not a url"], 3, "is no url that can be removed"),
        (["recipe", "show", "no-such-recipe.yaml"], 2, "no such file"),
    ],
)  # fmt: skip
def test_errors_are_one_message_and_an_exit_code(
    cli: Cli, recipe: Path, finished: Path, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    filled = [a.format(recipe=recipe, finished=finished, tmp=tmp_path) for a in arguments]
    if filled[0] in ("run", "plan") and "--out" not in filled:
        filled += ["--out", str(tmp_path / "out")]
    before = sorted(path.name for path in finished.rglob("*"))
    result = cli(*filled)
    assert result.exit_code == code, result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in finished.rglob("*")) == before


def test_an_error_says_what_to_do(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    result = cli("run", recipe, "--set", "documents.keep.language.score=language.scor >= 0.5", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "→" in result.stderr
    assert "language.score" in result.stderr.partition("→")[2]
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_out_folder(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = cli("run", recipe, "--out", tmp_path / "out")
    assert result.exit_code == 4
    assert "--out" in result.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_of_something_else_is_refused(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    result = cli("run", recipe, "--out", tmp_path / "photos")
    assert result.exit_code == 4
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_an_unwritable_folder(cli: Cli, recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = Path.mkdir

    def refuse(self: Path, *args: Any, **kwargs: Any) -> None:
        if self.name == "locked":  # root may write anywhere, so the system's answer is made up
            raise PermissionError(13, "Permission denied", str(self))
        real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = cli("run", recipe, "--out", tmp_path / "locked")
    assert result.exit_code == 4
    assert "cannot be written" in result.stderr


def test_an_empty_warc(cli: Cli, tmp_path: Path) -> None:
    warc = tmp_path / "empty.warc.gz"
    warc.write_bytes(gzip.compress(b""))
    recipe = write_recipe(tmp_path, warc)
    result = cli("run", recipe, "--out", tmp_path / "out", "--workers", "1")
    assert "Traceback" not in result.stderr
    assert result.exit_code == 3
    assert "empty.warc.gz: there is not one record in it" in result.stderr


def test_a_rule_that_keeps_nothing_is_told(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    setting = "documents.keep.language.score=language.score <= 0.0001"
    result = cli("run", recipe, "--limit", "1", "--set", setting, "--out", tmp_path / "out", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    assert "no document was kept" in result.stderr


def test_what_nobody_expected_is_called_a_defect(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pipelines.status

    def fail(out: str) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(pipelines.status, "status_of", fail)
    result = cli("status", tmp_path)
    assert result.exit_code == 1
    assert "ZeroDivisionError: planted" in result.stderr
    assert "This is a defect of web2shards" in result.stderr


@pytest.mark.parametrize("how", ["before", "after", "environment"])
def test_tracebacks_on_request(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    if how == "environment":
        monkeypatch.setenv("WEB2SHARDS_DEBUG", "1")
    before, after = (["-v"] if how == "before" else []), (["--verbose"] if how == "after" else [])
    result = cli(*before, "status", tmp_path, *after)
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert "there is no run here" in result.stderr


def test_text_of_the_web_cannot_colour_or_break_the_terminal(cli: Cli, out: Path) -> None:
    result = cli("inspect", out, "http://x.example/[bold]\x1b[31m[/nope]")
    assert result.exit_code == 3
    assert "[bold]" in result.stderr
    assert "\x1b[31m" not in result.stderr


def test_recipe_commands(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    assert cli("recipe", "check", recipe).exit_code == 0
    wrong = write_recipe(tmp_path, text=RECIPE.replace("language.score >= 0.5", "language.scor >= 0.5").replace("name:", "nam:"))
    result = cli("recipe", "check", wrong)
    assert result.exit_code == 2
    assert "3 problems" in result.stderr
    assert f"{wrong}:1" in result.stderr
    assert f"{wrong}:11" in result.stderr
    shown = cli("recipe", "show", recipe, "--set", "seed=7")
    assert "seed: 7" in shown.stdout
    assert "# text.characters" in shown.stdout
    schema = json.loads(cli("recipe", "schema").stdout)
    assert "scorer_language" in schema["$defs"]


def test_run_twice_then_report(cli: Cli, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, EXAMPLES / "more" / "second.warc.gz")
    first = cli("run", recipe, "--out", tmp_path / "out", "--workers", "1")
    assert first.exit_code == 0, first.stderr
    lines = first.stderr.splitlines()
    assert any(line.startswith("extract and score: 1 part") for line in lines)
    assert any(line.startswith("extract and score: done in") for line in lines)
    assert any("kept" in line for line in lines if line.startswith("decide fates: done"))
    assert "records of the input" in first.stdout
    assert f"{tmp_path}/out/report/index.html" in first.stdout
    again = cli("run", recipe, "--out", tmp_path / "out", "--workers", "1")
    assert again.exit_code == 0
    assert "nothing was to be computed" in again.stderr
    reported = cli("report", tmp_path / "out")
    assert reported.exit_code == 0
    kept, again_kept = (
        [line for line in said.stdout.splitlines() if line.strip().startswith("kept")] for said in (first, reported)
    )  # fmt: skip
    assert len(kept) == 1
    assert again_kept == kept
    shutil.rmtree(tmp_path / "out" / "report")
    assert cli("report", tmp_path / "out").exit_code == 4


def test_verbose_reaches_the_run_from_both_sides(cli: Cli, finished: Path) -> None:
    assert "documents/page" in cli("check", finished, "-v").stderr
    assert "documents/page" in cli("-v", "check", finished).stderr
    assert "documents/page" not in cli("check", finished).stderr
