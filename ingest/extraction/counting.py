"""How many things of a page are alike: a hash table from 64-bit keys to slots, sized for the page.

Siblings of one name and class, and blocks under one path of names and classes, are what a template made of a list.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.characters import Int
from core.kernels import helper

#: Odd, of splitmix64's steps (Steele, Lea, Flood, OOPSLA 2014): its product spreads keys over the upper bits.
_MULTIPLIER = np.int64(-7046029254386353131)
#: Parts of a block's path that count, from the element up, and how many of them by class too.
_PATH, _PATH_CLASSES = 4, 2


@helper
def spread(key: Int) -> Int:
    """A key's place in a table, before it is cut to the table's size: keys that differ in a few bits are far apart."""
    return (key * _MULTIPLIER) >> 33


@helper
def slot_of(key: Int, keys: npt.NDArray[np.int64]) -> Int:
    """The slot of a key in `keys` (2**k, more than twice what is put in, at first zeros), taken if it is new."""
    mask = np.int64(len(keys) - 1)
    if key == 0:
        key = np.int64(1)
    k = spread(key) & mask
    while keys[k] != 0 and keys[k] != key:
        k = (k + 1) & mask
    keys[k] = key
    return k


@helper
def path_key(e: Int, elements: npt.NDArray[np.int32], classes: npt.NDArray[np.int64]) -> Int:
    """A key of the names of an element and of those it stands in, four in all, with the classes of the first two."""
    key = np.int64(17)
    for up in range(_PATH):
        key = (key * 1000003 + elements[e, 0]) * 31 + (classes[e] if up < _PATH_CLASSES else 0)
        e = elements[e, 1]
        if e < 0:
            break
    return key
