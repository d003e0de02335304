"""Whether a string is a URL, as spaCy's tokenizer asks before it splits at hyphens and slashes.

The pattern is URL_PATTERN of spaCy 3.8 (lang/tokenizer_exceptions.py, after Diego Perini, MIT), matched in linear time.
"""

from __future__ import annotations

from core.characters import AFFIX_LOWER, ALNUM, Bytes, Classes, Int, Truth, decode
from core.kernels import helper


@helper
def _is_host_char(cp: Int) -> Truth:
    return (0x61 <= cp <= 0x7A) or (0x41 <= cp <= 0x5A) or (0x30 <= cp <= 0x39) or (0xA1 <= cp <= 0xFFFF)


@helper
def _tail_is_url(data: Bytes, i: Int, b: Int) -> Truth:
    """Whether `data[i:b]` is an optional port and an optional path."""
    if i < b and data[i] == 0x3A:  # :
        k = i + 1
        while k < b and 0x30 <= data[k] <= 0x39:
            k += 1
        if not 2 <= k - i - 1 <= 5:
            return False
        i = k
    return i == b or data[i] == 0x2F or data[i] == 0x3F or data[i] == 0x23  # / ? #


@helper
def _is_address(data: Bytes, i: Int, b: Int) -> Truth:
    """Whether `data[i:b]` starts with a public IPv4 address (as the pattern takes it) and is a URL."""
    o0, o1, o2, o3 = -1, -1, -1, -1
    for octet in range(4):
        k = i
        value = 0
        while k < b and k - i < 4 and 0x30 <= data[k] <= 0x39:
            value = value * 10 + (data[k] - 0x30)
            k += 1
        digits = k - i
        leading = digits > 1 and data[i] == 0x30
        if digits == 0 or digits > 3 or value > 255 or (leading and octet in (0, 3)):
            return False
        if leading and digits == 3:
            return False
        if octet == 0:
            o0 = value
        elif octet == 1:
            o1 = value
        elif octet == 2:
            o2 = value
        else:
            o3 = value
        i = k
        if octet < 3:
            if i >= b or data[i] != 0x2E:
                return False
            i += 1
    if not 1 <= o0 <= 223 or not 1 <= o3 <= 254 or o2 > 255:
        return False
    if o0 == 10 or o0 == 127 or (o0 == 169 and o1 == 254) or (o0 == 192 and o1 == 168):
        return False
    if o0 == 172 and 16 <= o1 <= 31:
        return False
    return _tail_is_url(data, i, b)


@helper
def _is_host(data: Bytes, i: Int, b: Int, classes: Classes) -> Truth:
    """Whether `data[i:b]` is labels of up to 64 characters, a top-level domain in lower case, and port and path."""
    labels = 0
    while True:
        length = 0
        lower = True
        first = True
        last = False
        valid = True
        while i < b:
            cp, width = decode(data, i)
            host = _is_host_char(cp)
            joiner = cp == 0x5F or cp == 0x2D  # _ -
            is_lower = (classes[cp] & AFFIX_LOWER) != 0
            if not (host or joiner or is_lower):
                break
            lower = lower and is_lower
            valid = valid and (host or joiner)
            if first:
                valid = valid and host
                first = False
            last = host
            length += 1
            i += width
        if i < b and data[i] == 0x2E:
            if length == 0 or length > 64 or not valid or not last:
                return False
            labels += 1
            i += 1
            continue
        return labels > 0 and lower and 2 <= length <= 63 and _tail_is_url(data, i, b)


@helper
def is_url(data: Bytes, a: Int, b: Int, classes: Classes) -> Truth:
    """Whether `data[a:b]` as a whole is (scheme://)? (user(:password)?@)? host (:port)? (path)?."""
    if _is_host(data, a, b, classes) or _is_address(data, a, b):
        return True
    i = a
    while i < b:  # the scheme: [\w+.-]{2,}://
        cp, width = decode(data, i)
        if not (classes[cp] & ALNUM or cp == 0x5F or cp == 0x2B or cp == 0x2D or cp == 0x2E):
            break
        i += width
    scheme = i + 2 < b and i - a >= 2 and data[i] == 0x3A and data[i + 1] == 0x2F and data[i + 2] == 0x2F
    if scheme and (_is_host(data, i + 3, b, classes) or _is_address(data, i + 3, b)):
        return True
    k = a + 1
    while k < b:  # a user's name is anything, so any @ may end it
        if data[k] == 0x40 and (_is_host(data, k + 1, b, classes) or _is_address(data, k + 1, b)):
            return True
        k += 1
    return False
