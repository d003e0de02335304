"""Builds the scorers and rules of one table's section of a recipe, and gathers every problem with its line and a mend.

A rule is checked against the columns of the scorers before anything runs; near names come from difflib.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from core.errors import RecipeError, UserError
from core.scorer import Scorer
from dedup.election import DUPLICATES
from dedup.paragraphs import Paragraphs
from dedup.same_caption import SameCaption
from filters.rule_check import column_problems
from filters.rule_ranges import Bounds, beyond, bounds_of, texts_of
from filters.rules import RESERVED_REASONS, Rule, parse_rule, unique_reasons
from filters.table_columns import TYPES, TableColumns
from pipelines.recipe_model import Problem, near, problems_of
from pipelines.recipe_scorers import OTHER_NAMES, build_scorer, entry_of, parameter_names, parameters_of
from pipelines.recipe_yaml import QUOTE_RULE, Path, Source, dotted
from pipelines.tables import TABLES

#: Layers that the pipeline writes itself.
RESERVED_LAYERS = frozenset({
    "page", "record", "records", "reference", "image", "reached", "fetched", "segments", "readable", "duplicates", "fate",
    "identity", "errors", TableColumns.name,
})  # fmt: skip

_LAYER = re.compile(r"[a-z][a-z0-9_]{0,39}")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


#: Scorers whose keys a pass over all rows compares, which writes a layer of its own.
OVER_ALL = (Paragraphs, SameCaption)
#: What is asked for where lines of captions would be cut.
PARAGRAPHS_MEND = "`- same_caption` under images.score counts how often captions stand"


def repeated_layer(layer: str) -> str:
    """The name of the layer of what is known of a layer's keys over all rows: what `paragraphs` cuts, how often captions stand."""
    return f"{layer}_repeated"


@dataclass(frozen=True)
class ScorerUse:
    """A scorer as a recipe uses it: `layer` is its name or its `as`, `entry` its `module:Class`.

    `params` are all its parameters, defaults too; `line` is where it stands in the recipe (0: set by `--set`).
    """

    layer: str
    name: str
    scorer: Scorer
    entry: str
    params: Mapping[str, Any]
    line: int = field(default=0, compare=False)

    @property
    def dedup(self) -> bool:
        return bool(getattr(self.scorer, "dedup", False))


def columns_of(scorer: Scorer, layer: str) -> Iterator[tuple[str, pa.Field]]:
    """The columns of a scorer with their layer: its own, and that of what it cuts of all texts together."""
    yield from ((layer, column) for column in scorer.schema)
    if isinstance(scorer, OVER_ALL):
        yield from ((repeated_layer(layer), column) for column in scorer.repeated.schema)


def bounds_of_uses(uses: Sequence[ScorerUse]) -> dict[str, Bounds]:
    """The bounds of the scorers' columns that have some, by `layer.column`."""
    fields = [pair for use in uses for pair in columns_of(use.scorer, use.layer)]
    found = {f"{layer}.{column.name}": bounds_of(column) for layer, column in fields}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


