"""From what people call a language to the code that labels have: English names, ISO 639-3, locales, codes of countries.

Names are those of ISO 639-1 (loc.gov/standards/iso639-2), of the languages that are written most on the web.
"""

from __future__ import annotations

import difflib
import re

from filters.language_labels import UNDETERMINED, known_codes, language_code

SCRIPT_CODE = re.compile(r"[A-Z][a-z]{3}")
_TABLE = """
afrikaans:af albanian:sq amharic:am arabic:ar armenian:hy azerbaijani:az basque:eu belarusian:be bengali:bn bosnian:bs
bulgarian:bg burmese:my catalan:ca chinese:zh mandarin:zh croatian:hr czech:cs danish:da dutch:nl english:en esperanto:eo
estonian:et finnish:fi french:fr galician:gl georgian:ka german:de greek:el gujarati:gu hebrew:he hindi:hi hungarian:hu
icelandic:is indonesian:id irish:ga italian:it japanese:ja kannada:kn kazakh:kk khmer:km korean:ko kurdish:ku kyrgyz:ky lao:lo
latin:la latvian:lv lithuanian:lt macedonian:mk malay:ms malayalam:ml maltese:mt marathi:mr mongolian:mn nepali:ne norwegian:no
pashto:ps persian:fa farsi:fa polish:pl portuguese:pt punjabi:pa romanian:ro russian:ru serbian:sr sinhala:si slovak:sk
slovenian:sl somali:so spanish:es swahili:sw swedish:sv tagalog:tl tajik:tg tamil:ta tatar:tt telugu:te thai:th tibetan:bo
turkish:tr ukrainian:uk urdu:ur uyghur:ug uzbek:uz vietnamese:vi welsh:cy yiddish:yi yoruba:yo zulu:zu
deutsch:de français:fr español:es italiano:it português:pt
"""
_NAMES: dict[str, str] = {name: code for name, _, code in (pair.partition(":") for pair in _TABLE.split())}
#: Codes of countries that are none of a language.
_COUNTRIES = {"cn": "zh", "jp": "ja", "kr": "ko", "cz": "cs", "dk": "da", "gr": "el", "ua": "uk"}


def code_of(text: str) -> str:
    """The code that is meant: `text` itself if a label can be that, another for a name or another code of a language (or one that
    is written nearly so), empty if none is like it."""
    if text == UNDETERMINED or text in known_codes():
        return text
    plain = text.casefold()
    first = re.split(r"[-_]", plain)[0]
    if re.fullmatch(r"[a-z]{3}", text):  # a language without two letters, of which there are thousands
        return language_code(text)
    if re.fullmatch(r"[a-z]{2,3}", first):
        code = language_code(first)
        return code if code in known_codes() or len(first) == 3 else _COUNTRIES.get(first, "")
    close = difflib.get_close_matches(plain, _NAMES, 1, 0.8)
    return _NAMES[close[0]] if close else ""
