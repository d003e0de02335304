"""`prune` deletes what the run no longer needs, and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipelines.lease import Lease
from pipelines.pruning import prune

from .conftest import EXAMPLES, Cli, run_inline, write_recipe


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and path.parts[-2] != "lease"}


def clutter(out: Path) -> set[str]:
    """Puts beside a run what earlier ones may have left; returns it."""
    part = sorted((out / "documents" / "text").glob("*.parquet"))[0]
    made = [
        out / "documents" / "old_scores" / part.name, out / "documents" / "old_scores" / "_layer.json",
        out / "documents" / "text" / "gone.warc.gz-00000.parquet", out / "records" / "record" / "gone.warc.gz-00000.parquet",
        out / "statistics" / "gone.warc.gz-00000.json", out / "shards" / "old" / "train-000000.tar",
        out / "shards" / "old" / "train-000000.parquet", out / "shards" / "old" / "index.json",
        out / "shards" / "text" / "train-000099.tar", out / "tmp" / "g1" / "0123-x.parquet",
    ]  # fmt: skip
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(part, path)
    return {path.relative_to(out).as_posix() for path in made}


def test_a_finished_run_has_nothing_to_prune(cli: Cli, out: Path) -> None:
    before = files(out)
    assert "nothing to delete" in cli("prune", out).stdout
    assert files(out) == before


def test_what_is_stale_goes_and_the_rest_stays(cli: Cli, recipe: Path, out: Path) -> None:
    before = files(out)
    made = clutter(out)
    foreign = [out / "notes.txt", out / "shards" / "old" / "README", out / "documents" / "old_scores" / "mine.csv"]
    for path in foreign:
        path.write_text("mine")
    dry = cli("prune", out, "--dry-run")
    assert f"would delete {len(made)} files" in dry.stdout
    assert made <= files(out)
    told = cli("prune", out)
    assert f"deleted {len(made)} files" in told.stdout
    assert files(out) == before | {path.relative_to(out).as_posix() for path in foreign}
    assert not (out / "tmp" / "g1").exists()
    assert cli("check", out).exit_code == 0
    assert "up to date" in cli("plan", recipe, "--out", out).stdout


def test_a_scorer_and_an_output_taken_out(cli: Cli, small_recipe: Path, small: Path) -> None:
    text = small_recipe.read_text().replace("    - exact\n", "").replace("    - duplicates.kept\n", "")
    text = text.replace("  text: {", "  pages: {")
    changed = small.parent / "small.yaml"
    changed.write_text(text)
    run_inline(changed, small)
    deleted = {stale.path.relative_to(small).as_posix() for stale in prune(str(small))}
    assert {path.split("/")[1] for path in deleted} == {"exact", "duplicates", "text", "_text.json"}
    assert not (small / "documents" / "exact").exists()
    assert not (small / "shards" / "text").exists()
    assert (small / "shards" / "pages" / "index.json").exists()
    assert cli("check", small).exit_code == 0


def test_a_part_of_an_input_that_is_gone(tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for name in ("a", "b"):
        shutil.copy(EXAMPLES / "more" / "second.warc.gz", crawl / f"{name}.warc.gz")
    recipe = write_recipe(tmp_path, crawl / "*.warc.gz")
    run_inline(recipe, tmp_path / "out")
    (crawl / "b.warc.gz").unlink()
    run_inline(recipe, tmp_path / "out")
    names = {Path(path).stem for path in files(tmp_path / "out") if path.endswith(".parquet") and "/text/" in path}
    assert "b.warc.gz-00000" in names
    prune(str(tmp_path / "out"))
    assert not [path for path in files(tmp_path / "out") if "b.warc.gz" in path]
    # Without its input, a trial cannot tell what is needed, and no part is deleted.
    run_inline(recipe, tmp_path / "out", limit=1)
    (crawl / "a.warc.gz").unlink()
    assert prune(str(tmp_path / "out"), dry_run=True) == []


def test_not_beside_a_run(cli: Cli, out: Path) -> None:
    made = clutter(out)
    with Lease(str(out)):
        assert cli("prune", out).exit_code == 6
        dry = cli("prune", out, "--dry-run")
        assert f"would delete {len(made) - 1} files" in dry.stdout  # what lies under tmp/ may be in use
    assert made <= files(out)


@pytest.mark.parametrize("content", ["{", json.dumps({"format_version": 99})])
def test_a_damaged_run_json_deletes_nothing(cli: Cli, out: Path, content: str) -> None:
    made = clutter(out)
    (out / "run.json").write_text(content)
    assert cli("prune", out).exit_code == 4
    assert made <= files(out)
