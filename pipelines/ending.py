"""What ends a run, as passes of one pipeline after the election: the fates of all rows, and the shards of each output.

How many rows there are, and what the scorers say of them, is known before; so is the fingerprint of what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.files import storage_errors
from ingest.parts import Part
from pipelines.context import Context
from pipelines.progress import Pass, Progress
from pipelines.shard_notes import note_shards, whole_index
from pipelines.shard_plan import sender_of, sent_by
from pipelines.shards import members_of, sample_schema, shards_fingerprint
from pipelines.tables import DOCUMENTS
from sharding.features import features_of
from sharding.index import Index, index_method, make_index, retract_index, unlisted, write_index
from sharding.shard import ShardInfo
from sharding.split import REASON as OVERLAP

Json = dict[str, Any]
FATES = "decide fates"
#: Why samples of an output are left out of it, beside OVERLAP.
TOKEN_BUDGET = "token_budget"


def outputs_of(context: Context) -> list[str]:
    """The outputs that are made of the table of `context`."""
    return [name for name, output in context.recipe.output.items() if output.from_ == context.table.name]


class Outputs:
    """The outputs of a table: those whose shards are there, of these fates and parts, and those `wanted`."""

    def __init__(self, context: Context, parts: Sequence[Part], fates: str) -> None:
        self._context, self._parts = context, parts
        self._methods = {name: shards_fingerprint(context, name, fates, parts) for name in outputs_of(context)}
        self._there: dict[str, Index] = {}
        self._before: set[str] = set()
        for name, method in self._methods.items():
            index = whole_index(context.store.path("shards", name), context.store)
            if index is not None or index_method(context.store.path("shards", name)):
                self._before.add(name)
            if index is not None and index.about.get("method") == method:
                self._there[name] = index

    @property
    def wanted(self) -> list[str]:
        return [name for name in self._methods if name not in self._there]

    def why(self, name: str, fates_changed: bool) -> str:
        """Why an output is wanted."""
        if name not in self._before:
            return "new"
        return "fates changed" if fates_changed else "its settings, its parts or its shards changed"

    def clear(self) -> None:
        """Takes back indexes of these fates whose shards are not as they say, and deletes what a killed run left beside the
        others. An index of other fates stands until the first shard changes (`plan_shards`)."""
        store = self._context.store
        store.check_lease()
        for name, index in self._there.items():
            folder = store.path("shards", name)
            for stray in unlisted(folder, index):
                (folder / stray).unlink(missing_ok=True)
        for name in self.wanted:
            if index_method(store.path("shards", name)) == self._methods[name]:
                retract_index(store.path("shards", name))

    def writing(self, workers: int) -> list[Pass]:
        """The pass in which so many workers write what is wanted; none if nothing is."""
        wanted = self.wanted
        methods = {name: self._methods[name] for name in wanted}
        steps: list[tuple[str, Json]] = [
            ("count_samples", {}), ("plan_shards", {"methods": methods, "workers": workers}), ("send_samples", {}),
            ("write_shard", {}),
        ]  # fmt: skip
        # How many shards there will be is not known now: what is told is of how many senders the texts are on their way.
        sending = [name for name in wanted if sent_by(self._context.recipe.output, wanted, name)]
        senders = len(sending) * len(_by_sender(self._parts))
        return [Pass(f"write {', '.join(wanted)}", "send_samples", senders, steps=tuple(steps))] if wanted else []

    def finish(self, results: Sequence[Json], progress: Progress) -> dict[str, Json]:
        """Writes the indexes of what was written; returns each output's entry of the summary."""
        for name in self.wanted:
            self._there[name] = self._write_index(name, [result for result in results if result.get("output") == name])
            self._tell_of_validation(name, progress)
            self._tell_of_budget(name, progress)
        entries: dict[str, Json] = {}
        for name in self._methods:
            index, format = self._there[name], self._context.recipe.output[name].format
            entries[name] = {
                "table": self._context.table.name, "format": format, "totals": index.totals, "left_out": left_out_of(index),
                "tokens": index.about.get("tokens"),
            }  # fmt: skip
        return entries

    def _write_index(self, name: str, results: Sequence[Json]) -> Index:
        context, output = self._context, self._context.recipe.output[name]
        folder, members = context.store.path("shards", name), members_of(context, name)
        written = (ShardInfo(**shard) for result in results for shard in result.get("written", []))
        shards = list({shard.name: shard for shard in written}.values())
        planned = next((result for result in results if "left_out" in result), {})
        about = {OVERLAP: int(planned.get("left_out", 0))}
        if output.tokens is not None:
            about |= {TOKEN_BUDGET: sum(planned.get("over_budget", [])), "tokens": int(planned.get("tokens") or 0)}
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        index = make_index(
            output.format, output.samples, context.recipe.seed, shards,
            features=features_of(sample_schema(context.plan, members), members, context.table is not DOCUMENTS),
            about={"method": self._methods[name], "recipe": context.recipe.name, **about},
        )  # fmt: skip
        write_index(folder, index, context.store)
        note_shards(context.store, folder, index)
        return index

    def _tell_of_validation(self, name: str, progress: Progress) -> None:
        """Says so when whole hosts cannot make the share that was asked for."""
        totals: Mapping[str, Mapping[str, int]] = self._there[name].totals
        asked = self._context.recipe.output[name].validation
        counts = {split: total["samples"] for split, total in totals.items()}
        share = counts.get("validation", 0) / max(1, sum(counts.values()))
        if counts and (asked > 0 or share > 0) and not asked / 2 <= share <= asked * 2:
            progress.told(
                f"output {name}: {share:.1%} of the samples are for validation, and the recipe asks for {asked:.1%}: "
                "a host goes to one side whole, and there are few or uneven hosts"
            )


    def _tell_of_budget(self, name: str, progress: Progress) -> None:
        """Says so when there are not as many tokens as the output may have."""
        most, about = self._context.recipe.output[name].tokens, self._there[name].about
        if most is not None and not about[TOKEN_BUDGET]:
            progress.told(
                f"output {name}: its samples have {about['tokens']:,} tokens in all, and the recipe allows {most:,}: none was left "
                "out for the budget"
            )


