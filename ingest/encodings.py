"""Names of character encodings: the labels that pages use, the encoding each means, and Python's codec for it.

Labels: WHATWG Encoding Standard (encoding.spec.whatwg.org, "Names and labels"). Two names more than there are kept
for reports, iso-8859-1 and iso-8859-9: they read as windows-1252 and windows-1254, and are told apart from them
where a page says so and holds no byte 0x80-0x9F.
"""

from __future__ import annotations

import codecs
from functools import cache

_LABELS: dict[str, str] = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 x-unicode20utf8 utf-8-sig utf8mb4 utf_8",
    "utf-16le": "utf-16 unicode ucs-2 iso-10646-ucs-2 csunicode unicodefeff",
    "utf-16be": "unicodefffe",
    "iso-8859-1": "ascii us-ascii ansi_x3.4-1968 cp819 csisolatin1 ibm819 iso-ir-100 iso8859-1 iso88591 iso_8859-1 "
    "iso_8859-1:1987 l1 latin1 latin-1 iso-8859 8859-1",
    "windows-1252": "cp1252 x-cp1252 win-1252 windows1252",
    "iso-8859-2": "csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2 latin-2",
    "iso-8859-3": "csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso-8859-4": "csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i "
    "iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597 iso_8859-7 "
    "iso_8859-7:1987 sun_eu_greek",
    "iso-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 "
    "iso_8859-8:1988 visual iso-8859-8-i csiso88598i logical",
    "iso-8859-9": "csisolatin5 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 latin-5",
    "windows-1254": "cp1254 x-cp1254 win-1254 windows1254",
    "iso-8859-10": "csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso8859-13 iso885913",
    "iso-8859-14": "iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9",
    "iso-8859-16": "iso8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8_r",
    "koi8-u": "koi8-ru",
    "ibm866": "866 cp866 csibm866 dos-866",
    "macintosh": "csmacintosh mac x-mac-roman macroman",
    "x-mac-cyrillic": "x-mac-ukrainian",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 tis620",
    "windows-1250": "cp1250 x-cp1250 win-1250 windows1250",
    "windows-1251": "cp1251 x-cp1251 win-1251 windows1251 cp-1251",
    "windows-1253": "cp1253 x-cp1253 win-1253 windows1253",
    "windows-1255": "cp1255 x-cp1255 win-1255 windows1255",
    "windows-1256": "cp1256 x-cp1256 win-1256 windows1256",
    "windows-1257": "cp1257 x-cp1257 win-1257 windows1257",
    "windows-1258": "cp1258 x-cp1258 win-1258 windows1258",
    "gbk": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk gb-2312 cp936 ms936 x-euc-cn euc-cn",
    "gb18030": "gb-18030",
    "big5": "big5-hkscs cn-big5 csbig5 x-x-big5 big-5 cp950 big5hkscs",
    "euc-jp": "cseucpkdfmtjapanese x-euc-jp eucjp x-euc euc_jp",
    "iso-2022-jp": "csiso2022jp jis",
    "shift_jis": "csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis cp932 windows-932",
    "euc-kr": "cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 euckr "
    "cp949 uhc euc_kr ks_c_5601 ksc-5601",
}

#: Label in lower case to the name that the `charset` column uses.
NAMES: dict[str, str] = {label: name for name, labels in _LABELS.items() for label in (name, *labels.split())}

_CODECS: dict[str, str] = {
    "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_2",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "windows-874": "cp874",
    "ibm866": "cp866",
}


def encoding_name(label: str | None) -> str:
    """The name of the encoding that a label means, empty if it is none that can be decoded."""
    if not label:
        return ""
    return NAMES.get(label.strip(" \t\r\n\f\"'").lower(), "")


def codec(name: str) -> str:
    """Python's codec for an encoding's name."""
    if name in _CODECS:
        return _CODECS[name]
    return f"cp{name[8:]}" if name.startswith("windows-") else name


def _c1(error: UnicodeError) -> tuple[str, int]:
    """Bytes that a Windows page leaves open read as C1 controls, as browsers do; in other encodings as U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(b) if 0x80 <= b < 0xA0 else "\ufffd" for b in bad), error.end


codecs.register_error("web2shards.c1", _c1)


def decode_as(body: bytes, name: str) -> str:
    """`body` in the encoding `name`; never raises: what cannot be decoded becomes U+FFFD."""
    windows = name.startswith(("windows-", "iso-8859-1")) and name != "iso-8859-15"
    if windows:
        return codecs.charmap_decode(body, "strict", _table(codec(name)))[0]  # pyright: ignore[reportArgumentType]
    return body.decode(codec(name), "replace")


@cache
def _table(name: str) -> str:
    """What each byte means: as a table, since an error handler in Python costs a microsecond a byte."""
    return "".join(bytes([byte]).decode(name, "web2shards.c1") for byte in range(256))
