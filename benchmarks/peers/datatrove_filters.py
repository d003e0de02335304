"""datatrove's quality filters, or its MinHash signatures, on texts: `datatrove_filters.py TEXTS RUNS {filters,signatures}`.

Every filter sees every text, as scores do; the figures are microseconds of processor time a document.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove_job import CONFIG, quality_filters
from timing import microseconds, read_texts


def passing(step: Any) -> Callable[[list[str]], None]:
    """Shows the filter every text; C4's edits them, so that the documents are new ones."""

    def work(texts: list[str]) -> None:
        for number, text in enumerate(texts):
            step.filter(Document(text=text, id=str(number)))

    return work


def signing(folder: str) -> Callable[[list[str]], None]:
    """Makes the signature of every text."""
    signer = MinhashDedupSignature(folder, CONFIG)

    def work(texts: list[str]) -> None:
        for text in texts:
            shingles = signer.get_shingles(text)
            if shingles.size:
                signer.get_signature(shingles)

    return work


def main() -> None:
    texts, runs = read_texts(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "filters": {type(step).__name__: passing(step) for step in quality_filters()},
            "signatures": {"MinhashDedupSignature": signing(folder)},
        }[sys.argv[3]]
        print(json.dumps({name: microseconds(work, texts, runs) for name, work in ways.items()}))


if __name__ == "__main__":
    main()
