"""Writes character_classes.tsv and english_exceptions.tsv, the tables that core.characters and core.english read.

Run by hand with spacy 3.8, datatrove 0.10 and uniseg 0.10 installed; the classes are facts of Unicode (str methods of
Python 3.11: Unicode 14.0; word breaks: Unicode 16.0) and of the character classes in spaCy's and datatrove's regexes.
"""

from __future__ import annotations

import re
from pathlib import Path

import spacy
from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
from spacy.lang import char_classes as cc
from uniseg.emoji import extended_pictographic
from uniseg.wordbreak import WordBreak, word_break

HERE = Path(__file__).parent
LINE_BREAKS = set("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# Scripts written without spaces between words: letters, marks and digits of their blocks.
UNSPACED = [
    (0x0E01, 0x0E3A), (0x0E40, 0x0E4E), (0x0E81, 0x0EDF), (0x0F00, 0x0FBC), (0x1000, 0x109F), (0x1780, 0x17D3),
    (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x1B00, 0x1B4C), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035),
    (0x3038, 0x303C), (0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x3100, 0x312F), (0x31A0, 0x31BF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA48C), (0xA980, 0xA9C0), (0xA9E0, 0xA9FE),
    (0xAA60, 0xAADF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x16FE0, 0x18CFF), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFF),
]  # fmt: skip


def spacy_class(pattern: str) -> set[int]:
    """The code points that match a regex of one character."""
    match = re.compile(pattern).fullmatch
    return {i for i in range(0x110000) if match(chr(i))}


def bits() -> list[set[int]]:
    """The code points of each bit, in the order of core.characters."""
    every = range(0x110000)
    strings = {"space": str.isspace, "alpha": str.isalpha, "alnum": str.isalnum}
    tokenizer = spacy.blank("en").tokenizer
    single = [chr(i) for i in every]
    # the class of the lookbehind before a full stop, as punctuation.py writes it (with the "|" and "(?:)" it includes)
    before_stop = r"[0-9{al}{e}{p}(?:{q})]".format(
        al=cc.ALPHA_LOWER, e=r"%²\-\+", q=cc.CONCAT_QUOTES, p=cc.PUNCT
    )
    return [
        *[{i for i in every if method(single[i])} for method in strings.values()],
        {i for i in every if single[i] in LINE_BREAKS},
        {i for i in every if single[i] in PUNCTUATION_SET},
        {i for i in every if single[i] in TERMINAL_PUNCTUATION},
        {
            i
            for first, last in UNSPACED
            for i in range(first, last + 1)
            if single[i].isalnum() or word_break(single[i]) is WordBreak.EXTEND
        },
        {i for i in every if not single[i].isspace() and tokenizer.find_prefix(single[i]) == 1},
        {i for i in every if not single[i].isspace() and tokenizer.find_suffix(single[i]) == 1},
        spacy_class(f"[{cc.ALPHA}]"),
        spacy_class(f"[{cc.ALPHA_LOWER}]"),
        spacy_class(f"[{cc.ALPHA_UPPER}]"),
        spacy_class(cc.LIST_ICONS[0]),
        spacy_class(f"[{cc.CONCAT_QUOTES}]"),
        spacy_class(before_stop),
        {i for i in every if extended_pictographic(single[i])},
    ]


def write_classes() -> None:
    names = [value.value for value in WordBreak]
    values = [0] * 0x110000
    for bit, members in enumerate(bits()):
        for i in members:
            values[i] |= 1 << bit
    for i in range(0x110000):
        values[i] |= names.index(word_break(chr(i)).value) << 16
    lines = ["# first\tlast\tclasses (hex); made by make_character_classes.py; word breaks: " + " ".join(names)]
    start = 0
    for i in range(1, 0x110001):
        if i == 0x110000 or values[i] != values[start]:
            if values[start]:
                lines.append(f"{start:X}\t{i - 1:X}\t{values[start]:X}")
            start = i
    (HERE / "character_classes.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def write_exceptions() -> None:
    tokenizer = spacy.blank("en").tokenizer
    lines = [
        "# string\tits tokens\tits tokens where no exception holds (if affix rules split it), of spaCy 3.8's English",
        "# tokenizer: MIT License, Copyright (C) 2016-2024 ExplosionAI GmbH, 2016 spaCy GmbH, 2015 Matthew Honnibal",
    ]
    rules = {k: [token[spacy.symbols.ORTH] for token in v] for k, v in tokenizer.rules.items()}
    tokenizer.rules = {}
    for text, tokens in sorted(rules.items()):
        if text.strip() == text and text:
            split = [t.text for t in tokenizer(text)]
            affixes = tokenizer.find_prefix(text) or tokenizer.find_infix(text) or tokenizer.find_suffix(text)
            lines.append(f"{text}\t{' '.join(tokens)}" + (f"\t{' '.join(split)}" if affixes else ""))
    (HERE / "english_exceptions.tsv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write_classes()
    write_exceptions()
