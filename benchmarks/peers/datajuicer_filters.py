"""Data-Juicer's nearest to Gopher, C4 and FineWeb: `datajuicer_filters.py TEXTS RUNS`.

Its filters that look at words, lines and repetition, with their defaults, each batch with a context in which they share
their words (what its op_fusion does). Language, perplexity and flagged words are left out: they need downloads. So does the
list of stop words; Gopher's eight stand in for it. Microseconds of processor time a document.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from data_juicer.ops.filter.alphanumeric_filter import AlphanumericFilter
from data_juicer.ops.filter.average_line_length_filter import AverageLineLengthFilter
from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
from data_juicer.ops.filter.maximum_line_length_filter import MaximumLineLengthFilter
from data_juicer.ops.filter.special_characters_filter import SpecialCharactersFilter
from data_juicer.ops.filter.stopwords_filter import StopWordsFilter
from data_juicer.ops.filter.text_length_filter import TextLengthFilter
from data_juicer.ops.filter.word_repetition_filter import WordRepetitionFilter
from data_juicer.ops.filter.words_num_filter import WordsNumFilter
from data_juicer.utils.constant import Fields
from timing import microseconds, read_texts

BATCH = 512
STOP_WORDS = {"en": ["the", "be", "to", "of", "and", "that", "have", "with"]}


def filters(folder: str) -> list[Any]:
    Path(folder, "stopwords.json").write_text(json.dumps(STOP_WORDS))
    return [
        AlphanumericFilter(), AverageLineLengthFilter(), CharacterRepetitionFilter(), MaximumLineLengthFilter(),
        SpecialCharactersFilter(), StopWordsFilter(stopwords_dir=folder), TextLengthFilter(), WordRepetitionFilter(),
        WordsNumFilter(),
    ]  # fmt: skip


def run(steps: list[Any], texts: list[str]) -> None:
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        samples: dict[str, Any] = {"text": batch, Fields.stats: [{} for _ in batch], Fields.context: [{} for _ in batch]}
        for step in steps:
            if step.is_batched_op():
                list(step.process_batched(step.compute_stats_batched(samples, **context(step.compute_stats_batched))))
            else:
                more = context(step.compute_stats_single)
                for number in range(len(batch)):
                    step.process_single(
                        step.compute_stats_single({name: values[number] for name, values in samples.items()}, **more)
                    )


def context(method: Any) -> dict[str, bool]:
    """That words are shared, for the filters that can."""
    return {"context": True} if "context" in inspect.signature(method).parameters else {}


def main() -> None:
    texts, runs = read_texts(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        steps = filters(folder)
        found = {type(step).__name__: microseconds(lambda some, step=step: run([step], some), texts, runs) for step in steps}
        found["all"] = microseconds(lambda some: run(steps, some), texts, runs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
