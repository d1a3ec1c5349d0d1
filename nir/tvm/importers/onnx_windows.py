"""ONNX's windows: padding that is told by a word or by the result's size, written out in cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nir.tvm.importers.onnx_graph import Node, OnnxGraph, attributes, make_node

_WORDS = (b"SAME_UPPER", b"SAME_LOWER", b"VALID")


def explicit_padding(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """A convolution or pooling whose padding is told in cells, not by `auto_pad`."""
    given = attributes(node)
    word = given.pop("auto_pad", b"NOTSET")
    if word not in _WORDS:
        return None
    shape = graph.shape(node.input[0])
    weights = graph.shape(node.input[1]) if node.op_type == "Conv" else None
    kernel = given.get("kernel_shape", weights[2:] if weights is not None else None)
    if shape is None or kernel is None or None in shape[2:] or None in kernel:
        return None
    rank = len(kernel)
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    before, after = [0] * rank, [0] * rank
    if word != b"VALID":
        for axis, extent in enumerate(shape[2:]):
            reach = (int(kernel[axis] or 0) - 1) * dilations[axis] + 1
            total = max(0, (math.ceil((extent or 0) / strides[axis]) - 1) * strides[axis] + reach - (extent or 0))
            small, large = total // 2, total - total // 2
            before[axis], after[axis] = (small, large) if word == b"SAME_UPPER" else (large, small)
    given["pads"] = [*before, *after]
    return [make_node(node.op_type, node.input, node.output, **given)]


def transposed_padding(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """A transposed convolution whose padding follows from the size of its result, or from `auto_pad`."""
    given = attributes(node)
    word = given.pop("auto_pad", b"NOTSET")
    wanted = given.pop("output_shape", None)
    if wanted is None and word not in _WORDS:
        return None
    shape, weights = graph.shape(node.input[0]), graph.shape(node.input[1])
    if shape is None or weights is None or None in shape[2:] or None in weights[2:]:
        return None
    kernel = given.get("kernel_shape", weights[2:])
    rank = len(kernel)
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    extra = list(given.get("output_padding", [0] * rank))
    before, after = [0] * rank, [0] * rank
    for axis, extent in enumerate(shape[2:]):
        reach = (int(kernel[axis] or 0) - 1) * dilations[axis] + 1
        full = strides[axis] * ((extent or 0) - 1) + extra[axis] + reach
        size = wanted[-rank:][axis] if wanted is not None else (extent or 0) * strides[axis]
        total = full - size if wanted is not None or word != b"VALID" else 0
        if total < 0:  # more than the windows reach: further cells at the end
            extra[axis] -= total
            total = 0
        small, large = total // 2, total - total // 2
        before[axis], after[axis] = (large, small) if word != b"SAME_UPPER" else (small, large)
    given.update(pads=[*before, *after], output_padding=extra)
    return [make_node(node.op_type, node.input, node.output, **given)]


def pad_by_indices(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """Padding that repeats elements takes them by index, axis by axis; so does padding by less than nothing."""
    widths = pad_widths(graph, node)
    mode = attributes(node).get("mode", b"constant").decode()
    kinds = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}
    shape = graph.shape(node.input[0])
    if widths is None or shape is None or None in shape or (mode not in kinds and min(map(min, widths)) >= 0):
        return None
    nodes: list[Node] = []
    value = node.input[0]
    for axis, (extent, width) in enumerate(zip(shape, widths, strict=True)):
        before, after = width
        indices = np.arange(extent or 0)
        indices = indices[max(0, -before) : len(indices) - max(0, -after)]
        if mode in kinds:
            if len(indices) == 0:
                return None
            indices = np.pad(indices, (max(0, before), max(0, after)), mode=kinds[mode])  # type: ignore[call-overload]
        if np.array_equal(indices, np.arange(extent or 0)):
            continue
        taken = graph.fresh(node.output[0])
        nodes.append(make_node("Gather", [value, graph.add_weight(indices, "indices")], [taken], axis=axis))
        value = taken
    if mode in kinds:
        return [*nodes, make_node("Identity", [value], node.output)]
    cells = [max(0, before) for before, _ in widths] + [max(0, after) for _, after in widths]
    if graph.opset < 11:
        return [*nodes, make_node("Pad", [value], node.output, pads=cells, value=attributes(node).get("value"))]
    pads = graph.add_weight(np.array(cells, "int64"), "pads")
    return [*nodes, make_node("Pad", [value, pads, *node.input[2:3]], node.output)]


def pad_widths(graph: OnnxGraph, node: Node) -> list[tuple[int, int]] | None:
    """Cells before and after, for every axis; None where they are not known."""
    shape = graph.shape(node.input[0])
    pads = attributes(node).get("pads") if graph.opset < 11 else graph.weight(node.input[1])
    if shape is None or pads is None:
        return None
    axes: Any = range(len(shape))
    if len(node.input) > 3 and node.input[3]:
        axes = graph.weight(node.input[3])
        if axes is None:
            return None
    cells = [int(cell) for cell in pads]
    widths = [(0, 0)] * len(shape)
    half = len(cells) // 2
    for index, axis in enumerate(axes):
        widths[int(axis)] = (cells[index], cells[half + index])
    return widths
