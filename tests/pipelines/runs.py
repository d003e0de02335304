"""Small runs over the example corpus, and what the tests ask of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions, RunResult, run

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPE = """
name: small
input: {{warcs: {warcs}, part: 300kB}}
documents:
  score:
    - text
    - language
    - exact
  keep:
    - text.characters >= 200
    - language.score >= 0.5
    - duplicates.kept
output:
  text: {{from: documents, samples: 50, validation: 0.2}}
"""


def recipe(*warcs: Path, settings: Sequence[str] = ()) -> Recipe:
    """A recipe over WARCs (by default the examples')."""
    paths = [str(path) for path in warcs] or [str(EXAMPLES / "web.warc.gz")]
    return load_recipe(RECIPE.format(warcs=json.dumps(paths)), settings)


def small_run(out: Path, made: Recipe | None = None, **options: Any) -> RunResult:
    """A run in this process."""
    return run(made or recipe(), RunOptions(str(out), **({"inline": True} | options)))


def hashes(out: Path, *folders: str) -> dict[str, str]:
    """sha256 of every file below the folders, but for what tells of times."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders or ("shards", "documents", "records")
        for path in sorted((out / folder).rglob("*"))
        if path.is_file() and not path.name.startswith("_")
    }


def column(out: Path, layer: str, name: str) -> list[Any]:
    """A column over all parts, in the order of their names."""
    folder, _, _ = layer.partition(".")
    table = "records" if layer == "record" else "documents"
    files = sorted((out / table / folder).glob("*.parquet"))
    return pa.chunked_array([pq.read_table(f, columns=[name]).column(0).combine_chunks() for f in files]).to_pylist()
