"""The passes of one table in order, each looking first at what is there: map passes, those over all rows, fates and shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.errors import InputError, StorageError, UserError
from ingest.parts import Part
from ingest.picture_folder import FORMAT as FOLDER
from pipelines import ending
from pipelines import survey as surveys
from pipelines.account import SHARDS, Account
from pipelines.causes import Causes
from pipelines.context import Context
from pipelines.deduplication import NAME as DEDUPLICATION
from pipelines.deduplication import find_duplicates
from pipelines.ending import Outputs
from pipelines.fingerprints import basis_of_fates, basis_of_pass, before_fingerprint, fingerprint_of, reads_fingerprint
from pipelines.image_layers import overlapping
from pipelines.passes import Passes
from pipelines.plan import DUPLICATES, FATE, IDENTITY, Layer
from pipelines.progress import Pass, Progress
from pipelines.repeats import find_repeats, name_of
from pipelines.run_options import RunOptions
from pipelines.sources import Source, earlier_sources, part_sources, require_decided
from pipelines.survey import PartWork, Survey
from pipelines.tables import DOCUMENTS, Table

Json = dict[str, Any]


class TableRun:
    """What a run does for one table, whose parts are `parts`; of images, rows of `older` ones are carried over. `history` is
    what run.json says, and `account` is told what is done."""

    def __init__(
        self, context: Context, passes: Passes, parts: Sequence[Part], options: RunOptions, progress: Progress, frozen: bool,
        history: Mapping[str, Any], account: Account, older: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.older, self.account = older, account
        self.causes = Causes(context.plan, history)
        self.context, self.passes, self.options, self.progress = context, passes, options, progress
        self.table = context.table
        self.parts = list(parts)
        self.survey = Survey(context.store, self.parts, frozen=frozen, table=self.table)
        self.made: dict[str, str] = {}
        self.decided = False
        #: The fingerprint of the fates, once it is known.
        self.fates = ""
        self.earlier, self.against = list[Source](), ""
        try:
            self.earlier, self.against = earlier_sources(context)
        except (InputError, StorageError) as error:
            if not frozen:
                raise
            self.stay_decided(error)

    def run(self) -> dict[str, Json]:
        """Does what is missing, in order; what there is of each output of the table."""
        self.passes.turn_to(self.context)
        self.made.clear()
        for stage in self.context.plan.stages:
            for name in self.context.plan.passes[len(self.made) : stage]:
                self._over_all(name)
            self._map(stage)
        return self._end()

    def _over_all(self, name: str) -> None:
        """The pass of this name over all texts, unless what it makes is there."""
        self._tell_made(name)
        if name == DUPLICATES:
            self._elect()
        else:
            self._repeat(name)

    def _tell_made(self, name: str) -> None:
        basis = basis_of_pass(self.context, self.survey, name, self.made, self.against)
        self.causes.look(name, basis)
        self.made[name] = fingerprint_of(name, basis)

    def _repeat(self, name: str, then: Sequence[Pass] = ()) -> list[Json] | None:
        """Finds what is repeated, as `_elect` does."""
        done = surveys.pass_done(self.context, self.survey, name, self.made[name])
        self._tell_of_damage()
        layer = self.context.plan.by_name[name]
        self._did_over_all(name_of(layer), name, name, done)
        if done:
            return None
        results = find_repeats(self.passes, self.context, layer, self.rows(), self.made[name], then)
        self.survey.wrote(self.table.name, name, [part.name for part in self.parts])
        self.manifests([(self.table.name, name)])
        return results

    def _tell_of_damage(self) -> None:
        for message in self.survey.damaged:
            self.progress.told(f"{message}: set aside, and computed again")
        self.survey.damaged.clear()

    def _map(self, stage: int) -> None:
        self.causes.look_at_layers(self.made)
        work = [w for w in surveys.survey_stage(self.context, self.survey, stage, self.made) if w.anything]
        self._did_map(stage, [], [])
        work.sort(key=lambda w: (-w.part.size, w.part.name))
        if work and stage == 0 and self.table is DOCUMENTS:
            self._tell_of_idle_workers()
        if work:
            name = map_name(self.table, stage)
            tasks = [self._map_task(w, stage) for w in work]
            results = self.passes.run(Pass(name, "map", len(tasks), sum(w.part.size for w in work)), tasks)
            from pipelines.beam_tasks import broken_tasks  # not before the tasks have begun

            again = broken_tasks(tasks, results)
            if again:
                results += self.passes.run(Pass(f"{name} again", "map", len(again)), again)
            self._did_map(stage, work, results)
            for w in work:
                self._wrote(w)
        reads = stage == 0 and self.table is DOCUMENTS
        mended = reads and self._mend_slices()
        written = [(self.table.name, layer.name) for layer in self.context.plan.stage_layers(stage)] if work or mended else []
        if reads and (work or mended):
            written += [("records", "record"), *([("references", "reference")] if self.context.plan.references_method else [])]
        self.manifests(written + ([(self.table.name, self.table.first)] if reads else []))  # whose input's stamps may be new

    def _tell_of_idle_workers(self) -> None:
        """A small input in fewer parts than workers leaves some of them idle."""
        workers, size = self.options.worker_count, sum(part.size for part in self.parts)
        if len(self.parts) < workers and size > 16_000_000:
            better = max(1, size // (4 * workers) // 1_000_000)
            self.progress.told(
                f"the input is {len(self.parts)} part{'s'[: len(self.parts) != 1]} for {workers} workers: "
                f"`--set input.part={better}MB`, in a new --out, would keep them all busy"
            )

    def _map_task(self, work: PartWork, stage: int, start_at: int | None = None) -> Json:
        plan = self.context.plan
        before = {
            layer.name: before_fingerprint(plan, layer, self.made)
            for layer in plan.stage_layers(stage) if layer.costly
        }  # fmt: skip
        reads = {layer.name: reads_fingerprint(plan, layer, self.made) for layer in plan.stage_layers(stage)}
        # Layers are computed in the order of the plan, whatever order the survey found them missing in.
        layers = [layer.name for layer in plan.stage_layers(stage) if layer.name in work.layers]
        return {"kind": "map", "args": {
            "part": work.part.to_json(), "stage": stage, "reads": reads,
            "ingest": bool(work.ingest), "layers": layers, "before": before,
            "start_at": start_at, "bytes": work.part.size,
            **({"older": overlapping(work.part.name, self.older)} if self.older else {}),
        }}  # fmt: skip

    def _mend_slices(self) -> bool:
        """Reads slices again that began inside a payload: a slice's first record is where the one before it ended. Whether
        there was one."""
        for round in range(len(self.parts)):
            pages = self.survey.first
            again: list[Json] = []
            for before, part in zip(self.parts, self.parts[1:], strict=False):
                left, right = pages[before.name], pages[part.name]
                # Runs of files have a pattern in common, and no slice.
                if before.uri != part.uri or part.format == FOLDER or left is None or right is None:
                    continue
                expected = left.source.get("next_offset")
                if expected is not None and expected != right.source.get("first_offset"):
                    work = PartWork(part, "its first record is elsewhere", {})
                    again.append(self._map_task(work, 0, start_at=int(expected)))
            if not again:
                return round > 0
            self.passes.run(Pass("read slices again", "map", len(again)), again)
        return True

    def _wrote(self, work: PartWork) -> None:
        for layer in work.layers:
            self.survey.wrote(self.table.name, layer, [work.part.name])
        if work.ingest:
            self.survey.wrote(self.table.name, self.table.first, [work.part.name])
            self.survey.wrote("records", "record", [work.part.name])
            self.survey.wrote("references", "reference", [work.part.name])

    def _elect(self, then: Sequence[Pass] = ()) -> list[Json] | None:
        """Elects, with the passes `then` in the same pipeline; None, and nothing done, if the election is there."""
        elected = self.made[DUPLICATES]
        done = surveys.election_done(self.context, self.survey, elected)
        self._tell_of_damage()
        self._did_over_all(DEDUPLICATION, DUPLICATES, IDENTITY, done)
        if done:
            return None
        results = find_duplicates(self.passes, self.context, self.sources(), elected, then)
        layers = [IDENTITY, *([DUPLICATES] if self.context.plan.dedup_layers else [])]
        for layer in layers:
            self.survey.wrote(self.table.name, layer, [part.name for part in self.parts])
        self.manifests([(self.table.name, layer) for layer in layers])
        return results

    def _end(self) -> dict[str, Json]:
        """What comes after the last map pass: the passes over all texts that are left, and, in one pipeline with the last of
        them unless it is done, fates and shards."""
        left = self.context.plan.passes[len(self.made) :]
        for name in left[:-1]:
            self._over_all(name)
        for name in left[-1:]:
            self._tell_made(name)
        basis = basis_of_fates(self.context, self.survey, self.made)
        self.causes.look(FATE, basis)
        self.fates = method = fingerprint_of(FATE, basis)
        new = surveys.is_new(self.survey, FATE)
        missing = surveys.fates_missing(self.context, self.survey, method)
        outputs = Outputs(self.context, self.parts, method)
        wanted = outputs.wanted
        outputs.clear()
        writing = outputs.writing(self.passes.workers)
        deciding = ending.deciding(self.parts, method, wanted)
        last = left[-1] if left else DUPLICATES
        results = self._elect([deciding, *writing]) if last == DUPLICATES else self._repeat(last, [deciding, *writing])
        if results is None and missing:
            tasks = ending.fate_tasks(deciding, self.parts if wanted else missing)
            results = self.passes.run(replace(deciding, parts=len(tasks)), tasks, writing)
        elif results is None and writing:
            results = self.passes.run(writing[0], ending.count_tasks(self.parts, wanted))
        if results is not None:
            self.survey.wrote(self.table.name, FATE, [part.name for part in self.parts])
            self.manifests([(self.table.name, FATE)])
        self._did_fates(results or [], new)
        return self._did_shards(wanted, outputs, results or [])

    def _did_map(self, stage: int, work: Sequence[PartWork], results: Sequence[Json]) -> None:
        """Tells the account of a map pass over the parts of `work`."""
        by_part = {w.part.name: w for w in work}
        done = [(by_part[result["part"]], result) for result in results if result.get("part") in by_part]
        if stage == 0 and self.table is DOCUMENTS:
            read = [(w, result) for w, result in done if w.ingest]
            reasons = {w.part.name: w.ingest for w, _ in read}
            self.account.add(
                self.table.name, self.table.first, len(self.parts), reasons, sum(result["rows"] for _, result in read)
            )  # fmt: skip
        for layer in self.context.plan.stage_layers(stage):
            mine = [(w, result["layers"][layer.name]) for w, result in done if layer.name in result.get("layers", {})]
            reasons = {w.part.name: self._why(layer, w) for w, _ in mine}
            scored, carried = (sum(told[key] for _, told in mine) for key in ("scored", "carried"))
            self.account.add(self.table.name, layer.name, len(self.parts), reasons, scored, carried)

    def _why(self, layer: Layer, work: PartWork) -> str:
        why = work.layers.get(layer.name, "")
        return work.ingest if not why or work.ingest == "new" else self.causes.of_layer(layer, why)

    def _did_over_all(self, title: str, name: str, layer: str, done: bool) -> None:
        why = "" if done else self.causes.of_pass(name, surveys.is_new(self.survey, layer))
        reasons = {} if done else {part.name: why for part in self.parts}
        self.account.add(self.table.name, title, len(self.parts), reasons, 0 if done else sum(self.rows().values()))

    def _did_fates(self, results: Sequence[Json], new: bool) -> None:
        decided = [result for result in results if "kept" in result]
        why = self.causes.of_pass(FATE, new)
        reasons = {str(result["part"]): why for result in decided}
        self.account.add(
            self.table.name, ending.FATES, len(self.parts), reasons, sum(int(result["documents"]) for result in decided)
        )  # fmt: skip

    def _did_shards(self, wanted: Sequence[str], outputs: Outputs, results: Sequence[Json]) -> dict[str, Json]:
        """The outputs, finished; tells the account of them."""
        whys = {name: outputs.why(name, bool(self.causes.of(FATE))) for name in wanted}
        entries = outputs.finish(results, self.progress)
        for name, entry in entries.items():
            samples = sum(total["samples"] for total in entry["totals"].values())
            reasons = {name: whys[name]} if name in whys else {}
            self.account.add(self.table.name, f"{SHARDS}{name}", 1, reasons, samples if reasons else 0)
        return entries

    def sources(self) -> list[Source]:
        """The rows of the election: this run's parts by name, then what earlier runs kept."""
        return part_sources(self.rows(), self.decided) + self.earlier

    def rows(self) -> dict[str, int]:
        """This run's parts by name, with their rows."""
        pages = self.survey.first
        return {name: footer.rows for name, footer in pages.items() if footer is not None}

    def stay_decided(self, error: UserError) -> None:
        """Does without earlier runs that cannot be read: what they kept out stays out, as the last election says."""
        require_decided(self.survey, error)
        self.decided, self.earlier, self.against = True, [], "decided"
        self.progress.told(f"{error.message}: what it kept out of this run stays out, as was decided then")

    def manifests(self, layers: Sequence[tuple[str, str]]) -> None:
        for table, layer in layers:
            stamps = self.survey.stamps if layer == DOCUMENTS.first else None
            surveys.write_manifest(self.context.store, table, layer, self.survey.footers(table, layer, mend=False), stamps)
        self.survey.forget()


def map_name(table: Table, stage: int) -> str:
    """What a map pass of a table is called."""
    if table is not DOCUMENTS:
        return f"score {table.name}" + (f" {stage}" if stage else "")
    return "extract and score" if stage == 0 else f"score {stage}"
