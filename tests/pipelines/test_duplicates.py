"""Near-duplicates in a run: who joins whom, whatever the split; earlier runs; rehydration; tables of signatures."""

from __future__ import annotations

import itertools
import json
import shutil
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.components import connected_components
from core.errors import InputError, RecipeError
from dedup.minhash import MinHash
from dedup.shingles import shingles
from pipelines.clustering import cluster_signatures
from pipelines.compilation import compile_plan
from pipelines.inspection import find
from pipelines.recipe import Recipe, load_recipe
from pipelines.removal import Takedown
from pipelines.run import RunOptions, run
from pipelines.source_rows import Reader
from pipelines.sources import Source, part_sources
from pipelines.stored import Run
from pipelines.takedown import look_up

from .runs import column, hashes

RECIPE = """
name: near
input: {{table: {{path: {path}}}, part: {part}}}
documents:
  {more}
  score:
    - text
    - exact
    - minhash: {settings}
  keep:
    - text.characters >= 20
    - duplicates.kept
output:
  text: {{from: documents, samples: 1000}}
"""
WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "ra", "se", "ti") for b in ("bel", "dor", "fan", "gos", "lim", "pur")]


def near(path: Path | str, *, part: str = "1MB", settings: str = "{}", more: str = "audit: 0.01", **_: Any) -> Recipe:
    return load_recipe(RECIPE.format(path=path, part=part, settings=settings, more=more))


def texts(seed: int = 5, families: int = 40) -> list[str]:
    """Families of texts: one original, and copies of it with more and more words changed."""
    rng = np.random.default_rng(seed)
    made: list[str] = []
    for _ in range(families):
        original = rng.choice(WORDS, int(rng.integers(60, 160)))
        made.append(" ".join(original))
        for changed in rng.integers(1, 12, int(rng.integers(0, 5))):
            copy = original.copy()
            copy[rng.choice(len(copy), int(changed), replace=False)] = rng.choice(WORDS, int(changed))
            made.append(" ".join(copy))
    return [made[i] for i in rng.permutation(len(made))]


def write_table(path: Path, rows: list[str], start: int = 0) -> Path:
    with path.open("w") as file:
        for i, text in enumerate(rows):
            file.write(json.dumps({"url": f"https://host{i % 7}.example/{start + i}", "text": text}) + "\n")
    return path


def jaccard(a: str, b: str) -> float:
    left, right = set(shingles(a, 5, "word")), set(shingles(b, 5, "word"))
    return len(left & right) / max(1, len(left | right))


def clusters(out: Path) -> dict[str, bytes]:
    """The cluster of each text."""
    return dict(zip(column(out, "text", "text"), column(out, "duplicates", "cluster"), strict=True))


@pytest.fixture(scope="module")
def rows() -> list[str]:
    return texts()


@pytest.fixture(scope="module")
def table(rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "texts.jsonl", rows)


