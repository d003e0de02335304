"""Compiles a recipe: orders the scorers and rules on a table, and gives each layer its method, pass and what it hangs on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict

from core.errors import RecipeError
from core.scorer import Scorer
from dedup.paragraphs import Paragraphs
from dedup.same_caption import SameCaption
from filters.readable import Readable
from filters.rules import Rule
from filters.table_columns import TableColumns
from pipelines.image_layers import FETCHED, REACHED
from pipelines.plan import (
    CONTENT,
    DUPLICATES,
    EDITED,
    ELECTION,
    INPUT,
    READABLE,
    SAID,
    Layer,
    Plan,
    Step,
    bound_by,
    fingerprint,
)  # fmt: skip
from pipelines.recipe import Recipe, ScorerUse
from pipelines.recipe_scorers import column_parameters, entry_of, parameters_of
from pipelines.recipe_section import OVER_ALL, repeated_layer
from pipelines.tables import BYTES, CAPTION, DECODED, DOCUMENTS, IMAGES, Table

#: Bumped when reading an input gives other records or documents; when pages give other references; and when references give other
#: images.
INGEST_VERSION = 5
REFERENCES_VERSION = 3
IMAGES_VERSION = 3


def compile_plan(recipe: Recipe, table: Table = DOCUMENTS) -> Plan:
    """Orders the scorers and rules on a table; RecipeError if a scorer reads what is not there before it."""
    section = recipe.section(table.name)
    ingest_method = fingerprint("ingest", INGEST_VERSION, asdict(recipe.ingest_options()))
    references = _references_method(recipe, ingest_method)
    if table is IMAGES:
        captions = recipe.captions.model_dump(mode="json", exclude={"prefer"})
        ingest_method = fingerprint("images", IMAGES_VERSION, references, captions)
    layers: list[Layer] = []
    uses = (*_own(recipe, table), *section.uses)
    duplicates_at = max((i for i, use in enumerate(uses) if getattr(use.scorer, "dedup", False)), default=-1) + 0.5
    places = {use.layer: float(i) for i, use in enumerate(uses)}
    repeats = {repeated_layer(use.layer): i + 0.5 for i, use in enumerate(uses) if isinstance(use.scorer, OVER_ALL)}
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
    # The id of an image that the input holds is that of its bytes, which may come to have another address.
    is_held = table is IMAGES and recipe.input.held is not None
    follows = table.follows - {table.url, table.host} if is_held else table.follows
    for position, use in enumerate(uses):
        before = {layer.name: layer for layer in layers}
        asked = [rule for at, rule in rules if at < position] if use.scorer.costly else []
        layers.append(_layer(use, position, before, asked, ingest_method, duplicates_at, passes, table, follows))
        if isinstance(use.scorer, OVER_ALL):
            asked = [rule for at, rule in rules if at < position + 0.5]
            layers.append(_repeated(use.scorer, layers, asked, passes))
    _require_edits_before_copies(layers, table)
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
    ordered = tuple(sorted(steps, key=lambda step: step.position))
    return Plan(recipe, tuple(layers), ordered, ingest_method, references, passes, table)


def _require_edits_first(layers: Sequence[Layer], duplicates_at: float) -> None:
    """RecipeError if captions are edited once the election has handed those of the others on to the image that is kept."""
    late = next((layer for layer in layers if layer.edits and 0 < duplicates_at < layer.position), None)
    if late is not None:
        raise RecipeError(
            f"images.score: {late.name} edits captions, and stands behind what finds duplicates: those of the images that are "
            "dropped would go into shards without its edits",
            f"put `- {late.name}` before the scorers that find duplicates",
        )


def _require_edits_before_copies(layers: Sequence[Layer], table: Table) -> None:
    """RecipeError if a text is edited behind a scorer whose column has words of it, which would go into shards unedited."""
    copied = next((layer for layer in layers if any(b"copies" in (f.metadata or {}) for f in layer.scorer.schema)), None)
    late = next((layer for layer in layers if layer.edits and copied is not None and copied.position < layer.position), None)
    if copied is not None and late is not None:
        raise RecipeError(
            f"{table.name}.score: {late.name} edits texts, and stands behind {copied.name}, which copies them: its words would "
            "go into shards without these edits",
            f"put `- {late.name}` before `- {copied.name}`",
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
    elif recipe.pairs:
        if recipe.input.columns:
            scorers.append(TableColumns(recipe.input.columns))
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


def _repeated(scorer: Paragraphs | SameCaption, layers: Sequence[Layer], asked: Sequence[Rule], passes: Sequence[str]) -> Layer:
    """The layer of what the last of `layers` says is repeated, among the documents that the rules `asked` keep."""
    source = layers[-1]
    binds = set[str]().union(*(bound_by(layer) for layer in layers))  # an error of any of them drops a document, as a rule does
    if any(column.startswith(f"{DUPLICATES}.") for rule in asked for column in rule.columns):
        binds.add(ELECTION)
    made = scorer.repeated
    name = repeated_layer(source.name)
    method = fingerprint(made.name, made.version, asdict(made), source.method)
    return Layer(
        name, made, entry_of(type(made)), source.position + 0.5, passes.index(name) + 1, method, frozenset(binds - {INPUT})
    )


def _layer(
    use: ScorerUse, position: int, before: Mapping[str, Layer], asked: Iterable[Rule], ingest_method: str, duplicates_at: float,
    passes: Sequence[str], table: Table, follows: Collection[str],
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
            binds.update(*(bound_by(layer) for layer in sources))
        elif column in table.columns() or column in table.made or column in table.follows:
            if column in follows:
                methods.append(column)
            else:
                methods.append(f"{ingest_method}:{CAPTION if column in table.others else column}")
                binds |= {INPUT, *([SAID] if column in table.others else [])}
        elif name == DUPLICATES and position > duplicates_at:
            methods.append(DUPLICATES)
            binds.add(ELECTION)
        elif name in before and rest in before[name].scorer.schema.names:
            methods.append(f"{before[name].method}:{rest}")
            binds |= bound_by(before[name])
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


def _not_there(table: Table, use: ScorerUse, column: str) -> RecipeError:
    name = column.partition(".")[0]
    return RecipeError(
        f"{table.name}.score: {use.layer} reads {column}, which no scorer before it makes",
        f"put `- {name}` before `- {use.layer}`",
    )
