"""Start and end tags: their attributes, which elements they open and close, and what is skipped.

Where tags are follows the tokenizer of html.spec.whatwg.org (§13.2.5), what they close the tree construction (§13.2.6) as
far as blocks need it: paragraphs, list items, cells and links end by themselves, formatting that crosses a block does not
close it.
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.hints import note_meta
from ingest.extraction.layout import Tables
from ingest.extraction.names import FNV_OFFSET, add_byte, attribute_number, same_name

#: How far above a block the paragraph is looked for that it ends.
_PARAGRAPH_REACH = 12
#: What the words of <body> and <html> are told by.
_OF_PAGE = 255


@helper
def is_space(c: Int) -> Truth:
    return c == 32 or 9 <= c <= 13


@helper
def comment_end(data: Bytes, i: Int) -> Int:
    """After the comment, doctype or processing instruction whose `<` is at `i`."""
    n = len(data)
    if i + 3 < n and data[i + 1] == 33 and data[i + 2] == 45 and data[i + 3] == 45:
        j = i + 4
        if j < n and data[j] == 62:  # <!-->
            return j + 1
        if j + 1 < n and data[j] == 45 and data[j + 1] == 62:  # <!--->
            return j + 2
        while j + 2 < n:
            if data[j] == 45 and data[j + 1] == 45:
                if data[j + 2] == 62:
                    return j + 3
                if data[j + 2] == 33 and j + 3 < n and data[j + 3] == 62:
                    return j + 4
            j += 1
        return n
    j = i + 1
    while j < n and data[j] != 62:
        j += 1
    return min(j + 1, n)


@helper
def skip_content(data: Bytes, i: Int, name: Int, length: Int) -> tuple[Int, Int]:
    """Where the end tag of the element whose name is at `name` begins and where it ends, from `i` on; -1 if it has none."""
    n = len(data)
    j = i
    while j + 1 + length < n:
        if data[j] == 60 and data[j + 1] == 47 and same_name(data, j + 2, name, length):
            end = j + 2 + length
            while end < n and data[end] != 62:
                end += 1
            return j, min(end + 1, n)
        j += 1
    return -1, n


@helper
def _pop(depth: Int, t: Tables) -> None:
    """Closes all open elements from `depth` up."""
    s = t.state
    while s[at.DEPTH] > depth:
        s[at.DEPTH] -= 1
        if t.stack[s[at.DEPTH], 1] == el.A:
            s[at.OPEN_LINKS] -= 1
        elif t.stack[s[at.DEPTH], 1] == el.PRE:
            s[at.OPEN_PRES] -= 1


@helper
def _disown(k: Int, t: Tables) -> None:
    """Ends the formatting element at `k` of the stack, but not what stands in it."""
    if t.stack[k, 1] == el.A:
        t.state[at.OPEN_LINKS] -= 1
    t.stack[k, 1] = 0


@helper
def close(name: Int, name_hash: Int, flags: np.ndarray, t: Tables) -> None:
    """An end tag: closes the element and all in it, if it is open and no table stands between."""
    if name == el.BODY or name == el.HTML or flags[name] & el.VOID:
        return
    own = flags[name]
    in_table = own & el.SCOPE or name == el.TR or (el.THEAD <= name <= el.TFOOT)
    crosses = False
    k = t.state[at.DEPTH] - 1
    while k > 0:
        other = t.stack[k, 1]
        if other == name and (name != 0 or t.classes[t.stack[k, 0]] == name_hash):
            if crosses and name != 0 and not own & (el.BLOCK | el.SKIPPED):
                _disown(k, t)
            else:
                _pop(k, t)
            return
        if flags[other] & el.BLOCK:
            crosses = True
        if flags[other] & el.SCOPE and not in_table:
            return
        k -= 1


@helper
def _bounds(name: Int, other: Int) -> Int:
    """How an open element takes the start tag of an item: 1 if it ends by it, 2 if it holds it, 0 if neither."""
    if name == el.LI:
        return 1 if other == el.LI else 2 if other == el.UL or other == el.OL or other == el.MENU else 0
    if name == el.DT or name == el.DD:
        return 1 if other == el.DT or other == el.DD else 2 if other == el.DL else 0
    if name == el.TR:
        return 1 if other == el.TR else 2 if other == el.TABLE else 0
    return 1 if other == el.TD or other == el.TH else 2 if other == el.TR or other == el.TABLE else 0


@helper
def close_implied(name: Int, flags: np.ndarray, t: Tables) -> None:
    """What a start tag closes without an end tag: a paragraph, the item or cell before it, the link it stands in."""
    last = t.state[at.DEPTH] - 1
    if flags[name] & el.ENDS_P:
        k = last
        while k > 0 and last - k < _PARAGRAPH_REACH:
            if t.stack[k, 1] == el.P:
                _pop(k, t)
                break
            if flags[t.stack[k, 1]] & el.BLOCK:
                break
            k -= 1
    if name == el.LI or name == el.DT or name == el.DD or name == el.TR or name == el.TD or name == el.TH:
        k = t.state[at.DEPTH] - 1
        while k > 0:
            how = _bounds(name, t.stack[k, 1])
            if how == 1:
                _pop(k, t)
            if how > 0:
                break
            k -= 1
    elif name == el.A and t.state[at.OPEN_LINKS] > 0:
        k = last
        while k > 0:
            if t.stack[k, 1] == el.A:
                _disown(k, t)
                break
            k -= 1


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
def _hides(data: Bytes, i: Int, end: Int) -> bool:
    """Whether a style has `display: none`, in its first 200 bytes."""
    end = min(end, i + 211)
    while i + 11 < end + 1:
        if data[i] == 100 and data[i + 1] == 105 and data[i + 2] == 115 and data[i + 3] == 112:
            k = i + 7
            while k < end and (data[k] == 58 or data[k] == 32):
                k += 1
            if k + 2 < end and data[k] == 110 and data[k + 1] == 111:
                return True
        i += 1
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
    elif attribute == el.STYLE:
        if _hides(data, i, end):
            row[at.E_MARKS] |= at.M_NOT_DISPLAYED
    else:
        if attribute == el.ITEMPROP:
            row[at.E_MARKS] |= at.M_ITEMPROP
        elif attribute == el.ROLE:
            row[at.E_MARKS] |= at.M_ROLE
        elif attribute == el.CLASS and row[at.E_NAME] != 0:
            value = FNV_OFFSET
            for k in range(i, min(end, i + at.MAX_CLASS_BYTES)):
                value = add_byte(value, np.int64(data[k]))
            t.classes[e] = value
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
