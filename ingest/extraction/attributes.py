"""The attributes of a start tag: class words, marks of its element, and where addresses and texts of images stand.

Where they begin and end follows the tokenizer of html.spec.whatwg.org (§13.2.5.32 and on).
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.characters import is_space
from ingest.extraction.hints import note_meta
from ingest.extraction.layout import Tables
from ingest.extraction.names import FNV_OFFSET, add_byte, add_bytes, attribute_number

#: What the words of <body> and <html> are told by.
_OF_PAGE = 255
#: What hides an element: names and values of its style, and of `hidden` the value that lets a search find it (§6.1).
_DISPLAY, _NONE, _VISIBILITY, _HIDDEN = (np.frombuffer(word, np.uint8) for word in (b"display", b"none", b"visibility", b"hidden"))
_UNTIL_FOUND = np.frombuffer(b"until-found", np.uint8)
#: Bytes of a language tag that are read (RFC 5646, §4.4.1).
_LONGEST_LANGUAGE = 35


@helper
def _add_names(data: Bytes, i: Int, end: Int, attribute: Int, of_page: Truth, t: Tables) -> None:
    """Hashes of the words of an attribute's value, up to a limit: `post-body` and `PostBody` are two words each.

    Of a class and an id the whole is a word too, if it is made of several. Those of <body> say what the page has (`sidebar`),
    not what it is, and are words of their own.
    """
    count = parts = 0
    salt = _OF_PAGE if of_page else attribute if attribute >= el.ROLE else 0
    whole = FNV_OFFSET
    while i < end and count < at.MAX_ATTRIBUTE_WORDS:
        c = np.int64(data[i])
        if not (97 <= c <= 122 or 65 <= c <= 90):
            if is_space(c):
                if parts > 1:
                    _add_name(whole, t)
                parts = 0
                whole = FNV_OFFSET
            i += 1
            continue
        start = i
        upper = c <= 90
        word = add_byte(FNV_OFFSET, c | 32)
        i += 1
        while i < end:
            c = np.int64(data[i])
            if 97 <= c <= 122:
                upper = False
            elif not (65 <= c <= 90 and upper):
                break
            word = add_byte(word, c | 32)
            i += 1
        if i - start >= 2:
            _add_name(add_byte(word, salt) if salt > 0 else word, t)
            count += 1
            if salt == 0:
                parts += 1
                whole = add_byte(whole ^ word, 45)
    if parts > 1:
        _add_name(whole, t)


@helper
def _add_name(name: Int, t: Tables) -> None:
    t.names[t.state[at.N_NAMES]] = name
    t.state[at.N_NAMES] += 1


@helper
def _says(data: Bytes, i: Int, end: Int, word: Bytes) -> Truth:
    """Whether `word`, in lower case, stands at `i`."""
    if i + len(word) > end:
        return False
    for k in range(len(word)):
        if data[i + k] | 32 != word[k]:
            return False
    return True


@helper
def _hides(data: Bytes, i: Int, end: Int) -> Int:
    """The marks of a style by its first 200 bytes: of `display: none`, and of `visibility: hidden`."""
    marks = 0
    end = min(end, i + 211)
    start = i
    while i + 11 < end + 1:
        c = data[i] | 32
        if (c == 100 or c == 118) and (i == start or data[i - 1] != 45):  # backface-visibility hides nothing
            displayed = _says(data, i, end, _DISPLAY)
            if displayed or _says(data, i, end, _VISIBILITY):
                k = i + (len(_DISPLAY) if displayed else len(_VISIBILITY))
                while k < end and (data[k] == 58 or data[k] == 32):
                    k += 1
                if displayed and _says(data, k, end, _NONE):
                    marks |= at.M_NOT_DISPLAYED | at.M_UNSEEN
                elif not displayed and _says(data, k, end, _HIDDEN):
                    marks |= at.M_UNSEEN
        i += 1
    return marks


@helper
def _note_language(data: Bytes, i: Int, end: Int, e: Int, t: Tables) -> None:
    """Marks a link by its hreflang, if that is another than the last."""
    language = FNV_OFFSET
    for k in range(i, min(end, i + _LONGEST_LANGUAGE)):
        language = add_byte(language, np.int64(data[k]) | 32)
    if end > i and language != t.state[at.LAST_LANGUAGE]:
        t.elements[e, at.E_MARKS] |= at.M_LANGUAGE
        t.state[at.LAST_LANGUAGE] = language


@helper
def _add_note(attribute: Int, i: Int, end: Int, e: Int, t: Tables) -> None:
    """Notes an attribute of what Markdown is made of: code, lists and cells."""
    if t.state[at.N_NOTES] < len(t.notes):
        note = t.notes[t.state[at.N_NOTES]]
        note[at.S_ELEMENT], note[at.S_START], note[at.S_END], note[at.S_ATTRIBUTE] = e, i, end, attribute
        t.state[at.N_NOTES] += 1


@helper
def _script_kind(data: Bytes, i: Int, end: Int) -> Int:
    """What span a <script> of this type makes: MathJax's `math/tex`, and `math/tex; mode=display` (docs.mathjax.org 2.7)."""
    kind = np.int64(0)
    if end - i >= 8 and data[i] == 109 and data[i + 4] == 47 and data[i + 5] == 116 and data[i + 6] == 101 and data[i + 7] == 120:
        kind = np.int64(at.SPAN_FORMULA)
        for k in range(i + 8, min(end, i + 40) - 6):
            if data[k] == 100 and data[k + 1] == 105 and data[k + 2] == 115 and data[k + 3] == 112:
                kind = np.int64(at.SPAN_DISPLAY)
    return kind


