"""`doctor` and `warm-up`: what they find when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numba
import pytest

from core.kernel_cache import is_cached
from pipelines import doctor, warm
from pipelines.recipe_scorers import InstalledScorers

from .conftest import Cli


def states(name: str) -> list[str]:
    return [probe.state for probe in doctor.probes() if probe.name == name]


def test_a_sound_installation(cli: Cli) -> None:
    result = cli("doctor")
    assert result.exit_code == 0, result.stdout
    assert "✗" not in result.stdout
    told = json.loads(cli("doctor", "--json").stdout)
    assert {probe["name"] for probe in told} >= {"python", "packages", "rooms", "fasttext", "language model", "scorers"}
    assert all(probe["mend"] for probe in told if probe["state"] != "ok")


def test_another_fasttext(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {**metadata.packages_distributions(), "fasttext": ["fasttext-community", "fasttext-wheel"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: found)
    result = cli("doctor")
    assert result.exit_code == 1
    assert "pip uninstall fasttext-wheel" in result.stdout


def test_a_folder_that_shadows_a_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ingest"]:
        monkeypatch.delitem(sys.modules, name)
    (probe,) = list(doctor._rooms())  # pyright: ignore[reportPrivateUsage]
    assert probe.state == "failed"
    assert str(tmp_path) in probe.told


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "pyarrow" else real(name))
    (probe,) = list(doctor._packages())  # pyright: ignore[reportPrivateUsage]
    assert probe.state == "failed"
    assert "pyarrow 1.0 is not" in probe.told
    assert "pip install 'pyarrow" in probe.mend


def test_a_scorer_that_does_not_load(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipelines.recipe_scorers as recipe_scorers

    scorers = InstalledScorers()
    scorers.entries["broken"] = [metadata.EntryPoint("broken", "no_such_module:Scorer", "web2shards.scorers")]
    monkeypatch.setattr(recipe_scorers, "installed_scorers", lambda: scorers)
    assert "failed" in states("scorers")
    result = cli("warm-up")
    assert result.exit_code == 1
    assert "no_such_module" in result.stderr


def test_a_probe_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise RuntimeError("planted")

    monkeypatch.setattr(doctor, "_disk", fail)
    assert states("disk") == ["failed"]


def test_warm_up_names_every_scorer(cli: Cli) -> None:
    result = cli("warm-up")
    assert result.exit_code == 0, result.stderr
    for name in ("text", "language", "exact"):
        assert f"✓ {name} " in result.stdout
    assert "ready in" in result.stdout


HOLD = """
import time
from pipelines import warm
warm.compile_kernels = lambda: 0
with warm.compiling():
    begun = time.monotonic()
    time.sleep(0.3)
    print(begun, time.monotonic())
"""


def test_only_one_process_compiles_at_a_time() -> None:
    workers = [subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [worker.communicate(timeout=60)[0] for worker in workers]
    (a0, a1), (b0, b1) = sorted([float(t) for t in line.split()] for line in told)
    assert a0 < a1 <= b0 < b1


def test_the_user_is_told_why_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "PATIENCE_SECONDS", 0.01)
    told: list[str] = []
    with warm.compiling(told.append):
        time.sleep(0.1)
    assert told
    assert "compiling kernels" in told[0]
    with warm.compiling(None):
        pass


def test_kernels_are_compiled_once_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    groups = (("core.components",), ("dedup.election",), ("no_such.module",))
    monkeypatch.setattr(warm, "_cores", lambda: 1)
    assert warm.compile_kernels(groups) == 0
    monkeypatch.setattr(warm, "_cores", lambda: 3)
    assert warm.compile_kernels(groups) == 3
    assert is_cached("core.components")
    assert is_cached("dedup.election")
    assert warm.compile_kernels(groups[:2]) == 0
