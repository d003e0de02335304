"""What a run would compute and why, pass by pass, without computing or writing anything.

The same questions that the run itself asks of the out folder (`pipelines.survey`), put in the order of the passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.parts import Part
from pipelines import survey as surveys
from pipelines.causes import Causes, rule_changes, scorer_changes
from pipelines.compilation import compile_plan
from pipelines.context import Context, input_parts
from pipelines.deduplication import NAME as DEDUPLICATION
from pipelines.ending import FATES, outputs_of
from pipelines.estimate import Estimate, estimate
from pipelines.fingerprints import basis_of_fates, basis_of_pass, fingerprint_of
from pipelines.gathering import NAME as GATHERING
from pipelines.gathering import image_part
from pipelines.got_input import GotInput, got_input, parts_of
from pipelines.image_layers import REACHED, part_names
from pipelines.images_fetched import NAME as FETCHING
from pipelines.images_run import ImagesWork
from pipelines.placement import Placement, placement
from pipelines.plan import DUPLICATES, FATE, IDENTITY, Plan
from pipelines.recipe import Recipe
from pipelines.recipe_files import require_files
from pipelines.recipe_warnings import warnings_of
from pipelines.repeats import name_of
from pipelines.reporting import MERGING, MOST_ALONE
from pipelines.run_options import RunOptions
from pipelines.runfile import read_run, require_same_recipe
from pipelines.shard_notes import whole_index
from pipelines.shards import shards_fingerprint
from pipelines.sources import earlier_sources
from pipelines.store import Store
from pipelines.survey import Footers, PartWork, Survey
from pipelines.table_run import map_name
from pipelines.tables import DOCUMENTS, IMAGES, Table


@dataclass(frozen=True)
class LayerWork:
    """A layer of a map pass: how many parts it is computed for, by reason."""

    layer: str
    why: Mapping[str, int]

    @property
    def parts(self) -> int:
        return sum(self.why.values())


@dataclass(frozen=True)
class PassWork:
    """One pass: `todo` of `parts` parts, `bytes` of input and, where they are known, `rows` in them.

    `perhaps` marks what depends on the outcome of a pass before; `why` counts parts by reason; `over_all` tells a pass over
    all texts, `alone` why one has a pipeline of its own.
    """

    name: str
    parts: int
    todo: int
    bytes: int = 0
    rows: int | None = None
    why: Mapping[str, int] = field(default_factory=dict[str, int])
    layers: tuple[LayerWork, ...] = ()
    perhaps: bool = False
    over_all: bool = False
    alone: str = ""


#: Why what reads the input waits for what gets it.
_BROUGHT = "what is read is known when it is got"
_NEW_IMAGES = "images may be new"
#: Why the images of pages wait for those, and what is asked of hosts for both.
_SHOWN = "which images are looked at is decided by the pages that are kept"
_REACHED = "which hosts are asked is known when all references are gathered"
#: Why passes wait for the map pass before them: for the first one, and for those after an election.
_COUNTED = "how many rows there are decides how they are shared out"
_SEEN = "which rows its scorers saw decides which fates are out of date"
#: Why a map pass waits for what is before it, and one pass over all texts for another.
_ELECTED, _REPEATED = "its scorers read what the election says", "its scorers read texts without what is repeated"
_GOT = "its scorers look at the images that were got"
_DECIDED = "who takes part is decided by the pass before"


@dataclass(frozen=True)
class PipelineWork:
    """Passes that run as one Beam pipeline, and `why` they do not begin in the pipeline before."""

    passes: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class Preview:
    """What a run would do. `changes` says what differs from the recipe that was run last; `left_out` counts parts
    that `--limit` leaves out, `images` tells where those of the pages come from."""

    name: str
    out: str
    parts: int
    bytes: int
    passes: tuple[PassWork, ...]
    changes: tuple[str, ...]
    estimate: Estimate
    placement: Placement
    damaged: tuple[str, ...] = ()
    left_out: int = 0
    warnings: tuple[str, ...] = ()
    images: str = ""

    @property
    def nothing(self) -> bool:
        """Whether everything is up to date."""
        return all(p.todo == 0 for p in self.passes)

    @property
    def pipelines(self) -> tuple[PipelineWork, ...]:
        """How the passes share pipelines, each of which costs a cluster 20 to 70 s to start. A search for duplicates among
        more rows than one process holds is several."""
        groups: list[list[str]] = [[]]
        whys = [""]
        over_all, brought = "", False
        for work in self.passes:
            if work.alone:
                brought = work.alone == _BROUGHT
                whys += [work.alone, _COUNTED]
                groups += [[work.name] if work.todo else [], []]
                continue
            if work.layers:  # a map pass has a pipeline of its own, also where there is nothing to do for it
                got = groups[-1] == [FETCHING] or (len(groups) > 1 and groups[-2] == [FETCHING] and not groups[-1])
                waits = _BROUGHT if brought else _GOT if got else _REPEATED if over_all and over_all != DEDUPLICATION else _ELECTED
                whys += [waits, _SEEN if len(groups) > 1 and not brought else _COUNTED]
                brought = False
                groups += [[work.name] if work.todo else [], []]
                continue
            if work.over_all:
                over_all = work.name
                if groups[-1] and work.todo:  # the last of them alone has what ends the run in its pipeline
                    groups.append([])
                    whys.append(_DECIDED)
            if work.todo:
                groups[-1].append(work.name)
        if self.parts > MOST_ALONE:
            groups.append([MERGING])
            whys.append("statistics of so many parts are merged by tasks, once all are there")
        found = [(tuple(group), why) for group, why in zip(groups, whys, strict=True) if group]
        return tuple(PipelineWork(group, why if i else "") for i, (group, why) in enumerate(found))


def preview(recipe: Recipe, options: RunOptions) -> Preview:
    """What `run` would do with these arguments. InputError without input, StorageError for another run's folder."""
    out, limit = options.out, options.limit
    where = placement(options)
    options.engine.use_storage()
    require_files(recipe)
    plan = compile_plan(recipe)
    require_same_recipe(out, recipe)
    context = Context(Store(out), plan)
    got = got_input(context)
    every = input_parts(recipe) if got is None else parts_of(context, got)
    parts = every[:limit] if limit is not None else every
    history = read_run(out)
    survey = Survey(context.store, parts)
    getting = [] if got is None else [_of_input(got)]
    passes = (*getting, *_passes(context, survey, history, any(work.todo for work in getting)))
    return Preview(
        recipe.name, out, len(parts), sum(part.size for part in parts), passes, tuple(_changes(history, plan)),
        estimate(out, history, parts, passes, survey.first, plan.ingest_method), where,
        tuple(survey.damaged), len(every) - len(parts), warnings_of(recipe), _images_told(context),
    )  # fmt: skip


