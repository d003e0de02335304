"""Row by row after an error, in a child after a crash; nothing but the bad rows is lost."""

from __future__ import annotations

import pathlib

import pyarrow as pa
import pytest

from pipelines import isolate


@pytest.fixture
def scorer(trouble: pathlib.Path):
    import troublesome_scorers  # pyright: ignore[reportMissingImports]

    return troublesome_scorers.Trouble()


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch([pa.array(texts, pa.string())], names=["text.text"])


def test_a_row_that_raises_costs_only_itself(scorer) -> None:
    scored = isolate.score(scorer, batch("a", "RAISE", None, "four"))
    assert scored.columns.column("size").to_pylist() == [1, None, None, 4]
    assert scored.errors.to_pylist() == [None, "ValueError: asked to raise", None, None]
    assert scored.failed == 1


def test_a_row_that_kills_its_process_is_found(scorer) -> None:
    texts = [f"text {i}" for i in range(33)]
    texts[7], texts[20] = "SEGFAULT", "SEGFAULT again"
    strokes: list[int] = []
    scored = isolate.score_in_child(scorer, batch(*texts), isolate.Limits(20), lambda: strokes.append(1))
    assert [i for i, e in enumerate(scored.errors.to_pylist()) if e] == [7, 20]
    assert scored.errors[7].as_py() == "killed its process by SIGSEGV"
    assert scored.columns.column("size").to_pylist()[:8] == [6] * 7 + [None]
    assert len(strokes) > 2


def test_a_row_that_hangs_is_cut_off(scorer) -> None:
    scored = isolate.score_in_child(scorer, batch("a", "HANG"), isolate.Limits(seconds=0.5), lambda: None)
    assert scored.columns.column("size").to_pylist() == [1, None]
    assert "took more than" in scored.errors[1].as_py()


def test_a_raise_in_the_child_is_an_error_of_its_row(scorer) -> None:
    scored = isolate.score_in_child(scorer, batch("RAISE", "b"), isolate.Limits(20), lambda: None)
    assert scored.errors.to_pylist() == ["ValueError: asked to raise", None]
    assert scored.columns.column("size").to_pylist() == [None, 1]


def test_a_result_of_another_shape_breaks_the_contract(scorer) -> None:
    class Short(type(scorer)):
        def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
            return super().score(batch).slice(0, 0)

    scored = isolate.score(Short(), batch("a"))
    assert "broke its contract" in scored.errors[0].as_py()
