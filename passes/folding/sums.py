"""Sums and products with known numbers per channel become part of the sum of products before them.

conv(x, w, b) + k = conv(x, w, b + k), and conv(x, w, b) * k = conv(x, w * k, b * k): biases that importers add behind,
and normalisations whose statistics are known. A reshape in between that keeps the channels apart does not matter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nir.ir import Operation, Value
from nir.ops.common import Activation, Layout
from nir.ops.profiles import Array
from nir.passes.folding.editing import Sweep, maker
from nir.passes.folding.known import Known, known, moved_axis, put, put_real

CONVOLUTIONS = ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d")
SUMS = (*CONVOLUTIONS, "fully_connected")


class _Site(NamedTuple):
    """A sum of products that takes in what is behind it: the operation, and the reshape between the two, if any."""

    op: Operation
    reshape: Operation | None
    channels: int


def fold_into_sum(sweep: Sweep, op: Operation) -> bool:
    """The rule for add, sub, mul and div."""
    if op.name not in ("add", "sub", "mul", "div") or not op.results[0].element.is_float:
        return False
    left, right = op.operands
    for value, other in ((left, right), (right, left)):
        if value is right and op.name in ("sub", "div"):
            continue
        site, factor = _site(sweep, op, value), known(other)
        if site is None or factor is None:
            continue
        along = _along_channels(factor, op, site)
        if along is not None and (_added if op.name in ("add", "sub") else _multiplied)(sweep, op, site, along):
            return True
    return False


def _site(sweep: Sweep, op: Operation, value: Value | None) -> _Site | None:
    """The sum of products that made `value` for `op` alone."""
    reshape = maker(value, "reshape")
    inner = value if reshape is None else reshape.operands[0]
    source = maker(inner, *SUMS)
    if source is None or value is None or not sweep.is_only_user(value) or not sweep.is_only_user(inner):
        return None
    if source.attributes.get("activation", Activation.NONE) is not Activation.NONE:
        return None
    if value.shape != op.results[0].shape:
        return None
    axis = channel_axis(source)
    moved = axis if reshape is None else moved_axis(source.results[0].shape, axis, value.shape)
    return None if moved is None else _Site(source, reshape, moved)


def channel_axis(op: Operation) -> int:
    """The dimension of output channels in the result of a sum of products."""
    if op.name == "fully_connected":
        return 1
    return 1 if op.attributes.get("layout", Layout.NHWC) is Layout.NCHW else 3


def filter_axis(op: Operation) -> int:
    """The dimension of output channels in the filter."""
    return 3 if op.name == "depthwise_conv_2d" else 0


def _along_channels(given: Known, op: Operation, site: _Site) -> Known | None:
    """`given` as a vector with one number per channel; None where it differs along another dimension."""
    rank, array = op.results[0].type.rank, given.array
    channels = op.results[0].shape[site.channels]
    axis = site.channels - (rank - array.ndim)
    if any(size != 1 for d, size in enumerate(array.shape) if d != axis) or channels is None:
        return None
    quantisation = given.quantisation
    if quantisation is not None and quantisation.is_per_channel:
        if quantisation.axis != axis:
            return None
        quantisation = type(quantisation)(quantisation.scales, quantisation.zero_points, 0)
    vector = array.reshape(-1)
    if vector.size == 1 and channels != 1:
        vector = np.broadcast_to(vector, (channels,))
    return Known(vector, quantisation, given.name, given.element)


def _bias(op: Operation) -> Value | None:
    return op.operands[2] if len(op.operands) > 2 else None


def _added(sweep: Sweep, op: Operation, site: _Site, along: Known) -> bool:
    """The sum with a bias, or another one."""
    bias = _bias(site.op)
    before = known(bias)
    if bias is not None and before is None:
        return False
    if before is None and op.name == "add":
        value = put(sweep, along, op)
    else:
        offset = along.real() if op.name == "add" else -along.real()
        name = before.name if before is not None else along.name
        value = put_real(sweep, offset + (0.0 if before is None else before.real()), along.element, name, op)
    _again(sweep, op, site, site.op.operands[1], value)
    return True


def _multiplied(sweep: Sweep, op: Operation, site: _Site, along: Known) -> bool:
    """The sum with other weights; those that are quantised stay as they are."""
    weights, bias = known(site.op.operands[1]), _bias(site.op)
    before = known(bias)
    if weights is None or weights.quantisation is not None or (bias is not None and before is None):
        return False
    with np.errstate(all="ignore"):
        factor = along.real() if op.name == "mul" else 1.0 / along.real()
        shape = [-1 if d == filter_axis(site.op) else 1 for d in range(weights.array.ndim)]
        scaled: Array = weights.real() * factor.reshape(shape)
    if not np.isfinite(scaled).all():
        return False
    value = put_real(sweep, scaled, weights.element, weights.name, op)
    offset = None if before is None else put_real(sweep, before.real() * factor, weights.element, before.name, op)
    _again(sweep, op, site, value, offset)
    return True


def _again(sweep: Sweep, op: Operation, site: _Site, weights: Value | None, bias: Value | None) -> None:
    """The sum of products once more in place of `op`, with other weights, bias, and the activation of `op`."""
    attributes = dict(site.op.attributes)
    if "activation" in op.attributes:
        attributes["activation"] = op.attributes["activation"]
    operands = (site.op.operands[0], weights, bias)
    made = sweep.emit(site.op.name, *operands, like=op, type=site.op.results[0].type, **attributes)
    if site.reshape is not None:
        made = sweep.emit(
            "reshape", made.results[0], like=op, type=op.results[0].type, shape=site.reshape.attributes["shape"]
        )
    sweep.supersede(op, made)
