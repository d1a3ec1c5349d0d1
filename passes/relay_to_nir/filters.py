"""Filters of convolutions: from Relay's kernel layouts to those of NIR's operators."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nir.ir import Quantisation, Value
from nir.passes.relay_to_nir.call import RelayCall


class Arrangement(NamedTuple):
    """How to bring a filter in order: transpose by `permutation`, then reshape."""

    permutation: tuple[int, ...]
    shape: tuple[int, ...]
    channels_axis: int
    """The dimension of output channels when that is done."""


def ordinary(call: RelayCall, layout: str, order: str = "OHWI") -> Arrangement:
    """For conv_2d and its kind: output channels, height, width, input channels."""
    shape = call.input_shape(1)
    permutation = _permutation(call, layout, order)
    return Arrangement(permutation, tuple(shape[d] for d in permutation), 0)


def depthwise(call: RelayCall, layout: str) -> Arrangement:
    """For depthwise_conv_2d: 1, height, width, output channels.

    Relay writes the channel of the data under O or under I and the multiplier under the other; in both cases output
    channel O * multiplier + I is next to its neighbour in this order.
    """
    shape = call.input_shape(1)
    permutation = _permutation(call, layout, "HWOI")
    height, width, outer, inner = (shape[d] for d in permutation)
    return Arrangement(permutation, (1, height, width, outer * inner), 3)


def _permutation(call: RelayCall, layout: str, order: str) -> tuple[int, ...]:
    if sorted(layout) != sorted(order):
        call.refuse(f"kernel_layout {layout} has no counterpart in NIR", "OIHW, HWIO, HWOI and OHWI have")
    return tuple(layout.index(letter) for letter in order)


def filter_value(call: RelayCall, arrangement: Arrangement, quantisation: Quantisation | None = None) -> Value:
    """Argument 1 in order: a constant is rearranged now, a parameter by operations when the model runs.

    `quantisation` is per tensor, or per channel along the arrangement's `channels_axis`.
    """
    array = call.constant(1)
    if array is not None:
        arranged = np.ascontiguousarray(array.transpose(arrangement.permutation).reshape(arrangement.shape))
        return call.new_constant(arranged, quantisation, call.constant_name(1))
    value = call.reshaped(call.transposed(call.value(1), arrangement.permutation), arrangement.shape)
    if quantisation is None:
        return value
    if quantisation.is_per_channel:
        # Scales along a dimension do not go through transposes: the parameter holds plain integers up to here.
        return call.emit("cast", value, element=value.element, quantisation=quantisation)
    call.state(value, quantisation, "the filter")
    return value
