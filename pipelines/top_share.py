"""The threshold that keeps a share of a run's documents: an exact quantile of a column over all parts, by groups if asked.

A rule compares a number with each row on its own; that number, of which a share is kept (as in DCLM, arXiv 2406.11794), is
found here from the scores that a run has written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pt

from core.errors import InputError
from filters.rule_nodes import render_value
from pipelines.stored import Run

#: Rows from which a group has a threshold of its own; smaller ones share the one of `other`.
LEAST = 100


@dataclass(frozen=True)
class Group:
    """`rows` that were asked, of which those from `threshold` on are kept."""

    label: str
    rows: int
    kept: int
    threshold: str


@dataclass(frozen=True)
class TopShare:
    """`rule` keeps at least the share; `groups` says how much of what. `unknown` rows have no value and are not counted.

    `asked_again` are the rules whose dropped rows are counted with what is kept.
    """

    rule: str
    groups: tuple[Group, ...]
    unknown: int
    asked_again: tuple[str, ...] = ()


def top_share(run: Run, column: str, share: float, by: str = "", where: str = "", lowest: bool = False) -> TopShare:
    """The rule that keeps the highest (or `lowest`) `share` of a column's values, at least one row.

    `by` is a column of labels; each with LEAST rows and more has its own threshold. `where` is a rule: which rows are asked;
    by default those that are kept, and those that a rule on this column dropped, so that the answer is the same when the
    rule is in the recipe; such a row was asked no rule behind that one. Rules on other columns, of the same scorer too, stay:
    the share is of what they leave. Equal values are kept together. Holds the values of the column, 4 bytes a row.

    InputError for a column that is not there or holds no numbers.
    """
    table = run.documents
    if column not in table.known:
        table.reader([column])  # raises, with what was meant
    type = table.known[column].type
    if not (pt.is_floating(type) or pt.is_integer(type)):
        raise InputError(f"`{column}` is {type}, and has no highest values", "give a column of numbers")
    again = () if where else tuple(rule for rule in run.rules if column in rule.columns)
    asked = where or "fate.kept" + "".join(f' or fate.reason == "{rule.reason}"' for rule in again)
    groups, unknown = _values(run, column, by, asked)
    texts = tuple(rule.text for rule in again)
    if not any(len(values) for values in groups.values()):
        raise InputError(f"no row that is asked has a value of {column}", "give another --where, or run the recipe first")
    large = {label: values for label, values in groups.items() if len(values) >= LEAST} if by else {}
    small = [values for label, values in groups.items() if label not in large]
    rest = np.concatenate(small or [*groups.values()])
    found = [_threshold(label, values, share, lowest) for label, values in sorted(large.items())]
    other = _threshold("other" if by else "all", rest, share, lowest)
    op = "<=" if lowest else ">="
    if not by:
        return TopShare(f"{column} {op} {other.threshold}", (other,), unknown, texts)
    entries = ", ".join(f"{render_value(group.label)}: {group.threshold}" for group in found)
    name = by.removesuffix(".label")
    rule = f"{column} {op} by {name} {{{entries}{', ' if entries else ''}other: {other.threshold}}}"
    return TopShare(rule, (*found, *([other] if len(large) < len(groups) else [])), unknown, texts)


def _values(run: Run, column: str, by: str, where: str) -> tuple[dict[str, npt.NDArray[Any]], int]:
    pieces: dict[str, list[npt.NDArray[Any]]] = {}
    unknown = 0
    for batch in run.documents.reader([column, *([by] if by else [])], where):
        values = _numbers(batch.column(0))
        known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
        valid = np.asarray(batch.column(0).is_valid().to_numpy(zero_copy_only=False), bool) & known
        if by:
            valid &= np.asarray(batch.column(1).is_valid().to_numpy(zero_copy_only=False), bool)
        unknown += int((~valid).sum())
        labels = np.array(batch.column(1).to_pylist() if by else [""] * len(values), object)
        for label in np.unique(labels[valid].astype(str)):
            pieces.setdefault(str(label), []).append(values[valid & (labels == label)])
    return {label: np.concatenate(found) for label, found in pieces.items()}, unknown


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    """The values in the column's own width, nulls as 0."""
    filled = array.fill_null(0) if array.null_count else array
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def _threshold(label: str, values: npt.NDArray[Any], share: float, lowest: bool) -> Group:
    kept = max(1, int(np.ceil(share * len(values) - 1e-9)))
    place = kept - 1 if lowest else len(values) - kept
    threshold = np.partition(values, place)[place]
    told = int((values <= threshold).sum()) if lowest else int((values >= threshold).sum())
    return Group(label, len(values), told, str(threshold))  # NumPy writes the fewest digits that are this number in its width
