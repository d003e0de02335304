"""Start and end tags: which elements they open and close, and what is skipped.

Where tags are follows the tokenizer of html.spec.whatwg.org (§13.2.5), what they close the tree construction (§13.2.6) as
far as blocks need it: paragraphs, list items, cells and links end by themselves, formatting that crosses a block does not
close it.
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.characters import is_space
from ingest.extraction.layout import Tables
from ingest.extraction.names import same_name

#: How far above a block the paragraph is looked for that it ends.
_PARAGRAPH_REACH = 12


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
        end = j + 2 + length
        if (
            data[j] == 60
            and data[j + 1] == 47
            and same_name(data, j + 2, name, length)
            and (end == n or data[end] == 62 or data[end] == 47 or is_space(data[end]))
        ):
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
