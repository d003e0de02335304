"""The tables of words of a page."""

from __future__ import annotations

import numpy as np

from ingest.extraction.counting import spread


def test_words_whose_hashes_end_alike_do_not_meet() -> None:
    """A page may be full of words that were chosen for the lower bits of their hashes, which are no place for them."""
    words = np.arange(4096, dtype=np.int64) << 20
    with np.errstate(over="ignore"):
        places = {int(spread(word)) & 0x3FFF for word in words}
    assert len(places) > 3000