@pytest.fixture(scope="module")
def finished(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("near") / "out"
    run(near(table), RunOptions(str(out), inline=True))
    return out


def test_clusters_are_what_pairs_above_the_threshold_connect(finished: Path, rows: list[str]) -> None:
    found = clusters(finished)
    members: dict[bytes, list[str]] = defaultdict(list)
    for text, cluster in found.items():
        members[cluster].append(text)
    threshold = MinHash().threshold
    assert sum(len(group) > 1 for group in members.values()) > 10
    for group in members.values():
        close = [(i, j) for i, j in itertools.combinations(range(len(group)), 2) if jaccard(group[i], group[j]) >= threshold]
        a, b = (np.array([pair[side] for pair in close], np.int64) for side in (0, 1))
        assert not connected_components(a, b, len(group)).any()
    for a, b in itertools.combinations(rows, 2):
        if jaccard(a, b) >= 0.85:
            assert found[a] == found[b]


@pytest.mark.parametrize("part", ["1kB", "7kB"])
def test_the_split_of_the_input_does_not_matter(finished: Path, table: Path, tmp_path: Path, part: str) -> None:
    run(near(table, part=part), RunOptions(str(tmp_path / "out"), inline=True))
    assert len(list((tmp_path / "out" / "documents" / "page").glob("*.parquet"))) > 3
    assert clusters(tmp_path / "out") == clusters(finished)
    for name in ("index.json",):
        ours, theirs = ((out / "shards" / "text" / name).read_bytes() for out in (tmp_path / "out", finished))
        assert [s["sha256"] for s in json.loads(ours)["shards"]] == [s["sha256"] for s in json.loads(theirs)["shards"]]


def test_worker_processes_find_the_same(finished: Path, table: Path, tmp_path: Path) -> None:
    run(near(table, part="20kB"), RunOptions(str(tmp_path / "out"), workers=2))
    assert clusters(tmp_path / "out") == clusters(finished)


def test_small_partitions_give_the_same(
    finished: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("pipelines.deduplication.PARTITION_KEYS", 50)
    monkeypatch.setattr("pipelines.deduplication.PARTITION_ROWS", 20)
    monkeypatch.setattr("pipelines.elections.ELECT_ROWS", 10)
    run(near(table, part="5kB"), RunOptions(str(tmp_path / "out"), inline=True))
    assert clusters(tmp_path / "out") == clusters(finished)


@pytest.mark.parametrize("verify", ["jaccard", "none"])
def test_groups_of_partitions_give_the_same(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: str
) -> None:  # fmt: skip
    """As for a table whose partitions are too many to send to each; and for one bucket that is too large for a partition."""
    settings = f"{{threshold: 0.8, verify: {verify}}}"
    run(near(table, settings=settings, part="5kB"), RunOptions(str(tmp_path / "one"), inline=True))
    monkeypatch.setattr("pipelines.deduplication.PARTITION_KEYS", 20)
    monkeypatch.setattr("pipelines.deduplication.PARTITION_ROWS", 20)
    monkeypatch.setattr("pipelines.deduplication.MOST_PARTITION_ROWS", 40)
    monkeypatch.setattr("pipelines.partitions.MOST_GROUPS", 4)
    monkeypatch.setattr("pipelines.verification._SIGNATURES", 16)
    monkeypatch.setattr("dedup.large_buckets.match_in_pieces.__defaults__", (False, 5))
    run(near(table, settings=settings, part="5kB"), RunOptions(str(tmp_path / "out"), inline=True))
    assert clusters(tmp_path / "out") == clusters(tmp_path / "one")


@pytest.mark.parametrize("sources", [1, 3, 1000])
def test_parts_that_are_put_together_give_the_same(
    finished: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: int
) -> None:  # fmt: skip
    monkeypatch.setattr("pipelines.sources.MOST_ALONE", 1)
    monkeypatch.setattr("pipelines.sources.MOST_SOURCES", sources)
    monkeypatch.setattr("pipelines.elections.ELECT_ROWS", 10)
    monkeypatch.setattr("pipelines.deduplication.ROWS_IN_ONE_PROCESS", 10 if sources == 3 else 10**9)
    run(near(table, part="2kB"), RunOptions(str(tmp_path / "out"), inline=True))
    assert clusters(tmp_path / "out") == clusters(finished)


def test_sources_of_many_parts() -> None:
    rows = {f"p{i:05d}": 10 + i % 3 for i in range(5000)}
    sources = part_sources(rows, decided=False)
    assert 1024 < len(sources) <= 4096
    assert [part for source in sources for part in source.of_parts] == list(rows.items())
    assert all(source.rows == sum(n for _, n in source.of_parts) and source.name == source.of_parts[0][0] for source in sources)
    assert [Source.from_json(json.loads(json.dumps(source.to_json()))) for source in sources] == sources
    alone = part_sources(dict(list(rows.items())[:1024]), decided=False)
    assert [source.of_parts for source in alone] == [((name, n),) for name, n in list(rows.items())[:1024]]


def test_shingles_in_small_slabs_give_the_same(
    finished: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("pipelines.verification._SHINGLES", 300)
    run(near(table, part="7kB"), RunOptions(str(tmp_path / "out"), inline=True))
    assert clusters(tmp_path / "out") == clusters(finished)


def test_of_a_cluster_the_longest_is_kept(finished: Path) -> None:
    kept = column(finished, "fate", "kept")
    text, cluster = column(finished, "text", "text"), column(finished, "duplicates", "cluster")
    longest: dict[bytes, int] = defaultdict(int)
    for t, c in zip(text, cluster, strict=True):
        longest[c] = max(longest[c], len(t))
    assert all(len(t) == longest[c] for t, c, k in zip(text, cluster, kept, strict=True) if k)
    assert sum(kept) == len(longest)


def test_a_lower_threshold_joins_more_and_none_verifies_nothing(finished: Path, table: Path, tmp_path: Path) -> None:
    counts = {}
    for name, settings in {"low": "{threshold: 0.55}", "high": "{threshold: 0.95}", "none": "{verify: none}"}.items():
        run(near(table, settings=settings), RunOptions(str(tmp_path / name), inline=True))
        counts[name] = len(set(clusters(tmp_path / name).values()))
    default = len(set(clusters(finished).values()))
    assert counts["none"] <= counts["low"] < default < counts["high"]


def test_documents_that_an_earlier_rule_dropped_take_no_part(tmp_path: Path) -> None:
    """The longer of two copies is dropped by a rule: the shorter one is kept."""
    body = texts(9, 1)[0]
    path = write_table(tmp_path / "t.jsonl", [body + " zzz", body])
    text = RECIPE.format(path=path, part="1MB", settings="{}", more="audit: 0.01").replace(
        "- text.characters >= 20", f"- text.characters <= {len(body) + 1}"
    )
    run(load_recipe(text), RunOptions(str(tmp_path / "out"), inline=True))
    assert dict(zip(column(tmp_path / "out", "text", "text"), column(tmp_path / "out", "fate", "reason"), strict=True)) == {
        body + " zzz": "text_characters", body: "",
    }  # fmt: skip


def test_only_documents_of_one_value_are_compared(tmp_path: Path) -> None:
    body = texts(9, 1)[0]
    path = write_table(tmp_path / "t.jsonl", [body, body + " abc", body + " def"])
    settings = "{within: page.host}"  # each row has its own
    run(near(path, settings=settings), RunOptions(str(tmp_path / "out"), inline=True))
    assert len(set(clusters(tmp_path / "out").values())) == 3


def test_a_moved_threshold_signs_nothing_anew(finished: Path, table: Path, tmp_path: Path) -> None:
    """Nor do other bands of as many values, or verifying nothing; but the election is held again."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    signed = hashes(out, "documents/minhash")
    for settings in ("{threshold: 0.55}", "{bands: 12, rows: 9}", "{verify: none}"):
        again = run(near(table, settings=settings), RunOptions(str(out), inline=True))
        assert "extract and score" not in again.passes
        assert "find duplicates" in again.passes
        fresh = tmp_path / settings
        run(near(table, settings=settings), RunOptions(str(fresh), inline=True))
        assert hashes(out, "documents/duplicates", "documents/fate", "shards") == hashes(
            fresh, "documents/duplicates", "documents/fate", "shards"
        )
    assert hashes(out, "documents/minhash") == signed


class TestAgainstEarlierRuns:
    @pytest.fixture(scope="class")
    def earlier(self, rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("earlier")
        path = write_table(folder / "first.jsonl", rows[: len(rows) // 2])
        run(near(path), RunOptions(str(folder / "out"), inline=True))
        path.unlink()  # the old pages are not read again
        return folder / "out"

    def test_what_was_kept_before_is_kept_from_coming_again(
        self, earlier: Path, rows: list[str], tmp_path: Path
    ) -> None:  # fmt: skip
        new = rows[len(rows) // 2 :]
        path = write_table(tmp_path / "second.jsonl", new, start=1000)
        out = tmp_path / "out"
        run(near(path, more=f"against: {earlier}"), RunOptions(str(out), inline=True))
        was_kept = [t for t, k in zip(column(earlier, "text", "text"), column(earlier, "fate", "kept"), strict=True) if k]
        ids = set(column(earlier, "fate", "id"))
        kept = [t for t, k in zip(column(out, "text", "text"), column(out, "fate", "kept"), strict=True) if k]
        assert 0 < len(kept) < len(new)
        assert all(jaccard(a, b) < 0.85 for a in kept for b in was_kept)
        known = [c in ids for c in column(out, "duplicates", "cluster")]
        assert any(known)
        assert not any(k and c for k, c in zip(column(out, "fate", "kept"), known, strict=True))
        size = column(out, "duplicates", "size")
        assert all(s >= 2 for s, k in zip(size, known, strict=True) if k)
        copy = next(i for i, e in zip(column(out, "duplicates", "id"), column(out, "duplicates", "earlier"), strict=True) if e)
        winner = next(i for i, k in zip(column(out, "fate", "id"), column(out, "fate", "kept"), strict=True) if k)
        told = look_up(str(out), [Takedown("id", i.hex()) for i in (copy, winner)])
        assert (told.documents, told.earlier) == (2, 1)
        # The same command again has nothing to do; the earlier run is as it was.
        assert run(near(path, more=f"against: {earlier}"), RunOptions(str(out), inline=True)).passes == {}

    def test_without_its_texts_signatures_decide(
        self, earlier: Path, rows: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:  # fmt: skip
        asked: list[str] = []
        shingles_of = Reader.shingles
        monkeypatch.setattr(Reader, "shingles", lambda self, *args: (asked.append(self.source.root), shingles_of(self, *args))[1])
        bare = tmp_path / "bare"
        shutil.copytree(earlier, bare)
        shutil.rmtree(bare / "documents" / "text")
        path = write_table(tmp_path / "second.jsonl", rows[len(rows) // 2 :], start=1000)
        for name, root in (("whole", earlier), ("signed", bare)):
            run(near(path, more=f"against: {root}"), RunOptions(str(tmp_path / name), inline=True))
        whole, signed = (column(tmp_path / name, "fate", "kept") for name in ("whole", "signed"))
        assert sum(a != b for a, b in zip(whole, signed, strict=True)) < len(whole) / 5
        assert str(earlier) in asked
        assert str(bare) not in asked

    def test_another_setting_is_refused(self, earlier: Path, table: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="other parameters"):
            run(near(table, settings="{seed: 3}", more=f"against: {earlier}"), RunOptions(str(tmp_path / "out"), inline=True))

    def test_another_threshold_is_not(self, earlier: Path, rows: list[str], tmp_path: Path) -> None:
        path = write_table(tmp_path / "second.jsonl", rows[len(rows) // 2 :], start=1000)
        kept: list[int] = []
        for threshold in (0.8, 0.6):
            out = tmp_path / str(threshold)
            settings = f"{{threshold: {threshold}, bands: 27, rows: 4}}"
            run(near(path, settings=settings, more=f"against: {earlier}"), RunOptions(str(out), inline=True))
            kept.append(sum(column(out, "fate", "kept")))
        assert kept[1] < kept[0]

    def test_the_runs_own_folder_is_refused(self, earlier: Path, table: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(earlier)
        for root in (earlier, tmp_path / "link"):
            with pytest.raises(InputError, match="own out folder"):
                run(near(table, more=f"against: {root}"), RunOptions(str(earlier), inline=True))

    def test_a_record_of_one_id_is_not_kept_twice(self, tmp_path: Path) -> None:
        """Not even if its text is too short for a signature, and nothing else is compared."""
        lines = ["short text of four", "another one of these few"]
        path = write_table(tmp_path / "a.jsonl", lines)
        for out, more in (("first", "audit: 0.01"), ("second", f"against: {tmp_path / 'first'}")):
            made = RECIPE.format(path=path, part="1MB", settings="{ngram: 9}", more=more).replace("    - exact\n", "")
            run(load_recipe(made.replace(">= 20", ">= 1")), RunOptions(str(tmp_path / out), inline=True))
        assert column(tmp_path / "first", "fate", "kept") == [True, True]
        assert column(tmp_path / "second", "fate", "kept") == [False, False]

    def test_one_that_has_not_finished_is_refused(self, rows: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its rules may be other than those that its fates are of."""
        path, first = write_table(tmp_path / "a.jsonl", rows[:20]), RunOptions(str(tmp_path / "first"), inline=True)
        run(near(path), first)
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.run._Driver._passes", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(near(path, settings="{threshold: 0.9}"), first)
        second = near(path, more=f"against: {tmp_path / 'first'}")
        with pytest.raises(InputError, match="has not finished"):
            run(second, RunOptions(str(tmp_path / "second"), inline=True))
        run(near(path, settings="{threshold: 0.9}"), first)
        run(second, RunOptions(str(tmp_path / "second"), inline=True))

    def test_a_table_has_no_column_to_compare_within(self, table: Path, tmp_path: Path) -> None:
        pq.write_table(pa.table({"signature": [[1] * 108]}), tmp_path / "s.parquet")
        with pytest.raises(InputError, match=r"page\.url"):
            run(
                near(table, settings="{within: page.url}", more=f"against: {tmp_path / 's.parquet'}"),
                RunOptions(str(tmp_path / "out"), inline=True),
            )

    def test_a_folder_without_a_run_is_refused(self, table: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no run here"):
            run(near(table, more=f"against: {tmp_path}"), RunOptions(str(tmp_path / "out"), inline=True))

    def test_a_table_of_signatures(self, earlier: Path, rows: list[str], tmp_path: Path) -> None:
        signed = pa.concat_tables(
            pq.read_table(f, columns=["id", "signature"]) for f in sorted((earlier / "documents" / "minhash").glob("*.parquet"))
        )
        lists = [None if s is None else np.frombuffer(s, "<u4").tolist() for s in signed["signature"].to_pylist()]
        pq.write_table(pa.table({"id": [i.hex() for i in signed["id"].to_pylist()], "signature": lists}), tmp_path / "s.parquet")
        path = write_table(tmp_path / "same.jsonl", rows[: len(rows) // 2], start=5000)
        run(near(path, more=f"against: {tmp_path / 's.parquet'}"), RunOptions(str(tmp_path / "out"), inline=True))
        assert not any(column(tmp_path / "out", "fate", "kept"))
        assert set(column(tmp_path / "out", "fate", "reason")) == {"duplicate"}


def test_rehydration_repeats_by_cluster_size(table: Path, tmp_path: Path) -> None:
    recipe = near(table, more="repeat: {1: 1, 2: 2, 3: 5}")
    assert Recipe.canonical(recipe)["documents"]["repeat"] == {"1": 1, "2": 2, "3": 5}
    assert load_recipe(json.dumps(recipe.canonical(), indent=1)).documents == recipe.documents
    result = run(recipe, RunOptions(str(tmp_path / "out"), inline=True))
    sizes, kept = column(tmp_path / "out", "duplicates", "size"), column(tmp_path / "out", "fate", "kept")
    expected = [{1: 1, 2: 2}.get(s, 5) if k else 0 for s, k in zip(sizes, kept, strict=True)]
    assert column(tmp_path / "out", "fate", "repeat") == expected
    assert sum(t["samples"] for t in result.outputs["text"]["totals"].values()) == sum(expected) > sum(kept)


def test_fineweb2s_rehydration_by_its_name(table: Path) -> None:
    assert near(table, more="repeat: fineweb2").documents.repeat == {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("repeat: {2: 2}", "begin with"), ("repeat: {1: 0}", "at least 1"), ("repeat: {0: 1}", "at least 1"),
        ("repeat: x", "keys and values"),
    ],
)
def test_bad_rehydration_is_told(table: Path, more: str, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        near(table, more=more)
    assert message in f"{error.value} {error.value.mend}"


def test_repeat_needs_a_rule_that_keeps_one_of_a_cluster(table: Path) -> None:
    text = RECIPE.format(path=table, part="1MB", settings="{}", more="repeat: fineweb2").replace("    - duplicates.kept\n", "")
    with pytest.raises(RecipeError, match=r"duplicates\.kept"):
        load_recipe(text)


def test_repeat_and_against_need_a_scorer_that_finds_duplicates(table: Path) -> None:
    text = RECIPE.format(path=table, part="1MB", settings="{}", more="repeat: fineweb2")
    lines = [line for line in text.splitlines() if "exact" not in line and "minhash" not in line and "duplicates" not in line]
    with pytest.raises(RecipeError, match="asks for duplicates"):
        load_recipe("\n".join(lines))


class TestTablesOfSignatures:
    def signatures(self, n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Signatures of which every fourth is nearly that of a planted family's first."""
        rng = np.random.default_rng(seed)
        words = rng.integers(0, 2**32, (n, 108), dtype=np.uint32)
        family = np.arange(n)
        family[3::4] = rng.integers(0, 10, len(family[3::4])) * 4
        for i in range(3, n, 4):
            change = rng.random(108) < 0.06
            words[i] = np.where(change, words[i], words[family[i]])
        return words, family

    def test_planted_clusters_are_found(self, tmp_path: Path) -> None:
        words, family = self.signatures(2_000)
        table = pa.table({"signature": words.tolist()})
        pq.write_table(table, tmp_path / "s.parquet", row_group_size=300)
        told = cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / "out"), inline=True))
        made = pa.concat_tables(pq.read_table(f) for f in sorted((tmp_path / "out" / "clusters").glob("*.parquet")))
        cluster = made["cluster"].to_numpy()
        _, expected = np.unique(family, return_inverse=True)
        _, found = np.unique(cluster, return_inverse=True)
        pairs = set(zip(expected.tolist(), found.tolist(), strict=True))
        assert len(pairs) == len(set(expected.tolist())) == len(set(found.tolist()))
        assert (told.rows, told.kept, told.clusters) == (2_000, len(set(found.tolist())), 10)
        assert told.largest == np.bincount(found).max()

    def test_the_row_groups_do_not_matter(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipelines.sources.TABLE_ROWS", 100)
        words, _ = self.signatures(1_000)
        for size in (100, 370):
            pq.write_table(pa.table({"signature": words.tolist()}), tmp_path / "s.parquet", row_group_size=size)
            cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / str(size)), inline=True))
        kept = [
            pa.concat_tables(pq.read_table(f) for f in sorted((tmp_path / name / "clusters").glob("*.parquet")))
            for name in ("100", "370")
        ]
        assert kept[0]["size"].to_pylist() == kept[1]["size"].to_pylist()

    def test_a_large_row_group_is_taken_in_pieces(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        words, _ = self.signatures(1_000)
        table = pa.table({"signature": words.tolist()})
        with pq.ParquetWriter(tmp_path / "s.parquet", table.schema) as writer:
            for start, end in ((0, 30), (30, 40), (40, 980), (980, 1_000)):
                writer.write_table(table.slice(start, end - start), row_group_size=1_000)
        for rows in (1_000, 25):
            monkeypatch.setattr("pipelines.sources.TABLE_ROWS", rows)
            cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / str(rows)), inline=True))
        whole, pieces = (sorted((tmp_path / str(rows) / "clusters").glob("*.parquet")) for rows in (1_000, 25))
        assert (len(whole), len(pieces)) == (1, 13)
        assert max(pq.read_metadata(f).num_rows for f in pieces) <= 100
        for name in ("row", "cluster", "size", "kept"):
            assert pq.read_table(whole, columns=[name]).equals(pq.read_table(pieces, columns=[name]))

    def test_rows_may_share_an_id_or_have_none_and_empty_sets_join_nothing(self, tmp_path: Path) -> None:
        words = np.random.default_rng(2).integers(0, 2**32, (8, 108), dtype=np.uint32)
        words[3] = words[0]
        words[[4, 5, 6]] = 2**32 - 1  # datasketch's signature of no shingles
        ids = [f"doc-{i}" for i in range(8)]
        ids[1] = ids[2]
        pq.write_table(pa.table({"id": [*ids[:6], None, None], "signature": words.tolist()}), tmp_path / "s.parquet")
        told = cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / "out"), inline=True))
        made = pq.read_table(tmp_path / "out" / "clusters")
        assert (told.rows, told.kept, told.clusters, told.largest) == (8, 7, 1, 2)
        assert made["row"].to_pylist() == list(range(8))
        assert made["cluster"].to_pylist()[:4] in ([0, 1, 2, 0], [3, 1, 2, 3])
        assert made["size"].to_pylist() == [2, 1, 1, 2, 1, 1, 1, 1]
        assert made["id"].to_pylist() == [*ids[:6], None, None]

    def test_rows_are_counted_over_all_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipelines.sources.TABLE_ROWS", 3)
        words = np.random.default_rng(2).integers(0, 2**32, (20, 108), dtype=np.uint32)
        words[17] = words[2]
        for name, rows in (("a", slice(0, 7)), ("b", slice(7, 7)), ("c", slice(7, 20))):
            table = pa.table({"signature": pa.array(words[rows].tolist(), pa.list_(pa.uint32()))})
            pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=2)
        cluster_signatures([str(tmp_path / "*.parquet")], MinHash(), RunOptions(str(tmp_path / "out"), inline=True))
        made = pq.read_table(tmp_path / "out" / "clusters")
        assert made["row"].to_pylist() == list(range(20))
        expected = list(range(20))
        expected[2] = expected[17] = made["cluster"].to_pylist()[2]
        assert expected[2] in (2, 17)
        assert made["cluster"].to_pylist() == expected

    def test_an_empty_table_has_no_clusters(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"signature": pa.array([], pa.binary(432))}), tmp_path / "s.parquet")
        told = cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / "out"), inline=True))
        assert (told.rows, told.clusters) == (0, 0)
        assert (tmp_path / "out" / "clusters" / "_index.json").is_file()
        assert pq.read_table(tmp_path / "out" / "clusters").column_names == ["row", "cluster", "size", "kept"]

    @pytest.mark.parametrize("bad", [[1] * 50, [None] + [1] * 107, [-1] * 108, [2**40] * 108])
    def test_a_row_that_is_no_signature_is_named(self, tmp_path: Path, bad: list[int | None]) -> None:
        rows: list[list[int | None]] = [[7] * 108] * 30
        table = pa.table({"signature": pa.array([*rows, bad, *rows], pa.list_(pa.int64()))})
        pq.write_table(table, tmp_path / "s.parquet", row_group_size=20)
        with pytest.raises(InputError, match=r"s\.parquet, row 30: column signature"):
            cluster_signatures([str(tmp_path / "s.parquet")], MinHash(), RunOptions(str(tmp_path / "out"), inline=True))

    def test_an_index_is_written_last(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"signature": self.signatures(40)[0].tolist()}), tmp_path / "s.parquet")
        told = cluster_signatures(
            [str(tmp_path / "s.parquet")], MinHash(threshold=0.7), RunOptions(str(tmp_path / "out"), inline=True)
        )
        index = json.loads((tmp_path / "out" / "clusters" / "_index.json").read_text())
        assert index["files"] == ["s.parquet"]
        assert (index["minhash"]["threshold"], index["minhash"]["verify"]) == (0.7, "signature")
        assert index["totals"] == {"rows": 40, "kept": told.kept, "clusters": told.clusters, "largest": told.largest}

    def test_what_is_no_table_of_signatures_is_refused(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"signature": [[1, 2, 3]]}), tmp_path / "short.parquet")
        pq.write_table(pa.table({"other": [1]}), tmp_path / "other.parquet")
        for name in ("short", "other", "none"):
            with pytest.raises(InputError):
                cluster_signatures([str(tmp_path / f"{name}.parquet")], MinHash(), RunOptions(str(tmp_path / "o"), inline=True))


