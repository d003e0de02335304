"""What no browser shows is left out, and what a page shows later stays."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.extraction import extract_text
from ingest.extraction import layout as at
from ingest.extraction.extractor import probabilities
from ingest.extraction.model import default_model
from ingest.extraction.scan import scan
from tests.ingest.extraction.test_extract import SENTENCES

SECRET = "Secret words of the page that nobody can ever read in a browser, since they are hidden by it."


def page(inside: str, body: str = "<body>") -> str:
    prose = f"<p>{SENTENCES}</p>"
    return f"<title>A page</title>{body}<nav><a href=/>Home</a></nav><article><h1>Bridge</h1>{prose}{inside}{prose}"


@pytest.mark.parametrize("engine", ["web2shards", "web2shards-fast"])
@pytest.mark.parametrize(
    "html",
    [
        "<p hidden>{}</p>",
        "<p hidden=hidden>{}</p>",
        '<p style="display:none">{}</p>',
        "<p style='color: red; DISPLAY : none !important'>{}</p>",
        '<p style="visibility: hidden">{}</p>',
        "<div hidden>{}</div>",  # nothing would find it
        "<div hidden class='' id=''>{}</div>",
        "<div hidden role=dialog>{}</div>",
        "<div hidden class=cookie-dialog>{}</div>",
        "<blockquote hidden class=tab>{}</blockquote>",
        "<dialog>{}</dialog>",
        "<dialog id=a><p>{}</p></dialog>",
        "<template><p>{}</p></template>",
        "<div hidden><div id=a class=tab>{}</div></div>",
    ],
)
def test_what_is_not_shown_is_left_out(html: str, engine: str) -> None:
    text = extract_text(page(html.format(SECRET)), engine=engine)  # pyright: ignore[reportArgumentType]
    assert "Secret" not in text
    assert text.count(SENTENCES) == 2


@pytest.mark.parametrize(
    "html",
    [
        "<p hidden=until-found>{}</p>",
        "<p aria-hidden=true>{}</p>",
        '<p style="backface-visibility: hidden">{}</p>',
        '<p style="display: block">{}</p>',
        "<details><summary>More</summary><p>{}</p></details>",
        '<div class=answer style="display: none">{}</div>',
        "<section id=tab-2 hidden>{}</section>",
        "<dl><dt><button>What is it?</button><dd hidden class=panel>{}</dl>",
    ],
)
def test_what_is_shown_or_may_be_later_stays(html: str) -> None:
    assert SECRET in extract_text(page(html.format(SECRET)))


def test_a_box_of_a_few_words_is_no_content_unless_it_is_a_tab() -> None:
    html = "<div hidden id=a {}><p>It was built in stone.</p></div>"
    assert "stone" not in extract_text(page(html.format("")))
    assert "stone" in extract_text(page(html.format("role=tabpanel")))


def test_a_dialog_that_is_open_is_shown() -> None:
    assert marks("<dialog>a") & at.M_UNSEEN
    for html in ("<dialog open>a", "<dialog class=b open=''>a", "<div open>a"):
        assert not marks(html) & at.M_UNSEEN


def marks(html: str) -> int:
    """The marks of a page's first element."""
    return int(scan(np.frombuffer(html.encode(), np.uint8)).elements[1, at.E_MARKS])


@pytest.mark.parametrize(
    ("style", "bits"),
    [
        ("display:none", at.M_NOT_DISPLAYED | at.M_UNSEEN),
        ("display", 0),
        ("display:", 0),
        ("display:non", 0),
        ("display:inline", 0),
        ("a:b;Visibility:  Hidden", at.M_UNSEEN),
        ("visibility:visible", 0),
        ("content-visibility: auto; backface-visibility:hidden", 0),
        ("visibility:hidden;display:none", at.M_NOT_DISPLAYED | at.M_UNSEEN),
        (" " * 300 + "display:none", 0),  # past what is read
    ],
)
def test_styles_that_hide(style: str, bits: int) -> None:
    assert marks(f'<p style="{style}">a') == bits
    assert marks(f"<p style='{style}") == bits  # at the end of the page


_HIDDEN = ("<body hidden>", '<body style="visibility:hidden">', "<body><div hidden>", "<body><b hidden><div>")


@pytest.mark.parametrize("body", _HIDDEN)
def test_a_page_that_is_hidden_until_it_has_loaded_has_its_text(body: str) -> None:
    assert extract_text(page("", body)).count(SENTENCES) == 2


@pytest.mark.parametrize(
    ("html", "line"),
    [
        ("<p>The bridge <span hidden>secret</span>is built of stone and wood.</p>", "The bridge is built of stone and wood."),
        ("<p><span style='display:none'>secret</span> The bridge is of stone.</p>", "The bridge is of stone."),
        ("<p><b><i hidden>secret</i></b> The bridge is of stone.</p>", "The bridge is of stone."),
        ("<p>The bridge <a hidden href=/a>secret</a> is of stone.</p>", "The bridge is of stone."),
        ("<p>The bridge is of stone <em hidden>secret <b>words</b></em></p>", "The bridge is of stone"),
        ("<p>The bridge is <span hidden>secret<i hidden> words</i> more</span> of stone.</p>", "The bridge is of stone."),
    ],
)
def test_words_of_a_line_that_are_not_shown_are_taken_out(html: str, line: str) -> None:
    text = extract_text(page(html))
    assert line in text.split("\n")
    assert "secret" not in text


_HIDDEN = "display: none;"
_FORMULA = '<math display="{}" alttext="{{\\displaystyle E=mc^{{2}}}}"><mi>E</mi><mo>=</mo><mi>m</mi></math>'


@pytest.mark.parametrize(
    ("html", "line"),
    [  # Wikipedia's, of today and before: those who see the picture do not see the formula
        ("<p>Energy <span class=mwe><span style='{h}'>{m}</span><img src=a></span> is mass.</p>", "Energy $E=mc^{{2}}$ is mass."),
        ("<p><span style='{h}'>{m}</span><img src=a> is what energy is.</p>", "$E=mc^{{2}}$ is what energy is."),
        ("<p>Energy <span style='{h}'>{m} or not</span> is mass.</p>", "Energy $E=mc^{{2}}$ is mass."),
        ("<p>Energy <span style='{h}'>secret {m}</span> is mass.</p>", "Energy is mass."),
    ],
)
def test_formulas_are_read_that_a_picture_shows(html: str, line: str) -> None:
    shown = html.format(h=_HIDDEN, m=_FORMULA.format("inline"), d=_FORMULA.format("block"))
    text = extract_text(page(shown), format="markdown")
    assert line.format() in text
    assert text.count("E=mc") == line.count("E=mc")
    assert "secret" not in text


@pytest.mark.parametrize(
    "html", ["<div><div style='{h}'>{m}</div><img src=a></div>", "<dl><dd><span style='{h}'> {m}</span><img src=a>.</dl>"]
)
def test_a_formula_on_a_line_of_its_own_is_as_probable_as_if_it_was_shown(html: str) -> None:
    likely: list[float] = []
    for style in (_HIDDEN, ""):
        data = np.frombuffer(page(html.format(h=style, m=_FORMULA.format("block"))).encode(), np.uint8)
        tables = scan(data)
        likely.append(float(probabilities(tables, default_model())[3]))
        assert tables.text[slice(*tables.blocks[3, [at.B_START, at.B_END]])].tobytes().startswith(b"E=mc^{2}")
    assert min(likely) > 0.3
    assert abs(likely[0] - likely[1]) < 0.05
