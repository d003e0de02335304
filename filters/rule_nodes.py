"""The tree that a rule is parsed into, and its one normal way of being written.

Nodes are frozen dataclasses that compare by value; `render` is the inverse of `rule_parser.parse`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

Number = int | float
Value = int | float | str | bool

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z?)?")
#: Words that `render` puts in quotes where they are values.
KEYWORDS = frozenset({
    "and", "or", "not", "in", "is", "by", "contains", "starts", "ends", "with", "matches", "missing", "true", "false",
    "any", "other",
})  # fmt: skip
LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
FLIPPED = {">=": "<", "<": ">=", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Column:
    """Another column, `layer.column`, at the right of a comparison."""

    name: str


@dataclass(frozen=True)
class Table:
    """A threshold for each value of the text column `by`; None stands for `any`, which always passes."""

    by: str
    entries: tuple[tuple[str, Number | None], ...]
    other: Number | None


@dataclass(frozen=True)
class Compare:
    column: str
    op: str
    right: Value | Column | Table


@dataclass(frozen=True)
class Within:
    """`column in low..high`, bounds included; None is an open end."""

    column: str
    low: Number | None
    high: Number | None


@dataclass(frozen=True)
class OneOf:
    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Matches:
    """`how` is contains, "starts with", "ends with" or matches (a RE2 pattern, found anywhere)."""

    column: str
    how: str
    pattern: str


@dataclass(frozen=True)
class Missing:
    column: str


@dataclass(frozen=True)
class Flag:
    """A column of booleans standing alone."""

    column: str


@dataclass(frozen=True)
class Not:
    item: Expression


@dataclass(frozen=True)
class And:
    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    items: tuple[Expression, ...]


Test = Compare | Within | OneOf | Matches | Missing | Flag
Expression = Test | Not | And | Or


def negate(item: Expression) -> Expression:
    """`not item`, with the comparison turned round where that says the same (nulls stay null)."""
    if isinstance(item, Not):
        return item.item
    if isinstance(item, Compare) and not isinstance(item.right, Table):
        return Compare(item.column, FLIPPED[item.op], item.right)
    return Not(item)


def join(kind: type[And] | type[Or], items: list[Expression]) -> Expression:
    """The items under one `and` or `or`, nested ones of the same kind taken in."""
    flat: list[Expression] = []
    for item in items:
        if isinstance(item, And | Or) and isinstance(item, kind):
            flat.extend(item.items)
        else:
            flat.append(item)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def leaves(item: Expression, positive: bool = True) -> Iterator[tuple[Test, bool]]:
    """The tests of the tree from left to right; False beside those under an odd number of `not`."""
    if isinstance(item, Not):
        yield from leaves(item.item, not positive)
    elif isinstance(item, And | Or):
        for inner in item.items:
            yield from leaves(inner, positive)
    else:
        yield item, positive


def columns_of(test: Test) -> tuple[str, ...]:
    """The columns that one test reads, the one it is about first."""
    if isinstance(test, Compare):
        if isinstance(test.right, Column):
            return test.column, test.right.name
        if isinstance(test.right, Table):
            return test.column, test.right.by
    return (test.column,)


def quote(text: str) -> str:
    """The text in double quotes as in JSON, in one line."""
    found = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if c in LINE_BREAKS else c for c in found)


def render_value(value: Value) -> str:
    """A value as it stands in a rule: words bare, other text in double quotes (as in JSON)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if DATE.fullmatch(value) or (WORD.fullmatch(value) and value not in KEYWORDS):
        return value
    return quote(value)


def _render_number(value: Number | None) -> str:
    return "any" if value is None else repr(value)


def _render_table(table: Table) -> str:
    layer, _, column = table.by.partition(".")
    by = layer if column == "label" else table.by
    entries = "".join(f"{render_value(key)}: {_render_number(number)}, " for key, number in table.entries)
    return f"by {by} {{{entries}other: {_render_number(table.other)}}}"


def _render_compare(test: Compare) -> str:
    right = test.right
    if isinstance(right, Column):
        return f"{test.column} {test.op} {right.name}"
    if isinstance(right, Table):
        return f"{test.column} {test.op} {_render_table(right)}"
    if isinstance(right, bool | str) and test.op in ("==", "!="):
        return f"{test.column} {'is' if test.op == '==' else 'is not'} {render_value(right)}"
    quoted = quote(right) if isinstance(right, str) and not DATE.fullmatch(right) else None
    return f"{test.column} {test.op} {quoted or render_value(right)}"


def _render_test(test: Test, negative: bool) -> str:
    no = "not " if negative else ""
    if isinstance(test, Missing):
        return f"{test.column} is {no}missing"
    if isinstance(test, Within):
        low = "" if test.low is None else repr(test.low)
        high = "" if test.high is None else repr(test.high)
        return f"{test.column} {no}in {low}..{high}"
    if isinstance(test, OneOf):
        return f"{test.column} {no}in [{', '.join(render_value(value) for value in test.values)}]"
    if isinstance(test, Matches):
        if test.how == "matches":
            slashed = re.sub(r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], test.pattern)
            return f"{no}{test.column} matches /{slashed}/"
        return f"{no}{test.column} {test.how} {quote(test.pattern)}"
    if isinstance(test, Compare):
        return no + _render_compare(test)
    return no + test.column


def render(item: Expression) -> str:
    """The tree in one line, with no more parentheses than it needs (`and` binds tighter than `or`)."""
    if isinstance(item, Or):
        return " or ".join(render(inner) for inner in item.items)
    if isinstance(item, And):
        return " and ".join(f"({render(inner)})" if isinstance(inner, Or) else render(inner) for inner in item.items)
    if isinstance(item, Not):
        inner = item.item
        if isinstance(inner, And | Or):
            return f"not ({render(inner)})"
        if isinstance(inner, Not):
            return f"not {render(inner)}"
        return _render_test(inner, True)
    return _render_test(item, False)
