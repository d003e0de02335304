"""run.json: the recipe as it was run, versions, the plan with its methods, and how long things took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from core.errors import InputError, StorageError
from core.remote_path import place
from ingest.parts import Part
from pipelines.context import Context, recipe_from_json
from pipelines.plan import Plan
from pipelines.recipe import Recipe
from pipelines.removal import REMOVED_FILE

RUN = "run.json"
FORMAT_VERSION = 1
#: Packages whose versions a run notes.
_PACKAGES = ("web2shards", "apache-beam", "pyarrow", "numpy", "numba", "resiliparse", "fasttext-community")


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a checkout that is not installed
            continue
    return found


def read_run(out: str) -> dict[str, Any]:
    """What run.json says; empty if there is none. StorageError if it is damaged."""
    path = place(out) / RUN
    try:
        value = json.loads(path.read_bytes())
        if value["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {value['format_version']!r}")
        return value
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path}: is no run.json of this version ({error})",
            f"delete {path} and run the same command again: what is finished is kept", str(path),
        ) from error


def require_same_recipe(out: str, recipe: Recipe) -> None:
    """StorageError if the folder holds a run of another name, or is something else than an out folder."""
    run = read_run(out)
    if run and run["recipe"]["name"] != recipe.name:
        raise StorageError(
            f"{out}: holds the run `{run['recipe']['name']}`, and this recipe is `{recipe.name}`",
            "choose another --out, or give the recipe the same `name:` to bring that run up to date",
        )
    folder = place(out)
    if run or not folder.is_dir() or next(folder.glob("lease/*.json"), None) is not None:
        return  # without run.json, a lease tells that a run wrote here: run.json was damaged, and deleted as the error says
    if any(p.name not in ("lease", "tmp", REMOVED_FILE) for p in folder.iterdir()):
        raise StorageError(f"{out}: is not empty, and holds no run", "choose an empty or a new --out")


def recipe_of(out: str) -> Recipe:
    """The recipe that an out folder was run with. InputError if there was no run."""
    run = read_run(out)
    if not run:
        raise InputError(f"{out}: there is no run here ({RUN} is missing)", "give the --out of a run")
    return recipe_from_json(run["recipe"])


def parts_of(out: str) -> list[Part]:
    """The parts that the last run worked on."""
    return [Part.from_json(part) for part in read_run(out).get("parts", [])]


def write_run(
    context: Context, parts: Sequence[Part], limit: int | None, history: Mapping[str, Any],
    timing: Mapping[str, Any] | None = None, passes: Mapping[str, float] | None = None,
    work: Mapping[str, Any] | None = None, images: Mapping[str, Any] | None = None, hung_on: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Writes run.json: before the passes with the plan, after them with the times (`timing`: by scorer).

    `images` says how many groups of hosts there are, and how many parts each has, which later runs keep. `work` has
    seconds, parts and bytes by pass; of passes that had nothing to do the last run's stay, for estimates. `hung_on` is what
    passes, fates and costly layers were made of (`pipelines.causes`), by table, once they are there.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    plan = context.plan
    pictures = context.of("images").plan if context.recipe.images is not None else None
    value = {
        "format_version": FORMAT_VERSION,
        "recipe": context.recipe.canonical(),
        "versions": versions(),
        "limit": limit,
        "parts": [part.to_json() for part in parts],
        **({"images": dict(images)} if images else {}),
        "plan": {
            "ingest": plan.ingest_method,
            **({"references": plan.references_method} if plan.references_method else {}),
            **_plan(plan),
            **({"images": {"ingest": pictures.ingest_method, **_plan(pictures)}} if pictures is not None else {}),
        },
        "started": now if timing is None else history.get("started", now),
        "finished": now if timing is not None else None,
        "timing": dict(timing if timing is not None else history.get("timing", {})),
        "passes": dict(passes if passes is not None else history.get("passes", {})),
        "work": _work(history.get("work", {}), work or {}),
        "hung_on": dict(hung_on if hung_on is not None else history.get("hung_on", {})),
    }  # fmt: skip
    context.store.write_bytes(context.store.path(RUN), json.dumps(value, indent=1, ensure_ascii=False).encode())


def _plan(plan: Plan) -> dict[str, Any]:
    """Scores and rules of a table."""
    return {
        "layers": [
            {"layer": layer.name, "scorer": layer.entry, "version": layer.scorer.version, "pass": layer.stage,
             "method": layer.method, "dedup": layer in plan.dedup_layers}
            for layer in plan.layers
        ],
        "rules": [{"reason": rule.reason, "rule": rule.text} for rule in plan.rules],
    }  # fmt: skip


def _work(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What passes took when they ran last. A pass that writes outputs stands for others that wrote one of them."""
    outputs = {output for name in now if name.startswith("write ") for output in name.removeprefix("write ").split(", ")}
    kept = {
        name: taken for name, taken in before.items()
        if not (name.startswith("write ") and outputs & set(name.removeprefix("write ").split(", ")))
    }  # fmt: skip
    return {**kept, **now}
