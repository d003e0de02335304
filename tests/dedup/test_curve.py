"""The S-curve against the figures of others, and its drawings."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from datasketch.lsh import _false_negative_probability, _false_positive_probability, _optimal_param
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup import curve
from dedup.curve_plot import plot_svg, plot_text


@pytest.mark.parametrize(
    ("bands", "rows", "steepest", "half", "odds"),
    [
        # bands, rows of FineWeb, of NeMo Curator, of the best for 128 at 0.8, and of RefinedWeb
        (14, 8, 0.719, 0.685, {0.5: 0.053, 0.7: 0.565, 0.75: 0.772, 0.8: 0.924, 0.85: 0.988, 0.9: 0.9996}),
        (20, 13, 0.794, 0.771, {0.5: 0.002, 0.7: 0.177, 0.75: 0.382, 0.8: 0.677, 0.85: 0.924, 0.9: 0.997}),
        (9, 13, 0.844, 0.819, {0.5: 0.001, 0.7: 0.084, 0.8: 0.399, 0.85: 0.686, 0.9: 0.929}),
        (450, 20, 0.737, 0.723, {0.7: 0.302, 0.75: 0.761, 0.8: 0.995, 0.85: 1.0}),
        (18, 6, 0.618, 0.579, {0.8: 0.996}),
    ],
)
def test_known_settings(bands: int, rows: int, steepest: float, half: float, odds: dict[float, float]) -> None:
    assert curve.steepest(bands, rows) == pytest.approx(steepest, abs=6e-4)
    assert curve.half(bands, rows) == pytest.approx(half, abs=6e-4)
    assert curve.found(np.array(list(odds)), bands, rows) == pytest.approx(list(odds.values()), abs=6e-4)
    assert curve.found(np.array([curve.half(bands, rows)]), bands, rows)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("threshold", [0.5, 0.8])
@pytest.mark.parametrize(("bands", "rows"), [(1, 1), (14, 8), (20, 13)])
def test_areas_are_datasketchs(bands: int, rows: int, threshold: float) -> None:
    assert curve.false_positives(bands, rows, threshold) == pytest.approx(
        _false_positive_probability(threshold, bands, rows), abs=2e-4
    )
    assert curve.false_negatives(bands, rows, threshold) == pytest.approx(
        _false_negative_probability(threshold, bands, rows), abs=2e-4
    )


@pytest.mark.parametrize(("threshold", "wanted"), [(0.7, (14, 9)), (0.8, (9, 13)), (0.5, (25, 5))])
def test_best_bands_are_datasketchs(threshold: float, wanted: tuple[int, int]) -> None:
    assert curve.best_bands(128, threshold) == wanted == _optimal_param(threshold, 128, 0.5, 0.5)


@settings(deadline=None, max_examples=100)
@given(rows=st.integers(1, 12), threshold=st.floats(0.3, 0.99), share=st.floats(0.5, 0.9999))
def test_enough_bands_are_the_fewest(rows: int, threshold: float, share: float) -> None:
    bands = curve.enough_bands(rows, threshold, share)
    at = np.array([threshold])
    assert curve.found(at, bands, rows)[0] >= share - 1e-9
    assert bands == 1 or curve.found(at, bands - 1, rows)[0] < share + 1e-9


def test_enough_bands_of_known_settings() -> None:
    assert [curve.enough_bands(rows, 0.8) for rows in (3, 6, 8)] == [8, 18, 29]
    assert curve.enough_bands(5, 1.0) == 1
    for call in (lambda: curve.enough_bands(5, 0.0), lambda: curve.best_bands(16, 1.5)):
        with pytest.raises(ValueError, match=r"^threshold: "):
            call()
    with pytest.raises(ValueError, match=r"^share: "):
        curve.enough_bands(5, 0.8, 1.0)


class TestPlots:
    def test_text(self) -> None:
        lines = plot_text(14, 8, 0.8).splitlines()
        assert len(lines) == 12
        assert lines[0].startswith("100% ┤")
        assert lines[0].endswith("███")
        assert lines[10].index("┴") == 6 + 48
        assert lines[11].split() == ["0", "0.8", "1"]
        assert plot_text(14, 8, None).splitlines()[11].split() == ["0", "1"]
        assert plot_text(1, 1, 1.0).splitlines()[11].split() == ["0", "1"]
        # a straight line: ten more blocks in each line, where each line is a quarter of the axis of forty
        assert [line.count("█") for line in plot_text(1, 1, None, 40, 4).splitlines()[:4]] == [1, 11, 21, 31]

    def test_svg(self) -> None:
        root = ET.fromstring(plot_svg(14, 8, 0.8))
        assert root.tag.endswith("svg")
        line = root.find("{*}polyline")
        assert line is not None
        points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        assert len(points) == 201
        assert all(a[1] >= b[1] for a, b in pairwise(points))
        assert any("92.4% at 0.8" in (text.text or "") for text in root.findall("{*}text"))
        assert "at 0" not in plot_svg(14, 8, None)
