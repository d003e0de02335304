"""Pages for the benchmark's own code: prose of some length, from the example crawl and made up."""

from __future__ import annotations

import importlib
import random
from typing import Any

import pytest

documentation: Any = importlib.import_module("documentation")

WORDS = (  # noqa: SIM905
    "server module request handler configuration directive response header filter content default value number returns "
    "function object argument example method class string integer output input buffer memory thread process signal which "
    "there these when then have been will should could would about after before under other table column index query result"
).split()


def page(seed: int, paragraphs: int = 12) -> bytes:
    """A page of made-up prose."""
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(WORDS, k=60)).capitalize() + " &amp; more." for _ in range(paragraphs)]
    body = "".join(f"<p class='first'>{text}</p>\n" for text in texts)
    head = "<html><head><title>Page</title><style>main {color: black}</style></head>"
    return f"{head}<body><main>{body}</main><script>var these = 1</script></body></html>".encode()


@pytest.fixture
def originals() -> list[Any]:
    return [documentation.Page(f"https://package.example/{seed}.html", page(seed)) for seed in range(10)]
