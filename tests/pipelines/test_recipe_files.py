"""Files that a recipe names: what is missing, unreadable or empty is told before anything runs, all at once, with key and path."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

import web2shards
from core.errors import InputError, ScorerError, UserError
from pipelines.recipe import Recipe, load_recipe
from pipelines.recipe_files import check_files_and_plan, look_for_files, require_files

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def recipe(*scorers: dict[str, Any], **more: Any) -> Recipe:
    documents = {"score": ["text", "language", *scorers], **more.pop("documents", {})}
    return load_recipe(json.dumps({"name": "r", "input": {"warcs": "in.warc"}, "documents": documents, **more}, indent=1))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that relative paths start at, with an input."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.warc").write_bytes(b"WARC/1.0\r\n")
    return tmp_path


MISSING = [
    ({"hosts": {"lists": ["no.txt"]}}, "lists[0]"),
    ({"language": {"as": "other", "model": "no.ftz"}}, "model"),
    ({"language": {"as": "other", "thresholds": "no.txt"}}, "thresholds"),
    ({"quality": {"model": "no"}}, "model"),
    ({"tokens": {"tokenizer": "no.json"}}, "tokenizer"),
    ({"perplexity": {"models": {"en": "no.arpa"}}}, "models.en"),
    ({"flagged_words": {"lists": {"de": "no.txt"}}}, "lists.de"),
    ({"c4": {"bad_words": "no.txt"}}, "bad_words"),
    ({"decontaminate": {"sets": {"mmlu": "no.jsonl"}}}, "sets.mmlu"),
]


@pytest.mark.parametrize(("scorer", "key"), MISSING, ids=lambda v: str(v)[:30])
def test_a_missing_file_is_told_with_its_key_and_where_it_was_looked_for(folder: Path, scorer: dict[str, Any], key: str) -> None:
    name, given = next(iter(scorer.items()))
    checked = recipe(scorer)
    looked = look_for_files(checked, remote=False)
    assert [fault.problem.path for fault in looked.faults] == [f"documents.score[2].{name}.{key}"]
    problem = looked.faults[0].problem
    file = next(word for value in given.values() for word in _words(value) if word.startswith("no"))
    assert file in problem.message
    assert f"looked for at {folder / file}" in problem.message
    assert problem.mend
    assert int(problem.place.rpartition(":")[2]) > 10
    with pytest.raises(UserError, match=str(folder / file)):
        web2shards.plan(checked, "out")
    with pytest.raises(UserError, match=str(folder / file)):
        web2shards.run(checked, "out")
    assert not Path("out").exists()


def _words(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value.values() if isinstance(value, dict) else value)


def test_all_files_are_told_at_once() -> None:
    checked = recipe(*(scorer for scorer, _ in MISSING if "language" not in scorer), input={"warcs": ["no/*.warc", "in.warc"]})
    with pytest.raises(InputError) as caught:
        require_files(checked)
    assert "recipe: 8 files cannot be used" in caught.value.message
    assert "input.warcs: no/*.warc matches no file" in caught.value.message
    require_files(recipe())


EMPTY = [
    ({"hosts": {"lists": ["list"]}}, "# a comment\n\n", "list has not one host or URL"),
    ({"hosts": {"lists": ["list"]}}, "", "list has not one host or URL"),
    ({"hosts": {"lists": ["list"]}}, "[Adblock Plus 2.0]\n##.banner\n||cdn.example^$script\n", "list has not one host or URL"),
    ({"flagged_words": {"lists": {"de": "list"}}}, "# a comment\n\n", "list has not one entry"),
    ({"tokens": {"tokenizer": "list"}}, "", "list is empty"),
    ({"perplexity": {"models": {"en": "list"}}}, "", "list is empty"),
    ({"decontaminate": {"sets": {"mmlu": "list"}}}, "", "the set mmlu .list. has not one text"),
    ({"decontaminate": {"sets": {"mmlu": "list"}}}, '{"q": "too short"}\n', "all its 1 texts have fewer than 13 words"),
    ({"decontaminate": {"sets": {"mmlu": "list"}, "most": 1}}, f'{{"q": "{LONG}"}}\n' * 2, "are left out by `most`"),
]


@pytest.mark.parametrize(("scorer", "content", "message"), EMPTY, ids=lambda v: str(v)[:30])
def test_a_list_without_an_entry_is_told(scorer: dict[str, Any], content: str, message: str) -> None:
    Path("list").write_text(content)
    with pytest.raises(UserError, match=message):
        web2shards.run(recipe(scorer), "out")
    assert not Path("out").exists()


def test_lists_with_an_entry_are_taken() -> None:
    Path("hosts").write_text("# a comment\n" * 200_000 + "bad.example\n")
    Path("rules").write_text("[Adblock Plus 2.0]\n##.banner\n@@||good.example^\n")
    for category, names in (("adult", "bad.example\n"), ("empty", "")):
        Path("ut1", category).mkdir(parents=True)
        Path("ut1", category, "domains").write_text(names)
    Path("words").write_text("word\n")
    Path("set.jsonl").write_text(f'{{"q": "{LONG}"}}\n')
    require_files(recipe(
        {"hosts": {"lists": ["hosts", "rules", "ut1"]}}, {"flagged_words": {"lists": {"any": "words", "en": "en"}}},
        {"decontaminate": {"sets": {"mmlu": "set.jsonl"}}}, {"quality": {"model": "demo"}},
    ))  # fmt: skip
    with pytest.raises(ScorerError, match=r"the list ut1 \(empty\) has not one host"):
        require_files(recipe({"hosts": {"lists": ["ut1"], "categories": ["empty"]}}))
    with pytest.raises(ScorerError, match="no list has the category gambling"):
        require_files(recipe({"hosts": {"lists": ["ut1"], "categories": ["adult", "gambling"]}}))


def test_object_stores_are_not_asked_by_a_check() -> None:
    checked = recipe(
        {"decontaminate": {"sets": {"mmlu": "s3://bucket/mmlu.jsonl"}}}, {"tokens": {"tokenizer": "s3://bucket/tokenizer.json"}},
        input={"warcs": "s3://bucket/*.warc.gz"},
    )
    looked = look_for_files(checked, remote=False)
    assert looked.skipped == ("s3://bucket/*.warc.gz", "s3://bucket/mmlu.jsonl")
    assert [fault.problem.path for fault in looked.faults] == ["documents.score[3].tokens.tokenizer"]
    assert "lies on an object store" in looked.faults[0].problem.message


NUL = [
    *((scorer, key) for scorer, key in MISSING),
    ({"decontaminate": {"sets": {"mmlu": "set.jsonl"}, "ignore": "no"}}, "ignore"),
]


@pytest.mark.parametrize(("scorer", "key"), NUL, ids=lambda v: str(v)[:30])
def test_a_path_with_nul_is_told_with_its_key(scorer: dict[str, Any], key: str) -> None:
    Path("set.jsonl").write_text(f'{{"q": "{LONG}"}}\n')
    given = json.loads(json.dumps(scorer).replace('"no', '"no\\u0000'))
    checked = recipe(given)
    problems, _ = check_files_and_plan(checked)
    assert [problem.path for problem in problems] == [f"documents.score[2].{next(iter(scorer))}.{key}"]
    assert "has a NUL character" in problems[0].message
    assert "\0" not in str(problems[0])
    assert problems[0].mend
    with pytest.raises(InputError, match="NUL"):
        web2shards.run(checked, "out")


@pytest.mark.parametrize("uri", ["in\0.warc", "s3://bucket/in\0.warc"])
def test_an_input_with_nul_is_told(uri: str) -> None:
    problems, skipped = check_files_and_plan(recipe(input={"warcs": uri}))
    assert [problem.path for problem in problems] == ["input.warcs"]
    assert skipped == ()


def test_a_missing_file_of_lines_to_ignore_is_not_blamed_on_the_sets() -> None:
    Path("set.jsonl").write_text(f'{{"q": "{LONG}"}}\n')
    sets = {"mmlu": "set.jsonl", "arc": "set.jsonl"}
    looked = look_for_files(recipe({"decontaminate": {"sets": sets, "ignore": "no.txt"}}), remote=False)
    assert [fault.problem.path for fault in looked.faults] == ["documents.score[2].decontaminate.ignore"]
    assert "no.txt" in looked.faults[0].problem.message


def test_lines_to_ignore_on_an_object_store_are_not_asked_for_by_a_check() -> None:
    Path("set.jsonl").write_text(f'{{"q": "{LONG}"}}\n')
    given = {"sets": {"mmlu": "set.jsonl"}, "ignore": "no-such-store://bucket/lines.txt"}
    looked = look_for_files(recipe({"decontaminate": given}), remote=False)
    assert (looked.faults, looked.skipped) == ((), ("no-such-store://bucket/lines.txt",))


def test_an_earlier_run_that_is_not_there_is_told() -> None:
    looked = look_for_files(recipe("exact", documents={"against": ["out/before"]}), remote=False)  # type: ignore[arg-type]
    assert [fault.problem.path for fault in looked.faults] == ["documents.against[0]"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told() -> None:
    Path("words").write_text("word\n")
    Path("words").chmod(0)
    with pytest.raises(ScorerError, match="cannot be read"):
        require_files(recipe({"flagged_words": {"lists": {"any": "words"}}}))


def test_a_folder_where_a_file_should_be_is_told() -> None:
    Path("words").mkdir()
    with pytest.raises(ScorerError, match="cannot be read"):
        require_files(recipe({"flagged_words": {"lists": {"any": "words"}}}))
    with pytest.raises(ScorerError, match="cannot be read: Is a directory"):
        require_files(recipe({"tokens": {"tokenizer": "words"}}))


def test_a_damaged_gzip_is_told_with_the_line_that_was_reached() -> None:
    lines = "".join(f'{{"q": "{LONG} {i * 7919 % 10007}"}}\n' for i in range(5000)).encode()
    whole = gzip.compress(lines)
    for damaged in (whole[: len(whole) // 2], whole[:4000] + bytes(40) + whole[4040:], whole[:-8] + bytes(8), whole[:5]):
        Path("set.jsonl.gz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"set.jsonl.gz: its gzip is damaged, in line [\d,]+ or soon after") as caught:
            require_files(recipe({"decontaminate": {"sets": {"mmlu": "set.jsonl.gz"}}}))
        assert "pack it anew" in caught.value.mend
    Path("set.jsonl.gz").write_bytes(whole)
    require_files(recipe({"decontaminate": {"sets": {"mmlu": "set.jsonl.gz"}}}))


def test_what_a_plan_lacks_is_told_by_a_check() -> None:
    given = {"name": "r", "input": {"table": {"path": "in.warc"}}, "output": {"text": {"from": "documents"}}}
    problems, _ = check_files_and_plan(load_recipe(json.dumps(given, indent=1)))
    assert [problem.message for problem in problems] == [
        "documents.score: there is no layer `text`, which shards and duplicates are made of"
    ]
    assert "for tables too" in problems[0].mend
    assert check_files_and_plan(recipe()) == ([], ())


@pytest.mark.parametrize("given", [{"warcs": "s3://bucket/*.gz"}, {"warcs": ["in.warc", "s3://bucket/*.gz"]}])
def test_what_a_plan_lacks_is_told_of_input_on_an_object_store_too(given: dict[str, Any]) -> None:
    problems, skipped = check_files_and_plan(load_recipe(json.dumps({"name": "r", "input": given}, indent=1)))
    assert skipped == ("s3://bucket/*.gz",)
    assert ["there is no layer `text`" in problem.message for problem in problems] == [True]


def test_a_plan_waits_for_a_scorer_whose_file_was_not_asked_for() -> None:
    given = {"sets": {"mmlu": "s3://bucket/mmlu.jsonl"}}
    assert check_files_and_plan(recipe({"decontaminate": given})) == ([], ("s3://bucket/mmlu.jsonl",))
