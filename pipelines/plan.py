"""The recipe compiled: which layers there are, how each is made (its method), in which pass, in which order.

A method is a fingerprint of how a layer's values follow from a record: the scorer's name, version, parameters
and weights, and the methods of what it reads. It says nothing about data: alignment is the digest of the ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from core.errors import RecipeError
from core.hashing import digest
from core.scorer import CUT, MASK, Scorer
from dedup.paragraphs import Paragraphs, Repeated
from filters.readable import Readable
from filters.rules import Rule
from filters.table_columns import TableColumns
from pipelines.image_layers import FETCHED, REACHED
from pipelines.layers import ERROR, SCORED, Footer
from pipelines.recipe import Recipe, Scored, ScorerUse
from pipelines.recipe_scorers import column_parameters, entry_of, parameters_of
from pipelines.recipe_section import repeated_layer
from pipelines.tables import BYTES, CAPTION, DECODED, DOCUMENTS, IMAGES, Table
from reports.statistics import VERSION as STATISTICS_VERSION

#: Bumped when reading an input gives other records or documents; and when pages give other references.
INGEST_VERSION = 5
REFERENCES_VERSION = 2
#: Bumped when references give other images, and when what is known of a fetched image changes.
IMAGES_VERSION = 3
FETCHED_VERSION = 1
#: Columns that are not stored: derived while reading.
EDITED = "text.edited"
EDITED_TITLE = "text.edited_title"
CONTENT = "page.content"

#: What a layer may depend on beside ids and methods.
INPUT, ELECTION, SAID = "input", "election", "said"

DUPLICATES = "duplicates"
#: Whether an earlier run keeps the document of a cluster, as the last election says.
KEPT_BEFORE = "duplicates.earlier"
IDENTITY = "identity"
IDENTITY_SCHEMA = pa.schema([
    pa.field("same_record", pa.bool_(), metadata={"doc": "another record has this id and comes first"}),
])  # fmt: skip
READABLE = Readable.name
FATE = "fate"
FATE_SCHEMA = pa.schema([
    pa.field("kept", pa.bool_(), metadata={"doc": "goes into the shards"}),
    pa.field("reason", pa.string(), metadata={"doc": "why it was dropped; empty when kept"}),
    pa.field("repeat", pa.int32(), metadata={"doc": "how often it goes into the shards"}),
])  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A planned layer of scores.

    `position` orders rules and scorers; `stage` is the number of the map pass that makes it, or, of what a pass over all
    texts makes (`repeated`), of the first after that. `binds` is what its
    values depend on beside the record's id and its method: INPUT (columns of the page that are no content), SAID (an image's
    caption, which hangs on the pages that are kept), ELECTION, the names of `repeated` layers, and those of costly layers,
    which hold nothing for rows that were skipped. `pictured`: it reads what was got of an image, and holds nothing for images
    that were not.
    """

    name: str
    scorer: Scorer
    entry: str
    position: float
    stage: int
    method: str
    binds: frozenset[str]
    pictured: bool = False

    @property
    def skips(self) -> bool:
        """Whether rows may be skipped, which a column `scored` tells then."""
        return self.costly or self.pictured

    @property
    def carries(self) -> bool:
        """Whether values can be carried over by a join on id when the rows of the part change."""
        return INPUT not in self.binds

    @property
    def costly(self) -> bool:
        return bool(self.scorer.costly)

    @property
    def edits(self) -> bool:
        return any(f.type in (CUT, MASK) for f in self.scorer.schema)

    @property
    def repeated(self) -> bool:
        """Whether it is made of all texts together."""
        return isinstance(self.scorer, Repeated)

    @cached_property
    def schema(self) -> pa.Schema:
        """The scorer's columns, `scored` if rows may be skipped, and `error`."""
        return pa.schema([*self.scorer.schema, *([SCORED] if self.skips else []), ERROR])


@dataclass(frozen=True)
class Step:
    """One reason why a record may be dropped, in the order in which they are asked.

    `index` is the rule's place in the report. Without a rule it is the layer's errors; of a `flag`, that it does not hold; or
    what a column says of itself (`named`), unless that is `ok` or nothing.
    """

    position: float
    reason: str
    columns: tuple[str, ...]
    rule: Rule | None = None
    index: int = -1
    asks: Literal["error", "flag", "named"] = "error"

    @property
    def is_error(self) -> bool:
        return self.rule is None and self.asks == "error"


