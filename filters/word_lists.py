"""Lists of words and phrases, one a line, from files or from those that come with this project.

LDNOOBW's English list (github.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words), as C4 takes it, is `en`.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import ScorerError
from filters.fasttext_model import file_digest


def list_path(name: str) -> Path:
    """The file of a list: `en` for the one that comes with it, else a path."""
    return Path(__file__).parent / "data" / "bad_words_en.txt" if name == "en" else Path(name)


def list_digest(name: str, mend: str) -> str:
    """xxh3-128 of a list's file, in hex. ScorerError, with the mend, if it is not there."""
    path = list_path(name)
    try:
        status = path.stat()
        return file_digest(str(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ScorerError(f"the list of words {name} cannot be read ({error})", mend, name) from error


def read_words(name: str, mend: str) -> list[str]:
    """The words and phrases of a list, without comments (#) and blank lines. ScorerError, with the mend, if it is not there;
    and for a list without an entry."""
    try:
        lines = list_path(name).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScorerError(f"the list of words {name} cannot be read ({error})", mend, name) from error
    words = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not words:
        raise ScorerError(f"the list of words {name} has not one entry", "write a word or phrase a line, or leave it out", name)
    return words