@helper
def _may_name_code(data: Bytes, i: Int, end: Int, name: Int) -> Truth:
    """Whether a class may name the language of code: any of <pre> and <code>, of a box one with `lang` or `light` in it."""
    if name == el.PRE or name == el.CODED:
        return True
    if name != el.DIV and name != el.FIGURE:
        return False
    for k in range(i, min(end, i + at.MAX_CLASS_BYTES) - 4):
        if data[k] == 108 and (
            (data[k + 1] == 97 and data[k + 2] == 110 and data[k + 3] == 103)
            or (data[k + 1] == 105 and data[k + 2] == 103 and data[k + 3] == 104)
        ):
            return True
    return False


@helper
def _add_attribute(data: Bytes, attribute: Int, i: Int, end: Int, e: Int, t: Tables) -> None:
    """Takes an attribute with the value `data[i:end]` of element `e`."""
    row = t.elements[e]
    if attribute == el.CONTENT or attribute == el.PROPERTY or attribute == el.NAME:
        if row[at.E_NAME] == el.META:
            note_meta(data, attribute, i, end, t)
    elif attribute == el.HIDDEN:
        row[at.E_MARKS] |= at.M_HIDDEN
        if not _says(data, i, end, _UNTIL_FOUND):
            row[at.E_MARKS] |= at.M_UNSEEN
    elif attribute == el.OPEN:
        if row[at.E_NAME] == el.DIALOG:
            row[at.E_MARKS] &= ~at.M_UNSEEN
    elif attribute == el.ARIA_HIDDEN:
        if end - i == 4:  # true
            row[at.E_MARKS] |= at.M_ARIA_HIDDEN
    elif attribute == el.HREF:
        if row[at.E_NAME] == el.A:
            t.state[at.INNER_LINK] = end > i and data[i] == 35
        elif row[at.E_NAME] == el.BASE and t.state[at.BASE_END] == 0:
            t.state[at.BASE_START], t.state[at.BASE_END] = i, end
    elif el.SRC <= attribute <= el.MEDIA:
        if (row[at.E_NAME] == el.IMG or row[at.E_NAME] == el.SOURCE) and t.state[at.IMAGE_ROWS] < len(t.images):
            k = at.I_SRC + 2 * (attribute - el.SRC)
            image = t.images[t.state[at.IMAGE_ROWS]]
            if image[k + 1] == 0:
                image[k], image[k + 1] = i, end
    elif attribute == el.HREFLANG:
        if row[at.E_NAME] == el.A:
            _note_language(data, i, end, e, t)
    elif attribute == el.STYLE:
        row[at.E_MARKS] |= _hides(data, i, end)
    elif attribute == el.START or attribute == el.REVERSED:
        if row[at.E_NAME] == el.OL:
            _add_note(attribute, i, end, e, t)
    elif attribute == el.VALUE:
        if row[at.E_NAME] == el.LI:
            _add_note(attribute, i, end, e, t)
    elif attribute == el.ROWSPAN or attribute == el.COLSPAN:
        if row[at.E_NAME] == el.TD or row[at.E_NAME] == el.TH:
            _add_note(attribute, i, end, e, t)
    elif attribute == el.ALTTEXT:
        if row[at.E_NAME] == el.MATH:
            t.state[at.ALTTEXT_START], t.state[at.ALTTEXT_END] = i, end
    elif attribute == el.DISPLAY:
        if row[at.E_NAME] == el.MATH and end > i and data[i] == 98:  # block
            t.state[at.FORMULA] = at.SPAN_DISPLAY
    else:
        if end > i and (attribute == el.CLASS or attribute == el.ID or attribute == el.ROLE):
            row[at.E_MARKS] |= at.M_FOUND
        if attribute == el.TYPE and row[at.E_NAME] == el.SCRIPT:
            t.state[at.FORMULA] = _script_kind(data, i, end)
        if attribute == el.ITEMPROP:
            row[at.E_MARKS] |= at.M_ITEMPROP
        elif attribute == el.ROLE:
            row[at.E_MARKS] |= at.M_ROLE
        elif attribute == el.CLASS and row[at.E_NAME] != 0:
            t.classes[e] = add_bytes(FNV_OFFSET, data, i, min(end, i + at.MAX_CLASS_BYTES))
            if _may_name_code(data, i, end, row[at.E_NAME]):
                _add_note(attribute, i, end, e, t)
        whole = row[at.E_NAME] == el.BODY or row[at.E_NAME] == el.HTML
        _add_names(data, i, end, attribute, whole, t)


