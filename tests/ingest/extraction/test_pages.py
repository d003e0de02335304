"""What comes out of pages of many kinds and scripts: that the text is there, whole and in order, and what is around it is not."""

from __future__ import annotations

import json

import pytest

from ingest.extraction import extract_text
from ingest.extraction.extractor import extract
from ingest.extraction.linked_data import linked_text
from tests.ingest.extraction.test_extract import as_bytes

#: By language: words of a menu, a heading, two paragraphs, and the words of a footer.
LANGUAGES: dict[str, tuple[str, str, str, str, str]] = {
    "ar": (
        "الرئيسية|اتصل بنا|من نحن",
        "جسر المدينة القديم",
        "صوت المجلس أمس على مصير الجسر القديم، وكانت النتيجة واضحة: أربعة عشر صوتا مقابل ثلاثة. لم يفاجأ أحد "
        "بذلك، إلا من كان يأمل أن يبقى الجسر كما هو.",
        "يبدأ العمل في شهر حزيران، وسيكلف مليوني دينار ويستغرق سنتين إذا سار كل شيء على ما يرام، كما قال "
        "رئيس البلدية.",
        "جميع الحقوق محفوظة",
    ),
    "he": (
        "דף הבית|צור קשר|אודות",
        "הגשר הישן של העיר",
        "המועצה הצביעה אתמול על גורלו של הגשר הישן, והתוצאה הייתה ברורה: ארבעה עשר נגד שלושה. איש לא הופתע, "
        "מלבד מי שקיווה שהגשר יישאר כפי שהוא.",
        "העבודות יתחילו ביוני, יעלו שני מיליון שקלים ויימשכו שנתיים אם הכול ילך כשורה, כך אמר ראש העיר.",
        "כל הזכויות שמורות",
    ),
    "zh": (
        "首页|联系我们|关于本站",
        "城里的老桥",
        "昨天，市议会就老桥的命运进行了表决，结果很清楚：十四票对三票。没有人感到意外，除了那些希望它保持原样"
        "的人。",
        "工程将于六月开始，预计耗资二百万元，如果一切顺利，需要两年时间，市长这样说。",
        "版权所有",
    ),
    "ja": (
        "ホーム|お問い合わせ|会社概要",
        "町の古い橋",
        "昨日、市議会は古い橋をどうするかを採決し、結果は十四対三とはっきりしていた。そのまま残してほしいと願"
        "っていた人々を除けば、驚いた者はいなかった。",
        "工事は六月に始まり、すべてがうまくいけば二年で終わり、費用は二百万円になると市長は話した。",
        "無断転載を禁じます",
    ),
    "th": (
        "หน้าแรก|ติดต่อเรา|เกี่ยวกับ",
        "สะพานเก่าของเมือง",
        "เมื่อวานนี้สภาเมืองลงมติเรื่องสะพานเก่าและผลออกมาชัดเจนสิบสี่ต่อสามเสียงไม่มีใครแปลกใจยกเว้นผู้ที่หว"
        "ังว่าสะพานจะคงอยู่อย่างเดิม",
        "งานจะเริ่มในเดือนมิถุนายนและจะใช้เงินสองล้านบาทกับเวลาสองปีถ้าทุกอย่างเป็นไปด้วยดีตามที่นายกเทศมนตรี"
        "กล่าว",
        "สงวนลิขสิทธิ์",
    ),
    "ru": (
        "Главная|Контакты|О нас",
        "Старый мост города",
        "Вчера совет проголосовал за судьбу старого моста, и итог был ясен: четырнадцать против трёх. Никто "
        "не удивился, кроме тех, кто надеялся, что мост останется таким, как есть.",
        "Работы начнутся в июне, будут стоить два миллиона и займут два года, если всё пойдёт хорошо, сказал "
        "мэр.",
        "Все права защищены",
    ),
    "hi": (
        "मुखपृष्ठ|संपर्क करें|हमारे बारे में",
        "शहर का पुराना पुल",
        "परिषद ने कल पुराने पुल के भाग्य पर मतदान किया, और परिणाम स्पष्ट था: चौदह के मुकाबले तीन। किसी को "
        "आश्चर्य नहीं हुआ, सिवाय उनके जो चाहते थे कि पुल वैसा ही रहे।",
        "काम जून में शुरू होगा, इस पर बीस लाख रुपये खर्च होंगे और सब ठीक रहा तो दो साल लगेंगे, महापौर ने कहा।",
        "सर्वाधिकार सुरक्षित",
    ),
}


