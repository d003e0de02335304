"""A run from recipe to report: surveys what is there, runs the passes that are missing, and writes what came of it.

The same command again brings the out folder up to date; a pass that has nothing to do starts nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.errors import StorageError
from core.files import storage_errors
from core.remote_path import place, remove_tree
from ingest.parts import Part
from pipelines.context import Context, input_parts
from pipelines.got_input import GotInput, get_input, got_input, parts_of
from pipelines.images_run import ImagesWork
from pipelines.passes import Passes, timed
from pipelines.plan import compile_plan
from pipelines.progress import Progress, Silent
from pipelines.recipe import Recipe
from pipelines.recipe_files import require_files
from pipelines.redaction import settle
from pipelines.remote_lease import lease_for
from pipelines.run_options import RunOptions, RunResult, require_no_larger_run
from pipelines.runfile import read_run, require_same_recipe, write_run
from pipelines.table_run import TableRun
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
    if stored is None:
        require_files(recipe)
    plan = compile_plan(recipe)
    gets = stored is None and recipe.input.is_got
    parts = stored if stored is not None else [] if gets else input_parts(recipe, options.limit)
    require_same_recipe(options.out, recipe)
    if not gets:
        require_no_larger_run(options, len(parts))
    with storage_errors(options.out):
        place(options.out).mkdir(parents=True, exist_ok=True)
    with lease_for(options.out, shared=not options.engine.local) as lease:
        # What earlier runs left: whoever holds the lease has the folder for itself.
        for folder in {place(options.out) / "tmp", lease.store.local("tmp")}:
            remove_tree(folder)
        settle(lease.store)
        context = Context(lease.store, plan)
        got = got_input(context) if recipe.input.is_got else None
        driver = _Driver(context, options, parts, progress or Silent(), zygote, stored is not None, got)
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
        frozen: bool, got: GotInput | None,
    ) -> None:  # fmt: skip
        self.context, self.options, self.progress = context, options, progress
        self.parts, self.frozen, self.got = list(parts), frozen, got
        self.passes = Passes(context, options, progress, zygote)
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        #: The table `images`, once its parts are known, and groups of hosts that were asked in this run.
        self.images: TableRun | None = None
        self.asked: set[str] = set()

    def run(self) -> RunResult:
        history = self.history = read_run(self.options.out)
        self.groups: Json = history.get("images", {})
        if self.got is not None and not self.frozen:
            self._get(self.got)
        self.documents = TableRun(self.context, self.passes, self.parts, self.options, self.progress, self.frozen)
        self._note()
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

        tables = [(self.context, self.parts)]
        tables += [(self.images.context, self.images.parts)] if self.images is not None else []
        stats = write_report(tables, self.passes, self._timing(history), outputs, self._references(),
                             self.got.outcomes if self.got is not None else None)  # fmt: skip
        self._note(timing=self.timing, passes=self.passes.seconds, work=self.passes.work)
        return RunResult(self.options.out, stats, self.passes.seconds, outputs)

    def _get(self, got: GotInput) -> None:
        """Gets the input from the web; what was read of it by the last run is told until then."""
        before = [Part.from_json(part) for part in self.history.get("parts", [])]
        write_run(self.context, before, self.options.limit, self.history, images=self.groups)
        get_input(self.passes, self.context, got)
        self.parts = parts_of(self.context, got, self.options.limit)
        require_no_larger_run(self.options, len(self.parts))

    def _references(self) -> Counter[str] | None:
        """The references of all pages by reason; None if the recipe does not ask for them."""
        if self.context.recipe.references is None:
            return None
        footers = self.documents.survey.footers("references", "reference").values()
        counts = (Counter[str](footer.extra["reasons"]) for footer in footers if footer is not None)
        return sum(counts, Counter[str]())

    def _note(self, **told: Any) -> None:
        write_run(self.context, self.parts, self.options.limit, self.history, images=self.groups, **told)

    def close(self) -> None:
        self.passes.close()

    def _passes(self) -> dict[str, Json]:
        outputs = self.documents.run()
        if self.context.recipe.images is None:
            return outputs
        work = ImagesWork(self.context, self.documents.survey, self.documents.fates, self.groups)
        work.gather(self.passes)
        if work.told != self.groups:  # they are kept, also by a run that does not come to its end
            self.groups = work.told
            self._note()
        work.fetch(self.passes, self.asked, self.frozen)
        self.images = TableRun(work.context, self.passes, work.parts, self.options, self.progress, self.frozen, work.older)
        outputs |= self.images.run()
        if work.older:
            work.forget_older()
            self.groups = work.told
        return outputs

    def _repair(self, error: StorageError) -> bool:
        """Sets a damaged layer file aside; False if the error is about something else."""
        path = error.path
        if not path.endswith(".parquet") or not place(path).exists():
            return False
        if not place(path).is_relative_to(place(self.options.out)):  # of an earlier run: not ours to mend
            if not self.frozen:
                mend = "delete it, run that run's own command again, which makes it anew, and then this one"
                raise StorageError(error.message, mend, path) from error
            self.documents.stay_decided(error)
            return True
        self.context.store.check_lease()
        place(path).unlink()
        self.progress.told(f"{error.message}: set aside, and computed again")
        return True

    def _timing(self, history: Mapping[str, Any]) -> Json:
        """Seconds and rows by scorer, this run's over those of earlier ones."""
        earlier = history.get("timing", {})
        tables = [self.context, *([self.images.context] if self.images is not None else [])]
        names = [timed(context.table, layer.name) for context in tables for layer in context.plan.layers]
        self.timing: dict[str, list[float]] = {
            name: [round(v, 6) for v in self.passes.scorers.get(name) or earlier.get(name) or [0.0, 0]] for name in names
        }
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": time.monotonic() - self.clock,
            "workers": self.options.worker_count, "runner": self.options.runner, "scorers": self.timing,
            "passes": self.passes.seconds,
        }  # fmt: skip
