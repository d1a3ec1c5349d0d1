"""Affine quantisation: real value = (stored integer - zero point) x scale, per tensor or per slice of one axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def as_float32(value: float) -> float:
    """The float32 nearest to `value`, as a Python float. Scales are float32 everywhere (NNAPI, TFLite, Relay)."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(value))


def float32_text(value: float) -> str:
    """The shortest decimal that reads back to the same float32: `inf`, `-inf` and `nan` by name.

    >>> float32_text(0.1), float32_text(6.0), float32_text(1e-7)
    ('0.1', '6.0', '1e-07')
    """
    return shortest_decimal(np.float32(value))


def shortest_decimal(value: np.floating[Any]) -> str:
    """The shortest decimal that reads back to the same float32 or float16, laid out alike by every numpy.

    A float32 from 1e6 on and a float16 from 1e3 on has an exponent; numpy writes one from 1e16 on before 2.4.

    >>> shortest_decimal(np.float32(1234567)), shortest_decimal(np.float16(-1024)), shortest_decimal(np.float32(0.5))
    ('1.234567e+06', '-1.024e+03', '0.5')
    """
    text = str(value)
    whole, _, fraction = text.partition(".")
    sign = whole[: whole.startswith("-")]
    whole = whole[len(sign) :]
    if len(whole) <= (6 if value.itemsize == 4 else 3) or not whole.isdigit():
        return text
    digits = (whole + fraction).rstrip("0")
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e+{len(whole) - 1:02d}"


class Quantisation:
    """Scales and zero points of one tensor; immutable.

    `scales` are float32 values; one entry, or one per slice along `axis`. `zero_points` has as many entries.
    `scales_name` remembers the name under which the scales stand in a weights file; it takes no part in
    comparison.
    """

    __slots__ = ("_hash", "axis", "scales", "scales_name", "zero_points")

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None
    scales_name: str | None
    _hash: int

    def __init__(
        self,
        scales: tuple[float, ...],
        zero_points: tuple[int, ...],
        axis: int | None = None,
        scales_name: str | None = None,
    ) -> None:
        """Takes the fields as they are: use `per_tensor` or `per_channel`, which round scales to float32."""
        put = object.__setattr__
        put(self, "scales", scales)
        put(self, "zero_points", zero_points)
        put(self, "axis", axis)
        put(self, "scales_name", scales_name)
        put(self, "_hash", hash((scales, zero_points, axis)))

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int = 0) -> Quantisation:
        """One scale and zero point for all elements."""
        return cls((as_float32(scale),), (int(zero_point),))

    @classmethod
    def per_channel(
        cls, scales: Iterable[float], axis: int, zero_points: Iterable[int] | None = None, name: str | None = None
    ) -> Quantisation:
        """One scale per slice along `axis`; zero points are 0 unless given."""
        rounded = tuple(np.asarray(list(scales) if not isinstance(scales, np.ndarray) else scales, np.float32).tolist())
        points = (0,) * len(rounded) if zero_points is None else tuple(int(z) for z in zero_points)
        return cls(rounded, points, axis, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Quantisation is immutable")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Quantisation):
            return NotImplemented
        return (self.scales, self.zero_points, self.axis) == (other.scales, other.zero_points, other.axis)

    def __reduce__(self) -> tuple[Any, ...]:
        return Quantisation, (self.scales, self.zero_points, self.axis, self.scales_name)

    def __str__(self) -> str:
        """The parameters as they stand inside `tensor<...>`, scales inline."""
        if self.axis is None:
            return f"scale={float32_text(self.scale)}, zero_point={self.zero_point}"
        text = f"axis={self.axis}, scales=[{', '.join(map(float32_text, self.scales))}]"
        if any(self.zero_points):
            text += f", zero_points=[{', '.join(map(str, self.zero_points))}]"
        return text

    __repr__ = __str__

    @property
    def is_per_channel(self) -> bool:
        return self.axis is not None

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantisation (the first one of a per-channel quantisation)."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantisation (the first one of a per-channel quantisation)."""
        return self.zero_points[0]

    def broadcast_scales(self, rank: int) -> np.ndarray:
        """Scales as float32, shaped to broadcast against an array of `rank` dimensions."""
        return _along(np.asarray(self.scales, np.float32), self.axis, rank)

    def broadcast_zero_points(self, rank: int) -> np.ndarray:
        """Zero points as int32 (int64 where one of u32 is larger), to broadcast against `rank` dimensions."""
        dtype = np.int32 if max(self.zero_points, default=0) < 2**31 else np.int64
        return _along(np.asarray(self.zero_points, dtype), self.axis, rank)


def _along(values: np.ndarray, axis: int | None, rank: int) -> np.ndarray:
    if axis is None:
        return values.reshape(())
    return values.reshape([-1 if d == axis else 1 for d in range(rank)])
