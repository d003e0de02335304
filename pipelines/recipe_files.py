"""The files that a recipe names, looked for before anything runs: input, models, lists, evaluation sets.

`recipe check` leaves object stores alone and says so; `plan` and `run` ask them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from core.errors import InputError, RecipeError, UserError
from core.named_files import NamedFile, resolved
from core.remote import SCHEME, is_remote
from ingest.files import find_files
from ingest.parts import no_file
from pipelines.plan import compile_plan
from pipelines.recipe import Recipe
from pipelines.recipe_model import SHOWN, Problem
from pipelines.recipe_yaml import Path, dotted
from pipelines.sources import NO_RUN
from pipelines.tables import DOCUMENTS, IMAGES


@dataclass(frozen=True)
class Fault:
    """A file that cannot be used, and the error that a run would end with."""

    problem: Problem
    error: UserError


@dataclass(frozen=True)
class Looked:
    """What was found wrong, the URIs that were not asked for, and whether a scorer needs one of them."""

    faults: tuple[Fault, ...]
    skipped: tuple[str, ...]
    scorer_waits: bool


def look_for_files(recipe: Recipe, remote: bool) -> Looked:
    """Looks for all files of a recipe, on object stores only if `remote`, and there not for input, which a run lists itself."""
    faults: list[Fault] = []
    skipped: list[str] = []
    scorer_waits = False
    for path, file in _named(recipe):
        if "\0" in file.path:
            error = InputError(f"{file.path!r} has a NUL character, which no path can have", "write the path without it")
            faults.append(_fault(recipe, path, error.message, error))
            continue
        if file.remote and is_remote(file.path) and (not remote or path[0] == "input"):
            skipped.append(file.path)
            scorer_waits |= path[1] == "score"
            continue
        try:
            file.check()
            continue
        except UserError as caught:
            error = caught
        except OSError as caught:
            error = InputError(f"{file.path} cannot be read: {caught.strerror or caught}", "give read permission, or another path")
        where = resolved(file.path) if file.path else ""
        message = error.message if where in error.message else f"{error.message} (looked for at {where})"
        faults.append(_fault(recipe, path, message, error))
    return Looked(tuple(faults), tuple(skipped), scorer_waits)


def _fault(recipe: Recipe, path: Path, message: str, error: UserError) -> Fault:
    return Fault(Problem(recipe.source.place(path), dotted(path), message, error.mend), error)


def check_files_and_plan(recipe: Recipe) -> tuple[list[Problem], tuple[str, ...]]:
    """What keeps a recipe from being run that its text does not tell: its files, and if they are fine what its tables lack for
    a plan, which cannot be made without the files of all scorers; and the URIs that were not asked for."""
    looked = look_for_files(recipe, remote=False)
    problems = [fault.problem for fault in looked.faults]
    if not problems and not looked.scorer_waits:
        try:
            for table in (DOCUMENTS, *([IMAGES] if recipe.images is not None else [])):
                compile_plan(recipe, table)
        except RecipeError as error:
            problems.append(Problem(recipe.place, "", error.message, error.mend))
    return problems, looked.skipped


def require_files(recipe: Recipe) -> None:
    """Raises what is wrong with the files of a recipe, all at once, as an error of the first one's kind."""
    faults = look_for_files(recipe, remote=True).faults
    if not faults:
        return
    kind, problem = type(faults[0].error), faults[0].problem
    if len(faults) == 1:
        raise kind(str(replace(problem, mend="")), problem.mend, faults[0].error.path)
    more = f"\n… and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    listed = "\n".join(str(fault.problem) for fault in faults[:SHOWN])
    raise kind(f"{recipe.place}: {len(faults)} files cannot be used\n{listed}{more}")


def _named(recipe: Recipe) -> Iterator[tuple[Path, NamedFile]]:
    """Every file that is named, and the path of its key."""
    given = recipe.input
    tables = [] if given.table is None else given.table.path
    seeds = [] if given.crawl is None else given.crawl.files
    listed = ("warcs",), ("wets",), ("table", "path"), ("crawl", "seeds")
    for key, patterns in zip(listed, (given.warcs or [], given.wets or [], tables, seeds), strict=True):
        for pattern in patterns:
            yield ("input", *key), NamedFile(key, pattern, partial(_require_input, pattern), remote=True)
    for table in ("documents", "images"):
        for at, use in enumerate(recipe.section(table).uses):
            files = getattr(use.scorer, "files", None)
            for file in files() if files is not None else ():
                yield (table, "score", at, use.name, *file.key), file
    for at, run in enumerate(recipe.documents.against):
        yield ("documents", "against", at), NamedFile((), run, partial(_require_earlier, run), remote=True)


def _require_input(pattern: str) -> None:
    found = find_files(pattern)
    if not found:
        raise no_file(pattern)
    closed = [file.uri for file in found if not SCHEME.match(file.uri) and not os.access(file.uri, os.R_OK)]
    if closed:
        raise InputError(f"{closed[0]} cannot be read", "give read permission, or leave it out of the pattern", closed[0])


def _require_earlier(given: str) -> None:
    """What is wrong with an earlier run that is there, is told when it is opened."""
    if is_remote(given) or os.path.isdir(given):
        return
    if not find_files(given):
        raise InputError(f"{given}: there is no run here, and no file", NO_RUN, given)
