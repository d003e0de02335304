"""Whether a candidate is an e-mail address, a public address of a machine, a bank account or a card.

E-mail and IPv4 follow datatrove (pipeline/formatters/pii.py), without what it takes for addresses and is none: versions,
numbers of sections, `package@1.2.3`, handles in URLs. IBAN: ISO 13616 and SWIFT's registry; cards: ISO/IEC 7812.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

import numpy as np

from core.characters import Bytes

_SPELLED_DOT = r"\x20?[(\[]\x20*(?:dot|punkt|point|punto|ponto|punt)\x20*[)\]]\x20?"
_DOT = rf"(?:\.|{_SPELLED_DOT})"
_SPELLED_AT = r"\x20?[(\[]\x20*a[td]\x20*[)\]]\x20?"
_EMAIL = re.compile(
    rf"[\w+](?:[\w%+'-]*)(?:{_DOT}[\w%+'-]+)*(?:@|{_SPELLED_AT})(?:[^\W_](?:[\w-]{{0,61}}[^\W_])?{_DOT})+(?:xn--[a-z0-9-]{{2,59}}|[^\W\d_]{{2,24}})(?![^\W_])",
    re.IGNORECASE,
)
_DOTS = re.compile(_DOT, re.IGNORECASE)
_SPELLED = re.compile(rf"({_SPELLED_AT})|{_SPELLED_DOT}", re.IGNORECASE)
#: Names at the top that have no longer one below: what follows one is the next sentence (`me@corp.com.Then`).
_TOP = frozenset({"com", "org", "net", "edu", "gov", "mil", "int", "info", "biz"})
#: What ends names of files, not of hosts: `icon@2x.png`.
_FILES = frozenset({
    "avif", "bmp", "css", "csv", "eot", "gif", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "map", "pdf", "php", "png", "svg",
    "tiff", "ts", "ttf", "txt", "webp", "woff", "xml", "yaml", "yml",
})  # fmt: skip

#: What is not globally reachable, by IANA's registries of special-purpose addresses (RFC 6890), as `is_global` of Python
#: 3.13 has it; older versions differ among themselves.
_PRIVATE4 = [
    IPv4Network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
#: All global unicast addresses that were given out lie here (RFC 4291 §2.4); what is in it and reserved.
_PUBLIC6 = IPv6Network("2000::/3")
_PRIVATE6 = [IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]

#: What stands before a version or a section.
_VERSION = re.compile(
    r"(?:\b(?:v|ver|vers|version\w*|versión|versão|versione|wersj\w+|verze|verzió\w*|versiunea|sürüm\w*|έκδοση|версі\w+|верси\w+"
    r"|release|rel|rev|revision|build|kernel|linux|ubuntu|debian|windows|macos|android|ios|firmware|(?:micro)?code|bios|driver|treiber|pilote"
    r"|noyau|núcleo|controlador|micrologiciel|sterownik\w*|ядр\w+|драйвер\w*|прошивк\w+|update|upgrade|patch|hotfix|library|package|module"
    r"|section|sect|sec|chapter|chap|kapitel|abschnitt|figure|fig|table|rfc|oid|appendix|clause|article|art|step|item|§)"
    r"|版本|内核|驱动|固件|バージョン|カーネル|ドライバー?|ファームウェア|버전|커널|드라이버|펌웨어|§)[\s.:#(=\"'_-]*$",
    re.IGNORECASE,
)
#: A name behind a word, or with digits or inner capitals: of a program, whose version follows. First numbers of versions are small.
_NAME = re.compile(
    r"(?:^|[^\s.:!?] )(?!(?i:from|to|at|in|on|by|via|and|or|with|for|und|von|an|auf|de|la|le|el)[ ])"
    r"(?:[A-Z][\w+#-]*|[a-z]+[A-Z\d][\w+#-]*) $"
)
_MOST_MAJOR = 31
#: What stands before or after an address of a machine. Without it four numbers under SMALL are a section (14.24.3.1): of all
#: addresses one in three hundred is so small.
_MACHINE = re.compile(
    r"\b(?:ips?|ipv4|addr\w*|adress\w*|direcci\w+|endere\w+|host\w*|(?:name)?servers?|dns|ping|client|proxy|gateway)\b"
    r"|@$|//$|地址|アドレス",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:\d|\b(?:ip|addr\w*|host|server|src|dst))[-_=]$", re.IGNORECASE)
_WORD_BEHIND = re.compile(r"[-+]?[A-Za-z]|-\d+\.(?!\d)")  # 6.1.7601.1-rc
_SMALL = 64
_MIN_IP4_DIGITS = 6
#: Of fewer digits are the best known resolvers, and versions and sections: an address is what follows one of these words, with
#: nothing but small words, signs and other addresses between. Servers, hosts and addresses (of a memory, of a norm) have versions
#: and sections too: behind those stands a sign or a verb.
_SERVERS = r"addr\w*|adress\w*|direcci\w+|endere\w+|hosts?|servers?"
_CALLED = re.compile(
    r"(?:\b(?i:ips?|ipv4|ip[ -]?addr\w*|hostname|dns\d?|nameservers?|resolvers?|has\s+address"
    r"|ping|traceroute|tracert|nslookup|dig|whois|gateway|forwarders?)\b|地址|アドレス"
    rf"|\b(?i:{_SERVERS})\b[\"'`)\]]*(?:\s*[:=]|\s+(?:is|are|at|ist|sind|est|es|è)\b))"
    r"(?:\s+(?:of|is|are|at|to|for|from|use|using|set|like|via|ist|auf|von|sind|est|es|è|e|-[a-z]\s?\d*))*[\s:=\"'`(\[<]*$|//$|@$"
)
#: A name in capitals before those words is that of a program, whose version follows, unless it says what the machine is for or
#: begins a sentence.
_PRODUCT = re.compile(
    rf"(?<![\w.-])(?!(?i:a|an|the|this|that|each|my|your|our|its|their|his|her|if|when|as|on|in|at|to|from|for|with|via|use|set"
    r"|try|check|see|add|ask|note|name|dns|ntp|smtp|imap|pop3?|ftp|sftp|ssh|irc|web|e?-?mail|https?|proxy|vpn|dhcp|ldap|ips?|ipv4|mac"
    r"|root|main|master|slave|primary|secondary|first|second|backup|remote|local|public|external|target|source|destination"
    r"|sender|client|network|internet|der|die|das|den|dem|ein|eine|le|la|les|el|los|il)\s)"
    rf"[A-Z][\w+-]*\s+(?i:{_SERVERS})(?:\s*[:=]|\s+(?:is|are|at|ist|sind|est|es|è)\b)?\s*$"
)
_LISTED = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?[\s)]*(?:[,;/|&(]|\b(?:and|or|und|oder|et|ou|y|o)\b)?[\s(]*)+$")
_PORT = re.compile(r":\d{1,5}(?![\d.])")
_PREFIX = re.compile(r"/(?:[89]|[12]\d|3[0-2])(?![\d.])")
#: Without one of these in the line 3.1.2.4/12 is a section, or two.
_NETWORK = re.compile(
    r"\b(?:(?:sub|super)?net(?:work|mask|block)?s?|cidrs?|prefix(?:es)?|inet|ip(?:s|v4|tables|set)?|rout(?:es?|ed|ing)|bgp|firewalls?"
    r"|acls?|allow(?:ed|list)?|deny|denied|whitelist\w*|blacklist\w*|blocklist\w*|dhcp|vpns?|[vw]?lans?|\w*netz\w*|(?:sous-)?r[ée]seaux?"
    r"|(?:sub)?red(?:es)?|rede|rete|reti|под\w*сет\w*|сет[иь])\b|ネットワーク|网络|网段",
    re.IGNORECASE,
)
#: In /etc/hosts and lists of name servers a name follows.
_HOST_LINE = re.compile(r"[ \t]+(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|google|one|local|lan|internal)\b(?![(/])")
#: These are hardly anything else, unless they begin a line and a heading follows; 1.1.1.1 and 1.0.0.1 are sections too.
_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "9.9.9.9"})
_BESIDE = re.compile(r"(?<![\d.])(?:8\.8\.8\.8|8\.8\.4\.4|9\.9\.9\.9)(?![\d.])|\b(?i:dns|resolvers?|nameservers?)\b")
_HEADING = re.compile(r"\.?[ \t]+[^\W\d_a-z]")

#: Characters of an IBAN by country (SWIFT, IBAN Registry, release 99).
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip

#: Those whose accounts are digits alone.
_NUMERIC = frozenset({
    "AE", "AT", "BA", "BE", "CR", "CZ", "DE", "DK", "EE", "ES", "FI", "FO", "GL", "HR", "HU", "IL", "IS", "LT", "ME", "NO",
    "PL", "PT", "RS", "SE", "SI", "SK", "SO", "ST", "TL", "TN", "VA", "XK",
})  # fmt: skip

#: Issuers by the first digits and the length (en.wikipedia.org/wiki/Payment_card_number, ISO/IEC 7812 registrations), for
#: cards in one piece or printed in groups.
_CARD = re.compile(
    r"""(?:
      4\d{15}(?:\d{3})?                                                               # Visa
    | (?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}                # Mastercard
    | 3[47]\d{13}                                                                     # American Express
    | 3(?:0[0-5]|[689]\d)\d{11}                                                       # Diners Club
    | (?:6011|64[4-9]\d|65\d\d)\d{12}                                                 # Discover
    | 35(?:2[89]|[3-8]\d)\d{12}                                                       # JCB
    | 62\d{14,17}                                                                     # UnionPay
    )\Z""",
    re.VERBOSE,
)
_CARD_GROUPS = re.compile(r"\d+|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5}")
#: A number behind one of these is part of a name, an address or an amount.
_JOINED = frozenset("./=#&-_*$€£¥%\\")


def iban_lengths() -> Bytes:
    """IBAN_LENGTHS by first and second letter, 26 × 26, 0 where no country is."""
    table = np.zeros(26 * 26, np.uint8)
    for country, length in IBAN_LENGTHS.items():
        table[26 * (ord(country[0]) - 65) + ord(country[1]) - 65] = length
    table.setflags(write=False)
    return table


def email_span(candidate: str, after: str) -> tuple[int, int]:
    """Where in a candidate the address is, as characters, its @ and dots perhaps written (at) and (dot); (0, 0) if there is none.

    `git@host:path` is a place of code. A word behind a name of the top level is no part of it, nor a word with a capital
    behind small letters: a sentence ends there.
    """
    found = _EMAIL.search(candidate)
    if found is None or (found[0].startswith("git@") and after.startswith(":")):
        return 0, 0
    start, end = found.span()
    written = "@" in found[0]
    labels = _DOTS.split(found[0])
    labels[0] = ""  # holds the name before the @, or a part of it
    below, last = labels[-2], labels[-1]
    if len(labels) > 2 and "@" not in below and not _SPELLED.search(below) and _is_next_sentence(below, last):
        end = start + [dot.start() for dot in _DOTS.finditer(found[0])][-1]
        last = below
    if last.lower() in _FILES or (not written and not last.islower()):  # look (at) this.Then
        return 0, 0
    return start, end


def _is_next_sentence(below: str, last: str) -> bool:
    """Whether the last part of a domain is a word of the text behind it."""
    capital = last[:1].isupper() and not last[1:].isupper()
    if below.lower() in _TOP:
        return len(last) > 2 or capital
    return capital and len(last) > 2 and below.islower() and last.lower() not in _TOP and below.isalpha() and len(below) > 1


def plain_email(shown: str) -> str:
    """An address as it is written with @ and dots."""
    return _SPELLED.sub(lambda match: "@" if match[1] else ".", shown)


def is_public_ip4(address: str, before: str, after: str) -> bool:
    """Whether four numbers are a public address; `before` and `after` are what stands around them in the line.

    With fewer than 6 digits they are taken for a version, as of all addresses one in ten thousand has so few, unless something
    beside them says that they are an address.
    """
    if _VERSION.search(before):
        return False
    if sum(c.isdigit() for c in address) < _MIN_IP4_DIGITS:
        return _is_short_ip4(address, before, after) and _is_public4(address)
    if before.endswith(("-", "_", "=")) and not _NAMED.search(before):
        return False
    if _WORD_BEHIND.match(after):
        return False
    parts = [int(part) for part in address.split(".")]
    version = parts[0] <= _MOST_MAJOR and _NAME.search(before) is not None
    if (version or all(part < _SMALL for part in parts)) and not _is_called(before, after):
        return False
    return _is_public4(address)


def _is_called(before: str, after: str) -> bool:
    """Whether four small numbers stand in a line that speaks of machines, and not behind the name of a program."""
    if _PRODUCT.search(_LISTED.sub("", before)):
        return False
    return _MACHINE.search(before) is not None or _is_endpoint(before, after)


def _is_short_ip4(address: str, before: str, after: str) -> bool:
    """Whether what stands around four numbers of few digits says that they are an address."""
    if _WORD_BEHIND.match(after):
        return False
    said = _LISTED.sub("", before)
    if (_CALLED.search(said) and not _PRODUCT.search(said)) or _is_endpoint(before, after) or _HOST_LINE.match(after):
        return not _VERSION.search(said)
    if before[-1:] in ("-", "_", "=", "/", ".", "#") or (not before.strip() and _HEADING.match(after)):
        return False
    return address in _RESOLVERS or (address in ("1.1.1.1", "1.0.0.1") and _BESIDE.search(f"{before} {after}") is not None)


def _is_endpoint(before: str, after: str) -> bool:
    """Whether a port follows, or the length of a network's prefix in a line that speaks of networks."""
    if _PORT.match(after):
        return True
    prefix = _PREFIX.match(after)
    return prefix is not None and (_NETWORK.search(before) or _NETWORK.search(after)) is not None


