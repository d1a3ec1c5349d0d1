"""Accumulators to results: bias, fused activation and rescaling, prepared once for many blocks of accumulators.

A `Finish` takes a block of raw sums of products [rows, channels] as a GEMM leaves them (whole numbers in a float type
where operands are integers) and writes stored elements of the result. What numbers come out is said by the profile
(profiles.py, fixed_point.py); this file only finds a cheaper way to the same ones, and takes it where it is proven.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nir.ir import Quantisation, TensorType
from nir.ops.common import Activation, Rounding
from nir.ops.fixed_point import quantised_multiplier
from nir.ops.profiles import (
    ACTIVATION_RANGES,
    Profile,
    QdqProfile,
    RelayFloatProfile,
    RelayProfile,
    ScaleProduct,
    TfliteProfile,
    XnnpackProfile,
    activation_bounds,
)
from nir.ops.scales import real_scales

Array = np.ndarray[Any, Any]

Finish = Callable[[Array, Array], None]
"""(raw sums [rows, channels], may be overwritten; result block to fill, of the same shape) -> None.

Float sums may be the result block itself."""


def finish_float(bias: Array | None, activation: Activation) -> Finish:
    """Adds a float32 bias per channel and clamps; the result is float32 or float16 (rounded once)."""
    low, high = (np.float32(bound) for bound in ACTIVATION_RANGES[activation])

    def finish(raw: Array, block: Array) -> None:
        if bias is not None:
            np.add(raw, bias, out=raw)
        if activation is not Activation.NONE:
            np.clip(raw, low, high, out=raw)
        if raw is not block:
            with np.errstate(over="ignore"):
                np.copyto(block, raw, casting="unsafe")

    return finish


def finish_accumulator(offset: Array) -> Finish:
    """Adds an int64 offset per channel; the result is i32, wrapping around as 32-bit accumulators do."""

    def finish(raw: Array, block: Array) -> None:
        np.copyto(block, raw.astype(np.int64) + offset, casting="unsafe")

    return finish


def finish_requantised(
    profile: Profile,
    source: ScaleProduct,
    target: TensorType,
    offset: Array,
    bound: int,
    *,
    rounding: Rounding,
    activation: Activation,
    single_rounding: bool = False,
) -> Finish:
    """Adds an int64 offset per channel and rescales to `target`, as `profile.rescale` does.

    `source` runs along axis 1 of the blocks if along any; `bound` is the largest magnitude that raw + offset takes.
    """
    wrap = bound >= 2**31
    if not wrap:
        fast = _fast_finish(profile, source, target, offset, bound, rounding, activation, single_rounding)
        if fast is not None:
            return fast
    block_type = target.with_quantisation(
        None
        if target.quantisation is None
        else Quantisation.per_tensor(target.quantisation.scale, target.quantisation.zero_point)
    )

    def finish(raw: Array, block: Array) -> None:
        sums = raw.astype(np.int64) + offset
        if wrap:
            sums = sums.astype(np.int32)
        block[...] = profile.rescale(
            sums, source, block_type, rounding=rounding, activation=activation, single_rounding=single_rounding
        )

    return finish


# --- cheaper ways ---


def _fast_finish(
    profile: Profile,
    source: ScaleProduct,
    target: TensorType,
    offset: Array,
    bound: int,
    rounding: Rounding,
    activation: Activation,
    single_rounding: bool,
) -> Finish | None:
    """A finish in floating point that gives the very integers of `profile.rescale`; None where that is not proven."""
    parameters = target.quantisation
    if target.element.bits != 8 or parameters is None or parameters.is_per_channel:
        return None
    low, high = activation_bounds(target, activation)
    store = _ByteStore(target, low, high)
    if isinstance(profile, QdqProfile):
        return _real_float32(source, parameters, offset, bound, store)
    if single_rounding:
        return None
    with np.errstate(all="ignore"):
        multiplier = profile.multipliers(source, np.asarray(parameters.scale, np.float32), 2).reshape(-1)
    if not (np.isfinite(multiplier).all() and (multiplier > 0).all()):
        return None
    if isinstance(profile, XnnpackProfile):
        return _half_even_float32(multiplier, offset, bound, parameters.zero_point, store)
    if isinstance(profile, RelayFloatProfile):
        return None
    rule = _rule(profile, rounding)
    return None if rule is None else _exact_float64(multiplier, offset, parameters.zero_point, (low, high), rule, store)


class _ByteStore:
    """Clamps values, cuts off their fraction, and stores them as 8-bit integers.

    Values come with `-shift` added, so that they are not negative and cutting off is rounding down.
    """

    def __init__(self, target: TensorType, low: int, high: int) -> None:
        self.shift = target.element.minimum
        self.low, self.high = low - self.shift, high - self.shift

    def __call__(self, values: Array, block: Array) -> None:
        np.clip(values, values.dtype.type(self.low), values.dtype.type(self.high), out=values)
        unsigned = block.view(np.uint8)
        np.copyto(unsigned, values, casting="unsafe")
        if self.shift:
            np.bitwise_xor(unsigned, np.uint8(0x80), out=unsigned)


def _half_even_float32(
    multiplier: Array, offset: Array, bound: int, zero_point: int, store: _ByteStore
) -> Finish | None:
    """XNNPACK's rule as it stands; sums below 2^24 are exact in float32, so the bias may be added there."""
    if bound >= 2**24:
        return None
    bias = offset.astype(np.float32)
    point = np.float32(zero_point - store.shift)

    def finish(raw: Array, block: Array) -> None:
        raw = raw.astype(np.float32, copy=False)
        np.add(raw, bias, out=raw)
        np.multiply(raw, multiplier, out=raw)
        np.rint(raw, out=raw)
        np.add(raw, point, out=raw)
        store(raw, block)

    return finish


