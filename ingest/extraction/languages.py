"""Rows of links that lead to a page in other languages, and name no more than these: `de | en | fr`.

They are told by what their links say of themselves, hreflang (html.spec.whatwg.org §4.6.2), or by names: languages name
themselves in such rows (ISO 639-1 codes, and the names of CLDR in their own language).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.lookup import SCORES_TYPE, Scores, find, make_scores
from ingest.extraction.scan import scan

CODES = (
    "af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja jp ka kk km kn ko ku ky lo "
    "lt lv mk ml mn mr ms my nb ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw ta te tg th tk tl tr uk ur uz vi zh br cn tw hk "
    "us gb mx hans hant"
)
NAMES = (
    "Afrikaans|العربية|Asturianu|Azərbaycanca|Azərbaycan|Беларуская|Български|বাংলা|Brezhoneg|Bosanski|Català|Čeština|"
    "Česky|Cymraeg|Dansk|Deutsch|Ελληνικά|English|Esperanto|Español|Castellano|Eesti|Euskara|فارسی|Suomi|Filipino|Français|"
    "Frysk|Gaeilge|Galego|ગુજરાતી|עברית|हिन्दी|हिंदी|Hrvatski|Magyar|Հայերեն|Bahasa Indonesia|Bahasa Melayu|Indonesia|"
    "Íslenska|Italiano|日本語|Basa Jawa|ქართული|Қазақша|Қазақ тілі|ភាសាខ្មែរ|ಕನ್ನಡ|한국어|Kurdî|Кыргызча|Latina|"
    "Lëtzebuergesch|ລາວ|Lietuvių|Latviešu|Македонски|മലയാളം|Монгол|मराठी|Malti|မြန်မာဘာသာ|Norsk bokmål|Norsk nynorsk|"
    "Nederlands|नेपाली|Occitan|ਪੰਜਾਬੀ|Polski|پښتو|Português|Brasileiro|Română|Русский|සිංහල|Slovenčina|Slovensky|"
    "Slovenščina|Shqip|Српски|Srpski|Svenska|Kiswahili|தமிழ்|తెలుగు|Тоҷикӣ|ไทย|Türkmençe|Tagalog|Türkçe|Татарча|Українська|"
    "اردو|Oʻzbekcha|Tiếng Việt|中文|简体中文|繁體中文|繁体中文|正體中文|简体|繁體|Brasil|Portugal|América Latina|España"
)
#: What such a row may be called.
LABELS = (
    "language languages sprache sprachen langue langues idioma idiomas lingua lingue língua línguas taal talen språk sprog jazyk "
    "jazyky język języki nyelv nyelvek limba limbi dil diller dilleri язык языки мова мови език језик γλώσσα γλώσσες لغة اللغة "
    "اللغات زبان שפה שפות भाषा ภาษา bahasa 言語 语言 語言 언어 translations"
)
#: Words beside the links of a row, words of a link, and links without hreflang for one that has it.
_MOST_BESIDE, _LINK_WORDS = 6, 4
#: Links that are told by their names alone.
_LEAST_LINKS = 3
#: A block of more words is no row.
_LONGEST = 200
_NAME, _LABEL = np.float32(1), np.float32(2)
#: Columns of what is counted over a subtree.
_LINKS, _MARKED, _LINKED, _KNOWN, _BESIDE, _WORDS, _LABELLED = range(7)
#: More than any row may have.
_TOO_MANY = 1 << 16


@cache
def _known() -> Scores:
    """The words of codes and names, and of labels, in the hashes that the scanner gives them."""
    words: dict[int, np.float32] = {}
    for text, value in ((LABELS, _LABEL), (CODES, _NAME), (NAMES.replace("|", ", "), _NAME)):
        raw = np.frombuffer(f"<p>{text}, {text.lower()}, {text.upper()}".encode(), np.uint8)
        tables = scan(raw)
        words |= dict.fromkeys(tables.words[: int(tables.state[at.N_WORDS])].tolist(), value)
    return make_scores(np.array(list(words), np.uint32), np.array(list(words.values()), np.float32))


def drop_languages(tables: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) the blocks of rows that name languages."""
    _drop_languages(tables, _known(), kept)


@helper
def _is_row(counts: npt.NDArray[np.int32]) -> Truth:
    links, marked, linked, known = counts[_LINKS], counts[_MARKED], counts[_LINKED], counts[_KNOWN]
    if links == 0 or counts[_WORDS] == 0 or counts[_BESIDE] > _MOST_BESIDE or linked > _LINK_WORDS * links:
        return False
    if marked >= 2 and marked >= links - 1:
        return True
    if linked == 0 or known < linked:
        return False
    return marked >= max(links - 1, 1) or (known >= links and (links >= _LEAST_LINKS or counts[_LABELLED] > 0))


@njit(types.void(TABLES_TYPE, SCORES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def _drop_languages(t: Tables, words: Scores, kept: npt.NDArray[np.bool_]) -> None:
    n = t.state[at.N_ELEMENTS]
    counts = np.zeros((n, 7), np.int32)
    any_link = False
    for e in range(1, n):
        if t.elements[e, at.E_NAME] == el.A:
            any_link = True
            counts[e, _LINKS] = 1
            counts[e, _MARKED] = (t.elements[e, at.E_MARKS] & at.M_LANGUAGE) > 0
    if not any_link:
        return
    for i in range(len(kept)):
        b = t.blocks[i]
        own = counts[b[at.B_ELEMENT]]
        known = labels = 0
        if b[at.B_WORDS] <= _LONGEST:
            for j in range(b[at.B_WORD], b[at.B_WORD_END]):
                found, value = find(words, t.words[j])
                if found:
                    known += value == _NAME
                    labels += value == _LABEL
        linked = np.int64(b[at.B_LINKED])
        beside = np.int64(b[at.B_WORDS]) - max(linked, known)
        if heading_level(i, t) > 0 or b[at.B_WORDS] > _LONGEST:  # a heading stands for what is under it
            beside = np.int64(0) if labels > 0 and b[at.B_WORDS] <= _MOST_BESIDE else np.int64(_TOO_MANY)
        elif linked == 0 and known == 0 and labels == 0 and b[at.B_LAST] != 58:
            beside = np.int64(_TOO_MANY)
        own[_LINKED] += linked
        own[_KNOWN] += known
        own[_LABELLED] += labels
        own[_WORDS] += b[at.B_WORDS]
        own[_BESIDE] = min(own[_BESIDE] + beside, _TOO_MANY)
    for e in range(n - 1, 0, -1):
        up = t.elements[e, at.E_PARENT]
        for k in range(7):
            counts[up, k] = min(counts[up, k] + counts[e, k], _TOO_MANY)
    row = np.zeros(n, np.bool_)
    for e in range(1, n):
        row[e] = row[t.elements[e, at.E_PARENT]] or _is_row(counts[e])
    for i in range(len(kept)):
        if row[t.blocks[i, at.B_ELEMENT]]:
            kept[i] = False
