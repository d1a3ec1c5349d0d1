"""Softmax in integers, as Relay's qnn.softmax computes it (Algorithm 1 of arXiv:2207.01405)."""

from __future__ import annotations

import numpy as np

from nir.ir import Quantisation, TensorType
from nir.ops.common import Rounding
from nir.ops.fixed_point import round_half_away
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import centred, float32_scale

_FRACTION_BITS = 8
"""Precision of an exponential, in bits, before it is halved."""

_RECIPROCAL_BITS = 30
"""The sum's reciprocal is 2^30 / sum, cut off."""

_RESULT_BITS = 7
"""The shares are in steps of 2^-7 before they are rescaled."""


def integer_softmax(
    profile: Profile, values: Array, source: TensorType, target: TensorType, axis: int, rounding: Rounding
) -> Array:
    """Shares of exp(value) along `axis`. The scale of `source` is at most 1: its reciprocal becomes an integer.

    e^x is 2^(x log2 e) with log2 e taken as 1 + 1/2 - 1/16; the whole part of that exponent is a shift, the rest is
    taken as linear. TVM shifts left by a count that turns negative for very small shares, which its language leaves
    undefined; here they are shifted right, which was meant.
    """
    unit = int(round_half_away(np.float32(1) / float32_scale(source)))
    distance = centred(values, source)
    distance -= distance.max(axis=axis, keepdims=True, initial=-(2**31))
    exponent = distance + (distance >> 1) - (distance >> 4)
    halvings = -exponent // unit
    rest = exponent + halvings * unit
    powers = ((rest >> 1) + unit << _FRACTION_BITS) >> np.minimum(halvings, 31)
    reciprocal = (1 << _RECIPROCAL_BITS) // powers.sum(axis=axis, keepdims=True)
    shares = (reciprocal * powers) >> (_RECIPROCAL_BITS - _RESULT_BITS)
    return profile.rescale(shares, Quantisation.per_tensor(2.0**-_RESULT_BITS), target, rounding=rounding)
