"""Why something is not up to date: what it hangs on now, beside what it hung on when the last run ended (run.json).

Causes are told from their root: a rule that was moved is the cause of the election behind it, and of what reads that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.fingerprints import Basis, Made, basis_of_seen
from pipelines.plan import DUPLICATES, ELECTION, Layer, Plan

#: What `pipelines.survey` says of a layer, whose causes are told here.
MISSING, READS, RULES = "missing", "what it reads changed", "rules before it changed"
METHOD = "parameters, version or what it reads changed"
#: Of what was made by a run that did not come to its end.
UNKNOWN = "what it hangs on changed since it was made"
#: How what a pass over all texts comes to is called.
_ELECTION = "duplicates are elected anew"
_CAUSES = {
    "rows": "rows were added, or read again", "seen": "other rows were scored by a costly scorer before it",
    "removed": "pages were taken down", "against": "the earlier runs changed", "images": "other images were got or are looked at",
}  # fmt: skip


class Causes:
    """Of one table. `history` is what run.json says; `now` is filled as the passes have their turn."""

    def __init__(self, plan: Plan, history: Mapping[str, Any]) -> None:
        self._plan = plan
        self._then: Mapping[str, Basis] = history.get("hung_on", {}).get(plan.table.name, {})
        self._scorers = scorer_changes(history, plan)
        self.now: dict[str, Basis] = {}

    def look(self, name: str, basis: Basis) -> None:
        """What the pass `name`, or FATE, hangs on now."""
        self.now[name] = basis

    def look_at_layers(self, made: Made) -> None:
        """Which rows costly layers have to score now, `made` by the passes whose turn has come."""
        for layer in self._plan.layers:
            if layer.costly and layer.stage <= len(made):
                self.now[layer.name] = basis_of_seen(self._plan, layer, made)

    def of(self, name: str) -> tuple[str, ...]:
        """What changed of what `name` hangs on; empty if nothing did, or if it is not known."""
        now, then = self.now.get(name), self._then.get(name)
        if now is None or then is None or now == then:
            return ()
        found = list(rule_changes(then.get("rules", []), now.get("rules", [])))
        for scorer in {**then.get("scorers", {}), **now.get("scorers", {})}:
            if then.get("scorers", {}).get(scorer) != now.get("scorers", {}).get(scorer):
                found.append(f"{scorer}: {self._scorers.get(scorer, 'it is another scorer')}")
        for other, made in now.get("passes", {}).items():
            if then.get("passes", {}).get(other) != made:
                found += self.of(other) or (self._outcome(other),)
        found += [told for key, told in _CAUSES.items() if then.get(key) != now.get(key)]
        return tuple(dict.fromkeys(found)) or ("its settings changed",)

    def of_layer(self, layer: Layer, why: str) -> str:
        """What `pipelines.survey` says of a layer, with its causes."""
        if why == MISSING and not self._then:
            return "new"
        if why == METHOD:
            return self._scorers.get(layer.name, why)
        if why == RULES:
            causes = self.of(layer.name)
            return f"rows that newly reach it are scored ({'; '.join(causes)})" if causes else why
        if why != READS:
            return why
        passes = [name for name in self._plan.passes if name in layer.binds or (name == DUPLICATES and ELECTION in layer.binds)]
        told = list(dict.fromkeys(self._outcome(name) for name in passes if self.of(name)))
        causes = dict.fromkeys(cause for name in [*passes, *sorted(layer.binds)] for cause in self.of(name))
        if not causes:
            return why
        return f"{', and '.join(told) or 'it reads what other rows were scored for'} ({'; '.join(causes)})"

    def of_pass(self, name: str, new: bool) -> str:
        """Why a pass over all texts, or the fates, is done."""
        if new:
            return "new"
        if name in self._then and self._then[name] == self.now[name]:
            return "files of it are missing"
        return "; ".join(self.of(name)) or UNKNOWN

    def _outcome(self, name: str) -> str:
        if name == DUPLICATES:
            return _ELECTION
        return f"{self._plan.source_of(self._plan.by_name[name]).name} may cut other lines"


def rule_changes(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """What differs between two lists of rules; a rule that reads the same column first is told as moved."""
    gone = [rule for rule in old if rule not in new]
    found: list[str] = []
    for rule in new:
        if rule not in old:
            before = next((other for other in gone if _subject(other) == _subject(rule)), None)
            if before is not None:
                gone.remove(before)
            found.append(f"new rule: {rule}" if before is None else f"rule changed: {before} → {rule}")
    found += [f"rule taken out: {rule}" for rule in gone]
    if not found and list(old) != list(new):
        found.append("the order of the rules changed")
    return tuple(found)


def _subject(rule: str) -> str:
    return rule.removeprefix("not ").split(maxsplit=1)[0]


def scorer_changes(history: Mapping[str, Any], plan: Plan) -> dict[str, str]:
    """What changed of the scorers since the last run, by layer: of those whose values follow from something else now."""
    told = history.get("plan", {})
    entries = (told if plan.table.name == "documents" else told.get("images", {})).get("layers", [])
    old = {entry["layer"]: entry for entry in entries}
    section = history.get("recipe", {}).get(plan.table.name) or {}
    before = dict(map(_parameters, section.get("score", [])))
    now = {use.layer: dict(use.params) for use in plan.section.uses}
    found: dict[str, str] = {name: "the scorer is taken out" for name in old if name not in plan.by_name}
    for layer in plan.layers:
        entry = old.get(layer.name)
        if entry is not None and entry["method"] == layer.method:
            continue
        if entry is None:
            found[layer.name] = "the scorer is new"
        elif entry["version"] != layer.scorer.version:
            found[layer.name] = f"its version is {layer.scorer.version}, and was {entry['version']}"
        elif moved := _moved(before.get(layer.name, {}), now.get(layer.name, {})):
            found[layer.name] = f"its parameters changed: {moved}"
        elif reads := [name for name in dict.fromkeys(_sources(plan, layer)) if name in found]:
            found[layer.name] = f"what it reads changed: {', '.join(reads)}"
        elif told.get("ingest") != plan.ingest_method and plan.table.name == "documents":
            found[layer.name] = "the reader of the input changed"
        else:
            found[layer.name] = "its weights, or the files it reads, changed"
    return found


def _sources(plan: Plan, layer: Layer) -> list[str]:
    """The layers that a layer reads."""
    if layer.repeated:
        return [plan.source_of(layer).name]
    names = [column.partition(".")[0] for column in layer.scorer.inputs]
    return [*names, *(other.name for other in plan.edits_before(layer.position) if "text.edited" in layer.scorer.inputs)]


def _parameters(item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    (name, given), = item.items()  # fmt: skip
    params = {key: value for key, value in (given or {}).items() if key != "as"}
    return (given or {}).get("as", name), params


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} {_short(old.get(key))} → {_short(new.get(key))}" for key in keys)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
