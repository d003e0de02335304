"""Finds tests of a rule that no row can fulfil, or that every scored row does: their number is beyond what the column can be."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.types as pt

from filters import rule_nodes as nodes
from filters.rule_nodes import Compare, OneOf, Table, Test, Within
from filters.rules import Rule

#: The least and the most that a column can be; None where there is no end.
Bounds = tuple[float | None, float | None]
_COMPARE = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Beyond:
    """A test of `column` that is always `holds`; `message` says why, `mend` what may be meant."""

    column: str
    holds: bool
    message: str
    mend: str


def bounds_of(field: pa.Field) -> Bounds | None:
    """The bounds that a scorer's column declares (`core.scorer.column`); counts are never below 0. None if there are none."""
    metadata = field.metadata or {}
    low, _, high = metadata.get(b"range", b"").decode().partition("..")
    if not high:
        return None
    if b"bounded" in metadata:
        return float(low), float(high)
    return (0.0, None) if pt.is_integer(field.type) and float(low) == 0 else None


def beyond(rule: Rule, bounds: Mapping[str, Bounds]) -> Iterator[Beyond]:
    """The tests of a rule that are always true, or always false, where the columns' `bounds` are known."""
    for test, positive in nodes.leaves(rule.keep):
        if test.column not in bounds:
            continue
        least, most = bounds[test.column]
        for op, value, shown in _numbers(test):
            holds = _always(op, value, least, most)
            if holds is None:
                continue
            told = f"`{test.column}` is {_range(least, most)}: `{shown}` is {'always' if holds else 'never'} true"
            if holds == positive:
                yield Beyond(test.column, True, told, "leave it out, or give a number within that")
            else:
                share = f"write it as a share: {value / 100:g} instead of {value:g}"
                yield Beyond(test.column, False, told, share if most == 1 and 1 < value <= 100 else "give a number within that")
            break


def _numbers(test: Test) -> Iterator[tuple[str, float, str]]:
    """The comparisons with numbers that a test makes, with how they are written."""
    if isinstance(test, Within):
        shown = nodes.render(test).partition(" ")[2]
        if test.low is not None and test.high is not None:
            yield "in", test.low, shown
            yield "..", test.high, shown
        elif test.low is not None:
            yield ">=", test.low, shown
        elif test.high is not None:
            yield "<=", test.high, shown
    elif isinstance(test, Compare) and isinstance(test.right, Table):
        for label, value in (*test.right.entries, ("other", test.right.other)):
            if value is not None:
                yield test.op + " " + label, value, f"{test.op} {value:g} for {label}"
    elif isinstance(test, Compare) and isinstance(test.right, int | float) and not isinstance(test.right, bool):
        yield test.op, test.right, f"{test.op} {test.right:g}"


def _always(op: str, value: float, least: float | None, most: float | None) -> bool | None:
    """Whether every value within the bounds fulfils the comparison, or none does; None if some may."""
    op, _, label = op.partition(" ")
    if op in ("in", ".."):  # one end of two: beyond the other side of the bounds nothing is between them
        out = (most is not None and value > most) if op == "in" else (least is not None and value < least)
        return False if out else None
    low, high = (float("-inf") if least is None else least), (float("inf") if most is None else most)
    if op in ("==", "!="):
        return None if low <= value <= high else op == "!="
    ends = {_COMPARE[op](low, value), _COMPARE[op](high, value)}
    if len(ends) > 1:
        return None
    holds = ends.pop()
    return None if holds and label else holds  # in a table it stands for no bound


def _range(least: float | None, most: float | None) -> str:
    return f"{least:g} or more" if most is None and least is not None else f"{least:g} to {most:g}"


def texts_of(rule: Rule) -> Iterator[tuple[str, str]]:
    """Every text that a column has to be, or not to be, with the column; labels of tables too."""
    for test, _ in nodes.leaves(rule.keep):
        if isinstance(test, Compare) and isinstance(test.right, Table):
            yield from ((test.right.by, label) for label, _ in test.right.entries)
        elif isinstance(test, Compare) and isinstance(test.right, str):
            yield test.column, test.right
        elif isinstance(test, OneOf):
            yield from ((test.column, value) for value in test.values if isinstance(value, str))
