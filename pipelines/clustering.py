"""Clusters a table of MinHash signatures: near-duplicates among texts that others have signed.

The same tasks as in a run's election, over sources that are row groups of Parquet files; pairs are verified by their
signatures, as the texts are not there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.errors import InputError, StorageError
from core.files import storage_errors
from core.remote_path import place, remove_tree
from dedup.minhash import MinHash
from ingest.files import find_files
from pipelines.compilation import compile_plan
from pipelines.context import Context, recipe_from_json
from pipelines.deduplication import find_duplicates
from pipelines.elections import BASES, write_no_clusters
from pipelines.passes import Passes
from pipelines.progress import Progress, Silent
from pipelines.recipe_scorers import parameters_of
from pipelines.remote_lease import lease_for
from pipelines.run_options import RunOptions
from pipelines.sources import Source, near_scorer, table_sources
from pipelines.zygote import Zygote


@dataclass(frozen=True)
class Clustered:
    """What came of it: rows, rows kept, clusters of two and more, members of the largest, and seconds."""

    rows: int
    kept: int
    clusters: int
    largest: int
    seconds: float


def cluster_signatures(
    patterns: Sequence[str], scorer: MinHash, options: RunOptions, progress: Progress | None = None,
    zygote: Zygote | None = None,
) -> Clustered:  # fmt: skip
    """Clusters the signatures (column `signature`; `id` if there is one) of Parquet files into `options.out`/clusters.

    Each file there has the columns of `pipelines.elections.CLUSTERS` and the `id` of the table; `_index.json`, written
    last, says of what they were made and what came of it. InputError if the files are no such tables.
    """
    if scorer.within:
        raise InputError("within: a table of signatures has no other columns", "leave `within` out")
    options.engine.use_storage()
    files = [file for pattern in patterns for file in find_files(pattern)]
    if not files:
        raise InputError(f"{', '.join(patterns)}: there is no such file", "give Parquet files with a column `signature`")
    sources: list[Source] = []
    for number, file in enumerate(files):
        sources += table_sources(file.uri, scorer, own=True, prefix=f"{number:04d}-")
    folder = place(options.out)
    if folder.is_dir() and any(p.name not in ("lease", "tmp", "logs", "clusters") for p in folder.iterdir()):
        raise StorageError(f"{folder}: holds something else than clusters", "choose an empty or a new --out")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    plan = compile_plan(recipe_from_json(_recipe(patterns, scorer)))
    with lease_for(options.out, shared=not options.engine.local) as lease:
        for left in {folder / "tmp", lease.store.local("tmp"), folder / "clusters"}:  # by earlier runs
            remove_tree(left)
        context = Context(lease.store, plan)
        passes = Passes(context, options, progress or Silent(), zygote)
        try:
            bases = np.cumsum([0, *(source.rows for source in sources)]).tolist()
            context.store.write_bytes(context.store.scratch(BASES), json.dumps(bases).encode())
            if not sources:
                write_no_clusters(context)
            results = find_duplicates(passes, context, sources, "clusters")
            told = _told(results, sum(passes.seconds.values()))
            totals = {"rows": told.rows, "kept": told.kept, "clusters": told.clusters, "largest": told.largest}
            settings = parameters_of(near_scorer(plan.by_name["minhash"]))
            index = {"files": [file.name for file in files], "minhash": settings, "totals": totals}
            context.store.write_bytes(context.store.path("clusters", "_index.json"), json.dumps(index, indent=1).encode())
        finally:
            passes.close()
            lease.store.remove_scratch()
            with contextlib.suppress(OSError):
                lease.store.local("tmp").rmdir()
    return told


def _told(results: Sequence[dict[str, Any]], seconds: float) -> Clustered:
    """What the tasks came to; one that an engine tried twice is counted once."""
    told = list({result["source"]: result for result in results if "clusters" in result}.values())
    rows, kept, clusters = (sum(int(result[name]) for result in told) for name in ("rows", "kept", "clusters"))
    return Clustered(rows, kept, clusters, max((int(result["largest"]) for result in told), default=0), seconds)


def _recipe(patterns: Sequence[str], scorer: MinHash) -> dict[str, Any]:
    """The recipe whose plan the tasks read the scorer from; its input is never read."""
    verify = "none" if scorer.verify == "none" else "signature"
    return {
        "name": "clusters", "input": {"table": {"path": list(patterns), "format": "parquet"}},
        "documents": {"score": ["text", {"minhash": asdict(scorer) | {"verify": verify}}]},
    }  # fmt: skip
