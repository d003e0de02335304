from __future__ import annotations

import itertools
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MissingPackage, RecipeError
from filters.short_caption import ShortCaption
from models import packages
from pipelines.compilation import compile_plan
from pipelines.recipe import load_recipe
from pipelines.recipe_scorers import build_scorer
from pipelines.tables import IMAGES

LONG = "A small red fox jumps over the lazy brown dog in the deep snow near Paris, Texas (2012)"
FOX = "A   small\tred fox"


def shortened(scorer: ShortCaption, captions: list[str | None], urls: list[str] | None = None) -> list[str | None]:
    scorer.open()
    urls = urls or [f"http://a.example/{i}.jpg" for i in range(len(captions))]
    batch = pa.record_batch({"text.edited": pa.array(captions, pa.string()), "image.url": urls}).select(list(scorer.inputs))
    found = scorer.score(batch)
    found.validate(full=True)
    assert found.schema.equals(scorer.schema)
    for row, caption in zip(found.to_pylist(), captions, strict=True):
        if caption is not None and caption.isascii():
            assert row["words"] == len(row["text"].split())
            assert row["words"] + row["cut"] == len(caption.split())
    return found.column("text").to_pylist()


def test_golden_values() -> None:
    """A change here raises the scorer's version."""
    urls = ["http://a.example/1.jpg", "http://a.example/2.jpg"]
    assert ShortCaption.version == 1
    assert shortened(ShortCaption("truncate", 5), [LONG, FOX], urls) == ["A small red fox jumps", "A small red fox"]
    assert shortened(ShortCaption("block", 5), [LONG, LONG], urls) == ["the deep snow near Paris,", "dog in the deep snow"]
    assert shortened(ShortCaption("random", 5), [LONG, LONG], urls) == ["the dog snow near Paris,", "small brown deep near (2012)"]
    assert shortened(ShortCaption("random", 5, seed=1), [LONG], urls[:1]) == ["small dog snow near Texas"]
    assert shortened(ShortCaption("truncate", 5), ["富士山の写真です。とても美しい朝の風景と湖"]) == ["富士山の写真です。"]


def test_what_is_short_stays_and_null_is_null() -> None:
    for how in ("truncate", "random", "block"):
        found = shortened(ShortCaption(how, 4), [None, "", "  ", "one", "a b c d", "a b c d e"])
        assert found[:5] == [None, "", "", "one", "a b c d"]
        assert found[5] is not None
        assert len(found[5].split()) == 4


def test_a_block_is_a_run_and_each_place_is_as_frequent() -> None:
    words = ["a", "b", "c", "d", "e", "f"]
    runs = [" ".join(words[i : i + 3]) for i in range(4)]
    found = shortened(ShortCaption("block", 3), [" ".join(words)] * 4_000)
    assert set(found) == set(runs)
    assert all(900 < found.count(run) < 1_100 for run in runs)


def test_random_words_come_from_all_over_in_their_order() -> None:
    words = ["a", "b", "c", "d", "e"]
    found = shortened(ShortCaption("random", 2), [" ".join(words)] * 5_000)
    pairs = [" ".join(pair) for pair in itertools.combinations(words, 2)]
    assert set(found) == set(pairs)
    assert all(400 < found.count(pair) < 600 for pair in pairs)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["truncate", "random", "block"]), st.integers(1, 9), st.text(max_size=60), st.integers(0, 3))
def test_what_is_kept_are_the_caption_s_own_words_in_order(how: str, tokens: int, text: str, seed: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    scorer = build_scorer(ShortCaption, {"how": how, "tokens": tokens, "seed": seed})
    (short,) = shortened(scorer, [text])  # type: ignore[arg-type]
    assert short is not None
    rest = iter(text)
    assert all(character in rest for character in short.replace(" ", ""))
    assert bool(short) == bool(text.split())
    # A caption hangs on no other.
    assert shortened(scorer, ["other", text], ["u", "http://a.example/0.jpg"])[1] == short  # type: ignore[arg-type]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A tokenizer of letters, with marks at both ends."""
    pytest.importorskip("tokenizers")
    value = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False},
        "post_processor": {"type": "BertProcessing", "sep": ["[CLS]", 1], "cls": ["[CLS]", 1]}, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "[CLS]": 1}, "unk_token": "[UNK]"},
    }  # fmt: skip
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(value))
    return path


def test_words_count_as_their_tokens(tokenizer: Path) -> None:
    """Letters here, each with the spaces around it as tokens of their own, which go with the word before them."""
    assert shortened(ShortCaption("truncate", 7, str(tokenizer)), ["ab cd ef gh"]) == ["ab cd"]
    assert shortened(ShortCaption("truncate", 8, str(tokenizer)), ["ab cd ef"]) == ["ab cd ef"]
    assert shortened(ShortCaption("truncate", 2, str(tokenizer)), ["abcdef gh"]) == ["abcdef"]
    found = shortened(ShortCaption("block", 5, str(tokenizer)), ["ab cd ef gh"] * 50)
    assert set(found) == {"ab", "cd", "ef gh"}
    lengths = {len(text or "") for text in shortened(ShortCaption("random", 5, str(tokenizer)), ["ab cd ef gh ij"] * 50)}
    assert lengths <= {2, 5}
    scorer = ShortCaption("truncate", 8, str(tokenizer))
    before = scorer.weights_digest()
    tokenizer.write_text(tokenizer.read_text() + " ")
    assert scorer.weights_digest() != before


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage) as error:
        ShortCaption("syntax").weights_digest()
    assert error.value.mend == "pip install 'web2shards[syntax]'"


@pytest.mark.parametrize("parameters", ["how: middle", "{}", "how: block, tokens: 0", "how: block, tokens: 1025"])
def test_wrong_parameters_are_named(parameters: str) -> None:
    with pytest.raises(RecipeError, match=r"how|tokens"):
        load_recipe(f"name: a\ninput: {{images: a/*}}\nimages: {{score: [short_caption: {{{parameters.strip('{}')}}}]}}")


def test_edits_stand_before_what_copies_words() -> None:
    """Else a masked address would stand in the short caption."""
    recipe = "name: a\ninput: {{images: a/*}}\nimages: {{score: [{}]}}"
    short, masks = "short_caption: {how: truncate}", "pii: {regions: []}"
    compile_plan(load_recipe(recipe.format(f"{masks}, {short}")), IMAGES)
    with pytest.raises(RecipeError, match="pii edits texts, and stands behind short_caption"):
        compile_plan(load_recipe(recipe.format(f"{short}, {masks}")), IMAGES)
