"""From columns to keep or drop: the steps of the plan asked in order, the first that fails is the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.plan import Step

REMOVED = "removed"
SAME_RECORD = "same_record"
NOT_SCORED = "not_scored"
#: What a column that names reasons says of a record without one.
FINE = ("", "ok")
EMPTY_TEXT, EMPTY_AFTER_EDITS = "empty_text", "empty_after_edits"


@dataclass(frozen=True)
class Verdicts:
    """`kept` bool of shape (n,), `reason` string (empty when kept), and each rule's own verdict on every row
    (null where a column it reads was not scored), in the order of the rules."""

    kept: npt.NDArray[np.bool_]
    reason: pa.Array
    rules: tuple[pa.BooleanArray, ...]


def judge(
    steps: Sequence[Step], columns: Mapping[str, pa.Array], rows: int, same_record: pa.Array | None = None,
    removed: npt.NDArray[np.bool_] | None = None,
) -> Verdicts:  # fmt: skip
    """Asks all steps of `rows` records; what was taken down (`removed`) and what is there twice comes before them.

    A null verdict drops with `not_scored`; an error of a layer drops with `error:<layer>`; a step that is `named` by the reason
    that its column holds.
    """
    reasons: list[str] = [""]
    code = np.zeros(rows, np.int32)

    def drop(mask: npt.NDArray[np.bool_], reason: str) -> None:
        if mask.any():
            if reason not in reasons:
                reasons.append(reason)
            code[mask & (code == 0)] = reasons.index(reason)

    if removed is not None:
        drop(removed, REMOVED)
    if same_record is not None:
        drop(_true(same_record), SAME_RECORD)
    verdicts: dict[int, pa.BooleanArray] = {}
    for step in steps:
        if step.rule is None:
            column = columns[step.columns[0]]
            if step.asks == "error":
                drop(_numpy(pc.is_valid(column)), step.reason)
            elif step.asks == "flag":
                drop(~_true(column), step.reason)
            else:
                for name in pc.unique(column).to_pylist():
                    if name not in FINE:
                        drop(_numpy(pc.is_null(column)) if name is None else _true(pc.equal(column, name)), name or NOT_SCORED)
            continue
        verdict = step.rule.evaluate(columns)
        if isinstance(verdict, pa.ChunkedArray):
            verdict = verdict.combine_chunks()
        verdicts[step.index] = verdict
        drop(_true(pc.invert(verdict)), step.reason)
        drop(_numpy(pc.is_null(verdict)), NOT_SCORED)
    reason = pa.array(reasons, pa.string()).take(pa.array(code))
    return Verdicts(code == 0, reason, tuple(verdicts[i] for i in sorted(verdicts)))


def without_blank(verdicts: Verdicts, text: pa.Array, edited: pa.Array) -> Verdicts:
    """What is kept of documents with a text: one that has nothing but white space is no sample.

    It is asked of the text that shards get, once all edits are known, so after all rules; `empty_text` if there was none
    before the edits either.
    """
    blank = is_blank(edited) & verdicts.kept
    if not blank.any():
        return verdicts
    why = np.where(is_blank(text), EMPTY_TEXT, EMPTY_AFTER_EDITS)
    reason = pc.if_else(pa.array(blank), pa.array(why, pa.string()), verdicts.reason)
    return Verdicts(verdicts.kept & ~blank, reason, verdicts.rules)


def is_blank(text: pa.Array) -> npt.NDArray[np.bool_]:
    """Which texts have no character but white space; nulls have none. Shape (n,)."""
    return _numpy(pc.or_(pc.utf8_is_space(text), pc.equal(pc.binary_length(text), 0)).fill_null(True))


def _true(mask: pa.Array) -> npt.NDArray[np.bool_]:
    return _numpy(mask.fill_null(False))


def _numpy(mask: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