def _of_input(got: GotInput) -> PassWork:
    """What is done for an input that is got from the web."""
    why = dict(got.left)
    return PassWork(got.name, max(got.parts, sum(why.values())), sum(why.values()), why=why, alone=_BROUGHT)


def _passes(context: Context, survey: Survey, history: Mapping[str, Any], getting: bool) -> tuple[PassWork, ...]:
    """`getting`: pages may come of the input that is got first."""
    passes, fates, decides = _of_table(context, survey, history, "pages may be new" if getting else "", 1 if getting else 0)
    if context.recipe.images is not None:
        passes += _of_images(context, survey, history, fates, decides)
    return tuple(passes)


def _images_told(context: Context) -> str:
    """Where the images of the pages come from, and how many, where that is known."""
    recipe = context.recipe
    if recipe.images is None:
        return ""
    settings = recipe.fetch.settings(recipe.seed)
    told = "lie in the input, and are read there; nothing is asked of the web"
    rest = f"the rest is asked for as {settings.user_agent.split()[0]}, {settings.per_host} at a time of a host"
    if not recipe.fetch.web:
        rest = "nothing is asked of the web"
    if recipe.input.held is None:
        told = f"are taken from the input where it holds them; {rest}"
    known = read_run(context.store.root).get("images", {}).get("parts", {})
    parts = [image_part(name) for group, number in sorted(known.items()) for name in part_names(group, number)]
    marks = [f for f in Survey(context.store, parts, table=IMAGES).of(REACHED, mend=False).values() if f is not None]
    if marks:
        reached, held = (sum(mark.extra[name] for mark in marks) for name in ("reached", "held"))
        told += f". By the last run: {reached:,} are looked at, {held:,} of them in the input"
    return told


def _of_images(
    context: Context, documents: Survey, history: Mapping[str, Any], fates: str, decides: bool
) -> list[PassWork]:  # fmt: skip
    """What is done for the images that pages show, once the fates of those are known."""
    parts = len(documents.parts)
    work = ImagesWork(context, documents, fates, history.get("images", {}))
    gathers = decides or not work.is_gathered
    why = {"fates of pages may change" if decides else "pages, references or removals changed": parts} if gathers else {}
    passes = [PassWork(
        GATHERING, parts, parts if gathers else 0, 0, work.references or None, why, perhaps=gathers and work.is_gathered,
        alone=_SHOWN,
    )]  # fmt: skip
    missing = work.missing()
    asks = work.groups if gathers else len(missing)
    why = {_NEW_IMAGES if gathers else "images are new, or to be asked for again": asks} if asks else {}
    passes.append(PassWork(FETCHING, work.groups, asks, 0, None, why, perhaps=gathers and not missing, alone=_REACHED))
    changes = gathers or bool(missing)
    return passes + _of_table(work.context, work.survey, history, _NEW_IMAGES if changes else "", work.groups if gathers else 0)[0]