class Section:
    """Builds the scorers and rules of one table's section of a recipe, and gathers what is wrong with them."""

    def __init__(self, source: Source, table: str, scorers: Mapping[str, type], columns: Mapping[str, str] | None = None) -> None:
        """`columns` are the further ones of a table of images."""
        self.source = source
        self.table = table
        self.scorers = scorers
        self.columns = columns or {}
        self.problems: list[Problem] = []
        self.uses: list[ScorerUse] = []
        self.rules: list[Rule] = []
        self.broken: set[str] = set()  # layers whose scorer has a problem: their columns are not known

    def add(self, path: Path, message: str, mend: str = "") -> None:
        self.problems.append(Problem(self.source.place(path), dotted(path), message, mend))

    def items(self, key: str) -> list[tuple[Path, Any]]:
        section = self.source.value.get(self.table)
        listed = section.get(key) if isinstance(section, dict) else None
        return [((self.table, key, at), item) for at, item in enumerate(listed)] if isinstance(listed, list) else []

    def resolve(self) -> None:
        for path, item in self.items("score"):
            self.scorer(path, item)
        section = self.source.value.get(self.table)
        if not isinstance(section, dict) or isinstance(section.get("score", []), list):  # else each rule would tell of it
            self.keep()

    def scorer(self, path: Path, item: Any) -> None:
        given: Any = {}
        if isinstance(item, dict) and len(item) == 1:
            item, given = next(iter(item.items()))
            path = (*path, item)
        if not isinstance(item, str) or not item:
            several = "indent its parameters under it" if isinstance(item, dict) else ""
            self.add(path, "should be the name of a scorer, or `name: {parameters}`", several)
            return
        item = OTHER_NAMES.get(item, item)
        given = {} if given is None else given
        if not isinstance(given, dict):
            self.add(path, f"the parameters of {item} should be `key: value`, not `{given}`")
            self.broken.add(item)
            return
        params = {key: value for key, value in given.items() if key != "as"}
        layer = given.get("as", item)
        self.broken.add(layer if isinstance(layer, str) else item)
        if not self.layer(path, layer, "as" in given):
            return
        scorer = self.build(path, item, params)
        if scorer is None or not self.inputs(path, layer, scorer):
            return
        if self.table == "images" and isinstance(scorer, Paragraphs):
            self.broken.add(repeated_layer(layer))
            self.add(path, f"{item} cuts lines of texts, and a caption is one line", f"leave it out: {PARAGRAPHS_MEND}")
            return
        if isinstance(scorer, OVER_ALL) and any(use.layer == repeated_layer(layer) for use in self.uses):
            self.add(path, f"what {layer} finds goes into a layer `{repeated_layer(layer)}`, and a scorer before has that name",
                     f"give it another name: `as: {layer}_2`")  # fmt: skip
            return
        line = self.source.line(path)
        values = parameters_of(scorer)
        entry = entry_of(type(scorer))
        self.uses.append(ScorerUse(layer, item, scorer, entry, values, line if isinstance(line, int) else 0))
        self.broken.discard(layer)

    def layer(self, path: Path, layer: Any, named: bool) -> bool:
        where = (*path, "as") if named else path
        if not isinstance(layer, str) or not _LAYER.fullmatch(layer):
            mend = "use small letters, digits and _, such as `as: language_2`"
            self.add(where, f"`{layer}` cannot name a layer", mend)
        elif layer in RESERVED_LAYERS:
            self.add(where, f"the layer `{layer}` is the pipeline's own", f"give it another name: `as: {layer}_2`")
        elif any(repeated_layer(use.layer) == layer for use in self.uses if isinstance(use.scorer, OVER_ALL)):
            self.add(where, f"the layer `{layer}` holds what is found by a scorer before", f"give it another name: `as: {layer}_2`")
        elif any(use.layer == layer for use in self.uses):
            line = next(use.line for use in self.uses if use.layer == layer)
            first = f", the first in line {line}" if line else ""
            self.add(where, f"two scorers under the name `{layer}`{first}", f"name one of them: `as: {layer}_2`")
        else:
            return True
        return False

    def build(self, path: Path, name: str, params: Mapping[str, Any]) -> Scorer | None:
        if name not in self.scorers:
            known = sorted(self.scorers)
            close = difflib.get_close_matches(name, known, 1, 0.6)
            self.broken.update(close)
            mend = near(name, known) or "no scorer is installed: `pip install web2shards`"
            self.add(path, f"no scorer `{name}` is installed", mend)
            return None
        cls: type = object
        try:
            cls = self.scorers[name]
            scorer = build_scorer(cls, params)
            if not isinstance(scorer.schema, pa.Schema):
                raise TypeError("its schema is no pyarrow schema")
            return scorer
        except ValidationError as error:
            for problem in problems_of(error, self.source, path):
                if problem.message.startswith("unknown key"):
                    key = problem.message.removeprefix("unknown key ").strip("`")
                    mend = near(key, [*parameter_names(cls), "as"])
                    problem = replace(problem, message=f"{name} has no parameter `{key}`", mend=mend)
                self.problems.append(problem)
        except UserError as error:
            self.add(path, error.message, error.mend)
        except (ValueError, TypeError, OSError) as error:
            # __post_init__ names the field first
            field_name = next((key for key in params if re.match(rf"\W*{re.escape(key)}\b", str(error))), None)
            message = (str(error) or type(error).__name__).removeprefix(f"{field_name}: ")
            self.add((*path, field_name) if field_name else path, message)
        return None

    def inputs(self, path: Path, layer: str, scorer: Scorer) -> bool:
        known = self.known()
        for column in scorer.inputs:
            source = column.partition(".")[0]
            stored = "text.text" if column == "text.edited" else column
            if source == TABLES[self.table].first or stored in known or source in self.broken - {layer}:
                continue
            installed = f"put `- {source}` before it" if source in self.scorers else ""
            self.add(path, f"{layer} reads {column}, which no scorer before it makes", installed)
            return False
        return True

    def known(self) -> dict[str, pa.DataType]:
        """The columns that rules can read, by full name."""
        found = TABLES[self.table].columns()
        found |= {f"{TableColumns.name}.{name}": TYPES[kind] for name, kind in self.columns.items()}
        for use in self.uses:
            found |= {f"{layer}.{column.name}": column.type for layer, column in columns_of(use.scorer, use.layer)}
        if any(use.dedup for use in self.uses):
            found |= {f"duplicates.{column.name}": column.type for column in DUPLICATES}
        return found

    def keep(self) -> None:
        known, bounds = self.known(), bounds_of_uses(self.uses)
        addable = set(self.scorers) - {use.layer for use in self.uses}
        taken: dict[str, Path] = {}
        parsed: list[tuple[Rule, bool]] = []
        for path, item in self.items("keep"):
            rule = self.rule(path, item, known)
            if rule is None:
                continue
            if not {column.partition(".")[0] for column in rule.columns} & self.broken:
                for problem in column_problems(rule, known, addable):
                    mend = problem.mend.replace("to the scorers", f"under {self.table}.score")
                    self.add(path, problem.message, mend)
                self.values(path, rule, bounds)
            explicit = isinstance(item, dict) and bool(item.get("reason"))
            if explicit and rule.reason in taken:
                first = self.source.place(taken[rule.reason])
                mend = "join the two with `and`, or give one another reason"
                self.add(path, f"the reason `{rule.reason}` stands twice, first at {first}", mend)
            elif explicit:
                taken[rule.reason] = path
            parsed.append((rule, explicit))
        reasons = unique_reasons([(rule.reason, explicit) for rule, explicit in parsed])
        self.rules = [replace(rule, reason=reason) for (rule, _), reason in zip(parsed, reasons, strict=True)]

    def values(self, path: Path, rule: Rule, bounds: Mapping[str, Bounds]) -> None:
        """What a rule asks for and no row can have: numbers beyond a column's bounds, texts that a scorer never says."""
        for found in beyond(rule, bounds):
            if not found.holds:
                self.add(path, found.message, found.mend)
        by_layer = {use.layer: use.scorer for use in self.uses}
        for column, text in texts_of(rule):
            layer, _, name = column.partition(".")
            never = getattr(by_layer.get(layer), "never_says", None)
            problem = never(name, text) if never is not None else None
            if problem is not None:
                self.add(path, f"`{column}` is never `{text}`: {problem[0]}", problem[1])

    def rule(self, path: Path, item: Any, known: Mapping[str, pa.DataType]) -> Rule | None:
        reason: Any = ""
        if isinstance(item, dict):
            unknown = [key for key in item if key not in ("keep", "reason")]
            if unknown:
                tail = any("{" in str(key) or re.match(r"\w+\.\w+ ", str(key)) for key in unknown)
                mend = QUOTE_RULE if tail else near(str(unknown[0]), ["keep", "reason"])
                self.add((*path, unknown[0]), f"unknown key `{unknown[0]}`", mend)
                return None
            reason = item.get("reason") or ""
            if reason and (not isinstance(reason, str) or not _REASON.fullmatch(reason)):
                self.add((*path, "reason"), f"`{reason}` cannot be a reason", "write it as a name_in_snake_case")
                return None
            if reason in RESERVED_REASONS:
                self.add((*path, "reason"), f"the reason `{reason}` is the pipeline's own", "choose another")
                return None
            path = (*path, "keep") if "keep" in item else path
            item = item.get("keep")
        if not isinstance(item, str):
            self.add(path, f"should be a rule, not `{item}`", "write for example `- gopher.words >= 50`")
            return None
        try:
            return parse_rule(item, reason, tuple(known))
        except RecipeError as error:
            self.add(path, error.message, error.mend)
            return None
