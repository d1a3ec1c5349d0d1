"""ONNX's Resize and Upsample, where NIR has no operator for exactly that: products with constant matrices.

Every interpolation but extrapolation is linear in the image, one dimension after the other: a matrix per dimension says
all of it, scales that give no whole size, antialiasing and cubic interpolation too. ONNX's reference implementation,
applied to the unit matrix, gives the matrix.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx.reference import ReferenceEvaluator

from nir.tvm.importers.onnx_graph import Array, Node, OnnxGraph, attributes, helper, make_node

_OPSET = 19
"""The version of Resize by which matrices are computed; it says all that earlier ones could."""

_DIRECT = frozenset(("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"))
"""Ways to compute positions that image operators have."""

_LARGEST = 1 << 24
"""Elements up to which a matrix is made."""

_LONGEST = 1 << 16
"""Columns up to which a matrix is made: the reference implementation takes its time for each."""


def upsample(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """Upsample is Resize with positions by plain division."""
    given = attributes(node)
    scales = np.array(given["scales"], "float32") if "scales" in given else None
    if scales is None and "width_scale" in given:
        scales = np.array([1, 1, given["height_scale"], given["width_scale"]], "float32")
    name = graph.add_weight(scales, "scales") if scales is not None else node.input[1]
    return [_as_resize(node, name, given)]


def resize(graph: OnnxGraph, node: Node) -> list[Node] | None:
    """Products with matrices where there is no image operator for it; None where there may be one."""
    if graph.opset < 11 and len(node.input) == 2:  # the first version had no regions
        return [_as_resize(node, node.input[1], attributes(node))]
    shape = graph.shape(node.input[0])
    if shape is None or None in shape:
        return None
    extents = [extent or 0 for extent in shape]
    request = _Request.of(graph, node, len(extents))
    if request is None or request.is_direct(extents):
        return None
    return request.products(graph, node, extents)


def _as_resize(node: Node, scales: str, given: dict[str, Any]) -> Node:
    settings = {"mode": given.get("mode", b"nearest"), "nearest_mode": "floor"}
    return make_node(
        "Resize", [node.input[0], "", scales], node.output, coordinate_transformation_mode="asymmetric", **settings
    )


class _Request:
    """What a node asks for: a scale or a size for every axis, and the manner."""

    def __init__(self, given: dict[str, Any], axes: list[int], scales: Array | None, sizes: Array | None, roi: Array):
        self.given = given
        self.axes = axes
        self.scales = scales
        self.sizes = sizes
        self.roi = roi
        self.mode = given.get("mode", b"nearest").decode()
        self.positions = given.get("coordinate_transformation_mode", b"half_pixel").decode()

    @classmethod
    def of(cls, graph: OnnxGraph, node: Node, rank: int) -> _Request | None:
        """The request, or None where it is not known when the model is loaded."""
        names = [*node.input, "", "", ""][1:4]
        roi, scales, sizes = (graph.weight(name) if name else None for name in names)
        if any(name and graph.weight(name) is None for name in names):
            return None
        scales, sizes = (array if array is not None and array.size else None for array in (scales, sizes))
        if (scales is None) == (sizes is None):
            return None
        given = attributes(node)
        axes = [axis % rank for axis in given.get("axes", range(rank))]
        empty = np.zeros(2 * len(axes), "float32")
        return cls(given, axes, scales, sizes, roi if roi is not None and roi.size else empty)

    def is_direct(self, extents: list[int]) -> bool:
        """Whether an image operator says exactly this: two dimensions, in whole sizes."""
        if len(extents) != 4 or self.axes != [0, 1, 2, 3] or self.mode not in ("nearest", "linear"):
            return False
        if self.positions not in _DIRECT or self.given.get("antialias", 0) or self._policy() != "stretch":
            return False
        if self.scales is not None:
            exact = [float(scale) * extent for scale, extent in zip(self.scales, extents, strict=True)]
            whole = all(abs(size - round(size)) < 1e-4 for size in exact)
            return whole and exact[:2] == extents[:2] and min(exact) >= 2
        return self.sizes is not None and list(self.sizes[:2]) == extents[:2] and min(self.sizes[2:]) >= 2

    def products(self, graph: OnnxGraph, node: Node, extents: list[int]) -> list[Node] | None:
        """A product for every axis that changes, with the axis as the last dimension meanwhile."""
        if self.positions == "tf_crop_and_resize" and self.given.get("extrapolation_value", 0.0):
            return None
        nodes: list[Node] = []
        value, rank = node.input[0], len(extents)
        for index, axis in enumerate(self.axes):
            matrix = self._matrix(index, extents)
            if matrix is None:
                return None
            if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix), dtype="float32")):
                continue
            order = [*(a for a in range(rank) if a != axis), axis]
            moved, product, back = (graph.fresh(node.output[0]) for _ in range(3))
            weight = graph.add_weight(matrix, "interpolation")
            nodes.append(make_node("Transpose", [value], [moved], perm=order))
            nodes.append(make_node("MatMul", [moved, weight], [product]))
            nodes.append(make_node("Transpose", [product], [back], perm=[order.index(a) for a in range(rank)]))
            value = back
        return [*nodes, make_node("Identity", [value], node.output[:1])]

    def _matrix(self, index: int, extents: list[int]) -> Array | None:
        """What the axis of that index is multiplied by: a row per input, a column per output."""
        extent = extents[self.axes[index]]
        kept = (
            "antialias",
            "coordinate_transformation_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "mode",
            "nearest_mode",
        )
        settings = {name: self.given[name] for name in kept if name in self.given}
        scale, size = self._along(index, extents)
        columns = size if scale is None else math.ceil(extent * scale)
        if extent * columns > _LARGEST or columns > _LONGEST or extent == 0:
            return None
        half = len(self.roi) // 2
        inputs = {"x": np.eye(extent, dtype="float32"), "roi": self.roi[[index, half + index]].astype("float32")}
        inputs["by"] = np.array([size if scale is None else scale], "int64" if scale is None else "float32")
        operands = ["x", "roi", "", "by"] if scale is None else ["x", "roi", "by"]
        types = {"float32": 1, "int64": 7}
        graph = helper.make_graph(
            [helper.make_node("Resize", operands, ["y"], axes=[1], **settings)],
            "axis",
            [helper.make_tensor_value_info(name, types[array.dtype.name], None) for name, array in inputs.items()],
            [helper.make_tensor_value_info("y", 1, None)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
        try:
            return np.asarray(ReferenceEvaluator(model).run(None, inputs)[0], "float32")
        except Exception:  # the reference refuses combinations that make no sense
            return None

    def _along(self, index: int, extents: list[int]) -> tuple[float | None, int]:
        """The scale along an axis, or None and the size."""
        if self.scales is not None:
            return float(self.scales[index]), 0
        assert self.sizes is not None
        policy = self._policy()
        if policy == "stretch":
            return None, int(self.sizes[index])
        ratios = [float(size) / extents[axis] for size, axis in zip(self.sizes, self.axes, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        return None, math.floor(ratio * extents[self.axes[index]] + 0.5)

    def _policy(self) -> str:
        return str(self.given.get("keep_aspect_ratio_policy", b"stretch").decode())
