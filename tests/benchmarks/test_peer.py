"""A peer that crashes is run again, and then given up; what its job takes on more pages follows from two sizes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

peer: Any = importlib.import_module("peer")
end_to_end: Any = importlib.import_module("end_to_end")
memory: Any = importlib.import_module("memory")


def failing(times: int) -> Any:
    """Work that crashes so many times."""
    left = [times]

    def work() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise memory.CommandFailed("ended with -11")
        return "done"

    return work


@pytest.mark.parametrize(("crashes", "given"), [(0, "done"), (1, "done"), (2, None)])
def test_a_crash_is_forgiven_once(crashes: int, given: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert peer.twice("the peer", failing(crashes)) == given
    assert capsys.readouterr().out.count("the peer crashed") == crashes


def test_what_is_no_crash_is_not_tried_again() -> None:
    def work() -> None:
        raise SystemExit("not installed")

    with pytest.raises(SystemExit, match="not installed"):
        peer.twice("the peer", work)


def test_a_script_that_is_killed_has_no_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "job.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    monkeypatch.setattr(peer, "HERE", tmp_path)
    monkeypatch.setattr(peer, "python_of", {"minhash": Path(sys.executable)}.get)
    assert peer.measured("minhash", "job.py", tmp_path / "texts", 3, "rensa") is None


def test_a_job_that_crashed_has_a_row_without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise memory.CommandFailed("ended with -11")

    monkeypatch.setattr(end_to_end, "_datatrove", crash)
    row = end_to_end.datatrove(Path("crawl"), "dev", "trafilatura")
    assert row == {"tool": "datatrove, trafilatura", "crashed": True}
    assert end_to_end.medians([row]) == {"runs": 1, "crashed": True}


def test_slope_and_start_up_follow_from_two_sizes() -> None:
    small, large = ({"pages": pages, "wall_seconds": 4 + 0.03 * pages} for pages in (1000, 3000))
    grown = end_to_end.growth(small, large, 30_000)
    assert grown["seconds_a_page"] == pytest.approx(0.03)
    assert grown["start_up_seconds"] == pytest.approx(4)
    assert grown["extrapolated"] == {"pages": 30_000, "wall_seconds": 904.0, "documents_a_second": 33.19}


@pytest.mark.parametrize("large", [{"crashed": True}, {"pages": 3000, "wall_seconds": 30.0}])
def test_without_two_good_runs_nothing_is_extrapolated(large: dict[str, Any]) -> None:
    assert end_to_end.growth({"pages": 1000, "wall_seconds": 34.0}, large) is None
