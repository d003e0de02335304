from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from core.characters import CLASSES
from filters.sentences import LEXICON, count_sentences


@njit(error_model="numpy")
def _count(data, classes, lexicon):
    return count_sentences(data, 0, len(data), classes, lexicon)


# Lines and their sentences by nltk 3.10's English Punkt (punkt_tab).
@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("", 0),
        ("One line without a mark", 1),
        ("This is Dr. Roberts.", 1),
        ("Open Access. Powered by Scholars. Published by Universities.", 3),
        ("This line looks like it has three sentences...but it's actually just 1.", 1),
        ("J. K. Rowling ate 4. Then 5 of them... ok? Yes!", 3),
        ("The U.S. Navy sailed.", 1),
        ("He said \"stop.\" Then he left.", 2),
        ("Version 2.0 is out. See www.example.org/a.b for more.", 2),
        ("Really? No! (Never.) Well", 4),
        ("An abbreviation etc. and so on.", 1),
        ("Non-breaking\u00a0space. After\u00a0it.", 2),
    ],
)
def test_sentences_of_a_line(line: str, sentences: int) -> None:
    assert _count(np.frombuffer(line.encode(), np.uint8), CLASSES, LEXICON) == sentences
