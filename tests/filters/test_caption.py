from __future__ import annotations

import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.caption import Caption
from filters.caption_names import equals_file, is_boilerplate, is_file_name


def score(texts: list[str | None], urls: list[str | None] | None = None) -> list[dict]:
    urls = urls or ["http://a.example/x.jpg"] * len(texts)
    batch = pa.record_batch({"image.caption": pa.array(texts, pa.string()), "image.url": pa.array(urls, pa.string())})
    scorer = Caption()
    scorer.open()
    result = scorer.score(batch)
    assert result.schema.equals(scorer.schema)
    return result.to_pylist()


def test_counts() -> None:
    row, none, empty = score(["A red fox, the red one: 12 months", None, ""])
    assert (row["words"], row["characters"]) == (8, 33)
    assert row["letters"] == pytest.approx(22 / 26)
    assert row["digits"] == pytest.approx(2 / 26)
    assert row["alpha_words"] == pytest.approx(7 / 8)
    assert row["mean_word_length"] == pytest.approx(26 / 8)
    assert row["repeated_words"] == pytest.approx(1 / 8)
    assert not any(row[name] for name in ("boilerplate", "file_name", "equals_file", "has_url", "has_markup"))
    assert set(none.values()) == {None}
    assert (empty["words"], empty["characters"], empty["letters"], empty["boilerplate"]) == (0, 0, 0, True)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80))
def test_words_and_characters_are_pythons(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    (row,) = score([text])
    # Python's own table of letters may be of a newer Unicode.
    assert (row["words"], row["characters"]) == (len(text.split()), len(text))
    assert 0 <= row["letters"] + row["digits"] <= 1.0001
    if text.split():
        assert row["repeated_words"] == pytest.approx(1 - len(set(text.split())) / len(text.split()), abs=1e-6)


@pytest.mark.parametrize(
    "caption",
    [
        "image", "Image 3", "IMAGE", "logo", "Logo!", "  photo  ", "picture #12", "Bild", "imagen", "写真", "图片", "изображение",
        "صورة", "이미지", "click to enlarge", "Click to enlarge.", "", "…", "12345", "no image available", "Featured Image",
        "hình ảnh", "untitled", "Null",
    ],
)  # fmt: skip
def test_what_says_nothing(caption: str) -> None:
    assert is_boilerplate(caption)


@pytest.mark.parametrize(
    "caption",
    ["a photo of a fox", "The logo of Ubuntu", "Iconic bridge at night", "富士山の写真", "Van Gogh's Room", "Bild des Monds"],
)
def test_what_says_something(caption: str) -> None:
    assert not is_boilerplate(caption)
    assert not is_file_name(caption)


@pytest.mark.parametrize(
    "caption",
    [
        "fox.jpg", "IMG_2031", "DSC01234", "DSCN0042.JPG", "P1010101", "photo-300x200", "my_old_red_fox", "PXL_20230101_120000",
        "WhatsApp Image 2020-01-02 at 10.11.12", "Screenshot 2021-03-04 at 10.11.12", "Bildschirmfoto 2020-01-01",
        "2f1c0d8e-1111-2222-3333-444455556666", "d41d8cd98f00b204e9800998ecf8427e", "20190501_123456", "my holiday.png",
        "IMG 1234 (1)", "IMG_1234 copy", "VID-20210101-WA0001", "PXL_20210101_123456789.PORTRAIT~2",
    ],
)  # fmt: skip
def test_names_of_files(caption: str) -> None:
    assert is_file_name(caption)


@pytest.mark.parametrize(
    "caption",
    ["A fox in the snow", "Image of 12 foxes", "Top 10", "deadbeef", "well-known fox", "1914-1918", "Windows 95 x 2", "e.g. a fox",
     "Photo 1984 Olympics opening ceremony", "Sam 25 years old", "Image 12 shows a castle", "Foto 2019 Berlin Marathon"],
)
def test_what_is_no_name(caption: str) -> None:
    assert not is_file_name(caption)


@pytest.mark.parametrize(
    ("caption", "url", "same"),
    [
        ("red-fox_2.jpg", "http://a.example/p/red-fox_2.jpg", True),
        ("Red fox 2", "http://a.example/p/red-fox_2.jpg?w=300#top", True),
        ("red fox", "http://a.example/red-fox-300x200.png", True),
        ("Füchse", "http://a.example/F%C3%BCchse.webp", True),
        ("A red fox", "http://a.example/red-fox.jpg", False),
        ("", "http://a.example/", False),
        ("fox", "http://a.example/fox/", False),
        ("300x200", "http://a.example/300x200.png", True),
    ],
)
def test_the_name_of_the_file_in_the_url(caption: str, url: str, same: bool) -> None:
    assert equals_file(caption, url) is same
    assert score([caption], [url])[0]["equals_file"] is same


def test_urls_and_markup() -> None:
    rows = score(["see http://a.example/x", "WWW.example.com", "a <b>fox</b>", "fox &amp; hen", "[b]fox[/b]", "1 < 2", "AT&T; no"])
    assert [row["has_url"] for row in rows] == [True, True, *[False] * 5]
    assert [row["has_markup"] for row in rows] == [False, False, True, True, True, False, False]


def test_no_url_no_answer() -> None:
    assert score(["fox"], [None])[0]["equals_file"] is None
    batch = pa.record_batch({"caption.text": ["fox"]})
    assert Caption(text="caption.text", url="").score(batch).to_pylist()[0]["equals_file"] is None
    with pytest.raises(ValueError, match=r"^text: "):
        Caption(text="alt")
    with pytest.raises(ValueError, match=r"^url: "):
        Caption(url="URL")


def test_hostile_captions_cost_little() -> None:
    short = ("a" * 199, "a_" * 99, "0" * 199, "-" * 199, "a-1x" * 49, "-11x" * 49)
    for text in (*short, "x" * 100_000, "é " * 100_000, "&" * 100_000, "<a" * 50_000):
        began = time.process_time()
        score([text] * 3, ["http://a.example/" + text] * 3)
        assert time.process_time() - began < 1, text[:9]
