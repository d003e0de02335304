"""The right text comes out of a body whatever is declared, and a declaration is believed as far as its text makes sense."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.charset import _is_utf8, decode, meta_charset  # pyright: ignore[reportPrivateUsage]
from ingest.encodings import NAMES, codec, decode_as, encoding_name

#: Two sentences each, written for this test.
TEXTS = {
    "de": "Für die Größe der Bücher gibt es natürlich keine Regel. Manche Häuser hätten gern schönere Türen.",
    "fr": "L'été dernier, le garçon a mangé des crêpes à la maison. Où étaient les élèves du collège ?",
    "es": "El niño comió una manzana en la montaña. ¿Cuándo vendrá el señor Muñoz a la reunión?",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy. Děti běžely přes široké náměstí.",
    "pl": "Wczoraj wieczorem poszliśmy do kościoła, gdzie było dużo ludzi. Proszę się nie śmiać.",
    "hu": "Az időjárás ma nagyon szép, ezért elmegyünk a városba. Kérjük, írja be a nevét és jelszavát.",
    "ru": "Вчера вечером мы долго гуляли по городу и говорили о погоде. Потом все пошли домой.",
    "uk": "Учора ввечері ми довго гуляли містом і розмовляли про погоду. Її дім стоїть на горі.",
    "bg": "Вчера вечерта дълго се разхождахме из града и говорихме за времето. После се прибрахме.",
    "el": "Χθες το βράδυ περπατήσαμε πολλή ώρα στην πόλη και μιλήσαμε για τον καιρό.",
    "tr": "Dün akşam şehirde uzun süre yürüdük ve hava hakkında konuştuk. Çocuklar bahçede oynuyordu, ışık söndü.",
    "he": "אתמול בערב טיילנו הרבה זמן בעיר ודיברנו על מזג האוויר. אחר כך הלכנו הביתה.",
    "ar": "مساء أمس مشينا طويلا في المدينة وتحدثنا عن الطقس. ثم ذهب الجميع إلى البيت.",
    "lt": "Vakar vakare ilgai vaikščiojome po miestą ir kalbėjomės apie orą. Žmonės šypsojosi, žiūrėdami į mėnulį.",
    "th": "เมื่อวานตอนเย็นเราเดินเล่นในเมืองเป็นเวลานานและคุยกันเรื่องอากาศ",
    "ja": "昨日の夕方、私たちは町を長い間歩いて、天気について話しました。それから家に帰りました。",
    "ko": "어제 저녁에 우리는 오랫동안 시내를 걸으면서 날씨에 대해 이야기했습니다. 그리고 집으로 갔습니다.",
    "zh": "昨天晚上我们在城里走了很久，谈论天气。后来大家都回家了，孩子们已经睡觉。",
    "tw": "昨天晚上我們在城裡走了很久，談論天氣。後來大家都回家了，孩子們已經睡覺。",
}
ENCODINGS = [
    *[(name, language) for name in ("windows-1252", "iso-8859-1", "iso-8859-15") for language in ("de", "fr", "es")],
    *[(name, language) for name in ("windows-1250", "iso-8859-2") for language in ("cs", "pl", "hu")],
    *[("windows-1251", language) for language in ("ru", "uk", "bg")],
    *[("koi8-r", "ru"), ("koi8-u", "uk"), ("iso-8859-5", "ru"), ("ibm866", "ru"), ("windows-1253", "el"), ("iso-8859-7", "el")],
    *[("windows-1254", "tr"), ("windows-1255", "he"), ("windows-1256", "ar"), ("windows-1257", "lt"), ("windows-874", "th")],
    *[
        ("shift_jis", "ja"),
        ("euc-jp", "ja"),
        ("iso-2022-jp", "ja"),
        ("euc-kr", "ko"),
        ("gb18030", "zh"),
        ("gbk", "zh"),
        ("big5", "tw"),
    ],
    *[("utf-8", language) for language in TEXTS],
    *[("utf-16le", language) for language in ("de", "ja")],
]
WRONG = ("utf-8", "windows-1252", "iso-8859-1", "shift_jis", "windows-1251", "euc-kr", "gb18030", "iso-8859-2", "big5")


def page(text: str, encoding: str, meta: str = "", lang: str = "") -> bytes:
    tag = f'<meta charset="{meta}">' if meta else ""
    html = f"<!DOCTYPE html><html{lang}><head>{tag}<title>x</title></head><body class='a b'><p>{text}</p></body></html>"
    return html.encode(codec(encoding))


@pytest.mark.parametrize(("encoding", "language"), ENCODINGS)
def test_texts_come_out_whatever_is_declared(encoding: str, language: str) -> None:
    text = TEXTS[language]
    for header, meta in ((encoding, ""), ("", encoding), ("", ""), ("nonsense", "")):
        assert text in decode(page(text, encoding, meta), header).text, (header, meta)
    raw = text.encode(codec(encoding))
    for wrong in WRONG:
        if encoding.startswith("utf-16") or (wrong != "utf-8" and decode_as(raw, wrong) == text):
            continue
        for header, meta in ((wrong, encoding), (encoding, wrong), (wrong, ""), ("", wrong)):
            assert text in decode(page(text, encoding, meta), header).text, (header, meta)


@pytest.mark.parametrize(
    ("body", "header", "charset", "source"),
    [
        (b"plain", "", "utf-8", "ascii"),
        (b"plain", "ISO-8859-1", "iso-8859-1", "header"),
        (b'<meta charset="latin1">', "", "iso-8859-1", "meta"),
        (b"plain", "utf-16", "utf-8", "ascii"),
        ("grün".encode(), "iso-8859-1", "utf-8", "utf-8"),
        ("grün".encode("latin-1"), "latin1", "iso-8859-1", "header"),
        ("„grün“".encode("cp1252"), "iso-8859-1", "windows-1252", "header"),
        ("한국어 문서입니다".encode("cp949"), "ks_c_5601-1987", "euc-kr", "header"),
        ("简体中文网页".encode("gbk"), "gb2312", "gbk", "header"),
        (b"\xef\xbb\xbfx", "iso-8859-1", "utf-8", "bom"),
        ("\ufeffgrün".encode("utf-16-be"), "utf-8", "utf-16be", "bom"),
    ],
)
def test_names_and_sources(body: bytes, header: str, charset: str, source: str) -> None:
    decoded = decode(body, header)
    assert (decoded.charset, decoded.source) == (charset, source)
    assert not decoded.text.startswith("\ufeff")


def test_broken_bytes_do_not_turn_utf8_into_something_else() -> None:
    text = page(TEXTS["ru"] + TEXTS["ja"] + TEXTS["fr"], "utf-8")
    for header in ("utf-8", "", "windows-1252"):
        for broken in (
            text[:200] + b"\xff\xfe" + text[200:],
            text.replace("ы".encode(), b"\xd1", 2),
            text[:-30].rstrip(b">/bodyhtml"),
        ):
            decoded = decode(broken, header)
            assert decoded.charset == "utf-8"
            assert "гуляли" in decoded.text
    ascii_page = page("Not much to see here, but some words. " * 20, "utf-8").replace(b"but", b"b\xff\xfet", 3)
    assert decode(ascii_page, "utf-8").charset == "utf-8"


def test_a_declaration_that_is_overruled_is_mentioned() -> None:
    assert decode(page(TEXTS["ru"], "koi8-r"), "utf-8").detail == "the header says utf-8, the bytes are koi8-r"
    assert decode(page(TEXTS["ru"], "koi8-r", "windows-1251")).detail == "the page says windows-1251, the bytes are koi8-r"
    assert decode(page(TEXTS["ru"], "koi8-r"), "koi8-r").detail == ""


def test_the_language_a_page_declares_helps_where_little_text_is_there() -> None:
    text = "Ana sayfa: işler, ağ, kapı"
    assert text in decode(page(text, "windows-1254", lang=" lang='tr'"), "").text


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'<meta charset="koi8-r">', "koi8-r"),
        (b"<META CHARSET=KOI8-R/>", "KOI8-R"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        (b"<meta content='text/html;charset=koi8-r' http-equiv=content-type>", "koi8-r"),
        (b'<meta name="description" content="charset=koi8-r">', ""),
        (b'<!-- <meta charset="koi8-r"> --><meta charset="big5">', "big5"),
        (b'<?xml version="1.0" encoding="koi8-r"?><html>', "koi8-r"),
        (b'<meta charset="utf-16">', "utf-8"),
        (b"<p>charset=koi8-r</p>", ""),
        (b" " * 9000 + b'<meta charset="koi8-r">', ""),
    ],
)
def test_what_a_page_says_of_itself(head: bytes, name: str) -> None:
    assert meta_charset(head) == name


def test_every_label_has_a_codec() -> None:
    for name in set(NAMES.values()):
        assert decode_as("plain".encode(codec(name)), name) == "plain"
        assert encoding_name(f" {name.upper()} ") == name
    assert encoding_name("x-unknown") == ""


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=80).map(lambda t: t.encode("utf-16-le", "replace"))),
    st.sampled_from(["", "utf-8", "utf-16", "shift_jis", "iso-2022-jp", "windows-1258", "gb18030", "x"]),
    st.sampled_from([b"", b"<meta charset=big5>", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B", b"<html lang=tr>"]),
)
def test_nothing_raises_and_utf8_comes_out(body: bytes, header: str, before: bytes) -> None:
    decoded = decode(before + body, header)
    decoded.content.decode("utf-8")
    assert decoded == decode(before + body, header)
    assert decoded.charset in NAMES


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=12) | st.text(max_size=12).map(str.encode), st.integers(0, 12), st.binary(max_size=3))
def test_what_arrow_takes_for_utf8_is_what_python_does(text: bytes, at: int, put: bytes) -> None:
    body = text[:at] + put + text[at:]
    assert _is_utf8(body) is not _fails(body)


def _fails(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
