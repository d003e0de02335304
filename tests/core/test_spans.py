from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scorer import CUT, MASK
from core.spans import apply_edits, covered_bytes, cut_array, mask_array, original_spans

TEXTS = st.text(alphabet="ab \né中😀", max_size=12)


def boundaries(text: str) -> list[int]:
    return [len(text[:i].encode()) for i in range(len(text) + 1)]


@st.composite
def edited_rows(draw: st.DrawFn) -> tuple[list, list, list]:
    texts = draw(st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=4))
    cut_columns, mask_columns = [], []
    for kind in ("cut", "cut", "mask", "mask"):
        column = []
        for text in texts:
            if text is None or draw(st.integers(0, 3)) == 0:
                column.append(None)
                continue
            spans = []
            for _ in range(draw(st.integers(0, 3))):
                a, b = sorted((draw(st.sampled_from(boundaries(text))), draw(st.sampled_from(boundaries(text)))))
                span = {"start": a, "end": b}
                if kind == "mask":
                    span["replacement"] = draw(st.sampled_from(["", "<A>", "é", None]))
                spans.append(span)
            column.append(spans)
        (cut_columns if kind == "cut" else mask_columns).append(column)
    return texts, cut_columns, mask_columns


def naive(text: str | None, cuts: list, masks: list) -> str | None:
    """The reference: one flag a byte, masks as sets of bytes."""
    if text is None:
        return None
    raw = text.encode()
    cut = set()
    for span in cuts:
        cut.update(range(span["start"], span["end"]))
    left = []
    for order, span in enumerate(masks):
        uncut = [i for i in range(span["start"], span["end"]) if i not in cut]
        if uncut:
            key = (span["start"], -span["end"], order)
            left.append((key, set(range(uncut[0], uncut[-1] + 1)), span["replacement"] or ""))
    left.sort(key=lambda item: item[0])
    groups: list[tuple[set, str]] = []
    for _, covered, replacement in left:
        if groups and groups[-1][0] & covered:
            groups[-1][0].update(covered)
        else:
            groups.append((covered, replacement))
    masked = set().union(*(covered for covered, _ in groups)) if groups else set()
    inserts = {min(covered): replacement.encode() for covered, replacement in groups}
    out = b""
    for i, byte in enumerate(raw):
        out += inserts.get(i, b"")
        if i not in cut and i not in masked:
            out += bytes([byte])
    return out.decode()


@settings(deadline=None, max_examples=100)
@given(edited_rows(), st.booleans())
def test_edits_agree_with_a_reference_of_one_flag_a_byte(rows: tuple, sliced: bool) -> None:
    texts, cut_columns, mask_columns = rows
    expected = [
        naive(
            text,
            [span for column in cut_columns for span in column[i] or []],
            [span for column in mask_columns for span in column[i] or []],
        )
        for i, text in enumerate(texts)
    ]
    column = pa.array(texts, pa.string())
    cuts = [pa.array(c, CUT) for c in cut_columns]
    masks = [pa.array(m, MASK) for m in mask_columns]
    if sliced:  # an offset in every array
        column = pa.concat_arrays([pa.array(["zz", None], pa.string()), column])[2:]
        cuts = [pa.concat_arrays([pa.array([[{"start": 0, "end": 1}], None], CUT), c])[2:] for c in cuts]
        masks = [pa.concat_arrays([pa.array([None, []], MASK), m])[2:] for m in masks]
    result = apply_edits(column, cuts, masks)
    result.validate(full=True)
    assert result.to_pylist() == expected


def test_nothing_to_do_gives_the_same_array_back() -> None:
    text = pa.array(["one", None, ""])
    assert apply_edits(text, [pa.array([[], None, []], CUT)], [pa.nulls(3, MASK)]) is text
    assert apply_edits(text, []) is text


def test_cut_beats_mask_and_overlapping_masks_leave_no_byte() -> None:
    text = pa.array(["mail ann@example.org now"])
    masks = [
        pa.array([[{"start": 9, "end": 20, "replacement": "<HOST>"}]], MASK),
        pa.array([[{"start": 5, "end": 18, "replacement": "<MAIL>"}]], MASK),
    ]
    assert apply_edits(text, [], masks).to_pylist() == ["mail <MAIL> now"]
    halves = [pa.array([[{"start": 0, "end": 9}]], CUT)]
    assert apply_edits(text, halves, masks).to_pylist() == ["<MAIL> now"]
    whole = [pa.array([[{"start": 0, "end": 18}]], CUT)]
    assert apply_edits(text, whole, masks).to_pylist() == ["<HOST> now"]


