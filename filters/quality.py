"""Quality of a text by a classifier of the user's own, as a score, a probability and a place in a reference.

fastText as in DCLM (arXiv 2406.11794, § 4.2) or a linear model over hashed n-grams as in GPT-3, whose sampling by a Pareto
distribution is here too (arXiv 2005.14165, appendix A). `web2shards train quality` makes models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from core.columns import with_nulls
from core.named_files import NamedFile, require_file
from core.scorer import column
from filters.quality_model import ALL, Floats, load, locate, model_digest, percentiles

#: GPT-3 keeps a document where np.random.pareto(9) > 1 - score.
PARETO_ALPHA = 9.0
LANGUAGE = "language.label"


@dataclass(frozen=True)
class Quality:
    """What a classifier thinks of a text.

    `model` is a folder that `web2shards train quality` wrote, a bare fastText file with its `label` (DCLM's: hq), or
    `demo`, a small model of manuals against junk that comes with the package and is good for trying things out.

    Keep by a threshold (`quality.score >= 0.02`, `quality.probability >= 0.5`), by a share of the reference
    (`quality.percentile >= 90%`) or by GPT-3's sampling (`quality.pareto`), which also keeps some of what scores low.
    With `by_language` a percentile is among the reference's texts of the same language, where it has enough of them:
    the column `reference` says among which. A bare fastText file has no card, hence no probability and no percentile.
    """

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    model: str
    label: str = ""
    by_language: bool = False
    pareto_alpha: float = PARETO_ALPHA
    seed: int = 0
    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model: the path of a model is needed, or demo")
        if not 0 < self.pareto_alpha <= 1000:
            raise ValueError(f"pareto_alpha: {self.pareto_alpha} is not in 0..1000")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def column_parameters(self) -> dict[str, Any]:
        """All but where the model lies, which its digest speaks for."""
        names = ("label", "by_language", "pareto_alpha", "seed", "read")
        return {name: getattr(self, name) for name in names}

    @property
    def inputs(self) -> tuple[str, ...]:
        text = "text.edited" if self.read == "edited" else "text.text"
        return (text, LANGUAGE) if self.by_language else (text,)

    @property
    def schema(self) -> pa.Schema:
        among = "share of the reference's texts that score lower"
        return pa.schema([
            column("score", pa.float32(), "what the model says, near 1 for texts like the positives", bounds=(0, 1)),
            column("probability", pa.float32(), "the score calibrated on held-out texts, in their mix", bounds=(0, 1)),
            column("percentile", pa.float32(), among, unit="share", bounds=(0, 1)),
            column("reference", pa.string(), f"whose texts the percentile is among: a language, or {ALL}"),
            column("pareto", pa.bool_(), "GPT-3's sampling keeps it: a Pareto number by seed and text > 1 - score"),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return [NamedFile(("model",), self.model, self._require_model)]

    def _require_model(self) -> None:
        for path in locate(self.model):
            if path is not None:
                require_file(str(path), "the quality model", "train it again, or give another model")

    def weights_digest(self) -> str:
        return model_digest(self.model)

    def open(self) -> None:
        load(self.model, self.label).raw(pa.array(["text"]))

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        model = load(self.model, self.label)
        text = batch.column(self.inputs[0])
        scores = model.raw(text).astype(np.float32).astype(np.float64)
        n = len(text)
        columns: list[pa.Array] = [with_nulls(scores.astype(np.float32), text)]
        calibration, references = model.card.calibration, model.card.references
        columns.append(pa.nulls(n, pa.float32()) if calibration is None else with_nulls(_narrow(calibration(scores)), text))
        if ALL in references:
            named = self._references(batch, references)
            places = np.zeros(n)
            for name in np.unique(named):
                here = named == name
                places[here] = percentiles(scores[here], references[name])
            columns += [with_nulls(_narrow(places), text), with_nulls(named, text, pa.string())]
        else:
            columns += [pa.nulls(n, pa.float32()), pa.nulls(n, pa.string())]
        kept = pareto(text, self.seed, self.pareto_alpha) > 1 - scores
        columns.append(with_nulls(kept, text, pa.bool_()))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _references(self, batch: pa.RecordBatch, references: Any) -> npt.NDArray[np.object_]:
        """The reference that each row is compared with."""
        if not self.by_language:
            return np.full(batch.num_rows, ALL, object)
        labels = batch.column(LANGUAGE).to_pylist()
        return np.array([label if label in references else ALL for label in labels], object)


def pareto(texts: pa.Array, seed: int, alpha: float) -> Floats:
    """A number a text as of np.random.pareto(alpha), by hash of seed and text: the same on every worker, and the same for
    copies. Float64 of shape (n,), 0 and more; nulls as empty texts."""
    hashes = np.array([_hash(seed, text) for text in texts.to_pylist()], np.uint64)
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    return (1 - uniform) ** (-1 / alpha) - 1


def _hash(seed: int, text: str | None) -> int:
    return xxhash.xxh3_64_intdigest((text or "").encode(), seed=seed % 2**64)


def _narrow(values: Floats) -> npt.NDArray[np.float32]:
    return values.astype(np.float32)
