"""Rows of links that lead to a page in other languages, and name no more than these: `de | en | fr`.

They are told by what their links say of themselves, hreflang (html.spec.whatwg.org §4.6.2), by a label ("Languages:"), or by
names alone: languages name themselves in such rows (ISO 639-1 codes, and the names of CLDR in their own language). Codes are
words too (`it`, `no`, `us`), so that codes alone tell nothing, nor do names among other words.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.choice import heading_level
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.lookup import SCORES_TYPE, Scores, find, make_scores
from ingest.extraction.scan import scan

CODES = (
    "af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja jp ka kk km kn ko ku ky lo "
    "lt lv mk ml mn mr ms my nb ne nl nn no pa pl ps pt ro ru si sk sl sq sr sv sw ta te tg th tk tl tr uk ur uz vi zh"
)
NAMES = (
    "Afrikaans|العربية|Asturianu|Azərbaycanca|Беларуская|Български|বাংলা|Brezhoneg|Bosanski|Català|Čeština|"
    "Česky|Cymraeg|Dansk|Deutsch|Ελληνικά|English|Esperanto|Español|Castellano|Eesti|Euskara|فارسی|Suomi|Filipino|Français|"
    "Frysk|Gaeilge|Galego|ગુજરાતી|עברית|हिन्दी|हिंदी|Hrvatski|Magyar|Հայերեն|Bahasa Melayu|"
    "Íslenska|Italiano|日本語|Basa Jawa|ქართული|Қазақша|Қазақ тілі|ភាសាខ្មែរ|ಕನ್ನಡ|한국어|Kurdî|Кыргызча|Latina|"
    "Lëtzebuergesch|ລາວ|Lietuvių|Latviešu|Македонски|മലയാളം|Монгол|मराठी|Malti|မြန်မာဘာသာ|Norsk bokmål|Norsk nynorsk|"
    "Nederlands|नेपाली|Occitan|ਪੰਜਾਬੀ|Polski|پښتو|Português|Română|Русский|සිංහල|Slovenčina|Slovensky|"
    "Slovenščina|Shqip|Српски|Srpski|Svenska|Kiswahili|தமிழ்|తెలుగు|Тоҷикӣ|ไทย|Türkmençe|Tagalog|Türkçe|Татарча|Українська|"
    "اردو|Oʻzbekcha|Tiếng Việt|中文|简体中文|繁體中文|繁体中文|正體中文|简体|繁體"
)
#: What stands beside a language's name (`pt-br`, `Español (España)`) and is none.
REGIONS = (
    "br cn tw hk us gb mx hans hant Brasil Brasileiro Portugal España México América Latinoamérica Indonesia "
    "Azərbaycan 日本 台灣 香港"
)
#: What such a row may be called.
LABELS = (
    "language languages sprache sprachen langue langues idioma idiomas lingua lingue língua línguas taal talen språk sprog jazyk "
    "jazyky język języki nyelv nyelvek limba limbi dil diller dilleri язык языки мова мови език језик γλώσσα γλώσσες لغة اللغة "
    "اللغات زبان שפה שפות भाषा ภาษา bahasa 言語 语言 語言 언어 translations"
)
#: Words beside the links of a row, words of a link, and words of a label.
_MOST_BESIDE, _LINK_WORDS, _LABEL_WORDS = 6, 4, 3
#: Links that a label tells, and names alone; and codes that a label tells where the page stands too deep for links.
_LABEL_LINKS, _NAME_LINKS, _LABEL_CODES = 2, 3, 3
#: A row is not told by names alone if a block of it is more probable to be main text.
_SURE = np.float32(0.8)
#: A block of more words is no row.
_LONGEST = 200
_CODE, _OWN_NAME, _REGION, _LABEL = np.float32(1), np.float32(2), np.float32(3), np.float32(4)
#: Columns of what is counted over a subtree: links, of them with hreflang, words in links, codes and names, of them names; words
#: outside of links, words that are neither names nor of a label, words, labels, blocks that are likely main text.
_LINKS, _MARKED, _LINKED, _NAMED, _OWN, _BESIDE, _STRAY, _WORDS, _LABELLED, _LIKELY = range(10)
_COLUMNS = 10
#: More than any row may have.
_TOO_MANY = 1 << 16


@cache
def _known() -> Scores:
    """The words of codes, names, regions and labels, in the hashes that the scanner gives them."""
    words: dict[int, np.float32] = {}
    for text, value in ((LABELS, _LABEL), (CODES, _CODE), (NAMES.replace("|", ", "), _OWN_NAME), (REGIONS, _REGION)):
        raw = np.frombuffer(f"<p>{text}, {text.lower()}, {text.upper()}".encode(), np.uint8)
        tables = scan(raw)
        words |= dict.fromkeys(tables.words[: int(tables.state[at.N_WORDS])].tolist(), value)
    return make_scores(np.array(list(words), np.uint32), np.array(list(words.values()), np.float32))


def drop_languages(tables: Tables, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) the blocks of rows that name languages; `probability` (m,), of each block to be main text."""
    _drop_languages(tables, _known(), probability, kept)


