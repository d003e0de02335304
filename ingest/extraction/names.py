"""The names of HTML that the scanner knows: elements with what they do to text and to open elements, and attributes.

Elements and their rules are those of html.spec.whatwg.org (§12.1.2 void elements, §13.1.2.4 optional tags, §13.2.4.2
scopes); names are told apart by their 32-bit FNV-1a hash (Fowler, Noll, Vo; isthe.com/chongo/tech/comp/fnv).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.characters import Bytes, Int
from core.kernels import helper

FNV_OFFSET, FNV_PRIME, MASK32 = 2166136261, 16777619, 0xFFFFFFFF

#: Elements by number; 0 is any that is not named here.
ELEMENTS: tuple[str, ...] = tuple(
    (  # noqa: SIM905 - a list of so many strings is harder to read
        "? html head body div p span a li ul ol dl dt dd table thead tbody tfoot tr td th caption h1 h2 h3 h4 h5 h6 section "
        "article main header footer nav aside form fieldset legend label input button select option textarea figure "
        "figcaption img video audio picture source br hr pre code blockquote address details summary dialog iframe object "
        "script style noscript template svg math title meta link base b strong i em u small time sup sub center font canvas "
        "embed param track wbr area col colgroup hgroup menu cite abbr mark q s del ins kbd samp var tt big nobr slot "
        "optgroup search"
    ).split()
)
NUMBER: dict[str, int] = {name: i for i, name in enumerate(ELEMENTS)}

#: What an element does, as bits of FLAGS.
BLOCK = 1  # begins a line
VOID = 2  # has no content
SKIPPED = 4  # its content is not read
ENDS_P = 8  # its start tag ends a paragraph
SCOPE = 16  # end tags inside do not reach past it
CUTS = 32  # text before and after its tags are different blocks
CODE = 64  # without an end tag, all that follows it is its content
FOREIGN = 128  # not of HTML: `/>` ends it (html.spec.whatwg.org §13.2.6.5)

_BLOCKS = (
    "html body div p li ul ol dl dt dd table thead tbody tfoot tr td th caption h1 h2 h3 h4 h5 h6 section article main header "
    "footer nav aside form fieldset legend figure figcaption hr pre blockquote address details summary dialog center hgroup "
    "menu search"
)
_ENDING_P = (
    "div p ul ol dl table h1 h2 h3 h4 h5 h6 section article main header footer nav aside form fieldset figure hr pre "
    "blockquote address details center menu"
)
_RULES = (
    (BLOCK | CUTS, _BLOCKS),
    (CUTS, "br button label ?"),
    (VOID, "input img source br hr meta link base embed param track wbr area col"),
    (SKIPPED, "script style noscript template svg iframe textarea select title math canvas object video audio"),
    (ENDS_P, _ENDING_P),
    (SCOPE, "table td th caption html body"),
    (CODE, "script style"),
    (FOREIGN, "svg math"),
)


def _flags() -> npt.NDArray[np.int32]:
    flags = np.zeros(len(ELEMENTS), np.int32)
    for bits, names in _RULES:
        for name in names.split():
            flags[NUMBER[name]] |= bits
    return flags


def _with_noscript() -> npt.NDArray[np.int32]:
    flags = _flags()
    flags[NUMBER["noscript"]] = BLOCK | CUTS
    return flags


#: The bits of every element, int32; and with the content of <noscript> read, as a browser without scripts does.
FLAGS, FLAGS_NOSCRIPT = _flags(), _with_noscript()

A, P, DIV, LI, UL, OL, DL, DT, DD = (NUMBER[name] for name in ("a", "p", "div", "li", "ul", "ol", "dl", "dt", "dd"))
TABLE, THEAD, TFOOT, TR, TD, TH = (NUMBER[name] for name in ("table", "thead", "tfoot", "tr", "td", "th"))
HTML, BODY, TITLE, IMG, MENU, META, BASE, SOURCE = (
    NUMBER[name] for name in ("html", "body", "title", "img", "menu", "meta", "base", "source")
)
BUTTON, BR, MATH, SCRIPT, DIALOG = (NUMBER[name] for name in ("button", "br", "math", "script", "dialog"))
H1, H2, H6, ARTICLE, MAIN, FORM, FIGURE, PRE, CODED = (
    NUMBER[name] for name in ("h1", "h2", "h6", "article", "main", "form", "figure", "pre", "code")
)


def marked(names: str) -> npt.NDArray[np.bool_]:
    """Which elements are among these names: bool of shape (len(ELEMENTS),)."""
    found = np.zeros(len(ELEMENTS), np.bool_)
    found[[NUMBER[name] for name in names.split()]] = True
    return found


#: Attributes whose value is read.
(
    CLASS, ID, ROLE, ITEMPROP, ITEMTYPE, NAME, STYLE, HIDDEN, ARIA_HIDDEN, CONTENT, PROPERTY, TYPE, ARIA_LABEL, HREF, SRC, LAZY,
    SRCSET, ALT, TITLED, MEDIA, HREFLANG, ALTTEXT, DISPLAY, START, REVERSED, VALUE, ROWSPAN, COLSPAN, OPEN,
) = range(1, 30)  # fmt: skip
_ATTRIBUTES = {
    "class": CLASS, "id": ID, "role": ROLE, "itemprop": ITEMPROP, "itemtype": ITEMTYPE, "style": STYLE, "hidden": HIDDEN,
    "aria-hidden": ARIA_HIDDEN, "type": TYPE, "aria-label": ARIA_LABEL, "name": NAME, "content": CONTENT, "property": PROPERTY,
    "href": HREF, "src": SRC, "srcset": SRCSET, "alt": ALT, "title": TITLED, "media": MEDIA,
    "hreflang": HREFLANG, "alttext": ALTTEXT, "display": DISPLAY, "start": START, "reversed": REVERSED, "value": VALUE,
    "rowspan": ROWSPAN, "colspan": COLSPAN, "open": OPEN,
    **dict.fromkeys(("data-srcset", "data-lazy-srcset", "data-original-set"), SRCSET),
    **dict.fromkeys(  # scripts that load images late; the list of OBELICS (dom_tree_simplificator.py) and what is common beside it
        ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-src-fg", "data-scroll-image", "data-lateloadsrc",
         "data-img-src", "data-gt-lazy-src", "src2", "data-orig-src", "data-url", "data-echo", "data-hi-res-src"), LAZY,
    ),
}  # fmt: skip

#: Frequent words that are seldom alone in a menu, of the languages that WCXB's pages are mostly in.
_FUNCTION_WORDS = (
    "the of and to in a is that for it on with as was at by be this are or from an not have has but we you your our they "
    "their he she his her its i my can will if all which who what when how there more so about than been were do would up "
    "out into no one also may other some these de la le et les des en un une que el los y las por con para del se es der "
    "die das und in den von zu mit ist im für auf ein eine nicht"
)


def name_hash(name: str) -> int:
    """The 32-bit FNV-1a hash of a name, by its UTF-8."""
    value = FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & MASK32
    return value


#: Classes of MediaWiki's links for who would edit a section, which stand in its heading; before 2013 and since. That of what KaTeX
#: draws beside the formula that it says. The readings of ruby, and what stands around them where ruby is not known.
ASIDES = name_hash("editsection"), name_hash("mw-editsection")
DRAWN = name_hash("katex-html")
READINGS = name_hash("rt"), name_hash("rp"), name_hash("rtc")
RUBY_BASE = name_hash("rb")


def hash_table(hashes: Iterable[int], numbers: Sequence[int], bits: int) -> npt.NDArray[np.int64]:
    """An open-addressed table of 2**bits rows of (hash, number); a hash of 0 is an empty row."""
    table = np.zeros((1 << bits, 2), np.int64)
    for value, number in zip(hashes, numbers, strict=True):
        k = value & ((1 << bits) - 1)
        while table[k, 0]:
            k = (k + 1) & ((1 << bits) - 1)
        table[k] = value, number
    return table


#: Elements of text that are not named above, and so count as unknown, but part no text as other unknown ones do.
_INLINE = "acronym basefont bdi bdo blink comment data dfn meter noindex output progress rb rp rt rtc ruby strike"
_ELEMENT_TABLE = hash_table(map(name_hash, ELEMENTS[1:]), range(1, len(ELEMENTS)), 11)
_ATTRIBUTE_TABLE = hash_table(map(name_hash, _ATTRIBUTES), list(_ATTRIBUTES.values()), 8)
_WORDS = tuple(dict.fromkeys(_FUNCTION_WORDS.split()))
_WORD_TABLE = hash_table(map(name_hash, _WORDS), [1] * len(_WORDS), 10)
_INLINE_TABLE = hash_table(map(name_hash, _INLINE.split()), [1] * len(_INLINE.split()), 6)


@helper
def look_up(table: Any, name: Int) -> Int:
    """The number that a table has for a hash; 0 if it has none."""
    k = name & (len(table) - 1)
    while table[k, 0] != 0:
        if table[k, 0] == name:
            return table[k, 1]
        k = (k + 1) & (len(table) - 1)
    return 0


@helper
def element_number(name: Int) -> Int:
    """The number of the element whose name has this hash; 0 if it is none of ELEMENTS."""
    return look_up(_ELEMENT_TABLE, name)


@helper
def attribute_number(name: Int) -> Int:
    """The number of the attribute whose name has this hash; 0 if its value is not read."""
    return look_up(_ATTRIBUTE_TABLE, name)


@helper
def is_inline(name: Int) -> bool:
    """Whether a name that is none of ELEMENTS is that of an element inside a line."""
    return look_up(_INLINE_TABLE, name) != 0


@helper
def is_function_word(word: Int) -> bool:
    """Whether a word, lower case, is a frequent one ("the", "und")."""
    return look_up(_WORD_TABLE, word) != 0


@helper
def add_byte(value: Int, byte: Int) -> Int:
    """One step of FNV-1a."""
    return ((value ^ byte) * FNV_PRIME) & MASK32


@helper
def add_bytes(value: Int, data: Bytes, i: Int, end: Int) -> Int:
    """Those of `data[i:end]`, one after the other."""
    while i < end:
        value = add_byte(value, np.int64(data[i]))
        i += 1
    return value


@helper
def same_name(data: Bytes, i: Int, j: Int, length: Int) -> bool:
    """Whether `length` bytes at `i` and at `j` are the same name; letters are compared in lower case."""
    for k in range(length):
        x, y = np.int64(data[i + k]), np.int64(data[j + k])
        if 65 <= x <= 90:
            x |= 32
        if 65 <= y <= 90:
            y |= 32
        if x != y:
            return False
    return True