@dataclass(frozen=True)
class Plan:
    """What a run of a recipe computes for one table.

    `passes` are those over all texts, in their order: the election (DUPLICATES), and those of `repeated` layers by name.
    Map pass n comes after the first n of them.
    """

    recipe: Recipe
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    ingest_method: str
    passes: tuple[str, ...] = (DUPLICATES,)
    table: Table = DOCUMENTS

    @property
    def section(self) -> Scored:
        """The recipe's section on the table."""
        return self.recipe.section(self.table.name)

    @cached_property
    def references_method(self) -> str:
        """The fingerprint of the table `references`; empty if the recipe has none."""
        return _references_method(self.recipe, self.ingest_method)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in the order in which they are asked."""
        return tuple(step.rule for step in self.steps if step.rule is not None)

    @cached_property
    def by_name(self) -> Mapping[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    @property
    def dedup_layers(self) -> tuple[Layer, ...]:
        """Layers whose keys say which documents are duplicates of each other."""
        return tuple(layer for layer in self.layers if getattr(layer.scorer, "dedup", False))

    @cached_property
    def duplicates_position(self) -> float:
        """Where the election stands: right after the last layer that feeds it."""
        return max((layer.position for layer in self.dedup_layers), default=-1) + 0.5

    @cached_property
    def stages(self) -> tuple[int, ...]:
        """The map passes, in order, each by how many of `passes` come before it."""
        return tuple(sorted({0, *(layer.stage for layer in self.layers if not layer.repeated)}))

    def stage_layers(self, stage: int) -> tuple[Layer, ...]:
        """The layers that a map pass makes."""
        return tuple(layer for layer in self.layers if layer.stage == stage and not layer.repeated)

    def is_elected(self, stage: int) -> bool:
        """Whether the election comes before a map pass."""
        return self.passes.index(DUPLICATES) < stage

    def source_of(self, layer: Layer) -> Layer:
        """The layer whose keys say what a `repeated` one cuts."""
        return next(other for other in self.layers if repeated_layer(other.name) == layer.name)

    def bound_passes(self, name: str) -> tuple[str, ...]:
        """The passes whose outcome one of `passes` depends on, in their order."""
        if name == DUPLICATES:
            binds = set[str]().union(*(_bound_by(layer) for layer in self.layers_feeding_election()))
        else:
            binds = set(self.by_name[name].binds)
        return tuple(other for other in self.passes if other in binds or (other == DUPLICATES and ELECTION in binds))

    def steps_before(self, position: float) -> tuple[Step, ...]:
        """What is asked before a layer at `position` is scored."""
        return tuple(step for step in self.steps if step.position < position)

    def edits_before(self, position: float) -> tuple[Layer, ...]:
        """The layers whose cuts and masks make the edited text that a layer at `position` reads."""
        return tuple(layer for layer in self.layers if layer.edits and layer.position < position)

    @cached_property
    def edits_known(self) -> tuple[Layer, ...]:
        """The layers whose cuts and masks are there when the election begins, wherever they stand in the recipe."""
        passes = self.passes.index(DUPLICATES)
        return tuple(layer for layer in self.layers if layer.edits and layer.stage <= passes) if self.dedup_layers else ()

    def election_method(self) -> str:
        """The fingerprint of the election, but for the data: what it reads and which rules come before it."""
        before = [step.rule.text for step in self.steps_before(self.duplicates_position) if step.rule]
        methods = [layer.method for layer in self.layers_feeding_election()]
        settings = [parameters_of(layer.scorer) for layer in self.dedup_layers]
        order = ["largest, sharpest", "pHash and PDQ"] if self.table is IMAGES else []
        return fingerprint("election", 6, *order, self.ingest_method, before, methods, settings)

    def layers_feeding_election(self) -> tuple[Layer, ...]:
        """Dedup layers, those whose columns or errors decide who is alive before the election, and edits that are known then."""
        names = {column.split(".", 1)[0] for step in self.steps_before(self.duplicates_position) for column in step.columns}
        names |= {layer.name for layer in (*self.dedup_layers, *self.edits_known)}
        return tuple(layer for layer in self.layers if layer.name in names)

    def fate_method(self) -> str:
        """The fingerprint of the fates, but for the data."""
        steps = [(step.reason, step.rule.text if step.rule else "") for step in self.steps]
        repeat = [list(self.section.repeat.items())] if self.section.repeat else []
        methods = [layer.method for layer in self.layers]
        return fingerprint("fate", 2, *repeat, STATISTICS_VERSION, steps, methods, self.election_method())


def fingerprint(*parts: Any) -> str:
    """A short digest of JSON-able values, the same on every machine."""
    return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False)).hex()


def fetched_method() -> str:
    """The fingerprint of what is known of fetched images: no setting is in it, as what was got stays got."""
    return fingerprint("fetched", FETCHED_VERSION)


def got(layer: Layer, fetched: Footer | None, reached: Footer | None) -> str:
    """What a layer of images hangs on beside ids, methods and rules: which images there are, and which are looked at."""
    told = {**(fetched.extra if fetched else {}), **(reached.extra if reached else {})}
    names = [*(["ok"] if layer.pictured else []), *(["told", "marks"] if layer.costly else [])]
    return fingerprint("got", [[name, told.get(name)] for name in names]) if names else ""


def read_digest(layer: Layer, first: Footer | None, reached: Footer | None) -> str:
    """The digest of what a layer that is bound to the INPUT reads of a part."""
    digest = str(first.source.get("digest")) if first is not None else ""
    return fingerprint(digest, reached.extra.get("marks") if reached else "") if SAID in layer.binds else digest


def compile_plan(recipe: Recipe, table: Table = DOCUMENTS) -> Plan:
    """Orders the scorers and rules on a table; RecipeError if a scorer reads what is not there before it."""
    section = recipe.section(table.name)
    ingest_method = fingerprint("ingest", INGEST_VERSION, asdict(recipe.ingest_options()))
    if table is IMAGES:
        references = _references_method(recipe, ingest_method)
        captions = recipe.captions.model_dump(mode="json", exclude={"prefer"})
        ingest_method = fingerprint("images", IMAGES_VERSION, references, captions)
    layers: list[Layer] = []
    uses = (*_own(recipe, table), *section.uses)
    duplicates_at = max((i for i, use in enumerate(uses) if getattr(use.scorer, "dedup", False)), default=-1) + 0.5
    places = {use.layer: float(i) for i, use in enumerate(uses)}
    repeats = {repeated_layer(use.layer): i + 0.5 for i, use in enumerate(uses) if isinstance(use.scorer, Paragraphs)}
    rules = sorted(
        ((_position(rule, places | repeats, duplicates_at), rule) for rule in section.rules), key=lambda pair: pair[0]
    )
    # Without layers of keys the election says which rows are one record, and nobody asks before the fates.
    held_at = {**repeats, DUPLICATES: duplicates_at if duplicates_at > 0 else float("inf")}
    passes = tuple(sorted(held_at, key=lambda name: held_at[name]))
    if table is DOCUMENTS and not any(use.layer == "text" for use in uses):
        raise RecipeError(
            "documents.score: there is no layer `text`, which shards and duplicates are made of",
            "add `- text` as the first scorer, without `as:` (for tables too: it takes the text of the column)",
        )
    for position, use in enumerate(uses):
        before = {layer.name: layer for layer in layers}
        asked = [rule for at, rule in rules if at < position] if use.scorer.costly else []
        layers.append(_layer(use, position, before, asked, ingest_method, duplicates_at, passes, table))
        if isinstance(use.scorer, Paragraphs):
            asked = [rule for at, rule in rules if at < position + 0.5]
            layers.append(_repeated(use.scorer, layers, asked, passes))
    if table is IMAGES:
        _require_edits_first(layers, duplicates_at)
    steps = [Step(layer.position, f"error:{layer.name}", (f"{layer.name}.error",)) for layer in layers]
    steps += [
        Step(at + 0.25, rule.reason, rule.columns, rule, index) for index, (at, rule) in enumerate(rules)
    ]
    if table is IMAGES:
        steps += [
            Step(-2, "document", (f"{REACHED}.reached",), asks="flag"), Step(-1, "", (f"{FETCHED}.status",), asks="named"),
            Step(0.1, "", (f"{READABLE}.problem",), asks="named"),
        ]  # fmt: skip
    return Plan(recipe, tuple(layers), tuple(sorted(steps, key=lambda step: step.position)), ingest_method, passes, table)


def _require_edits_first(layers: Sequence[Layer], duplicates_at: float) -> None:
    """RecipeError if captions are edited once the election has handed those of the others on to the image that is kept."""
    late = next((layer for layer in layers if layer.edits and 0 < duplicates_at < layer.position), None)
    if late is not None:
        raise RecipeError(
            f"images.score: {late.name} edits captions, and stands behind what finds duplicates: those of the images that are "
            "dropped would go into shards without its edits",
            f"put `- {late.name}` before the scorers that find duplicates",
        )


def _references_method(recipe: Recipe, ingest_method: str) -> str:
    options = recipe.references
    return "" if options is None else fingerprint("references", REFERENCES_VERSION, asdict(options), ingest_method)


def _own(recipe: Recipe, table: Table) -> list[ScorerUse]:
    """What comes before a recipe's scorers: whether an image can be read; of a table of images its further columns, and its
    captions if the recipe says nothing of them."""
    scorers: list[Scorer] = []
    if table is IMAGES:
        scorers.append(Readable())
    elif recipe.pairs and recipe.input.table is not None:
        if recipe.input.table.columns:
            scorers.append(TableColumns(recipe.input.table.columns))
        if not any(use.layer == "text" for use in recipe.documents.uses):
            from ingest.text import Text

            scorers.append(Text())
    return [ScorerUse(one.name, one.name, one, entry_of(type(one)), parameters_of(one)) for one in scorers]


def _position(rule: Rule, positions: Mapping[str, float], duplicates_at: float) -> float:
    """A rule stands behind the last scorer that feeds it."""
    places = [-1.0]
    for column in rule.columns:
        layer = column.split(".", 1)[0]
        places.append(duplicates_at if layer == DUPLICATES else positions.get(layer, -1.0))
    return max(places)


def _repeated(scorer: Paragraphs, layers: Sequence[Layer], asked: Sequence[Rule], passes: Sequence[str]) -> Layer:
    """The layer of what the last of `layers` says is repeated, among the documents that the rules `asked` keep."""
    source = layers[-1]
    binds = set(_bound_by(source))
    methods = [source.method]
    for layer in layers[:-1]:  # an error of any of them drops a document, as a rule does
        methods.append(layer.method)
        binds |= _bound_by(layer)
    if any(column.startswith(f"{DUPLICATES}.") for rule in asked for column in rule.columns):
        binds.add(ELECTION)
    made = scorer.repeated
    name = repeated_layer(source.name)
    method = fingerprint(made.name, made.version, asdict(made), [rule.text for rule in asked], methods)
    return Layer(
        name, made, entry_of(type(made)), source.position + 0.5, passes.index(name) + 1, method, frozenset(binds - {INPUT})
    )


def _layer(
    use: ScorerUse, position: int, before: Mapping[str, Layer], asked: Iterable[Rule], ingest_method: str, duplicates_at: float,
    passes: Sequence[str], table: Table,
) -> Layer:  # fmt: skip
    scorer: Scorer = use.scorer
    stage = 0
    binds: set[str] = set()
    methods: list[str] = []
    pictured = False
    edits = [layer for layer in before.values() if layer.edits]
    names = [column for rule in asked for column in rule.columns]
    for column in [*scorer.inputs, *names]:
        name, _, rest = column.partition(".")
        if name == DUPLICATES:
            stage = max(stage, passes.index(DUPLICATES) + 1)
        elif name in before:
            stage = max(stage, before[name].stage)
    for column in scorer.inputs:
        name, _, rest = column.partition(".")
        pictured |= table is IMAGES and (name == FETCHED or column in (BYTES, DECODED))
        pictured |= name in before and before[name].pictured
        if column == EDITED:
            sources = [before[n] for n in ("text",) if n in before and table is DOCUMENTS] + edits
            if table.others:
                methods.append(f"{ingest_method}:{CAPTION}")
                binds |= {INPUT, SAID}
            elif not sources:
                raise _not_there(table, use, column)
            methods += [layer.method for layer in sources]
            stage = max([stage, *(layer.stage for layer in sources)])
            binds.update(*(_bound_by(layer) for layer in sources))
        elif column in table.columns() or column in table.made or column in table.follows:
            if column in table.follows:
                methods.append(column)
            else:
                methods.append(f"{ingest_method}:{CAPTION if column in table.others else column}")
                binds |= {INPUT, *([SAID] if column in table.others else [])}
        elif name == DUPLICATES and position > duplicates_at:
            methods.append(DUPLICATES)
            binds.add(ELECTION)
        elif name in before and rest in before[name].scorer.schema.names:
            methods.append(f"{before[name].method}:{rest}")
            binds |= _bound_by(before[name])
        else:
            raise _not_there(table, use, column)
    method = fingerprint(
        scorer.name, scorer.version, use.entry, column_parameters(scorer), scorer.weights_digest(), methods
    )
    if scorer.costly:
        # An error of any layer before it drops a record, so that it has to wait for all of them.
        stage = max([stage, *(layer.stage for layer in before.values())])
    if stage > 0 and CONTENT in scorer.inputs:
        raise RecipeError(
            f"documents.score: {use.layer} reads the pages' HTML, which is at hand only before the election and before "
            "repeated lines are cut",
            f"put `- {use.layer}` before the scorers that find duplicates or repeated lines, and the rules on those behind it",
        )
    return Layer(use.layer, scorer, use.entry, position, stage, method, frozenset(binds), pictured)


def _bound_by(layer: Layer) -> set[str]:
    if layer.repeated:  # its fingerprint holds all that it is bound by
        return {layer.name}
    return {*layer.binds, *([layer.name] if layer.costly else [])}


def _not_there(table: Table, use: ScorerUse, column: str) -> RecipeError:
    name = column.partition(".")[0]
    return RecipeError(
        f"{table.name}.score: {use.layer} reads {column}, which no scorer before it makes",
        f"put `- {name}` before `- {use.layer}`",
    )
