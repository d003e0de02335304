"""A run from recipe to report: surveys what is there, runs the passes that are missing, and writes what came of it.

The same command again brings the out folder up to date; a pass that has nothing to do starts nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.errors import InputError, StorageError, UserError
from core.files import storage_errors
from core.remote_path import place, remove_tree
from ingest.parts import Part
from pipelines import ending
from pipelines import survey as surveys
from pipelines.context import Context, input_parts
from pipelines.deduplication import find_duplicates
from pipelines.ending import Outputs
from pipelines.passes import Passes
from pipelines.plan import DUPLICATES, FATE, IDENTITY, compile_plan
from pipelines.progress import Pass, Progress, Silent
from pipelines.recipe import Recipe
from pipelines.redaction import settle
from pipelines.remote_lease import lease_for
from pipelines.repeats import find_repeats
from pipelines.run_options import RunOptions, RunResult, require_no_larger_run
from pipelines.runfile import read_run, require_same_recipe, write_run
from pipelines.sources import Source, earlier_sources, part_sources, require_decided
from pipelines.survey import PartWork, Survey
from pipelines.zygote import Zygote

Json = dict[str, Any]
#: Damaged files that are found while they are read are set aside, and the passes looked at again, this often.
MOST_REPAIRS = 5


def run(
    recipe: Recipe, options: RunOptions, progress: Progress | None = None, stored: Sequence[Part] | None = None,
    zygote: Zygote | None = None,
) -> RunResult:  # fmt: skip
    """Brings an out folder up to date with a recipe. Raises a UserError whose `mend` says what to do.

    `stored` are parts that were read before: then the input is not looked at, and may be gone.
    `zygote`, which stays the caller's to close, is the process to fork workers from; without one it is started.
    """
    options.engine.use_storage()  # an engine that there is not is told before anything is made
    plan = compile_plan(recipe)
    parts = input_parts(recipe, options.limit) if stored is None else stored
    require_same_recipe(options.out, recipe)
    require_no_larger_run(options, len(parts))
    with storage_errors(options.out):
        place(options.out).mkdir(parents=True, exist_ok=True)
    with lease_for(options.out, shared=not options.engine.local) as lease:
        # What earlier runs left: whoever holds the lease has the folder for itself.
        for folder in {place(options.out) / "tmp", lease.store.local("tmp")}:
            remove_tree(folder)
        settle(lease.store)
        context = Context(lease.store, plan)
        driver = _Driver(context, options, parts, progress or Silent(), zygote, stored is not None)
        try:
            return driver.run()
        except Exception:
            lease.store.check_lease()  # a run that was taken over fails on what the other one took away
            raise
        finally:
            driver.close()
            lease.store.remove_scratch()
            with contextlib.suppress(OSError):  # another run may have begun
                lease.store.local("tmp").rmdir()


class _Driver:
    """One run: the passes in order, each looking first at what is there."""

    def __init__(
        self, context: Context, options: RunOptions, parts: Sequence[Part], progress: Progress, zygote: Zygote | None,
        frozen: bool,
    ) -> None:  # fmt: skip
        self.context, self.options, self.progress = context, options, progress
        self.parts = list(parts)
        self.survey = Survey(context.store, self.parts, frozen=frozen)
        self.passes = Passes(context, options, progress, zygote)
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        self.made: dict[str, str] = {}
        self.decided = False
        try:
            self.earlier, self.against = earlier_sources(context)
        except (InputError, StorageError) as error:
            if not frozen:
                raise
            self._stay_decided(error)

    def run(self) -> RunResult:
        history = read_run(self.options.out)
        write_run(self.context, self.parts, self.options.limit, history)
        for attempt in range(MOST_REPAIRS + 1):
            try:
                outputs = self._passes()
                break
            except StorageError as error:
                if attempt == MOST_REPAIRS or not self._repair(error):
                    raise
        else:
            raise AssertionError("unreachable")
        from pipelines.reporting import write_report

        stats = write_report(self.context, self.passes, self.parts, self._timing(history), outputs)
        write_run(self.context, self.parts, self.options.limit, history, timing=self.timing,
                  passes=self.passes.seconds, work=self.passes.work)  # fmt: skip
        return RunResult(self.options.out, stats, self.passes.seconds, outputs)

    def close(self) -> None:
        self.passes.close()

    def _passes(self) -> dict[str, Json]:
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
        self.made[name] = surveys.pass_fingerprint(self.context, self.survey, name, self.made, self.against)

    def _repeat(self, name: str, then: Sequence[Pass] = ()) -> list[Json] | None:
        """Finds what is repeated, as `_elect` does."""
        done = surveys.pass_done(self.context, self.survey, name, self.made[name])
        self._tell_of_damage()
        if done:
            return None
        layer = self.context.plan.by_name[name]
        results = find_repeats(self.passes, self.context, layer, self._rows(), self.made[name], then)
        self.survey.wrote("documents", name, [part.name for part in self.parts])
        self._manifests([("documents", name)])
        return results

    def _tell_of_damage(self) -> None:
        for message in self.survey.damaged:
            self.progress.told(f"{message}: set aside, and computed again")
        self.survey.damaged.clear()

    def _map(self, stage: int) -> None:
        work = [w for w in surveys.survey_stage(self.context, self.survey, stage, self.made) if w.anything]
        work.sort(key=lambda w: (-w.part.size, w.part.name))
        if work and stage == 0:
            self._tell_of_idle_workers()
        if work:
            name = "extract and score" if stage == 0 else f"score {stage}"
            tasks = [self._map_task(w, stage) for w in work]
            results = self.passes.run(Pass(name, "map", len(tasks), sum(w.part.size for w in work)), tasks)
            from pipelines.beam_tasks import broken_tasks  # not before the tasks have begun

            again = broken_tasks(tasks, results)
            if again:
                self.passes.run(Pass(f"{name} again", "map", len(again)), again)
            for w in work:
                self._wrote(w)
        mended = stage == 0 and self._mend_slices()
        written = [("documents", layer.name) for layer in self.context.plan.stage_layers(stage)] if work or mended else []
        if stage == 0 and (work or mended):
            written += [("records", "record"), *([("references", "reference")] if self.context.plan.references_method else [])]
        self._manifests(written + ([("documents", "page")] if stage == 0 else []))  # whose input's stamps may be new

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
            layer.name: surveys.before_fingerprint(plan, layer, self.made)
            for layer in plan.stage_layers(stage) if layer.costly
        }  # fmt: skip
        reads = {layer.name: surveys.reads_fingerprint(plan, layer, self.made) for layer in plan.stage_layers(stage)}
        # Layers are computed in the order of the plan, whatever order the survey found them missing in.
        layers = [layer.name for layer in plan.stage_layers(stage) if layer.name in work.layers]
        return {"kind": "map", "args": {
            "part": work.part.to_json(), "stage": stage, "reads": reads,
            "ingest": bool(work.ingest), "layers": layers, "before": before,
            "start_at": start_at, "bytes": work.part.size,
        }}  # fmt: skip

    def _mend_slices(self) -> bool:
        """Reads slices again that began inside a payload: a slice's first record is where the one before it ended. Whether
        there was one."""
        for round in range(len(self.parts)):
            pages = self.survey.first
            again: list[Json] = []
            for before, part in zip(self.parts, self.parts[1:], strict=False):
                left, right = pages[before.name], pages[part.name]
                if before.uri != part.uri or left is None or right is None:
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
            self.survey.wrote("documents", layer, [work.part.name])
        if work.ingest:
            self.survey.wrote("documents", "page", [work.part.name])
            self.survey.wrote("records", "record", [work.part.name])
            self.survey.wrote("references", "reference", [work.part.name])

    def _elect(self, then: Sequence[Pass] = ()) -> list[Json] | None:
        """Elects, with the passes `then` in the same pipeline; None, and nothing done, if the election is there."""
        elected = self.made[DUPLICATES]
        done = surveys.election_done(self.context, self.survey, elected)
        self._tell_of_damage()
        if done:
            return None
        results = find_duplicates(self.passes, self.context, self.sources(), elected, then)
        layers = [IDENTITY, *([DUPLICATES] if self.context.plan.dedup_layers else [])]
        for layer in layers:
            self.survey.wrote("documents", layer, [part.name for part in self.parts])
        self._manifests([("documents", layer) for layer in layers])
        return results

    def _end(self) -> dict[str, Json]:
        """What comes after the last map pass: the passes over all texts that are left, and, in one pipeline with the last of
        them unless it is done, fates and shards."""
        left = self.context.plan.passes[len(self.made) :]
        for name in left[:-1]:
            self._over_all(name)
        for name in left[-1:]:
            self._tell_made(name)
        method = surveys.fate_fingerprint(self.context, self.survey, self.made)
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
            self.survey.wrote("documents", FATE, [part.name for part in self.parts])
            self._manifests([("documents", FATE)])
        return outputs.finish(results or [], self.progress)

    def sources(self) -> list[Source]:
        """The rows of the election: this run's parts by name, then what earlier runs kept."""
        return part_sources(self._rows(), self.decided) + self.earlier

    def _rows(self) -> dict[str, int]:
        """This run's parts by name, with their rows."""
        pages = self.survey.first
        return {name: footer.rows for name, footer in pages.items() if footer is not None}

    def _stay_decided(self, error: UserError) -> None:
        """Does without earlier runs that cannot be read: what they kept out stays out, as the last election says."""
        require_decided(self.survey, error)
        self.decided, self.earlier, self.against = True, [], "decided"
        self.progress.told(f"{error.message}: what it kept out of this run stays out, as was decided then")

    def _manifests(self, layers: Sequence[tuple[str, str]]) -> None:
        for table, layer in layers:
            stamps = self.survey.stamps if layer == "page" else None
            surveys.write_manifest(self.context.store, table, layer, self.survey.footers(table, layer, mend=False), stamps)
        self.survey.forget()

    def _repair(self, error: StorageError) -> bool:
        """Sets a damaged layer file aside; False if the error is about something else."""
        path = error.path
        if not path.endswith(".parquet") or not place(path).exists():
            return False
        if not place(path).is_relative_to(place(self.options.out)):  # of an earlier run: not ours to mend
            if not self.survey.frozen:
                mend = "delete it, run that run's own command again, which makes it anew, and then this one"
                raise StorageError(error.message, mend, path) from error
            self._stay_decided(error)
            return True
        self.context.store.check_lease()
        place(path).unlink()
        self.progress.told(f"{error.message}: set aside, and computed again")
        return True

    def _timing(self, history: Mapping[str, Any]) -> Json:
        """Seconds and rows by scorer, this run's over those of earlier ones."""
        earlier = history.get("timing", {})
        self.timing: dict[str, list[float]] = {
            layer.name: [round(v, 6) for v in self.passes.scorers.get(layer.name) or earlier.get(layer.name) or [0.0, 0]]
            for layer in self.context.plan.layers
        }
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": time.monotonic() - self.clock,
            "workers": self.options.worker_count, "runner": self.options.runner, "scorers": self.timing,
            "passes": self.passes.seconds,
        }  # fmt: skip
