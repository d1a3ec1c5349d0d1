"""Padding becomes part of the convolution or the maximum pool behind it."""

from __future__ import annotations

import numpy as np

from nir.ir import Operation, Value
from nir.ops.common import Layout, PaddingScheme
from nir.passes.folding.editing import Sweep, maker

_SLIDING = ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d")


def fold_padding(sweep: Sweep, op: Operation) -> bool:
    """The rule for convolutions behind zeros, and for maximum pools behind the smallest value."""
    if op.name in _SLIDING:
        source = maker(op.operands[0], "pad", "pad_v2")
        if source is None or (source.name == "pad_v2" and not _pads_zeros(source)):
            return False
    elif op.name == "max_pool_2d":
        source = maker(op.operands[0], "pad_v2")
        if source is None or not _pads_smallest(source):
            return False
    else:
        return False
    cells = _cells(op, source)
    if cells is None or (op.name == "max_pool_2d" and not _fits(cells, op.attributes["window"])):
        return False
    operands: list[Value | None] = [source.operands[0], *op.operands[1:]]
    made = sweep.emit(op.name, *operands, like=op, type=op.results[0].type, **{**op.attributes, "padding": cells})
    sweep.supersede(op, made)
    return True


def _cells(op: Operation, source: Operation) -> tuple[int, int, int, int] | None:
    """The padding of both together; None where other dimensions are padded, or the rule `same` would see another image."""
    own = op.attributes.get("padding", PaddingScheme.VALID)
    if own is PaddingScheme.SAME:
        return None
    top, bottom, left, right = own if isinstance(own, tuple) else (0, 0, 0, 0)
    rows, columns = (2, 3) if op.attributes.get("layout", Layout.NHWC) is Layout.NCHW else (1, 2)
    padding = source.attributes["padding"]
    if any(before or after for d, (before, after) in enumerate(padding) if d not in (rows, columns)):
        return None
    (above, below), (before, after) = padding[rows], padding[columns]
    return top + above, bottom + below, left + before, right + after


def _pads_zeros(source: Operation) -> bool:
    """True where the padding stands for the real value 0."""
    quantisation = source.results[0].type.quantisation
    value = source.attributes["value"]
    if source.results[0].element.is_float:
        return bool(value == 0)
    return quantisation is not None and not quantisation.is_per_channel and value == quantisation.zero_point


def _pads_smallest(source: Operation) -> bool:
    """True where no padding cell can be the only largest one."""
    element, value = source.results[0].element, source.attributes["value"]
    if element.is_float:
        return bool(value <= float(np.finfo(element.numpy).min))
    return element.is_integer and bool(value == element.minimum)


def _fits(cells: tuple[int, int, int, int], window: tuple[int, int]) -> bool:
    """True where every window holds a cell of the image."""
    return max(cells[:2]) < window[0] and max(cells[2:]) < window[1]
