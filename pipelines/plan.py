"""The recipe compiled: which layers there are, how each is made (its method), in which pass, in which order.

A method is a fingerprint of how a layer's values follow from a record: the scorer's name, version, parameters
and weights, and the methods of what it reads. It says nothing about data: alignment is the digest of the ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from core.hashing import digest
from core.scorer import CUT, MASK, Scorer
from dedup.paragraphs import Repeated
from dedup.same_caption import CaptionCounts
from filters.readable import Readable
from filters.rules import Rule
from filters.tokens import Tokens
from pipelines.layers import ERROR, SCORED, Footer
from pipelines.recipe import Recipe, Scored
from pipelines.recipe_scorers import parameters_of
from pipelines.recipe_section import repeated_layer
from pipelines.tables import DOCUMENTS, IMAGES, Table
from reports.statistics import VERSION as STATISTICS_VERSION

#: Bumped when what is known of a fetched image changes.
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
        return isinstance(self.scorer, Repeated | CaptionCounts)

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
    #: The fingerprint of the table `references`; empty if the recipe has none.
    references_method: str = ""
    passes: tuple[str, ...] = (DUPLICATES,)
    table: Table = DOCUMENTS

    @property
    def section(self) -> Scored:
        """The recipe's section on the table."""
        return self.recipe.section(self.table.name)

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

    @property
    def tokens(self) -> str:
        """The column of tokens that reports and budgets count, that of the first scorer of tokens; empty if there is none."""
        return next((f"{layer.name}.count" for layer in self.layers if isinstance(layer.scorer, Tokens)), "")

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
            binds = set[str]().union(*(bound_by(layer) for layer in self.layers_feeding_election()))
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

    def election_basis(self) -> dict[str, Any]:
        """What the election hangs on, but for the data: what it reads and which rules come before it."""
        order = ["largest, sharpest", "pHash and PDQ"] if self.table is IMAGES else []
        settings = [parameters_of(layer.scorer) for layer in self.dedup_layers]
        return {
            "rules": self._rules_before(self.duplicates_position),
            "scorers": {layer.name: layer.method for layer in self.layers_feeding_election()},
            "settings": fingerprint("election", 6, *order, self.ingest_method, settings),
        }

    def repeats_basis(self, layer: Layer) -> dict[str, Any]:
        """What a `repeated` layer hangs on, but for the data: who takes part, by rules and errors before it. Its method says how
        it follows from those."""
        return {
            "rules": self._rules_before(layer.position),
            "scorers": {other.name: other.method for other in self.layers if other.position < layer.position},
            "settings": layer.method,
        }

    def _rules_before(self, position: float) -> list[str]:
        return [step.rule.text for step in self.steps_before(position) if step.rule]

    def layers_feeding_election(self) -> tuple[Layer, ...]:
        """Dedup layers, those whose columns or errors decide who is alive before the election, and edits that are known then."""
        names = {column.split(".", 1)[0] for step in self.steps_before(self.duplicates_position) for column in step.columns}
        names |= {layer.name for layer in (*self.dedup_layers, *self.edits_known)}
        return tuple(layer for layer in self.layers if layer.name in names)

    def fate_basis(self) -> dict[str, Any]:
        """What the fates hang on, but for the data."""
        repeat = [list(self.section.repeat.items())] if self.section.repeat else []
        reasons = [step.reason for step in self.steps]
        return {
            "rules": [rule.text for rule in self.rules],
            "scorers": {layer.name: layer.method for layer in self.layers},
            "settings": fingerprint("fate", 2, *repeat, STATISTICS_VERSION, reasons),
        }


def fingerprint(*parts: Any) -> str:
    """A short digest of JSON-able values, the same on every machine."""
    return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False)).hex()


def bound_by(layer: Layer) -> set[str]:
    """What a layer that reads this one is bound by."""
    if layer.repeated:  # its fingerprint holds all that it is bound by
        return {layer.name}
    return {*layer.binds, *([layer.name] if layer.costly else [])}


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