def _of_table(
    context: Context, survey: Survey, history: Mapping[str, Any], changes: str = "", least: int = 0
) -> tuple[list[PassWork], str, bool]:  # fmt: skip
    """The passes of one table, the fingerprint of its fates, and whether they are decided; `changes` says how its rows may
    change, if they may, and its parts will be `least` or more."""
    plan, parts = context.plan, survey.parts
    pages = survey.first
    many = max(len(parts), least)
    passes: list[PassWork] = []
    against = earlier_sources(context)[1]
    made: dict[str, str] = {}
    causes = Causes(plan, history)
    new_rows, elects = bool(changes), False
    pending_costly = False

    def over_all(names: Sequence[str]) -> None:
        nonlocal elects
        for name in names:
            basis = basis_of_pass(context, survey, name, made, against)
            causes.look(name, basis)
            made[name] = fingerprint_of(name, basis)
            passes.append(work := _over_all(context, survey, name, made[name], new_rows, many, causes))
            elects = elects or work.todo > 0

    for stage in plan.stages:
        over_all(plan.passes[len(made) : stage])
        causes.look_at_layers(made)
        work = [w for w in surveys.survey_stage(context, survey, stage, made) if w.anything]
        passes.append(_map(plan, stage, work, many, pages, changes, causes))
        new_rows = new_rows or any(w.ingest and not w.ingest.endswith("HTML") for w in work)
        pending_costly = pending_costly or any(plan.by_name[name].skips for w in work for name in w.layers)
    over_all(plan.passes[len(made) :])
    basis = basis_of_fates(context, survey, made)
    causes.look(FATE, basis)
    fates = fingerprint_of(FATE, basis)
    missing = surveys.fates_missing(context, survey, fates)
    why = causes.of_pass(FATE, surveys.is_new(survey, FATE)) if missing else "scores may change"
    decides = many if elects or pending_costly or changes else len(missing)
    passes.append(PassWork(
        _named(FATES, plan.table), many, decides, sum(p.size for p in parts) if decides else 0, _rows(parts, pages),
        {why: decides} if decides else {},
        perhaps=decides > 0 and not missing,
    ))  # fmt: skip
    for name in outputs_of(context):
        index = whole_index(context.store.path("shards", name))
        same = index is not None and index.about.get("method") == shards_fingerprint(context, name, fates, parts)
        todo = 0 if same and not decides else many
        why = "new" if index is None else "fates change" if decides else "settings or parts changed"
        passes.append(PassWork(
            f"write {name}", many, todo, 0, None, {why: todo} if todo else {}, perhaps=same and todo > 0
        ))  # fmt: skip
    return passes, fates, decides > 0


def _named(name: str, table: Table) -> str:
    """What a pass is called that is not of pages."""
    return name if table is DOCUMENTS else f"{name} of {table.name}"


def _map(
    plan: Plan, stage: int, work: Sequence[PartWork], parts: int, pages: Footers, changes: str, causes: Causes
) -> PassWork:  # fmt: skip
    layers = [
        LayerWork(layer.name, Counter(causes.of_layer(layer, why) for w in work if (why := w.layers.get(layer.name, ""))))
        for layer in plan.stage_layers(stage)
    ]
    if stage == 0 and plan.table is DOCUMENTS:
        layers.insert(0, LayerWork("page", Counter(w.ingest for w in work if w.ingest)))
    if changes:  # what is there may have to be done too, or is not known yet
        layers = [layer if layer.why else LayerWork(layer.layer, Counter({changes: parts})) for layer in layers]
    todo = parts if changes else len(work)
    rows = None if changes else _rows([w.part for w in work], pages)
    return PassWork(
        map_name(plan.table, stage), parts, todo, sum(w.part.size for w in work), rows,
        {changes: todo} if changes else {}, tuple(layers), perhaps=bool(changes),
    )  # fmt: skip


def _over_all(
    context: Context, survey: Survey, name: str, made: str, new_rows: bool, parts: int, causes: Causes
) -> PassWork:  # fmt: skip
    done = surveys.pass_done(context, survey, name, made)
    todo = 0 if done and not new_rows else parts
    new = surveys.is_new(survey, IDENTITY if name == DUPLICATES else name)
    why = "rows are added or read again" if new_rows else causes.of_pass(name, new)
    pages = survey.first
    title = _named(DEDUPLICATION if name == DUPLICATES else name_of(context.plan.by_name[name]), context.table)
    return PassWork(
        title, parts, todo, 0, _rows(survey.parts, pages), {why: todo} if todo else {},
        perhaps=done and todo > 0, over_all=True,
    )  # fmt: skip


def _rows(parts: Sequence[Part], pages: Footers) -> int | None:
    """The documents of parts, None if one of them was not read yet."""
    found = [pages.get(part.name) for part in parts]
    if not found or any(footer is None for footer in found):
        return None
    return sum(footer.rows for footer in found if footer is not None)


def _changes(history: Mapping[str, Any], plan: Plan) -> list[str]:
    """What differs between the plan of the last run and this one."""
    if not history:
        return []
    told: list[str] = []
    told = list(rule_changes([rule["rule"] for rule in history["plan"]["rules"]], [rule.text for rule in plan.rules]))
    for name, why in scorer_changes(history, plan).items():
        shown = {"the scorer is new": f"new scorer: {name}", "the scorer is taken out": f"scorer taken out: {name}"}
        told.append(shown.get(why, f"scorer changed: {name} ({why})"))
    if history["plan"]["ingest"] != plan.ingest_method:
        told.append("the reader of the input changed")
    return told