@helper
def _is_row(counts: npt.NDArray[np.int32]) -> Truth:
    links, marked, linked = counts[_LINKS], counts[_MARKED], counts[_LINKED]
    if links == 0 or counts[_WORDS] == 0:
        return False
    if marked >= 2 and marked >= links - 1 and counts[_BESIDE] <= _MOST_BESIDE and linked <= _LINK_WORDS * links:
        return True
    if linked == 0 or counts[_STRAY] > 0 or counts[_NAMED] < links:
        return False
    if marked >= max(links - 1, 1) or (counts[_LABELLED] > 0 and links >= _LABEL_LINKS):
        return True
    return links >= _NAME_LINKS and counts[_OWN] > 0 and counts[_LIKELY] == 0


@helper
def _count(i: Int, t: Tables, words: Scores, counts: npt.NDArray[np.int32]) -> Truth:
    """Adds what block `i` says to the `counts` of its element; whether it is a row by its words alone."""
    b = t.blocks[i]
    named = own = unknown = first = labels = 0  # `first`: words before the first that is known
    if b[at.B_WORDS] <= _LONGEST:
        for j in range(b[at.B_WORD], b[at.B_WORD_END]):
            found, value = find(words, t.words[j])
            if found and value != _LABEL:
                named += value != _REGION
                own += value == _OWN_NAME
                continue
            first += unknown == j - b[at.B_WORD]
            unknown += 1
            labels += found
    else:
        unknown = np.int64(_TOO_MANY)
    linked = np.int64(b[at.B_LINKED])
    beside = np.int64(b[at.B_WORDS]) - linked
    label = labels > 0 and first == unknown and unknown <= _LABEL_WORDS
    alone = label and own == 0 and linked == 0 and named >= _LABEL_CODES
    if heading_level(i, t) > 0 or b[at.B_WORDS] > _LONGEST:  # a heading stands for what is under it
        beside = np.int64(0) if labels > 0 and b[at.B_WORDS] <= _MOST_BESIDE else np.int64(_TOO_MANY)
    elif linked == 0 and unknown == b[at.B_WORDS] and labels == 0 and b[at.B_LAST] != 58:
        beside = np.int64(_TOO_MANY)
    counts[_LINKED] += linked
    counts[_NAMED] += named
    counts[_OWN] += own
    counts[_WORDS] += b[at.B_WORDS]
    counts[_LABELLED] += label
    counts[_BESIDE] = min(counts[_BESIDE] + beside, _TOO_MANY)
    counts[_STRAY] = min(counts[_STRAY] + (np.int64(0) if label else unknown), _TOO_MANY)
    return alone


@njit(
    types.void(TABLES_TYPE, SCORES_TYPE, types.float32[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy"
)
def _drop_languages(t: Tables, words: Scores, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> None:
    n = t.state[at.N_ELEMENTS]
    counts = np.zeros((n, _COLUMNS), np.int32)
    any_link = False
    for e in range(1, n):
        if t.elements[e, at.E_NAME] == el.A:
            any_link = True
            counts[e, _LINKS] = 1
            counts[e, _MARKED] = (t.elements[e, at.E_MARKS] & at.M_LANGUAGE) > 0
    if not any_link:
        return
    for i in range(len(kept)):
        own = counts[t.blocks[i, at.B_ELEMENT]]
        if _count(i, t, words, own):
            kept[i] = False
        own[_LIKELY] += probability[i] > _SURE
    for e in range(n - 1, 0, -1):
        up = t.elements[e, at.E_PARENT]
        for k in range(_COLUMNS):
            counts[up, k] = min(counts[up, k] + counts[e, k], _TOO_MANY)
    row = np.zeros(n, np.bool_)
    for e in range(1, n):
        row[e] = row[t.elements[e, at.E_PARENT]] or _is_row(counts[e])
    for i in range(len(kept)):
        if row[t.blocks[i, at.B_ELEMENT]]:
            kept[i] = False
