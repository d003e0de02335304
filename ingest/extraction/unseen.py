"""Text that no browser shows: of elements that are hidden by `hidden` or by their style, and of a <dialog> that is not open.

Much of what a page hides is its content, which a script shows: tabs, answers, the whole page until it has loaded. On WCXB half of
the words under `hidden` are main text, of those that the models keep .88. A script finds what it shows by an id, a class or a role,
and it is a box with a text.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.measures import MEASURES_TYPE, WORDS, Measures

#: Boxes whose text may be shown later, and how many words it has; of shorter ones that models keep a fifth is main text.
_BOXES, LEAST_WORDS = el.marked("div section article main dd"), 8
#: Or it is so much of the page.
MOST = 0.5
#: A dialog asks or explains: of 1,066 words of such that models keep none is main text. As a word of a class, and as a role.
_DIALOGS = el.name_hash("dialog"), el.name_hash("dialog" + chr(el.ROLE))
#: The role of a tab's text, which may be a line of code.
_TAB = el.name_hash("tabpanel" + chr(el.ROLE))


@helper
def _is_later(e: Int, t: Tables, m: Measures) -> Truth:
    """Whether a hidden element holds what a script shows."""
    words = m.sums[e, WORDS]
    if words >= MOST * m.sums[0, WORDS]:
        return True
    if not _BOXES[t.elements[e, at.E_NAME]] or not t.elements[e, at.E_MARKS] & at.M_FOUND:
        return False
    later = words >= LEAST_WORDS
    for k in range(t.elements[e, at.E_WORDS], t.elements[e + 1, at.E_WORDS]):
        if t.names[k] == _DIALOGS[0] or t.names[k] == _DIALOGS[1]:
            return False
        later |= t.names[k] == _TAB
    return later


@njit(types.void(TABLES_TYPE, MEASURES_TYPE, types.float32[::1]), cache=True, nogil=True, error_model="numpy")
def hide(t: Tables, m: Measures, probability: npt.NDArray[np.float32]) -> None:
    """Gives blocks that are never shown the `probability` (m,) 0, in place."""
    unseen = np.zeros(len(m.sums), np.bool_)
    for e in range(1, len(unseen)):
        hidden = t.elements[e, at.E_MARKS] & at.M_UNSEEN != 0
        unseen[e] = unseen[t.elements[e, at.E_PARENT]] or (hidden and not _is_later(np.int64(e), t, m))
    for i in range(len(probability)):
        if unseen[t.blocks[i, at.B_ELEMENT]]:
            probability[i] = 0