def left_out_of(index: Index) -> dict[str, int]:
    """How many samples an output leaves out, by reason."""
    reasons = (OVERLAP, TOKEN_BUDGET)
    return {reason: int(index.about[reason]) for reason in reasons if index.about.get(reason)}


def deciding(parts: Sequence[Part], method: str, outputs: Sequence[str]) -> Pass:
    """The pass that decides the fates of parts, for these outputs to be written after it."""
    args = {"method": method, "outputs": list(outputs), "parts": len(parts)}
    return Pass(FATES, "decide_fates", len(parts), steps=(("decide_fates", args),))


def fate_tasks(pass_: Pass, parts: Sequence[Part]) -> list[Json]:
    """The tasks of `deciding` where it comes first; a part whose fates are there passes through."""
    ((kind, args),) = pass_.steps
    return [{"kind": kind, "args": {**args, "key": ["fates", part.name]}} for part in parts]


def count_tasks(parts: Sequence[Part], outputs: Sequence[str]) -> list[Json]:
    """The tasks of `writing` where it comes first."""
    return [
        {"kind": "count_samples", "args": {"key": ["count", output, sender], "values": names}}
        for output in outputs for sender, names in _by_sender(parts).items()
    ]  # fmt: skip


def _by_sender(parts: Sequence[Part]) -> dict[str, list[str]]:
    """The names of the parts that each sender sends the samples of."""
    senders: dict[str, list[str]] = {}
    for part in parts:
        senders.setdefault(sender_of(part.name, len(parts)), []).append(part.name)
    return senders
