"""Numbers: reading them so that no bit is lost, and writing the shortest decimal that reads back to the same bits.

Float literals are decimal. Reading one as float64 first and rounding that to float32 or float16 can go wrong where the
float64 lies exactly between two of the smaller numbers and the decimal does not; `nearest_float32` and `narrow_all`
notice that and decide by exact arithmetic.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from nir.errors import ParseError
from nir.ir import float32_text
from nir.source import Span

LONGEST_NUMBER = 400
"""Characters of a number at most: more than the exact decimal expansion of any float32 takes."""

_SMALLEST_NORMAL = 2.0**-126

LARGEST_INTEGER = 2**63 - 1


def check_length(token: str, span: Span) -> None:
    """Raises `ParseError` for a number of absurd length, whose conversion would take time quadratic in it."""
    if len(token) > LONGEST_NUMBER:
        raise ParseError(
            "the number is too long", span, expected=f"at most {LONGEST_NUMBER} characters", found=f"{len(token)}"
        )


def is_integer(token: str) -> bool:
    """True for a number token that is written as an integer."""
    return token.isdigit() or (token[0] == "-" and token[1:].isdigit())


def read_integer(token: str, span: Span, minimum: int = -(2**63), maximum: int = LARGEST_INTEGER) -> int:
    """The integer that `token` spells. Raises `ParseError` where it is none, or outside of the bounds."""
    check_length(token, span)
    if not is_integer(token) or not minimum <= int(token) <= maximum:
        raise ParseError(
            "the integer is out of range" if is_integer(token) else "this is not an integer",
            span,
            expected=f"an integer from {minimum} to {maximum}",
            found=f"'{token}'",
        )
    return int(token)


def read_float32(token: str, span: Span) -> float:
    """The float32 nearest to the decimal `token`. Raises `ParseError` where it is too large to be one."""
    check_length(token, span)
    value = nearest_float32(token)
    if math.isinf(value) and "inf" not in token:
        raise ParseError(
            "the number is too large for a float32", span, expected="at most 3.4028235e+38", found=f"'{token}'"
        )
    return value


def nearest_float32(token: str) -> float:
    """The float32 nearest to the decimal `token`, ties to even; infinite where it is too large."""
    double = float(token)
    value = ctypes.c_float(double).value
    if value == double or math.isinf(value) or math.isnan(double):
        return value
    (bits,) = struct.unpack("<Q", struct.pack("<d", double))
    if abs(double) < _SMALLEST_NORMAL or bits & 0x1FFFFFFF == 0x10000000:  # perhaps between two float32
        return float(narrow_all([token], np.dtype(np.float32))[0])
    return value


def narrow_all(tokens: Sequence[str], dtype: np.dtype[Any]) -> np.ndarray:
    """The float32 or float16 nearest to each decimal in `tokens` (syntactically right and of sane length)."""
    doubles = np.array([float(token) for token in tokens], np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = doubles.astype(dtype)
        error = doubles - near
        other = np.nextafter(near, np.where(error > 0, np.inf, -np.inf).astype(dtype))
        ties = np.flatnonzero((error != 0) & (other - doubles == error) & np.isfinite(doubles))
    for index in ties.tolist():
        exact, double = Fraction(tokens[index]), Fraction(float(doubles[index]))
        if exact != double:
            choose = max if exact > double else min
            near[index] = choose(near[index], other[index])
    return near


def write_float(value: float, *, single: bool) -> str:
    """A float as text: the shortest decimal for a float32 where `single`, else for a float64."""
    return float32_text(value) if single or not math.isfinite(value) else repr(float(value))