def menu(words: str) -> str:
    return "".join(f'<li><a href="/{i}">{word}</a></li>' for i, word in enumerate(words.split("|") * 2))


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripts(language: str) -> None:
    links, heading, first, second, footer = LANGUAGES[language]
    direction = ' dir="rtl"' if language in ("ar", "he") else ""
    html = f"""<html lang="{language}"{direction}><head><title>{heading}</title></head><body><nav><ul>{menu(links)}</ul></nav>
<div id="content"><h1>{heading}</h1><p>{first}</p><p>{second}</p><p>{first}</p></div>
<div id="footer">{footer}</div></body></html>"""
    for fast in (False, True):
        lines = extract(as_bytes(html), fast=fast).text.split("\n")
        assert [line for line in lines if line != heading] == [first, second, first]


PROSE = [
    "The council voted on the old bridge, and it was not close: fourteen to three. Nobody was surprised, but for a few.",
    "Work begins in June. It will cost two million and take two years if all goes well, as the mayor said on Monday evening.",
    "The bridge was built in 1890, by a company that had never built one before, and it has been closed for lorries since.",
]
LINKS = menu("Home|News|About us|Contact")


def test_a_page_without_paragraphs() -> None:
    body = "<br><br>\n".join(PROSE)
    links = "<font size=1><a href=/>Home</a> | <a href=/n>News</a></font>"
    html = f"<title>Bridge</title><body>{links}<hr>{body}<hr><font>(c) 1998</font>"
    assert extract_text(html).split("\n") == PROSE


def test_a_page_of_tables() -> None:
    rows = "".join(f"<tr><td width=600><font face=arial>{text}</font></td></tr>" for text in PROSE)
    html = f"""<title>Bridge</title><body><table width=100%><tr><td width=120 valign=top>
<table>{LINKS.replace("li", "tr")}</table></td><td><table>{rows}</table></td></tr>
<tr><td colspan=2 align=center><a href=/>Home</a> <a href=/c>Contact</a> &copy; 1999</td></tr></table>"""
    assert extract_text(html).split("\n") == PROSE


def test_a_forum_that_hides_its_posts() -> None:
    posts = "".join(
        f'<div class="topic-body crawler-post"><span class="creator"><a href="/u/{i}">user{i}</a></span><div class="post">'
        f"<p>Answer {i}. {text}</p></div></div>" for i, text in enumerate(PROSE * 3)
    )  # fmt: skip
    html = f"""<html><head><title>Bridge - Forum</title></head><body class="crawler"><section id="main"></section>
<noscript data-path="/t/1"><header class="d-header"><a href="/">Forum</a></header><div id="main-outlet" class="wrap">
<h1>Bridge</h1>{posts}</div><footer class="noscript-footer-nav"><a href="/">Home</a> <a href="/tos">Terms of service</a></footer>
</noscript><script>start()</script></body></html>"""
    text = extract_text(html)
    assert all(text.count(part) == 3 for part in PROSE)
    assert "Terms of service" not in text


def product(description: str) -> str:
    data = {"@context": "https://schema.org", "@graph": [{"@type": ["Product"], "name": "Chair", "description": description}]}
    return f"""<html><head><title>Chair</title><script type="application/ld+json">{json.dumps(data)}</script></head><body>
<nav><ul>{LINKS}</ul></nav><div class="product"><h1>Chair</h1><span class="price">$12.50</span>
<button>Add to cart</button></div></body></html>"""


def test_what_a_shop_tells_machines_alone() -> None:
    assert "<" not in linked_text(product("<p>One &amp; two.</p><p>Three</p>").encode())
    text = extract_text(product(f"<p>{PROSE[0]}</p><p>{PROSE[1]}</p>"))
    assert text.endswith(f"{PROSE[0]}\n{PROSE[1]}")
    assert extract_text(product(f"<p>{PROSE[0]}</p><p>{PROSE[1]}</p>"), format="markdown").endswith(f"{PROSE[0]}\n\n{PROSE[1]}")
    found = extract(as_bytes(product(f"<p>{PROSE[0]}</p><p>{PROSE[1]}</p>")))
    assert found.confidence is not None
    assert found.confidence > 0.5
    shown = product(PROSE[0]).replace("<button>", f"<div class=description><p>{PROSE[0]}</p></div><button>")
    assert extract_text(shown).count(PROSE[0]) <= 1


@pytest.mark.parametrize(
    "script",
    [
        "", "{", "[" * 100_000, "null", '{"@type": "Product"}', '{"@type": "Product", "description": 5}', '{"@type": {"a": 1}}',
        '{"@type": "Thing", "description": "words of another type"}', '{"@type": "Product", "description": "\\ud800"}',
        "[" + ",".join(['{"a": [1]}'] * 30_000) + "]",
    ],
)  # fmt: skip
def test_linked_data_that_says_nothing(script: str) -> None:
    html = f'<script type="application/ld+json">{script}</script><p>A page.'
    assert linked_text(html.encode()) in ("", "?")
    extract_text(html)


def test_linked_data_without_an_end() -> None:
    assert linked_text(b'<script type="application/ld+json">' * 100_000) == ""
    assert linked_text(b'<script type="application/ld+json">{"@type": "Article", "articleBody": "a b"}') == "a b"
