from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.quality_figures import (
    Calibration,
    at_shares,
    auc,
    auc_interval,
    calibrate,
    calibration_error,
    cross_calibrated,
    precision_at_share,
    reliability,
    threshold_of_share,
)

scored = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60)


def arrays(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] / 8 for row in rows]), np.array([row[1] for row in rows])


@settings(deadline=None, max_examples=100)
@given(scored)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    scores, positive = arrays(rows)
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    found = auc(scores, positive)
    assert math.isnan(found) if not pairs else math.isclose(found, sum(pairs) / len(pairs), abs_tol=1e-12)


def test_thresholds_keep_the_share_that_is_asked_for() -> None:
    scores = np.arange(100) / 100
    assert threshold_of_share(scores, 0.1) == 0.9
    assert threshold_of_share(scores, 0.101) == 0.89
    assert threshold_of_share(scores, 1e-9) == 0.99
    assert threshold_of_share(scores, 1.0) == 0.0
    positive = scores >= 0.95
    assert precision_at_share(scores, positive, 0.1) == pytest.approx(0.5)
    (row,) = at_shares(scores, positive, scores[~positive], (0.2,))
    assert row == {"share": 0.2, "threshold": 0.76, "precision": 5 / 24, "recall": 1.0, "false_positives": 19 / 95}
    (nothing,) = at_shares(scores, positive, np.array([2.0]), (0.5,))
    assert nothing["precision"] is None
    assert nothing["recall"] == 0


def test_pools_of_a_small_table() -> None:
    # 0.1: 0 of 2, 0.2: 1 of 1, 0.3: 0 of 1 → 0.2 and 0.3 pool to 1 of 2; 0.9: 2 of 2
    scores = np.array([0.1, 0.1, 0.2, 0.3, 0.9, 0.9])
    found = calibrate(scores, np.array([False, False, True, False, True, True]))
    assert found.scores.tolist() == pytest.approx([0.1, 0.25, 0.9])
    assert found.probabilities.tolist() == pytest.approx([0.5 / 3, 1.5 / 3, 2.5 / 3])
    assert found(np.array([0.0, 0.175, 1.0])).tolist() == pytest.approx([1 / 6, 1 / 3, 5 / 6])
    again = Calibration.from_json(found.to_json())
    assert again.scores.tolist() == found.scores.tolist()
    assert again.probabilities.tolist() == found.probabilities.tolist()


@settings(deadline=None, max_examples=100)
@given(scored)
def test_tables_ascend_and_keep_the_order(rows: list[tuple[int, bool]]) -> None:
    scores, positive = arrays(rows)
    table = calibrate(scores, positive)  # its own checks raise for one that does not ascend
    found = table(np.sort(scores))
    assert (np.diff(found) >= 0).all()
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize(
    "value",
    [
        {}, {"scores": [0.1]}, {"scores": [], "probabilities": []}, {"scores": [0.2, 0.1], "probabilities": [0, 1]},
        {"scores": [0.1, 0.2], "probabilities": [1, 0]}, {"scores": [0.1], "probabilities": [1.5]},
        {"scores": [0.1, float("nan")], "probabilities": [0, 1]}, {"scores": [0.1, 0.2], "probabilities": [0.1]},
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(value: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_json(value)


def test_reliability_and_its_error_by_hand() -> None:
    probabilities, positive = np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True])
    assert reliability(probabilities, positive) == [
        {"low": 0.0, "texts": 2, "probability": 0.05, "positive": 0.5},
        {"low": 0.9, "texts": 2, "probability": 0.975, "positive": 1.0},
    ]
    assert calibration_error(probabilities, positive) == pytest.approx(0.5 * 0.45 + 0.5 * 0.025)


def test_each_half_is_calibrated_by_the_other() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(4000)
    positive = rng.random(4000) < scores**2
    halves = np.arange(4000) % 2 == 0
    found = cross_calibrated(scores, positive, halves)
    assert np.allclose(found[halves], calibrate(scores[~halves], positive[~halves])(scores[halves]))
    assert calibration_error(found, positive) < 0.04 < 0.15 < calibration_error(scores, positive)


def test_an_interval_of_the_auc_holds_what_other_texts_give() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(60) < 30
    true = 0.5 * (1 + math.erf(1 / 2))  # of normal scores one apart
    inside = 0
    for _ in range(400):
        area = auc(rng.normal(size=60) + positive, positive)
        low, high = auc_interval(area, 30, 30)
        assert 0 <= low <= area <= high <= 1
        inside += low <= true <= high
    assert 0.91 < inside / 400 < 0.99
    assert auc_interval(1.0, 5, 5) == (1.0, 1.0)