@lru_cache(maxsize=1 << 12)
def _is_public4(address: str) -> bool:
    try:
        ip = IPv4Address(address)
    except AddressValueError:
        return False
    return not any(ip in net for net in _PRIVATE4)


@lru_cache(maxsize=1 << 12)
def is_public_ip6(address: str) -> bool:
    """Whether hex digits and colons are a public address."""
    try:
        ip = IPv6Address(address)
    except AddressValueError:
        return False
    return ip in _PUBLIC6 and not any(ip in net for net in _PRIVATE6)


def is_iban(candidate: str) -> bool:
    """Whether the check digits of an IBAN, with or without spaces, are right (ISO 7064, mod 97-10).

    In small letters names of files and keys look alike: then one of a country whose accounts are digits alone has no others.
    """
    iban = "".join(candidate.split())
    if iban[0].islower() and (sum(c.isdigit() for c in iban) < 12 or (iban[:2].upper() in _NUMERIC and not iban[2:].isdigit())):
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def is_card(candidate: str, before: str) -> bool:
    """Whether digits that pass Luhn's check are of an issuer of cards and in groups as on a card."""
    if before[-1:] in _JOINED and before:
        return False
    digits = candidate.replace(" ", "").replace("-", "")
    return _CARD_GROUPS.fullmatch(candidate) is not None and _CARD.match(digits) is not None and len(set(digits)) > 2
