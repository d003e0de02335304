"""What a report is about: the rules in their order, and the columns with what is known of them beforehand.

Everything that a histogram or a count needs (ranges, kinds, limits) is fixed here before the first row is
read, so that statistics of any split of the rows can be merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import pyarrow as pa
import pyarrow.types as pat

Kind = Literal["histogram", "category", "none"]
How = Literal["value", "host", "year"]

#: Numbers that say where a record lies, not what it is like.
POINTERS = frozenset({"offset", "length", "position", "row"})
#: Layers whose strings are free text, names and addresses, but for the columns named here.
FREE_TEXT_LAYERS = frozenset({"page", "text", "record", "document", "reference", "image", "fetched"})
CATEGORIES = frozenset({"page.content_type", "page.status", "fetched.format", "fetched.status"})


@dataclass(frozen=True)
class Threshold:
    """One bound of a rule on one column; `by` names the group it holds for ("language de"), empty for all."""

    column: str
    op: str
    value: float | str | bool
    by: str = ""


@dataclass(frozen=True)
class RulePlan:
    """A rule: its reason, its line in the recipe, its bounds, the columns it reads.

    `costly` says that a scorer behind it skips rows that an earlier rule dropped, so that only the audit
    sample tells what the rule would drop alone.
    """

    reason: str
    text: str
    thresholds: tuple[Threshold, ...] = ()
    columns: tuple[str, ...] = ()
    costly: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns whose values its samples show, each once."""
        return tuple(dict.fromkeys((*self.columns, *(t.column for t in self.thresholds))))


@dataclass(frozen=True)
class ColumnPlan:
    """A column `layer.column`: its Arrow type as a string, what it means, its unit and declared range."""

    name: str
    type: str
    doc: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    kind: Kind = "none"

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @property
    def integer(self) -> bool:
        return self.type.startswith(("int", "uint"))

    @classmethod
    def of(cls, layer: str, field: pa.Field, kind: Kind | None = None) -> ColumnPlan:
        """From a field made by `core.scorer.column`; `kind` overrides how it is counted."""
        name = f"{layer}.{field.name}"
        metadata: dict[bytes, bytes] = dict(field.metadata or {})
        low = high = None
        if b"range" in metadata:
            first, _, last = metadata[b"range"].decode().partition("..")
            low, high = float(first), float(last)
        return cls(
            name=name,
            type=str(field.type),
            doc=metadata.get(b"doc", b"").decode(),
            unit=metadata.get(b"unit", b"").decode(),
            low=low,
            high=high,
            kind=default_kind(name, field.type) if kind is None else kind,
        )


@dataclass(frozen=True)
class Facet:
    """A count of documents by the values of one column, or by what is read off it (host, year)."""

    name: str
    column: str
    how: How
    cap: int


#: 200,000 hosts are about 60 MB; the other facets have few values unless somebody wants them to have many.
FACETS = (
    Facet("language", "language.label", "value", 5_000),
    Facet("script", "language.script", "value", 1_000),
    Facet("charset", "page.charset", "value", 1_000),
    Facet("year", "page.date", "year", 1_000),
    Facet("host", "page.url", "host", 200_000),
    Facet("host", "image.url", "host", 200_000),
)
FACET_COLUMNS = frozenset(facet.column for facet in FACETS)
CATEGORY_CAP = 1_000


def default_kind(name: str, type: pa.DataType) -> Kind:
    """How a column is counted unless the plan says otherwise: numbers and booleans as histograms."""
    layer, _, column = name.partition(".")
    if name in FACET_COLUMNS or column in POINTERS or column == "id":
        return "none"
    if name in CATEGORIES:
        return "category"
    if pat.is_boolean(type) or pat.is_integer(type) or pat.is_floating(type):
        return "histogram"
    if pat.is_string(type) or pat.is_large_string(type) or pat.is_dictionary(type):
        return "none" if layer in FREE_TEXT_LAYERS else "category"
    return "none"


@dataclass(frozen=True)
class ReportPlan:
    """What to collect of one table. `columns` are in the order of their layers; rows must bring each of them.

    The facets are those whose column is in the plan; texts are measured, and snippets taken, if it has
    `text.text` or `image.caption` (or `text.edited`, which then is the one that is shown). `tokens` is the layer of the scorer
    `tokens` whose counts the funnel shows, empty if there is none.
    """

    table: str = "documents"
    rules: tuple[RulePlan, ...] = ()
    columns: tuple[ColumnPlan, ...] = ()
    tokens: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"columns stand twice in the report's plan: {', '.join(twice)}")
        missing = sorted({name for rule in self.rules for name in rule.shown} - set(names))
        missing += [name for name in self.token_columns if name not in names]
        if missing:
            raise ValueError(f"rules or tokens read columns that the report's plan lacks: {', '.join(missing)}")

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)

    @property
    def facets(self) -> tuple[Facet, ...]:
        names = self.names
        return tuple(facet for facet in FACETS if facet.column in names)

    @property
    def texts(self) -> tuple[str, ...]:
        """The text columns that are measured; the last one is shown in samples."""
        return tuple(name for name in ("text.text", "image.caption", "text.edited") if name in self.names)

    @property
    def token_columns(self) -> tuple[str, ...]:
        """The columns with a document's tokens, and whether they are an estimate; none where no tokens are counted."""
        return (f"{self.tokens}.count", f"{self.tokens}.estimated") if self.tokens else ()

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it, the same object for equal plans: not to be changed."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ReportPlan:
        """The inverse of `to_dict`, after a way through JSON too."""
        rules = tuple(
            RulePlan(
                reason=rule["reason"],
                text=rule["text"],
                thresholds=tuple(Threshold(**threshold) for threshold in rule["thresholds"]),
                columns=tuple(rule["columns"]),
                costly=rule["costly"],
            )
            for rule in value["rules"]
        )
        columns = tuple(ColumnPlan(**c) for c in value["columns"])
        return cls(table=value["table"], rules=rules, columns=columns, tokens=value["tokens"])


@lru_cache(maxsize=8)
def _as_dict(plan: ReportPlan) -> dict[str, Any]:
    return asdict(plan)
