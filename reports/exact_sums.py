"""Sums of floats that are the same for any order and any split of the values.

Each float is an integer times a power of two, and integers add exactly: the idea of Neal's superaccumulator
(arXiv:1505.05571), with Python's integers as the wide register.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

#: The smallest exponent of a float64 (2**-1074), less the 53 bits by which frexp may shift a subnormal's.
LOWEST = -1074 - 53
HALF = 26
#: Bits of a register that holds 2**60 of the largest floats.
WIDEST = 1024 + 60 - LOWEST


class ExactSum:
    """The exact sum of finite floats, as an integer multiple of 2**LOWEST."""

    __slots__ = ("units",)

    def __init__(self, units: int = 0) -> None:
        self.units = units

    def merge(self, other: ExactSum) -> None:
        self.units += other.units

    def fraction(self) -> Fraction:
        return Fraction(self.units, 1 << -LOWEST)

    def to_json(self) -> str:
        """The odd mantissa in hex and the exponent of two: canonical, and short for everyday sums."""
        if self.units == 0:
            return "0p0"
        zeros = (self.units & -self.units).bit_length() - 1
        return f"{self.units >> zeros:x}p{zeros + LOWEST}"

    @classmethod
    def from_json(cls, value: str) -> ExactSum:
        mantissa, _, exponent = value.partition("p")
        shift = int(exponent) - LOWEST
        if not 0 <= shift <= WIDEST:
            raise ValueError(f"not an exact sum: exponent {exponent}")
        return cls(int(mantissa, 16) << shift)


def add_groups(sums: list[ExactSum], values: npt.NDArray[np.float64], group: npt.NDArray[np.int64]) -> None:
    """Adds each value to the sum of its group. `values`: finite, at most 2**24 of them; `group`: indices of `sums`."""
    if len(values) == 0:
        return
    mantissa, exponent = np.frexp(values)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    lowest = int(exponent.min())
    groups = len(sums)
    key = (exponent.astype(np.int64) - lowest) * groups + group
    # Halves of 26 and 27 bits stay exact as float64 weights for 2**26 values.
    high = np.bincount(key, weights=(whole >> HALF).astype(np.float64))
    low = np.bincount(key, weights=(whole & ((1 << HALF) - 1)).astype(np.float64))
    for cell in np.flatnonzero((high != 0) | (low != 0)).tolist():
        step, index = divmod(cell, groups)
        units = (int(high[cell]) << HALF) + int(low[cell])
        sums[index].units += units << (lowest + step - 53 - LOWEST)


def rounded(value: Fraction) -> float | None:
    """The nearest float64, None where the value is too large for one."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