@pytest.mark.parametrize("span", [(0, 1), (1, 3), (-1, 2), (2, 9), (4, 2)])
def test_bad_spans_are_refused(span: tuple[int, int]) -> None:
    text = pa.array(["ok", "éa"])
    spans = [[], [{"start": span[0], "end": span[1]}]]
    with pytest.raises(ValueError, match="row 1"):
        apply_edits(text, [pa.array(spans, CUT)])
    with pytest.raises(ValueError, match="row 1"):
        apply_edits(text, [], [pa.array([[], [{**spans[1][0], "replacement": "x"}]], MASK)])


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 rows of spans for 2 texts"):
        apply_edits(pa.array(["a", "b"]), [pa.array([[]], CUT)])


def test_flat_arrays_become_columns() -> None:
    source = pa.array(["abcd", None, "ef"])
    offsets = np.array([0, 2, 2, 3], np.int32)
    starts = np.array([0, 2, 1], np.int32)
    ends = np.array([1, 3, 2], np.int32)
    cuts = cut_array(offsets, starts, ends, source)
    assert cuts.type == CUT
    assert cuts.to_pylist() == [[{"start": 0, "end": 1}, {"start": 2, "end": 3}], None, [{"start": 1, "end": 2}]]
    assert apply_edits(source, [cuts]).to_pylist() == ["bd", None, "e"]
    masks = mask_array(offsets, starts, ends, pa.array(["1", "2", "3"]), source)
    assert masks.type == MASK
    assert apply_edits(source, [], [masks]).to_pylist() == ["1b2d", None, "e3"]


def test_large_strings_and_an_empty_column() -> None:
    text = pa.array(["abc"], pa.large_string())
    assert apply_edits(text, [pa.array([[{"start": 0, "end": 1}]], CUT)]).to_pylist() == ["bc"]
    assert len(apply_edits(pa.array([], pa.string()), [pa.array([], CUT)])) == 0


@settings(deadline=None, max_examples=100)
@given(edited_rows(), st.data())
def test_a_span_of_the_edited_text_is_where_it_came_from(rows: tuple, data: st.DataObject) -> None:
    texts, cut_columns, mask_columns = rows
    column = pa.array(texts, pa.string())
    cuts, masks = [pa.array(c, CUT) for c in cut_columns], [pa.array(m, MASK) for m in mask_columns]
    edited = apply_edits(column, cuts, masks)
    spans: list[Any] = []
    for text in edited.to_pylist():
        ends = sorted(data.draw(st.sampled_from(boundaries(text or ""))) for _ in range(2))
        spans.append(None if text is None else [{"start": ends[0], "end": ends[1]}] if ends[0] < ends[1] else [])
    found = original_spans(column, cuts, masks, pa.array(spans, CUT))
    found.validate(full=True)
    assert [v is None for v in found.to_pylist()] == [v is None for v in spans]
    assert [len(v or []) for v in found.to_pylist()] == [len(v or []) for v in spans]
    # What is cut of the text there is cut of the edited text, and no more than whole masks.
    left = apply_edits(column, [*cuts, found], masks)
    of_masks = zip(*mask_columns, strict=True)
    for text, after, given_, masked in zip(edited.to_pylist(), left.to_pylist(), spans, of_masks, strict=True):
        if text is None:
            continue
        raw = text.encode()
        expected = raw
        for span in given_ or []:
            expected = raw[: span["start"]] + raw[span["end"] :]
        if not any(masked):
            assert after.encode() == expected
        else:
            assert len(after.encode()) <= len(raw)


def test_a_span_of_a_text_that_is_all_mask_is_the_whole_of_it() -> None:
    text = pa.array(["aaa", "a"])
    cuts = [pa.array([[{"start": 0, "end": 3}], None], CUT)]
    masks = [pa.array([None, [{"start": 0, "end": 1, "replacement": "<A>"}]], MASK)]
    found = original_spans(text, cuts, masks, pa.array([[], [{"start": 0, "end": 1}]], CUT))
    assert found.to_pylist() == [[], [{"start": 0, "end": 1}]]


def test_a_line_that_begins_with_a_mask_goes_with_it() -> None:
    text = pa.array(["one\nann@example.org wrote\nlast"])
    masks = [pa.array([[{"start": 4, "end": 19, "replacement": "<mail>"}]], MASK)]
    cuts = [pa.array([[{"start": 0, "end": 1}]], CUT)]
    assert apply_edits(text, cuts, masks).to_pylist() == ["ne\n<mail> wrote\nlast"]
    found = original_spans(text, cuts, masks, pa.array([[{"start": 3, "end": 16}]], CUT))
    assert found.to_pylist() == [[{"start": 4, "end": 26}]]
    assert apply_edits(text, [*cuts, found], masks).to_pylist() == ["ne\nlast"]


def test_covered_bytes_are_summed_over_columns() -> None:
    cuts = pa.array([[{"start": 0, "end": 3}, {"start": 5, "end": 9}], None, []], CUT)
    masks = pa.array([[{"start": 4, "end": 6, "replacement": "x"}], [], [{"start": 1, "end": 2, "replacement": None}]], MASK)
    assert covered_bytes([cuts, masks], 3).tolist() == [9, 0, 1]
    assert covered_bytes([], 2).tolist() == [0, 0]
