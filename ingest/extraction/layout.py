"""What the scanner makes of a page: tables of elements and blocks, and how large they can become.

A block is a run of text between two tags that begin or end a line, and holds at least one word. Elements stand in the
order of their start tags, so that a parent stands before its children.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

#: Columns of `elements`: number in names.ELEMENTS, row of the parent (-1 for the root, which is row 0 and no element),
#: how deep it stands, where its class words begin in `names` (they end where the next row's begin), and bits of marks.
E_NAME, E_PARENT, E_DEPTH, E_WORDS, E_MARKS = range(5)
ELEMENT_COLUMNS = 5
#: Marks of an element, by its attributes.
M_HIDDEN, M_ARIA_HIDDEN, M_NOT_DISPLAYED, M_ITEMPROP, M_ROLE = 1, 2, 4, 8, 16
#: A link to what is in another language than the last that said so (hreflang); what a browser does not show until a script does;
#: an id, a class, a role: what scripts find an element by.
M_LANGUAGE, M_UNSEEN, M_FOUND = 32, 64, 128

#: Columns of `blocks`: its element; its text from, to; its words from, to; how many words it has, of them in links, with
#: a digit, with an upper-case letter, all in upper case, function words; its links, and words of links into this page;
#: commas, ends of sentences, other punctuation, currency signs, character references, bytes past ASCII; its first byte and
#: last; images before it; whether one <br> alone parts it from the text before.
(
    B_ELEMENT, B_START, B_END, B_WORD, B_WORD_END, B_WORDS, B_LINKED, B_DIGITS, B_UPPER, B_CAPITALS, B_FUNCTION, B_LINKS, B_INNER,
    B_COMMAS, B_STOPS, B_SIGNS, B_CURRENCY, B_REFERENCES, B_FOREIGN, B_FIRST, B_LAST, B_IMAGES, B_BROKEN,
) = range(23)  # fmt: skip
BLOCK_COLUMNS = 23

#: Columns of `images`, which has <img> and <source>: its element, the bytes of text before it; where its address stands in the
#: page, and ends; the same of the address that scripts put in its place, of its list of addresses by size, of its alternative text,
#: of its title, and of the screens that it is for.
I_ELEMENT, I_TEXT, I_SRC, I_LAZY, I_SRCSET, I_ALT, I_TITLE, I_MEDIA = 0, 1, 2, 4, 6, 8, 10, 12
IMAGE_COLUMNS = 14

#: Columns of `signs`, text without a word where that may say something, in a cell, an item or code: its element; its text from, to.
#: Of `notes`, attributes that Markdown is made of: classes that may name the language of code, numbers of lists, and what a cell
#: spans: the element; where the value stands in the page, and ends; which attribute.
#: Of `spans`, what is no prose within a line, in order and apart: SPAN_CODE, SPAN_FORMULA or SPAN_DISPLAY; its text from, to.
S_ELEMENT, S_START, S_END, S_ATTRIBUTE = range(4)
SPAN_CODE, SPAN_FORMULA, SPAN_DISPLAY = 1, 2, 3

#: Where the scanner is: how much of each table is filled, the block and the word that it is in, the page's title, its <base>,
#: the address of the image that it is shared with (og:image), whether the last tag ended with `/>`, where the text stood when
#: the last link and the last aside of a line began and in which block that was (`blocks.block_here`), rows of signs and notes,
#: how far a block begins with what is no text of it, a hash of the last hreflang, how many blocks have begun, dropped ones too;
#: the tags since the last block that part blocks (1 for one <br>, more for others); rows of spans, how deep the element of the open
#: one stands (0: none is open), where its text stands and in which block that began; where the alttext of the last <math> stands,
#: and ends, which span the last <math> or <script> makes, and where the text stood behind the last formula.
(
    N_ELEMENTS, N_BLOCKS, N_TEXT, N_WORDS, N_NAMES, DEPTH, OPEN_LINKS, IMAGES, IN_BLOCK, SPACE_DUE, IN_WORD, WORD_HASH,
    WORD_BYTES, WORD_LINKED, WORD_DIGIT, WORD_UPPER, TITLE_START, TITLE_END, META_KIND, META_START, META_END, N_TITLE,
    N_DESCRIPTION, INNER_LINK, OPEN_PRES, INDENT, BASE_START, BASE_END, IMAGE_ROWS, SHARED_START, SHARED_END,
    SELF_CLOSED, LINK_TEXT, LINK_BLOCK, ASIDE_DEPTH, ASIDE_TEXT, ASIDE_BLOCK, N_SIGNS, N_NOTES, LEAD_END, LAST_LANGUAGE, BEGUN,
    BREAKS, N_SPANS, SPAN_DEPTH, SPAN_TEXT, SPAN_BLOCK, ALTTEXT_START, ALTTEXT_END, FORMULA, FORMULA_TEXT,
) = range(51)  # fmt: skip
STATE_SIZE = 51

#: Browsers stop nesting at 512 elements (Blink, WebKit); past MAX_ELEMENTS and MAX_BLOCKS the text goes on in the last;
#: images past MAX_IMAGES rows are counted and not described.
MAX_DEPTH = 512
MAX_ELEMENTS = 1 << 19
MAX_BLOCKS = 1 << 17
MAX_IMAGES = 1 << 15
#: Rows of signs, of notes and of spans; what is past them is left out.
MAX_SIGNS = 1 << 16
MAX_NOTES = 1 << 16
MAX_SPANS = 1 << 16
#: Words that are read of one attribute, and bytes of a class that tell its elements from others.
MAX_ATTRIBUTE_WORDS = 24
MAX_CLASS_BYTES = 60
#: What the head says of the page, as rows of `hints`, and how many words of each are kept.
TITLE_HINT, DESCRIPTION_HINT, SHARED_IMAGE = 0, 1, 2
MAX_HINTS = 256


class Tables(NamedTuple):
    """A page as the scanner leaves it; rows past the counts in `state` are not set."""

    state: npt.NDArray[np.int64]  # (STATE_SIZE,)
    text: npt.NDArray[np.uint8]  # UTF-8, white space as one space but in <pre>, character references as they stand
    elements: npt.NDArray[np.int32]  # (n, ELEMENT_COLUMNS)
    classes: npt.NDArray[np.int64]  # (n,): a hash of the class, or of the name of an element that is not known
    blocks: npt.NDArray[np.int32]  # (n, BLOCK_COLUMNS)
    words: npt.NDArray[np.uint32]  # hashes of the text's words, lower case
    names: npt.NDArray[np.uint32]  # hashes of the words in class, id, role, …
    stack: npt.NDArray[np.int32]  # (MAX_DEPTH, 2): row and name of the open elements; a name of 0 ends with its parent
    unclosed: npt.NDArray[np.uint8]  # by name: no end tag of it follows
    hints: npt.NDArray[np.uint32]  # (2, MAX_HINTS): hashes of the words of titles and of descriptions
    images: npt.NDArray[np.int32]  # (n, IMAGE_COLUMNS)
    signs: npt.NDArray[np.int32]  # (n, 3)
    notes: npt.NDArray[np.int32]  # (n, 4)
    spans: npt.NDArray[np.int32]  # (n, 3)


TABLES_TYPE = types.NamedTuple(
    (
        types.int64[::1], types.uint8[::1], types.int32[:, ::1], types.int64[::1], types.int32[:, ::1], types.uint32[::1],
        types.uint32[::1], types.int32[:, ::1], types.uint8[::1], types.uint32[:, ::1], types.int32[:, ::1], types.int32[:, ::1],
        types.int32[:, ::1], types.int32[:, ::1],
    ),
    Tables,
)  # fmt: skip


def new_tables(size: int, names: int) -> Tables:
    """Tables for any page of `size` bytes, with `names` known elements.

    A start tag takes three bytes (`<p>`; the last may lack its `>`), an image's four, a block four (`<p>x`), a class nine, a word
    of text or of a class two with what parts it from the next, three words of a class five (`aaBb`: two words and the whole);
    and one more of each is being made. Text is never longer than the page.
    Memory that is not written costs nothing.
    """
    elements = min(size // 3 + 3, MAX_ELEMENTS + 2)
    blocks = min(size // 4 + 2, MAX_BLOCKS + 1)
    return Tables(
        state=np.zeros(STATE_SIZE, np.int64),
        text=np.empty(size + 1, np.uint8),
        elements=np.empty((elements, ELEMENT_COLUMNS), np.int32),
        classes=np.empty(elements, np.int64),
        blocks=np.empty((blocks, BLOCK_COLUMNS), np.int32),
        words=np.empty(size // 2 + 2, np.uint32),
        names=np.empty(size * 3 // 5 + 4, np.uint32),
        stack=np.empty((MAX_DEPTH, 2), np.int32),
        unclosed=np.zeros(names, np.uint8),
        hints=np.empty((2, MAX_HINTS), np.uint32),
        images=np.empty((min(size // 4 + 1, MAX_IMAGES), IMAGE_COLUMNS), np.int32),
        signs=np.empty((min(size // 4 + 2, MAX_SIGNS), 3), np.int32),
        notes=np.empty((min(size // 8 + 1, MAX_NOTES), 4), np.int32),
        spans=np.empty((min(size // 4 + 1, MAX_SPANS), 3), np.int32),
    )
