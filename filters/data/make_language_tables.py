"""Writes scripts.tsv and languages.tsv, the tables that filters.language reads.

Run by hand with fonttools and pycountry installed; the rows are facts of Unicode's Scripts.txt (ISO 15924 codes of
letters and of the marks that spell words) and of ISO 639.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pycountry
from fontTools.unicodedata import script

HERE = Path(__file__).parent

# A language of its own in ISO 639-3 that is the usual sense of a two-letter macrolanguage, so that labels such as
# GlotLID's arb_Latn and lid.176's ar are the same. The other members (arz, yue, …) keep their three letters.
USUAL = {
    "als": "sq", "arb": "ar", "ayr": "ay", "azj": "az", "cmn": "zh", "ekk": "et", "fuf": "ff", "gug": "gn",
    "khk": "mn", "kmr": "ku", "knc": "kr", "lvs": "lv", "npi": "ne", "ojb": "oj", "ory": "or", "pbt": "ps",
    "pes": "fa", "plt": "mg", "quy": "qu", "srd": "sc", "swh": "sw", "uzn": "uz", "ydd": "yi", "zsm": "ms",
    "fil": "tl", "ike": "iu", "gax": "om",
}  # fmt: skip


def scripts() -> list[tuple[int, int, str]]:
    ranges: list[tuple[int, int, str]] = []
    for cp in range(0x110000):
        char = chr(cp)
        if unicodedata.category(char)[0] not in "LM":
            continue
        code = script(char)
        if code in ("Zyyy", "Zinh", "Zzzz"):
            continue
        if ranges and ranges[-1][1] == cp - 1 and ranges[-1][2] == code:
            ranges[-1] = (ranges[-1][0], cp, code)
        else:
            ranges.append((cp, cp, code))
    return ranges


def main() -> None:
    lines = ["first\tlast\tscript", *(f"{first:X}\t{last:X}\t{code}" for first, last, code in scripts())]
    (HERE / "scripts.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    codes = {each.alpha_3: each.alpha_2 for each in pycountry.languages if hasattr(each, "alpha_2")} | USUAL
    lines = ["iso639_3\tiso639_1", *(f"{long}\t{short}" for long, short in sorted(codes.items()))]
    (HERE / "languages.tsv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