@helper
def read_attributes(data: Bytes, i: Int, e: Int, t: Tables) -> Int:
    """Reads a tag's attributes from `i` on into element `e` (-1: none); after the tag's `>`."""
    n = len(data)
    while i < n:
        c = data[i]
        if c == 62:
            return i + 1
        if is_space(c):
            i += 1
            continue
        if c == 47:
            i += 1
            t.state[at.SELF_CLOSED] = i < n and data[i] == 62
            continue
        name = FNV_OFFSET
        start = i
        while i < n:  # a leading `=` belongs to the name
            c = np.int64(data[i])
            if c == 62 or c == 47 or is_space(c) or (c == 61 and i > start):
                break
            name = add_byte(name, c | 32 if 65 <= c <= 90 else c)
            i += 1
        while i < n and is_space(data[i]):
            i += 1
        value = end = i
        if i < n and data[i] == 61:
            i += 1
            while i < n and is_space(data[i]):
                i += 1
            value = i
            if i < n and (data[i] == 34 or data[i] == 39):
                value = i + 1
                quote = data[i]
                i += 1
                while i < n and data[i] != quote:
                    i += 1
                end = i
                i += 1
            else:
                while i < n and data[i] != 62 and not is_space(data[i]):
                    i += 1
                end = i
        attribute = attribute_number(name)
        if e >= 0 and attribute > 0:
            _add_attribute(data, attribute, value, end, e, t)
    return n
