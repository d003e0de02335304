"""Nouns, adjectives and other words of English, by the lexicon and the rules of suffixes that come inside textblob (MIT).

The lexicon is that of Brill's tagger (1992, "A simple rule-based part of speech tagger"), of the Brown corpus and the Penn
Treebank. A word is looked up by itself: what stands beside it changes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from core.errors import MissingPackage
from models.packages import PackagedFile, install

LEXICON: Final = PackagedFile("textblob", "en/en-lexicon.txt", "syntax")
NOUN, ADJECTIVE, OTHER = 0, 1, 2
#: A longer word is none.
_LONGEST: Final = 64


def load() -> None:
    """Reads the lexicon. MissingPackage without textblob."""
    word_class("fox")


def digest() -> str:
    """Of the lexicon, and the version of the library, whose rules tell words that are not in it."""
    return f"{LEXICON.digest()} textblob {version('textblob')}"


@lru_cache(maxsize=1 << 16)
def word_class(word: str) -> int:
    """NOUN, ADJECTIVE or OTHER, by the most frequent use of a word. An unknown one that ends in no known suffix is a noun."""
    if not any(map(str.isalpha, word)) or len(word) > _LONGEST:
        return OTHER
    parser = _parser()
    # In lower case where the lexicon has it so: titles have capitals everywhere, and `Old` is a name there.
    ((_, tag),) = parser.find_tags([lower if (lower := word.lower()) in parser.lexicon else word])
    return NOUN if tag.startswith("NN") else ADJECTIVE if tag.startswith("JJ") else OTHER


def _parser() -> Any:
    try:
        from textblob.en import parser  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingPackage("the package textblob is not installed", install(LEXICON.extra)) from error
    return parser
