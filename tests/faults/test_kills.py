"""A few of the kills of `tests/faults/kills.py`, which kills at more moments."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.faults.kills import Command, Reference, kill_in_time, moments, reference


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills")


@pytest.fixture(scope="module")
def command(folder: Path) -> Command:
    from tests.pipelines.runs import RECIPE

    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(warcs="[examples/web.warc.gz]"))
    return Command(recipe)


@pytest.fixture(scope="module")
def known(command: Command, folder: Path) -> Reference:
    return reference(command, folder)


@pytest.mark.parametrize(("number", "victim"), list(enumerate(["driver", "worker", "zygote"])))
def test_a_kill_loses_nothing(command: Command, known: Reference, folder: Path, number: int, victim: str) -> None:
    moment = moments(known.seconds, 3, Random(victim))[number]
    outcome = kill_in_time(command, known, folder, moment, victim)
    assert outcome.wrong == []
    assert outcome.struck
