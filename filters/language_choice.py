"""Which of the languages a text is in: a model's probabilities and the odds of letter n-grams, among those of its script.

The logarithms are added up with weights (a product of experts, Hinton 2002), set with the half `choice` of
benchmarks/make_language_set.py in view; its half `judged` was looked at once they stood.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper

CANDIDATES = 5  # languages asked of the model
OWN = 3  # languages that the letter n-grams may add to them
#: The model's weight and the n-grams': first those of short texts, for which the model knows how common a language is.
SHORT_WEIGHTS = (0.7, 0.9)
WEIGHTS = (0.4, 1.0)
SHORT, LONG = 60, 180  # n-grams of texts of about 20 and of 50 letters; between them the weights change evenly
FLOOR = 0.001  # the probability of a language that the model does not name
SCRIPT_SHARE = 0.15  # a script with less of the letters says nothing of the language
#: The n-grams' weight, as a share of their own, where two scripts have theirs: they say which has more words (Japanese
#: with English names would be English), hardly which language the text is in. Set on half of the pages of manuals.
MIXED = 0.07
DENSE = 3  # one Han letter, kana or Hangul syllable says as much as three letters

UNKNOWN_SCRIPT = -1  # in place of a label

Labels32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@helper
def _fits(label: Int, common: Labels32, n: Int, allowed: npt.NDArray[np.uint8]) -> bool:
    """Whether the language is written in one of the scripts that have their share of the letters."""
    for k in range(n):
        if allowed[label, common[k]]:
            return True
    return False


_SIGNATURE = types.void(
    types.int32[:, ::1], types.float32[:, ::1], types.float32[:, ::1], types.int64[::1],
    types.Array(types.boolean, 1, "C", readonly=True), types.int32[:, ::1], types.uint8[:, ::1], types.int64[::1],
    types.int32[::1], types.float32[::1], types.boolean[:, ::1],
    types.int64, types.int32[:, ::1], types.float32[:, ::1],
)  # fmt: skip


@njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def choose(
    named: Labels32, probabilities: Floats, odds: Floats, ngrams: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_],
    letters: Labels32, allowed: npt.NDArray[np.uint8], dense: npt.NDArray[np.int64], by_script: Labels32, shared: Floats,
    few: npt.NDArray[np.bool_],
    joined: int, labels: Labels32, scores: Floats,
) -> None:  # fmt: skip
    """Fills the best two labels (n, 2) and their probabilities.

    `named` (n, CANDIDATES) are the model's labels, -1 where it names no more; `odds` (n, languages) those of the
    n-grams, of no columns where they take no part, and `ngrams` (n) how many there are; `few` marks languages and
    scripts that they know little of, which they raise but never lower; `joined` is
    Serbo-Croatian, which stands behind its parts (-1 if there is none).
    """
    size = CANDIDATES + OWN
    found, logs, weights = np.empty(size, np.int32), np.empty(size, np.float64), np.empty(size, np.float64)
    common = np.empty(letters.shape[1], np.int32)
    languages = odds.shape[1]
    for row in range(len(named)):
        if not wanted[row]:
            continue
        total = np.int64(0)
        most, script = np.int64(0), 0
        for k in range(1, letters.shape[1]):
            weight = letters[row, k] * dense[k]
            total += weight
            if weight > most:
                most, script = weight, k
        scripts = 0
        for k in range(1, letters.shape[1]):
            if letters[row, k] > 0 and letters[row, k] * dense[k] >= SCRIPT_SHARE * total:
                common[scripts] = k
                scripts += 1
        n = 0
        floor = FLOOR
        for k in range(CANDIDATES):
            label = named[row, k]
            if label < 0:
                break
            floor = min(floor, max(probabilities[row, k], 1e-6))
            if _fits(label, common, scripts, allowed):
                found[n], weights[n] = label, probabilities[row, k]
                n += 1
        if languages:
            of_model = n
            for _ in range(OWN):
                best = 0
                for k in range(1, languages):
                    if best == 0 or odds[row, k] > odds[row, best]:
                        taken = False
                        for j in range(n):
                            taken |= found[j] == k
                        if not taken and _fits(k, common, scripts, allowed):
                            best = k
                if best:
                    found[n], weights[n] = best, floor
                    n += 1
            neutral = odds[row, 0]
            for j in range(n):
                if found[j] < languages:
                    neutral = max(neutral, odds[row, found[j]])
            part = min(max((ngrams[row] - SHORT) / (LONG - SHORT), 0.0), 1.0)
            of_ngrams = SHORT_WEIGHTS[1] + part * (WEIGHTS[1] - SHORT_WEIGHTS[1])
            if scripts > 1:
                of_ngrams *= MIXED
            of_models = SHORT_WEIGHTS[0] + part * (WEIGHTS[0] - SHORT_WEIGHTS[0])
            for j in range(n):
                label = found[j]
                odd = neutral
                if label < languages and not (few[label, script] and j < of_model):
                    odd = odds[row, label]
                elif label == joined:
                    odd -= 2
                logs[j] = of_models * np.log(max(weights[j], floor)) + of_ngrams * odd
            top = -np.inf
            for j in range(n):
                top = max(top, logs[j])
            sum_ = 0.0
            for j in range(n):
                weights[j] = np.exp(logs[j] - top)
                sum_ += weights[j]
            for j in range(n):
                weights[j] /= sum_
        first, second = -1, -1
        for j in range(n):
            if first < 0 or weights[j] > weights[first]:
                first, second = j, first
            elif second < 0 or weights[j] > weights[second]:
                second = j
        if first >= 0:
            labels[row, 0], scores[row, 0] = found[first], weights[first]
        elif by_script[script] > 0:
            labels[row, 0], scores[row, 0] = by_script[script], shared[script]
        else:
            labels[row, 0] = UNKNOWN_SCRIPT
        if second >= 0:
            labels[row, 1], scores[row, 1] = found[second], weights[second]


def densities(codes: list[str]) -> npt.NDArray[np.int64]:
    """How many letters one of each script counts as."""
    return np.array([DENSE if code in ("Hani", "Hira", "Kana", "Jpan", "Hang") else 1 for code in codes], np.int64)
