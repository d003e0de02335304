"""Makes pictures/pictures.warc.gz: pages of our own with landscapes that this script draws, and what crawls plant among them.

`python examples/make_pictures.py`: with NumPy and Pillow alone; the same versions give the same bytes. Nothing is anybody else's.
Among the pictures are copies (smaller, recompressed, cut, as they are under another address), icons, files that are cut short
or are no image, one whose server forbids such use, one that is on no server, and captions that say nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from pictures_text import COPIES_SAY, PLACES
from warc_writer import Capture, Writer

HERE = Path(__file__).resolve().parent / "pictures"
HOST, OTHER = "https://drawn.example", "https://copies.example"
SIZE = (360, 252)
#: The sky above and at the horizon, and the land, by the time of day.
TIMES = {
    "at dawn": ((70, 90, 150), (250, 190, 150), (70, 80, 90)), "at noon": ((60, 130, 220), (190, 220, 245), (60, 120, 60)),
    "at dusk": ((60, 40, 90), (240, 120, 70), (50, 40, 50)), "at night": ((8, 10, 30), (30, 40, 80), (12, 16, 24)),
}  # fmt: skip
LANDS = ("hills", "mountains", "a calm sea", "a city")

Pixels = npt.NDArray[np.float64]


def drawn(land: str, time: str, seed: int) -> PIL.Image.Image:
    """A landscape."""
    rng = np.random.default_rng(seed)
    wide, high = SIZE
    above, horizon, near = (np.array(colour, np.float64) for colour in TIMES[time])
    share = np.linspace(0, 1, high)[:, None, None]
    picture = np.broadcast_to(above * (1 - share) + horizon * share, (high, wide, 3)).copy()
    x, y = np.meshgrid(np.arange(wide), np.arange(high))
    centre, size = (rng.integers(60, wide - 60), rng.integers(40, 120)), rng.integers(14, 30)
    disc = np.hypot(x - centre[0], y - centre[1]) < size
    picture[disc] = (255, 240, 200) if time != "at night" else (230, 230, 240)
    for layer in range(3):
        top = _top(land, rng, wide, high * (0.5 + 0.15 * layer))
        shade = near * (0.9 - 0.25 * layer) + horizon * (0.35 - 0.15 * layer)
        picture[y > top[None, :]] = shade
        if land == "a city":
            awake = rng.random((high // 12 + 1, wide // 9 + 1))[y // 12, x // 9] < 0.4
            picture[awake & (y > top[None, :] + 6) & (x % 9 < 3) & (y % 12 < 5)] = (250, 220, 130)
    grain = rng.normal(0, 2.5, (high // 4 + 1, wide // 4 + 1)).repeat(4, 0).repeat(4, 1)[:high, :wide, None]
    return PIL.Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8))


def _top(land: str, rng: np.random.Generator, wide: int, middle: float) -> Pixels:
    """Where a layer of land begins, in each column."""
    x = np.arange(wide)
    if land == "a city":
        return middle - np.repeat(rng.integers(-20, 70, wide // 25 + 1), 25)[:wide].astype(np.float64)
    waves = {"hills": (30, 3), "mountains": (60, 9), "a calm sea": (3, 14)}[land]
    top = np.full(wide, middle)
    for wave in range(1, waves[1]):
        swing = np.sin(x * wave / wide * 2 * np.pi + rng.uniform(0, 6.3))
        top += waves[0] / wave * (np.abs(swing) if land == "mountains" else swing)
    return top


def file(image: PIL.Image.Image, format: str = "JPEG", quality: int = 80) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **({} if format == "PNG" else {"quality": quality}))
    return out.getvalue()


def small(image: PIL.Image.Image) -> PIL.Image.Image:
    return image.resize((SIZE[0] * 3 // 5, SIZE[1] * 3 // 5), PIL.Image.Resampling.LANCZOS)


def cut(image: PIL.Image.Image) -> PIL.Image.Image:
    return image.crop((6, 4, SIZE[0] - 6, SIZE[1] - 4))


#: How copies of every fourth picture are made.
COPIES = {
    "smaller": lambda image: file(small(image)), "recompressed": lambda image: file(image, quality=45),
    "cut": lambda image: file(cut(image)), "the same": lambda image: file(image),
}  # fmt: skip


def pictures() -> Iterator[tuple[str, str, PIL.Image.Image, str]]:
    """Name, caption, picture and page's place of each."""
    for at, place in enumerate(PLACES):
        for number, (time, land) in enumerate(zip(TIMES, LANDS[at % 4 :] + LANDS[: at % 4], strict=True)):
            image = drawn(land, time, 100 * at + number)
            yield f"{at:02d}-{number}", f"{land.capitalize()} {time}, seen from {place}", image, place


