"""`make bench` goes on after a step that failed, and fails in the end."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

bench: Any = importlib.import_module("bench")


def ran(monkeypatch: pytest.MonkeyPatch, fails: str, *steps: str) -> list[str]:
    """The scripts that were run of which one fails."""
    scripts: list[str] = []

    def run(command: list[str], **_: Any) -> Any:
        scripts.append(" ".join([Path(command[1]).name, *command[2:]]))
        return subprocess.CompletedProcess(command, int(scripts[-1] == fails))

    monkeypatch.setattr(bench.subprocess, "run", run)
    monkeypatch.setattr(bench.sys, "argv", ["bench.py", *steps])
    bench.main()
    return scripts


def test_all_steps_are_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = ran(monkeypatch, "none")
    assert scripts[0] == "inputs.py"
    assert scripts[-1] == "table.py"
    assert scripts == [" ".join(words) for words in bench.STEPS.values()]
    assert all((bench.HERE / script.split()[0]).is_file() for script in scripts)


def test_a_step_that_fails_is_named_in_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="failed: dev"):
        ran(monkeypatch, "end_to_end.py dev", "dev", "scale")
    assert "== scale" in capsys.readouterr().out


def test_without_input_nothing_else_is_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="failed: inputs"):
        ran(monkeypatch, "inputs.py", "inputs", "long")
    assert "== long" not in capsys.readouterr().out


def test_a_step_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no step fast"):
        ran(monkeypatch, "none", "fast")
