"""A finished run over the examples, copies of it to spoil, and the command line as a function."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.recipe import load_recipe
from pipelines.run import RunOptions, run
from web2shards.cli import app

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPE = """\
name: small
input: {{warcs: {warcs}, part: {part}}}
documents:
  score:
    - text
    - language
    - exact
  keep:
    - text.characters >= 200
    - language.label in [en, fr, de]
    - language.score >= 0.5
    - duplicates.kept
output:
  text: {{from: documents, samples: 50, validation: 0.2}}
"""

Cli = Callable[..., Result]


def write_recipe(folder: Path, *warcs: Path, part: str = "500kB", text: str = RECIPE) -> Path:
    """A recipe in `folder`, over the examples' WARC unless others are given."""
    path = folder / "small.yaml"
    paths = [str(path) for path in warcs] or [str(EXAMPLES / "web.warc.gz")]
    path.write_text(text.format(warcs=json.dumps(paths), part=part))
    return path


def run_inline(recipe: Path, out: Path, settings: Sequence[str] = (), limit: int | None = None) -> None:
    """A run in this process."""
    run(load_recipe(recipe, settings), RunOptions(str(out), inline=True, limit=limit))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The out folder of a finished run, not to be written to; its recipe is `small.yaml` beside it."""
    folder = tmp_path_factory.mktemp("finished")
    run_inline(write_recipe(folder), folder / "out")
    return folder / "out"


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, with times as they were."""
    return Path(shutil.copytree(finished, tmp_path / "out", copy_function=shutil.copy2))


@pytest.fixture(scope="session")
def finished_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same over the 38 pages of the second WARC, in three parts."""
    folder = tmp_path_factory.mktemp("finished_small")
    run_inline(write_recipe(folder, EXAMPLES / "more" / "second.warc.gz", part="80kB"), folder / "out")
    return folder / "out"


@pytest.fixture
def small(finished_small: Path, tmp_path: Path) -> Path:
    """A copy of the small run; its recipe is `small.yaml` beside it."""
    shutil.copy(finished_small.parent / "small.yaml", tmp_path / "small.yaml")
    return Path(shutil.copytree(finished_small, tmp_path / "small", copy_function=shutil.copy2))


@pytest.fixture
def small_recipe(finished_small: Path) -> Path:
    """The recipe of the small run."""
    return finished_small.parent / "small.yaml"


@pytest.fixture
def recipe(finished: Path) -> Path:
    """The recipe of the finished run."""
    return finished.parent / "small.yaml"


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Calls the command line; the result has exit_code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("WEB2SHARDS_DEBUG", raising=False)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call
