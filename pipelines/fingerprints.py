"""What layers, passes over all texts and fates hang on beside the records and their methods, and its fingerprints.

A `Basis` names the parts of such a fingerprint, so that `pipelines.causes` can tell which of them changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.context import Context
from pipelines.image_layers import FETCHED, REACHED
from pipelines.plan import DUPLICATES, ELECTION, Layer, Plan, fingerprint
from pipelines.summaries import report_plan
from pipelines.tables import DOCUMENTS

if TYPE_CHECKING:
    from pipelines.survey import Survey

#: The fingerprints of passes over all texts by name (`Plan.passes`), of those whose turn has come.
Made = Mapping[str, str]
#: JSON-able values: `rules` (their lines, in order), `scorers` (name → method), `passes` (name → fingerprint), `rows`, `seen`
#: (which rows costly scorers have seen), `removed`, `against`, `images`, `settings`. What there is none of is not in it.
Basis = dict[str, Any]


def basis_of_pass(context: Context, survey: Survey, name: str, made: Made, against: str = "") -> Basis:
    """Of a pass over the rows of all parts; of the election, earlier runs (`against`) are part of it. `made` are the
    fingerprints of the passes before it."""
    plan = context.plan
    pages = survey.first
    rows = [(name, f.rows_digest, f.source.get("digest", "")) for name, f in sorted(pages.items()) if f is not None]
    found: Basis = {"rows": fingerprint("rows", rows), "passes": {other: made[other] for other in plan.bound_passes(name)}}
    if name == DUPLICATES:
        found |= plan.election_basis()
        found |= {"against": against} if against else {}
        return found | _removed(context) | _of_images(context, survey)
    layer = plan.by_name[name]
    return found | plan.repeats_basis(layer) | _seen(plan, layer, made) | _removed(context) | _of_images(context, survey)


def basis_of_fates(context: Context, survey: Survey, made: Made) -> Basis:
    """Of the fates: rules, what feeds them, the passes over all texts, and which rows costly scorers saw."""
    plan = context.plan
    scored = [
        f"{layer.name}:{name}:{footer.scored}"
        for layer in plan.layers if layer.skips
        for name, footer in survey.of(layer.name).items() if footer is not None
    ]  # fmt: skip
    settings = [context.recipe.seed, plan.section.audit, report_plan(plan).to_dict(), image_files(context)]
    found: Basis = plan.fate_basis()
    found["settings"] = fingerprint(found["settings"], settings)
    found["passes"] = {name: made[name] for name in plan.passes}
    return found | ({"seen": fingerprint(sorted(scored))} if scored else {}) | _removed(context) | _of_images(context, survey)


def basis_of_seen(plan: Plan, layer: Layer, made: Made) -> Basis:
    """Of which rows a costly layer has to score: the rules before it, what feeds them, the audit sample."""
    steps = plan.steps_before(layer.position)
    names = {c.partition(".")[0] for step in steps for c in step.columns}
    return {
        "rules": [step.rule.text for step in steps if step.rule],
        "scorers": {other.name: other.method for other in plan.layers if other.name in names},
        "settings": fingerprint("before", plan.section.audit, plan.recipe.seed),
        "passes": {name: made[name] for name in plan.passes[: layer.stage]},
    }


def fingerprint_of(name: str, basis: Basis) -> str:
    """The fingerprint of what hangs on a basis."""
    return fingerprint(name, {**basis, "scorers": list(basis.get("scorers", {}).values())})


def reads_fingerprint(plan: Plan, layer: Layer, made: Made) -> str:
    """What a layer's values hang on beside ids and methods: the election, what else is known of all texts together, and
    which rows costly layers scored."""
    if layer.repeated:
        return made[layer.name]
    repeated = [made[name] for name in plan.passes if name in layer.binds]
    return fingerprint("reads", _seen(plan, layer, made), made[DUPLICATES] if ELECTION in layer.binds else "", *repeated)


def before_fingerprint(plan: Plan, layer: Layer, made: Made) -> str:
    """The fingerprint of which rows a costly layer has to score."""
    return fingerprint_of("before", basis_of_seen(plan, layer, made))


def image_files(context: Context) -> list[Any]:
    """The sizes that images have to be made in, which not every image can be."""
    if context.plan.table is DOCUMENTS:
        return []
    outputs = (output for output in context.recipe.output.values() if output.from_ == context.plan.table.name)
    return [output.resize.model_dump(mode="json") if output.resize else {} for output in outputs]


def _seen(plan: Plan, layer: Layer, made: Made) -> Basis:
    """Which rows the costly layers scored that a layer is bound by."""
    bound = (plan.by_name[name] for name in sorted(layer.binds & plan.by_name.keys()))
    found = [before_fingerprint(plan, other, made) for other in bound if not other.repeated]
    return {"seen": found} if found else {}


def _of_images(context: Context, survey: Survey) -> Basis:
    """What elections and fates of images hang on that the pipeline wrote beside them."""
    if context.plan.table is DOCUMENTS:
        return {}
    layers = (survey.of(FETCHED), survey.of(REACHED))
    names = ("told", "ok", "marks")
    told = [[part, [f.extra.get(n) for f in (layer[part] for layer in layers) if f for n in names]] for part in sorted(layers[0])]
    return {"images": fingerprint("images", told)}


def _removed(context: Context) -> Basis:
    """What takedowns add to a fingerprint: nothing where there are none."""
    return {"removed": context.removals.digest} if context.removals else {}
