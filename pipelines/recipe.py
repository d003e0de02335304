"""A recipe, read and checked before anything runs: input, scorers, rules and outputs.

Every problem names its line, its key and the mend, and all of them are reported at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from core.errors import RecipeError, UserError
from core.scorer import Scorer
from filters.rule_check import column_problems
from filters.rules import RESERVED_REASONS, Rule, parse_rule, unique_reasons
from ingest.batches import PAGE_SCHEMA
from ingest.options import IngestOptions
from pipelines.recipe_model import Input, Output, Problem, RecipeModel, near, problems_of
from pipelines.recipe_scorers import build_scorer, entry_of, installed_scorers, parameter_names, parameters_of
from pipelines.recipe_set import apply_settings
from pipelines.recipe_yaml import MAX_BYTES, QUOTE_RULE, Path, Source, dotted, read_yaml

#: Layers that the pipeline writes itself.
RESERVED_LAYERS = frozenset({"page", "record", "records", "duplicates", "fate", "identity", "errors"})

DUPLICATES_COLUMNS = {
    "duplicates.cluster": pa.binary(16),
    "duplicates.size": pa.int64(),
    "duplicates.kept": pa.bool_(),
}

_LAYER = re.compile(r"[a-z][a-z0-9_]{0,39}")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


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


@dataclass(frozen=True)
class Documents:
    """The section `documents`: scorers and rules in the recipe's order."""

    uses: tuple[ScorerUse, ...] = ()
    rules: tuple[Rule, ...] = ()
    audit: float = 0.01


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. `place` is the file it came from; paths in `input` are as written."""

    name: str
    seed: int
    input: Input
    documents: Documents
    output: Mapping[str, Output] = field(default_factory=dict[str, Output])
    place: str = field(default="recipe", compare=False)

    def ingest_options(self) -> IngestOptions:
        """How the input is read: the limits, and which column of a table is what."""
        table = self.input.table
        names = {} if table is None else {key: getattr(table, key) for key in ("text", "url", "id", "date")}
        return IngestOptions(columns={key: name for key, name in names.items() if name is not None})

    def canonical(self) -> dict[str, Any]:
        """The recipe with every default filled in, JSON-able; it is a recipe itself, equal to this one when read."""
        score = [
            {use.name: ({"as": use.layer} if use.layer != use.name else {}) | dict(use.params)}
            for use in self.documents.uses
        ]
        return {
            "name": self.name,
            "seed": self.seed,
            "input": self.input.model_dump(mode="json", exclude_none=True),
            "documents": {
                "score": score,
                "keep": [{"keep": rule.text, "reason": rule.reason} for rule in self.documents.rules],
                "audit": self.documents.audit,
            },
            "output": {name: output.model_dump(mode="json", by_alias=True) for name, output in self.output.items()},
        }


def load_recipe(
    path_or_text: str | File, overrides: Sequence[str] = (), scorers: Mapping[str, type] | None = None
) -> Recipe:
    """The recipe of a file, or of a text of several lines, with `--set` overrides applied.

    `scorers` are the scorer classes by name, by default those installed. Relative paths in the recipe start at the
    folder that the command runs in. Raises RecipeError that lists every problem.
    """
    source = apply_settings(_read(path_or_text), overrides)
    recipe, problems = _resolve(source, installed_scorers() if scorers is None else scorers)
    if recipe is None:
        if len(problems) == 1:
            raise RecipeError(str(replace(problems[0], mend="")), problems[0].mend)
        raise RecipeError(f"{source.name}: {len(problems)} problems\n" + "\n".join(map(str, problems)))
    return recipe


def check_recipe(
    path_or_text: str | File, overrides: Sequence[str] = (), scorers: Mapping[str, type] | None = None
) -> list[Problem]:
    """Every problem of a recipe in the order of its lines; empty when it can be run. Raises nothing for bad recipes."""
    try:
        source = apply_settings(_read(path_or_text), overrides)
    except RecipeError as error:
        return [Problem(*_split_place(error.message, path_or_text), error.mend)]
    return _resolve(source, installed_scorers() if scorers is None else scorers)[1]


def _split_place(message: str, path_or_text: str | File) -> tuple[str, str, str]:
    name = "recipe" if "\n" in str(path_or_text) else str(path_or_text)
    found = re.match(rf"({re.escape(name)}(?::\d+)?|--set .*?): ", message)
    return (found[1], "", message[found.end() :]) if found else (name, "", message)


def _read(path_or_text: str | File) -> Source:
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return read_yaml(path_or_text, "recipe")
    file = File(path_or_text)
    raw = b""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        return read_yaml(raw.decode("utf-8-sig"), str(path_or_text))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path_or_text}:{line}: not UTF-8", "save the recipe as UTF-8") from None
    except OSError as error:
        others = sorted(other.name for other in file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
        close = difflib.get_close_matches(file.name, others, 1, 0.6)
        mend = f"did you mean {file.with_name(close[0])}?" if close else "give the path of a recipe"
        problem = "is a folder" if file.is_dir() else (error.strerror or str(error)).lower()
        raise RecipeError(f"{path_or_text}: {problem}", mend) from None


def _resolve(source: Source, scorers: Mapping[str, type]) -> tuple[Recipe | None, list[Problem]]:
    if not isinstance(source.value, dict):
        message = "the recipe is empty" if source.value is None else "a recipe is keys and values"
        return None, [Problem(source.place(()), "", message, "begin with `name: my-run`; recipes/ has some to copy")]
    problems: list[Problem] = []
    model: RecipeModel | None = None
    try:
        model = RecipeModel.model_validate(source.value)
    except ValidationError as error:
        problems.extend(problems_of(error, source))
    section = _Section(source, "documents", scorers)
    section.resolve()
    problems.extend(section.problems)
    if model is None or problems:
        return None, sorted(problems, key=_line)
    documents = Documents(tuple(section.uses), tuple(section.rules), model.documents.audit)
    return Recipe(model.name, model.seed, model.input, documents, model.output, source.name), []


def _line(problem: Problem) -> int:
    found = re.search(r":(\d+)$", problem.place)
    return int(found[1]) if found else 0


class _Section:
    """Builds the scorers and rules of one table's section, and gathers what is wrong with them."""

    def __init__(self, source: Source, table: str, scorers: Mapping[str, type]) -> None:
        self.source = source
        self.table = table
        self.scorers = scorers
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
            if source == "page" or stored in known or source in self.broken - {layer}:
                continue
            installed = f"put `- {source}` before it" if source in self.scorers else ""
            self.add(path, f"{layer} reads {column}, which no scorer before it makes", installed)
            return False
        return True

    def known(self) -> dict[str, pa.DataType]:
        """The columns that rules can read, by full name."""
        found = dict(page_columns())
        for use in self.uses:
            found |= {f"{use.layer}.{column.name}": column.type for column in use.scorer.schema}
        if any(use.dedup for use in self.uses):
            found |= DUPLICATES_COLUMNS
        return found

    def keep(self) -> None:
        known = self.known()
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


def page_columns() -> dict[str, pa.DataType]:
    """The columns of the first layer that rules can read: those stored, and the host of the URL."""
    stored = {f"page.{column.name}": column.type for column in PAGE_SCHEMA if column.name != "content"}
    return stored | {"page.host": pa.string()}


__all__ = [
    "Documents", "Input", "Output", "Problem", "Recipe", "ScorerUse", "check_recipe", "load_recipe",
]  # fmt: skip
