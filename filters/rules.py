"""Rules turn columns into keep or drop: one readable line, `language.score >= 0.65`, over Arrow columns.

The language is the project's own (docs/design.md, §3; `rule_parser` has the grammar); inside, a test has
three values as in SQL (Kleene's logic), and a row whose result is null is not scored.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from core.errors import RecipeError
from filters import rule_nodes as nodes
from filters.rule_nodes import And, Column, Compare, Expression, Flag, Matches, Missing, Not, OneOf, Or, Table, Within
from filters.rule_parser import MAX_LENGTH, parse

NOT_SCORED = "not_scored"  # the reason of a row whose rule is null; the pass gives it
RESERVED_REASONS = frozenset({NOT_SCORED, "same_record", "removed", "empty_text", "empty_after_edits"})  # besides `error:<scorer>`

_COMPARE = {
    ">=": pc.greater_equal,
    ">": pc.greater,
    "<=": pc.less_equal,
    "<": pc.less,
    "==": pc.equal,
    "!=": pc.not_equal,
}
_MATCH = {
    "contains": pc.match_substring,
    "starts with": pc.starts_with,
    "ends with": pc.ends_with,
    "matches": pc.match_substring_regex,  # RE2: linear in the text whatever the pattern
}


class Threshold(NamedTuple):
    """A number that a rule compares a column with; `by` is (column, label) in a table, `other` the default."""

    column: str
    op: str
    value: float
    by: tuple[str, str] | None


@dataclass(frozen=True)
class Rule:
    """What a record must fulfil to be kept; `reason` is what the report calls those that do not.

    `text` is the rule in its normal form, in one line: `parse_rule(rule.text) == rule` but for the reason.
    `source` is the rule as the user wrote it.
    """

    reason: str
    text: str
    keep: Expression
    source: str = field(default="", compare=False, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads, as `layer.column`, sorted."""
        return tuple(sorted({name for test, _ in nodes.leaves(self.keep) for name in nodes.columns_of(test)}))

    def evaluate(self, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.BooleanArray:
        """True: kept; False: dropped for `reason`; null: dropped as `not_scored`. One value a row.

        `columns` holds at least `self.columns`, all of one length, of the types that `check_columns` let pass.
        A NaN counts as null. Thresholds are rounded to a float column's own width before they are compared, so
        that a float32 score of 0.65 passes `>= 0.65`. Raises KeyError when a column is not there.
        """
        read = {name: _plain(columns[name]) for name in self.columns}
        return _evaluate(self.keep, read)

    def thresholds(self) -> list[Threshold]:
        """Every number that a column is compared with, in the order of the rule, `not` worked in."""
        found: list[Threshold] = []
        for test, positive in nodes.leaves(self.keep):
            if isinstance(test, Within):
                low, high = (">=", "<=") if positive else ("<", ">")
                if test.low is not None:
                    found.append(Threshold(test.column, low, test.low, None))
                if test.high is not None:
                    found.append(Threshold(test.column, high, test.high, None))
            elif isinstance(test, Compare):
                op = test.op if positive else nodes.FLIPPED[test.op]
                right = test.right
                if isinstance(right, Table):
                    for label, value in (*right.entries, ("other", right.other)):
                        if value is not None:
                            found.append(Threshold(test.column, op, value, (right.by, label)))
                elif isinstance(right, int | float) and not isinstance(right, bool):
                    found.append(Threshold(test.column, op, right, None))
        return found


def parse_rule(text: str, reason: str = "", known: tuple[str, ...] = ()) -> Rule:
    """The rule that `text` says, with a reason of its own or one made of its first column.

    `known` are names of columns that help to suggest a mend. Raises RecipeError with a caret under the place.
    """
    keep = parse(text, known)
    normal = nodes.render(keep)
    if len(normal) > MAX_LENGTH:
        raise RecipeError(f"the rule takes more than {MAX_LENGTH:,} characters when written out", "split it in several")
    return Rule(reason or default_reason(keep), normal, keep, text)


def default_reason(keep: Expression) -> str:
    """The first column in snake_case: `language.score >= 0.65` → language_score; duplicates.kept → duplicate."""
    column = next(nodes.leaves(keep))[0].column
    return "duplicate" if column == "duplicates.kept" else column.replace(".", "_").lower()


def unique_reasons(reasons: Sequence[tuple[str, bool]]) -> list[str]:
    """The reasons of a recipe's rules, given as (reason, chosen by the user), with no two alike.

    Chosen ones stay; of those made from a column the first free one of `x`, `x_2`, `x_3`, … is taken in order.
    """
    taken = {reason for reason, chosen in reasons if chosen} | RESERVED_REASONS
    found: list[str] = []
    for reason, chosen in reasons:
        name, n = reason, 1
        while not chosen and name in taken:
            n += 1
            name = f"{reason}_{n}"
        taken.add(name)
        found.append(name)
    return found


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in one piece, dictionaries decoded, float16 widened, NaN as null."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pt.is_float16(array.type):
        array = array.cast(pa.float32())
    if pt.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return array


def _nulls(n: int) -> pa.Array:
    return pa.nulls(n, pa.bool_())


def _evaluate(keep: Expression, columns: Mapping[str, pa.Array]) -> pa.Array:
    if isinstance(keep, Not):
        return pc.invert(_evaluate(keep.item, columns))
    if isinstance(keep, And | Or):
        combine = pc.and_kleene if isinstance(keep, And) else pc.or_kleene
        found = _evaluate(keep.items[0], columns)
        for item in keep.items[1:]:
            found = combine(found, _evaluate(item, columns))
        return found
    left = columns[keep.column]
    if isinstance(keep, Missing):
        return left.is_null()
    if pt.is_null(left.type):
        return _nulls(len(left))
    if isinstance(keep, Flag):
        return left
    if isinstance(keep, Matches):
        return _MATCH[keep.how](left, keep.pattern)
    if isinstance(keep, OneOf):
        if pt.is_string(left.type) or pt.is_large_string(left.type):
            known = pc.is_in(left, pa.array(keep.values, left.type))
            return pc.if_else(left.is_valid(), known, pa.scalar(None, pa.bool_()))
        found = _compare(left, "==", keep.values[0])
        for value in keep.values[1:]:
            found = pc.or_(found, _compare(left, "==", value))
        return found
    if isinstance(keep, Within):
        low = None if keep.low is None else _compare(left, ">=", keep.low)
        high = None if keep.high is None else _compare(left, "<=", keep.high)
        return low if high is None else high if low is None else pc.and_(low, high)
    if isinstance(keep.right, Column):
        return _compare_columns(left, keep.op, columns[keep.right.name])
    if isinstance(keep.right, Table):
        return _compare_table(left, keep.op, keep.right, columns[keep.right.by])
    return _compare(left, keep.op, keep.right)


def _compare(left: pa.Array, op: str, value: nodes.Value) -> pa.Array:
    if isinstance(value, str):
        return _COMPARE[op](left, _text_scalar(value, left.type))
    if isinstance(value, int) and pt.is_integer(left.type):
        try:
            return _COMPARE[op](left, pa.scalar(value, left.type))
        except (OverflowError, pa.ArrowInvalid):  # beyond the column's range: as floats they still compare
            pass
    if not isinstance(value, bool) and not pt.is_floating(left.type):
        left = left.cast(pa.float64(), safe=False)
    return _COMPARE[op](left, pa.scalar(value, left.type))


def _text_scalar(value: str, type: pa.DataType) -> pa.Scalar:
    if not pt.is_temporal(type):
        return pa.scalar(value, type)
    moment = parse_date(value)
    if pt.is_date(type):
        return pa.scalar(moment.date(), type)
    return pa.scalar(moment if type.tz else moment.replace(tzinfo=None), type)


def parse_date(value: str) -> datetime.datetime:
    """A moment in UTC from an ISO 8601 date, with or without a time. Raises ValueError."""
    moment = datetime.datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _compare_columns(left: pa.Array, op: str, right: pa.Array) -> pa.Array:
    if pt.is_null(right.type):
        return _nulls(len(left))
    kinds = {left.type, right.type}
    if kinds == {pa.float32(), pa.float64()}:
        left, right = left.cast(pa.float32()), right.cast(pa.float32())
    elif pa.uint64() in kinds and len(kinds) == 2:
        left, right = left.cast(pa.float64(), safe=False), right.cast(pa.float64(), safe=False)
    return _COMPARE[op](left, right)


def _compare_table(left: pa.Array, op: str, table: Table, by: pa.Array) -> pa.Array:
    """The comparison with each row's own threshold; null where `by` is null, true where the table says `any`."""
    if pt.is_null(by.type):
        return _nulls(len(left))
    labels = pa.array([label for label, _ in table.entries], by.type)
    numbers = [*(number for _, number in table.entries), table.other]
    whole = pt.is_integer(left.type) and all(isinstance(number, int | None) for number in numbers)
    if pt.is_integer(left.type):
        left = left.cast(pa.int64() if whole and left.type != pa.uint64() else pa.float64(), safe=False)
    place = pc.fill_null(pc.index_in(by, labels), len(labels))
    threshold = pa.array(numbers, left.type).take(place)
    found = pc.if_else(threshold.is_null(), True, _COMPARE[op](left, threshold))
    return pc.if_else(by.is_valid(), found, pa.scalar(None, pa.bool_()))