def test_the_plan_has_the_election_where_signatures_are(table: Path) -> None:
    plan = compile_plan(near(table))
    assert [layer.name for layer in plan.dedup_layers] == ["exact", "minhash"]
    assert plan.duplicates_position > plan.by_name["minhash"].position


def test_stars_find_the_clusters_that_one_process_finds(
    finished: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """As for a graph that is too large for one process."""
    monkeypatch.setattr("pipelines.deduplication.ROWS_IN_ONE_PROCESS", 0)
    monkeypatch.setattr("pipelines.deduplication.PARTITION_KEYS", 60)
    result = run(near(table, part="20kB"), RunOptions(str(tmp_path / "out"), inline=True))
    assert clusters(tmp_path / "out") == clusters(finished)
    assert "find duplicates: join" in result.passes


@pytest.mark.parametrize("rounds", [1, 2])
def test_stars_converge_on_a_long_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """Each text shares most of its shingles with the next, so that the cluster is a path; it takes several pipelines."""
    monkeypatch.setattr("pipelines.deduplication.ROWS_IN_ONE_PROCESS", 0)
    monkeypatch.setattr("pipelines.deduplication.PARTITION_KEYS", 40)
    monkeypatch.setattr("pipelines.deduplication._ROUNDS", rounds)
    rng = np.random.default_rng(3)
    words = [f"{w}{i}" for i, w in enumerate(rng.choice(WORDS, 1000))]
    rows = [" ".join(words[i * 5 : i * 5 + 150]) for i in range(60)]
    path = write_table(tmp_path / "chain.jsonl", [rows[i] for i in rng.permutation(len(rows))])
    run(near(path, settings="{threshold: 0.8}"), RunOptions(str(tmp_path / "out"), inline=True))
    assert len(set(clusters(tmp_path / "out").values())) == 1
    assert not list((tmp_path / "out").glob("tmp/**/*"))


def test_a_lookup_tells_who_stands_for_a_document_and_how_alike_they_are(
    finished: Path, rows: list[str], tmp_path: Path
) -> None:  # fmt: skip
    path = write_table(tmp_path / "copy.jsonl", [rows[0]], start=9000)
    run(near(path, more=f"against: {finished}"), RunOptions(str(tmp_path / "out"), inline=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = find(Run(str(tmp_path / "out")), "https://host0.example/9000")
        (first,) = find(Run(str(finished)), "https://host0.example/0")
    assert found.reason == "duplicate"
    assert found.cluster[0].earlier == str(finished)
    assert found.cluster[0].kept
    assert 0.6 < (found.cluster[0].alike or 0) <= 1
    assert [member.alike for member in first.cluster if member.id == first.id] == [1.0] * (len(first.cluster) > 0)
