"""`plan` and `status`: what is there, what is to do and why, and what it may cost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import web2shards
from pipelines.estimate import Estimate
from pipelines.placement import placement
from pipelines.preview import LayerWork, PassWork, Preview
from pipelines.run import RunOptions, run
from pipelines.status import status_of

from .conftest import EXAMPLES, RECIPE, Cli, run_inline, write_recipe


def passes(preview: Preview) -> dict[str, int]:
    return {work.name: work.todo for work in preview.passes}


def test_nothing_to_do(cli: Cli, recipe: Path, finished: Path) -> None:
    preview = web2shards.plan(recipe, finished)
    assert preview.nothing
    assert preview.pipelines == ()
    assert set(passes(preview)) == {"extract and score", "find duplicates", "decide fates", "write text"}
    told = cli("plan", recipe, "--out", finished)
    assert told.exit_code == 0
    assert "everything is up to date" in told.stdout
    assert "free disk" in told.stdout


def test_a_new_run(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    preview = web2shards.plan(recipe, tmp_path / "out")
    assert set(passes(preview).values()) == {preview.parts} == {5}
    first = preview.passes[0]
    assert {layer.layer: dict(layer.why) for layer in first.layers}["page"] == {"new": 5}
    assert first.rows is None
    assert [pipeline.passes for pipeline in preview.pipelines] == [
        ("extract and score",), ("find duplicates", "decide fates", "write text"),
    ]  # fmt: skip
    assert preview.estimate.seconds is None
    assert not (tmp_path / "out").exists()
    told = cli("plan", recipe, "--out", tmp_path / "out")
    assert "--limit 1" in told.stdout
    assert not (tmp_path / "out").exists()


def test_a_threshold_reruns_no_scorer(cli: Cli, recipe: Path, finished: Path) -> None:
    settings = ["documents.keep.language.score=0.8"]
    preview = web2shards.plan(recipe, finished, settings=settings)
    assert passes(preview) == {"extract and score": 0, "find duplicates": 5, "decide fates": 5, "write text": 5}
    assert [pipeline.passes for pipeline in preview.pipelines] == [("find duplicates", "decide fates", "write text")]
    assert preview.changes == ("rule changed: language.score >= 0.5 → language.score >= 0.8",)
    assert preview.passes[1].rows == len(web2shards.open(finished).documents)
    told = cli("plan", recipe, "--out", finished, "--set", settings[0])
    assert "rule changed: language.score >= 0.5 → language.score >= 0.8" in told.stdout


def test_a_rule_after_the_election_leaves_it_alone(small_recipe: Path, tmp_path: Path) -> None:
    late = 'documents.keep+={keep: "duplicates.size <= 50"}'
    run_inline(small_recipe, tmp_path / "out", [late], limit=2)
    changed = 'documents.keep+={keep: "duplicates.size <= 60"}'
    preview = web2shards.plan(small_recipe, tmp_path / "out", settings=[changed], limit=2)
    assert passes(preview) == {"extract and score": 0, "find duplicates": 0, "decide fates": 2, "write text": 2}


def test_an_output_alone(recipe: Path, finished: Path) -> None:
    preview = web2shards.plan(recipe, finished, settings=["output.text.samples=20"])
    assert passes(preview) == {"extract and score": 0, "find duplicates": 0, "decide fates": 0, "write text": 5}
    assert dict(preview.passes[-1].why) == {"settings or parts changed": 5}


def test_a_scorer_with_other_parameters(recipe: Path, finished: Path) -> None:
    preview = web2shards.plan(recipe, finished, settings=["documents.score.language.characters=300"])
    todo = {layer.layer: layer.parts for layer in preview.passes[0].layers}
    assert todo == {"page": 0, "text": 0, "language": 5, "exact": 0}
    assert any(change.startswith("scorer changed: language") for change in preview.changes)


def test_a_warc_more(tmp_path: Path) -> None:
    folder = tmp_path / "crawl"
    folder.mkdir()
    (folder / "a.warc.gz").write_bytes((EXAMPLES / "more" / "second.warc.gz").read_bytes())
    recipe = write_recipe(tmp_path, folder / "*.warc.gz")
    run_inline(recipe, tmp_path / "out")
    assert web2shards.plan(recipe, tmp_path / "out").nothing
    (folder / "b.warc.gz").write_bytes((folder / "a.warc.gz").read_bytes())
    preview = web2shards.plan(recipe, tmp_path / "out")
    assert preview.passes[0].todo == 1
    assert passes(preview)["find duplicates"] == passes(preview)["write text"] == 2
    assert preview.passes[1].perhaps is False or preview.passes[1].why == {"rows are added or read again": 2}


def test_the_plan_is_what_the_run_does(small_recipe: Path, small: Path) -> None:
    settings = ["documents.score.language.characters=300", "output.text.samples=20"]
    planned = {work.name for work in web2shards.plan(small_recipe, small, settings=settings).passes if work.todo}
    result = run(web2shards.load_recipe(small_recipe, settings), RunOptions(str(small), inline=True))
    assert set(result.passes) == planned
    assert web2shards.plan(small_recipe, small, settings=settings).nothing


def test_a_damaged_layer_is_told(recipe: Path, out: Path) -> None:
    path = sorted((out / "documents" / "text").glob("*.parquet"))[2]
    path.write_bytes(path.read_bytes()[:-100])
    preview = web2shards.plan(recipe, out)
    assert len(preview.damaged) == 1
    assert str(path) in preview.damaged[0]
    assert {layer.layer: layer.parts for layer in preview.passes[0].layers}["text"] == 1
    assert path.exists()


def test_a_trial_gives_an_estimate(
    cli: Cli, small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    run_inline(small_recipe, tmp_path / "out", limit=1)
    preview = web2shards.plan(small_recipe, tmp_path / "out")
    told = preview.estimate
    assert told.from_parts == 1
    assert told.seconds is not None
    assert told.seconds > 0
    assert told.disk is not None
    assert "1 of 3 parts are there" in cli("plan", small_recipe, "--out", tmp_path / "out").stdout
    history = json.loads((tmp_path / "out" / "run.json").read_text())
    (tmp_path / "out" / "run.json").write_text(json.dumps({**history, "finished": None}))
    killed = cli("plan", small_recipe, "--out", tmp_path / "out").stdout
    assert "has not finished; 1 of 3 parts are read already" in " ".join(killed.split())
    assert "--limit 1" not in killed
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.compilation.INGEST_VERSION", 99)
        other = cli("plan", small_recipe, "--out", tmp_path / "out").stdout
    assert "are read already" not in " ".join(other.split())  # they were read in another way
    run_inline(small_recipe, tmp_path / "out")
    used = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert 0.3 * used < told.disk < 4 * used
    limited = web2shards.plan(small_recipe, tmp_path / "out", limit=2)
    assert (limited.parts, limited.left_out) == (2, 1)
    result = cli("plan", small_recipe, "--out", tmp_path / "out", "--set", "output.text.samples=10")
    assert "estimate: about" in result.stdout
    assert "are there" not in result.stdout  # all of them
    assert "requests" not in result.stdout


@pytest.mark.parametrize(
    ("disk", "free", "input_bytes", "warned"),
    [(100, 99, 0, True), (100, 101, 10**9, False), (None, 99, 100, True), (None, 100, 100, False)],
)
def test_the_disk_is_checked(disk: int | None, free: int, input_bytes: int, warned: bool) -> None:
    assert bool(Estimate(1.0, disk, 1, free, input_bytes).warning) is warned


def test_plan_as_json(cli: Cli, recipe: Path, finished: Path) -> None:
    told = json.loads(cli("plan", recipe, "--out", finished, "--json").stdout)
    assert told["nothing"] is True
    assert {field.name for field in dataclasses.fields(PassWork)} <= set(told["passes"][0])


def test_status(cli: Cli, finished: Path) -> None:
    status = status_of(str(finished))
    assert status.finished is not None
    assert status.holder is None
    assert {layer.layer: layer.done for layer in status.layers} == dict.fromkeys(
        ["record", "page", "text", "language", "exact", "identity", "duplicates", "fate"], 5
    )
    told = cli("status", finished).stdout
    assert "documents/language" in told
    assert "5 of 5" in told
    assert "finished" in told
    assert json.loads(cli("status", finished, "--json").stdout)["parts"] == 5


def test_status_of_a_run_that_was_cut_short(cli: Cli, out: Path) -> None:
    for path in sorted((out / "documents" / "language").glob("*.parquet"))[:2]:
        path.unlink()
    (out / "shards" / "text" / "index.json").unlink()
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(run | {"finished": None}))
    told = cli("status", out).stdout
    assert "not finished" in told
    assert "3 of 5" in told
    assert "shards/text: not there yet" in told


def test_status_while_a_run_holds_the_folder(cli: Cli, out: Path) -> None:
    from pipelines.lease import Lease

    with Lease(str(out)):
        assert "running: process" in cli("status", out).stdout
    assert "running" not in cli("status", out).stdout


def test_where_a_run_would_be_run(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    profile = tmp_path / "flink.yaml"
    profile.write_text(
        "runner: flink\nmaster: flink.nowhere:8081\nparallelism: 16\nenvironment: {type: EXTERNAL, address: 'localhost:50000'}\n"
    )
    told = cli("plan", recipe, "--out", tmp_path / "out", "--cluster", profile)
    assert told.exit_code == 0, told.stderr
    assert "pipeline 2: find duplicates, decide fates, write text (after the one before: how many rows" in told.stdout
    assert "flink at flink.nowhere:8081: 2 pipelines, 20 to 25 s to start each" in told.stdout
    assert "43 to 57 s in all" in told.stdout  # two pipelines, and the job server of the run's own
    assert "16 tasks at a time, 11 of them idle for want of parts; workers: pools at localhost:50000 (EXTERNAL)" in told.stdout
    assert f"exchange files on a disk that all hosts must see: {tmp_path}/out/tmp" in told.stdout
    assert f"`web2shards doctor --cluster {profile} --out {tmp_path}/out`" in told.stdout
    assert not (tmp_path / "out").exists()
    refused = cli("plan", recipe, "--out", tmp_path / "out", "--cluster", profile, "--workers", "3")
    assert refused.exit_code == 2
    assert "16 tasks at a time" in " ".join(refused.stderr.split())
    assert cli("plan", recipe, "--out", tmp_path / "out", "--cluster", profile, "--workers", "16").exit_code == 0
    here = cli("plan", recipe, "--out", tmp_path / "out", "--workers", "3").stdout
    assert "direct: 2 pipelines" in here
    assert "3 tasks at a time; workers: processes of this machine" in here
    assert "doctor" not in here


def test_a_plan_without_pipelines_starts_nothing(cli: Cli, recipe: Path, finished: Path) -> None:
    told = cli("plan", recipe, "--out", finished, "--runner", "spark")
    assert "spark at local[*]: nothing is started" in told.stdout
    assert "idle" not in told.stdout


def test_a_profile_that_is_wrong_has_no_plan(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    profile = tmp_path / "c.yaml"
    profile.write_text("runner: flink\nmastr: x\n")
    told = cli("plan", recipe, "--cluster", profile)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "unknown key `mastr`" in told.stderr


def test_pipelines_on_both_sides_of_an_election(tmp_path: Path) -> None:
    work = [
        PassWork("extract and score", 5, 5, layers=(LayerWork("page", {"new": 5}),)), PassWork("find duplicates", 5, 5),
        PassWork("score 1", 5, 5, layers=(LayerWork("costly", {"missing": 5}),)), PassWork("decide fates", 5, 5),
    ]  # fmt: skip
    where = placement(RunOptions(str(tmp_path)))
    found = Preview("a", "out", 5, 0, tuple(work), (), Estimate(None, None, 0, 0, 0), where).pipelines
    assert [pipeline.passes for pipeline in found] == [(each.name,) for each in work]
    assert [pipeline.why[:9] for pipeline in found] == ["", "how many ", "its score", "which row"]


def test_a_threshold_that_bands_hardly_find_is_told(cli: Cli, tmp_path: Path) -> None:
    text = RECIPE.replace("    - exact\n", "    - minhash: {{threshold: 0.4}}\n")
    recipe = write_recipe(tmp_path, EXAMPLES / "more" / "second.warc.gz", text=text)
    out = ("--out", tmp_path / "out")
    for words in (("recipe", "check", recipe), ("plan", recipe, *out), ("run", recipe, *out)):
        told = cli(*words)
        assert told.exit_code == 0
        assert "warning: minhash: 18 × 6 finds 7.1% of the pairs at its threshold 0.4" in told.stdout + told.stderr, words