def main() -> None:
    HERE.mkdir(exist_ok=True)
    writer = Writer("pictures.warc.gz", datetime(2026, 2, 3, 9))
    truth: list[dict[str, Any]] = []
    shown: dict[str, list[str]] = {place: [] for place in PLACES}
    copies: list[str] = []

    def add(url: str, body: bytes, what: str, kind: str = "image/jpeg", **more: Any) -> None:
        headers = more.pop("headers", ())
        row = {"url": url, "what": what, **more}
        writer.write(Capture(url, body, kind, row, headers=headers, request=False))
        truth.append(row)

    for index, (name, caption, image, place) in enumerate(pictures()):
        url = f"{HOST}/pictures/{name}.jpg"
        add(url, file(image), "picture", caption=caption)
        path = url.removeprefix(HOST)
        if index % 3:
            shown[place].append(f'<p><img src="{path}" alt="{caption}"></p>')
        else:
            shown[place].append(f'<figure><img data-src="{path}" src="/blank.gif"><figcaption>{caption}</figcaption></figure>')
        if index % 4 == 1:
            how = list(COPIES)[index // 4 % len(COPIES)]
            copy = f"{OTHER}/{name}-copy.jpg"
            add(copy, COPIES[how](image), "copy", of=url, how=how)
            copies.append(f'<p><img src="{copy}" alt="{caption}, as somebody else has it"></p>')
    icon = PIL.Image.fromarray(np.kron(np.eye(4), np.full((4, 4), 200)).astype(np.uint8))
    add(f"{HOST}/icons/arrow.png", file(icon, "PNG"), "icon", "image/png")
    whole = file(drawn("hills", "at noon", 9_001))
    add(f"{HOST}/pictures/cut-short.jpg", whole[: len(whole) // 3], "broken")
    add(f"{HOST}/pictures/moved.jpg", b"<!DOCTYPE html><title>Moved</title><p>This picture has moved.", "no image")
    forbidden = file(drawn("mountains", "at dusk", 9_002))
    add(f"{HOST}/pictures/not-for-training.jpg", forbidden, "opt-out", headers=(("X-Robots-Tag", "noai, noimageai"),))
    add(f"{HOST}/pictures/IMG_0042.jpg", file(drawn("a city", "at noon", 9_003)), "caption that says nothing")
    odd = {
        "the old mill": ("cut-short", "Hills at noon, cut short"), "the ferry": ("moved", "A picture that has moved"),
        "the quarry": ("not-for-training", "Mountains at dusk, not for training"), "the bus stop": ("IMG_0042", "IMG_0042.jpg"),
        "the night train": ("lost", "A picture that nobody has any more"),
    }  # fmt: skip
    for place, (first, second) in PLACES.items():
        more = [f'<p><img src="/pictures/{odd[place][0]}.jpg" alt="{odd[place][1]}"></p>'] if place in odd else []
        text = f"<h1>Drawn from {place}</h1><p>{first}</p>{''.join(shown[place])}<p>{second}</p>{''.join(more)}"
        add(f"{HOST}/{place.replace(' ', '-')}", page(f"Drawn from {place}", text), "page", "text/html; charset=utf-8")
    text = f"<h1>Copies</h1><p>{' '.join(COPIES_SAY)}</p>{''.join(copies)}"
    add(f"{OTHER}/", page("Copies of landscapes", text), "page of copies", "text/html; charset=utf-8")
    (HERE / "pictures.warc.gz").write_bytes(writer.data)
    (HERE / "truth.jsonl").write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in truth))


def page(title: str, text: str) -> bytes:
    """A page with a menu and an icon, as pages have them."""
    menu = '<nav><a href="/"><img src="/icons/arrow.png" alt="">Home</a></nav>'
    return f"<!DOCTYPE html><html lang=en><head><title>{title}</title></head><body>{menu}<main>{text}</main></body></html>".encode()


if __name__ == "__main__":
    main()