def _real_float32(source: ScaleProduct, target: Quantisation, offset: Array, bound: int, store: _ByteStore) -> Finish:
    """`qdq`'s rule as it stands: float32(sum) to a real value, to steps. Long sums get their bias in float64."""
    scales, step = real_scales(source, 2, np.float32).reshape(-1), np.float32(target.scale)
    point = np.float32(target.zero_point - store.shift)
    bias = offset.astype(np.float32 if bound < 2**24 else np.float64)

    def finish(raw: Array, block: Array) -> None:
        values = np.add(raw.astype(bias.dtype, copy=False), bias).astype(np.float32, copy=False)
        with np.errstate(over="ignore"):
            np.multiply(values, scales, out=values)
            np.divide(values, step, out=values)
        np.rint(values, out=values)
        np.add(values, point, out=values)
        store(values, block)

    return finish


class _Rule(NamedTuple):
    """A rule with one 31-bit mantissa: floor(t + constant + swing(R) with t's sign), or trunc instead of floor."""

    constant: float
    swing: Callable[[Array], Array]
    truncates: bool = False


_UPWARD = _Rule(0.5, lambda right: np.zeros(right.shape))
_TO_NEAREST = _Rule(0.0, lambda right: np.full(right.shape, 0.5), truncates=True)
_TFLITE = _Rule(0.5, lambda right: np.where(right > 0, np.ldexp(1.0, -right - 1), 0.0))


def _rule(profile: Profile, rounding: Rounding) -> _Rule | None:
    if isinstance(profile, RelayFloatProfile):
        return None
    if isinstance(profile, RelayProfile):
        return _UPWARD if rounding is Rounding.UPWARD else _TO_NEAREST
    return _TFLITE if isinstance(profile, TfliteProfile) else None


def _exact_float64(
    multiplier: Array, offset: Array, zero_point: int, bounds: tuple[int, int], rule: _Rule, store: _ByteStore
) -> Finish | None:
    """The rules with a 31-bit mantissa, in float64 and without any rounding but the last.

    Let x be a sum, m = M * 2^(e - 31) the multiplier, R = max(-e, 0) the right shift and t = x * m. Relay's rules are
    floor(t + 1/2) and trunc(t +- 1/2). TFLite rounds twice, y = floor(x * M / 2^31 + 1/2), then y / 2^R with halves
    away from zero; for R >= 1 the result reaches k > 0 as soon as y >= (k - 1/2) * 2^R, which is a whole number, so
    as soon as t >= k - 1/2 - 2^(-R-1); likewise it falls to -k as soon as t < -(k - 1/2) + 2^(-R-1). Hence it is
    floor(t + 1/2 +- 2^(-R-1)) with the sign of t.

    All terms are multiples of 2^(-R-31), so float64 holds and adds them exactly up to 2^(22-R). Sums above that lie
    outside the range of the result, as checked here, and stay there, since rounding is monotonic.
    """
    mantissa, exponent = quantised_multiplier(multiplier)
    right = np.maximum(-exponent, 0)
    if (exponent < -31).any() or (exponent > 30).any():
        return None
    slope = np.ldexp(mantissa.astype(np.float64), exponent - 31)
    start = offset.astype(np.float64) * slope
    span = 2.0 * (max(abs(bounds[0] - zero_point), abs(bounds[1] - zero_point)) + 2)
    exact_up_to = np.ldexp(1.0, 22 - right)
    if (span + np.abs(start) > exact_up_to).any():
        if (span > exact_up_to).any():
            return None
        return _after_offset(offset, _exact_float64(multiplier, np.zeros_like(offset), zero_point, bounds, rule, store))
    point = zero_point - store.shift
    swing = rule.swing(right)
    if bounds[0] >= zero_point or not swing.any():
        return _affine_finish(slope, start + (rule.constant + swing + point), store)
    return _signed_finish(slope, start, swing, rule, point, store)


def _affine_finish(slope: Array, constant: Array, store: _ByteStore) -> Finish:
    def finish(raw: Array, block: Array) -> None:
        values = raw.astype(np.float64)  # first, for numpy is slow at converting while it multiplies
        np.multiply(values, slope, out=values)
        np.add(values, constant, out=values)
        store(values, block)

    return finish


def _signed_finish(slope: Array, start: Array, swing: Array, rule: _Rule, point: int, store: _ByteStore) -> Finish:
    def finish(raw: Array, block: Array) -> None:
        values = raw.astype(np.float64)  # first, for numpy is slow at converting while it multiplies
        np.multiply(values, slope, out=values)
        np.add(values, start, out=values)
        np.add(values, np.copysign(swing, values), out=values)
        if rule.truncates:
            np.trunc(values, out=values)
        np.add(values, rule.constant + point, out=values)
        store(values, block)

    return finish


def _after_offset(offset: Array, finish: Finish | None) -> Finish | None:
    """`finish` on sums to which the offset has been added beforehand (in float64, where that is exact)."""
    if finish is None:
        return None
    addend = offset.astype(np.float64)
    return lambda raw, block: finish(np.add(raw, addend), block)
