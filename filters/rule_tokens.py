"""Splits the text of a rule into tokens, and shows with a caret where it goes wrong.

The signs and words are the project's own; `rule_parser` has the grammar.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import NoReturn

from core.errors import RecipeError
from filters.rule_nodes import DATE, WORD

SHOWN = 100  # characters of the rule shown over a caret
#: What people write from other languages, and what it is here.
INSTEAD = {
    "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "=": "is` or `==", "=>": ">=", "=<": "<=", "<>": "!=",
}  # fmt: skip

TOKEN = re.compile(
    rf"""\s*(?:
      (?P<date>{DATE.pattern})(?![\w-])
    | (?P<number>[+-]?\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?%?)(?![\w%])
    | (?P<word>{WORD.pattern})
    | (?P<text>"(?:\\.|[^"\\])*"|'[^']*')
    | (?P<regex>/(?:\\.|[^/\\])*/)
    | (?P<sign>>=|<=|==|!=|≥|≤|≠|>|<|\.\.|[()\[\]{{}},:])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


def caret(text: str, start: int, end: int) -> str:
    """The part of a rule around `start`, in one line, with `^` under what lies between start and end."""
    first = 0 if start < SHOWN * 3 // 4 else start - SHOWN // 2
    shown = re.sub(r"\s", " ", text[first : first + SHOWN])
    lead = "… " if first else ""
    marks = "^" * max(1, min(end, first + SHOWN) - start)
    return f"{lead}{shown}\n{' ' * (len(lead) + start - first)}{marks}"


def fail(text: str, start: int, end: int, problem: str, mend: str = "") -> NoReturn:
    """Raises RecipeError with the rule, a caret under the place, what is wrong and the mend."""
    raise RecipeError(f"{problem}\n{caret(text, start, end)}", mend)


def tokens(text: str) -> list[Token]:
    """The tokens of a rule, with one of kind `end` last. Raises RecipeError at what is no token."""
    found: list[Token] = []
    place = 0
    while not found or found[-1].kind != "end":
        match = TOKEN.match(text, place)
        if match is None:
            _no_token(text, place + len(text[place:]) - len(text[place:].lstrip(string.whitespace)))
        kind = match.lastgroup or ""
        found.append(Token(kind, match[kind], match.start(kind), match.end(kind)))
        place = match.end()
    return found


def _no_token(text: str, place: int) -> NoReturn:
    sign = text[place]
    if sign.isspace():
        fail(text, place, place + 1, f"a space of another kind (U+{ord(sign):04X}) stands here", "write a plain space")
    if sign in "\"'":
        fail(text, place, place + 1, "the quoted text has no end", f"close it with {sign}")
    if sign == "/":
        fail(text, place, place + 1, "the pattern has no end", "close it with /")
    if sign.isdigit() or sign in "+-":
        end = place + len(re.split(r"[\s,\]})]", text[place:], maxsplit=1)[0])
        fail(text, place, end, f"`{text[place:end]}` is no number", "put quotes around it if it is text")
    run = re.match(r"[=<>!&|]+", text[place:])
    wrong = run[0] if run else sign
    mend = f"write `{INSTEAD[wrong]}`" if wrong in INSTEAD else "put quotes around text with signs in it"
    fail(text, place, place + len(wrong), f"`{wrong}` has no meaning in a rule", mend)
