"""What each NIR operator is in TensorFlow Lite: the table, and the functions that encode an operator's options.

A file in this format says less than NIR: padding is `same` or `valid` (other padding becomes an operator before),
there is one layout (NHWC), and attributes such as shapes and axes are constant operands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nir.errors import ConvertError, Diagnostic
from nir.ir import Operation, Trait
from nir.ops.axes import normal_axes, normal_axis
from nir.ops.common import Activation, Layout, Padding, PaddingScheme
from nir.ops.windows import window_axes

Array = np.ndarray[Any, Any]

ACTIVATIONS = {Activation.NONE: 0, Activation.RELU: 1, Activation.RELU1: 2, Activation.RELU6: 3}
SAME, VALID = 0, 1
"""The schema's numbers."""


@dataclass
class Encoding:
    """An operator in the schema's terms: its name, options, and the constant operands behind NIR's own operands.

    `padding` are cells to add before: an operator of its own.
    """

    code: str
    options: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    constants: tuple[Array, ...] = ()
    constants_first: bool = False
    padding: tuple[tuple[int, int], ...] | None = None
    version: int = 1
    bias_needed: bool = False


Encoder = Callable[[Operation], Encoding]


def refuse(op: Operation, reason: str) -> ConvertError:
    """The error that a TensorFlow Lite file cannot hold `op`."""
    return ConvertError([Diagnostic(f"{op.name}: {reason}", getattr(op.location, "span", None))])


def encode(op: Operation) -> Encoding:
    """`op` in the schema's terms. Raises `ConvertError` where there is no such thing."""
    encoder = ENCODERS.get(op.name)
    if encoder is None:
        raise refuse(op, "TensorFlow Lite has no such operator, or NIR does not write it yet")
    if getattr(op, "layout", Layout.NHWC) is not Layout.NHWC:
        raise refuse(op, "TensorFlow Lite's images are NHWC; nir.passes.to_nhwc brings the module there")
    _check_integers(op)
    encoding = encoder(op)
    if any(value is not None and value.element.bits == 8 and value.element.is_integer for value in op.operands):
        encoding.version = INTEGER_VERSIONS.get(encoding.code, encoding.version)
    return encoding


PRODUCTS = frozenset({"batch_matmul", "conv_2d", "depthwise_conv_2d", "fully_connected"})
"""Operators whose bias or accumulator is a quantised 32-bit integer."""

ONE_SCALE = frozenset({"maximum", "minimum", "reduce_max", "reduce_min"})
"""Operators that LiteRT runs on stored integers, whatever their scales are."""


def _check_integers(op: Operation) -> None:
    """Refuses integers that LiteRT takes without a word, and computes something else with."""
    if Trait.MOVES in op.traits:
        return
    types = [value.type for value in (*op.operands, *op.results) if value is not None]
    if op.name not in PRODUCTS and any(t.quantisation is not None and t.element.bits == 32 for t in types):
        raise refuse(op, "LiteRT takes 32-bit integers as plain numbers, without scale and zero point")
    if any(t.element.is_integer and t.element.bits == 8 and t.quantisation is None for t in types):
        raise refuse(op, "LiteRT computes with 8-bit integers only where they have a scale and a zero point")
    if op.name == "neg" and any(
        t.quantisation is not None and (t != types[0] or t.quantisation.zero_point) for t in types
    ):
        raise refuse(op, "LiteRT negates stored integers: the zero point has to be 0, and the scale the same")
    if op.name == "sqrt" and types[0].element.is_integer:
        raise refuse(op, "LiteRT rounds the root of an integer down, NIR to the nearest")
    if op.name in ONE_SCALE and len({t.quantisation for t in types}) > 1:
        raise refuse(op, "LiteRT compares stored integers: all have to have one scale and zero point")


INTEGER_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "LEAKY_RELU": 2,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "RELU": 2,
    "RELU6": 2,
    "RESIZE_BILINEAR": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "SLICE": 2,
    "SOFTMAX": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "TANH": 2,
    "TRANSPOSE": 2,
}
"""Since when the operators take int8, by the versions in which TensorFlow Lite counts its operators."""


# --- convolutions, pools and products ---


def _windowed(op: Any, window: tuple[int, int], fields: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of an encoding with strides and padding in its fields.

    Where the cells are neither those of `same` nor of `valid` they become padding before the operator.
    """
    lengths = tuple(size or 0 for size in op.operands[0].shape[1:3])
    dilations = getattr(op, "dilations", (1, 1))

    def cells(padding: Padding) -> tuple[tuple[int, int], ...]:
        axes = window_axes(lengths, window, op.strides, dilations, padding)  # type: ignore[arg-type]
        return tuple((axis.before, axis.after) for axis in axes)

    found, before = cells(op.padding), None
    fields = {**fields, "StrideH": op.strides[0], "StrideW": op.strides[1], "Padding": VALID}
    if any(map(any, found)):
        if found == cells(PaddingScheme.SAME):
            fields["Padding"] = SAME
        else:
            before = ((0, 0), *found, (0, 0))
    return {"fields": fields, "padding": before}


def _dilated(op: Any) -> dict[str, int]:
    return {"DilationHFactor": op.dilations[0], "DilationWFactor": op.dilations[1]}


def _conv_2d(op: Any) -> Encoding:
    fields = {**_dilated(op), "FusedActivationFunction": ACTIVATIONS[op.activation]}
    return Encoding("CONV_2D", "Conv2DOptions", bias_needed=True, **_windowed(op, op.operands[1].shape[1:3], fields))


def _depthwise_conv_2d(op: Any) -> Encoding:
    multiplier = op.operands[1].shape[3] // op.operands[0].shape[3]
    fields = {**_dilated(op), "FusedActivationFunction": ACTIVATIONS[op.activation], "DepthMultiplier": multiplier}
    geometry = _windowed(op, op.operands[1].shape[1:3], fields)
    return Encoding("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", bias_needed=True, **geometry)


def _pool(code: str) -> Encoder:
    def encoder(op: Any) -> Encoding:
        activation = ACTIVATIONS[op.activation]
        fields = {"FilterHeight": op.window[0], "FilterWidth": op.window[1], "FusedActivationFunction": activation}
        encoding = Encoding(code, "Pool2DOptions", **_windowed(op, op.window, fields))
        if encoding.padding is not None:
            raise refuse(op, f"padding {op.padding} is neither that of `same` nor of `valid`")
        return encoding

    return encoder


def _fully_connected(op: Any) -> Encoding:
    return Encoding("FULLY_CONNECTED", "FullyConnectedOptions", {"FusedActivationFunction": ACTIVATIONS[op.activation]})


def _batch_matmul(op: Any) -> Encoding:
    return Encoding("BATCH_MATMUL", "BatchMatMulOptions", {"AdjX": op.transpose_left, "AdjY": op.transpose_right})


# --- elementwise ---


def _plain(code: str, options: str | None = None) -> Encoder:
    return lambda op: Encoding(code, options)


def _activated(code: str, options: str) -> Encoder:
    return lambda op: Encoding(code, options, {"FusedActivationFunction": ACTIVATIONS[op.activation]})  # type: ignore[attr-defined]


def _leaky_relu(op: Any) -> Encoding:
    return Encoding("LEAKY_RELU", "LeakyReluOptions", {"Alpha": op.alpha})


def _softmax(op: Any) -> Encoding:
    if normal_axis(op.axis, len(op.operands[0].shape)) != len(op.operands[0].shape) - 1:
        raise refuse(op, "TensorFlow Lite's softmax runs along the last dimension")
    return Encoding("SOFTMAX", "SoftmaxOptions", {"Beta": op.beta})


# --- shapes ---


def _integers(values: Any) -> Array:
    return np.asarray(values, np.int32)


def _reshape(op: Any) -> Encoding:
    shape = tuple(size or 0 for size in op.results[0].shape)
    return Encoding("RESHAPE", "ReshapeOptions", {"NewShape": shape}, (_integers(shape),))


def _transpose(op: Any) -> Encoding:
    if not op.input.shape:
        raise refuse(op, "LiteRT does not transpose scalars")
    return Encoding("TRANSPOSE", "TransposeOptions", constants=(_integers(op.order()),))


def _concatenation(op: Any) -> Encoding:
    axis = normal_axis(op.axis, len(op.results[0].shape))
    if any(value.type.quantisation != op.results[0].type.quantisation for value in op.operands):
        raise refuse(
            op, "LiteRT joins integers of one scale and zero point; `requantize` gives them those of the result"
        )
    return Encoding("CONCATENATION", "ConcatenationOptions", {"Axis": axis})


def _split(op: Any) -> Encoding:
    axis = normal_axis(op.axis, len(op.operands[0].shape))
    return Encoding("SPLIT", "SplitOptions", {"NumSplits": op.parts}, (_integers(axis),), constants_first=True)


def _pad(op: Any) -> Encoding:
    return Encoding("PAD", "PadOptions", constants=(_integers(op.padding),))


def _slice(op: Any) -> Encoding:
    return Encoding("SLICE", "SliceOptions", constants=(_integers(op.begin), _integers(op.size)))


def _strided_slice(op: Any) -> Encoding:
    rank = len(op.operands[0].shape)
    if rank and op.shrink_mask % 2**rank == 2**rank - 1:
        raise refuse(op, "of one element LiteRT makes a scalar, NIR a tensor of one dimension")
    fields = {"BeginMask": op.begin_mask, "EndMask": op.end_mask, "ShrinkAxisMask": op.shrink_mask}
    constants = (_integers(op.begin), _integers(op.end), _integers(op.strides))
    return Encoding("STRIDED_SLICE", "StridedSliceOptions", fields, constants)


def _block(code: str, options: str) -> Encoder:
    return lambda op: Encoding(code, options, {"BlockSize": op.block})  # type: ignore[attr-defined]


def _resize(code: str, options: str) -> Encoder:
    def encoder(op: Any) -> Encoding:
        fields = {"AlignCorners": op.align_corners, "HalfPixelCenters": op.half_pixel_centers}
        return Encoding(code, options, fields, (_integers(op.results[0].shape[1:3]),))

    return encoder


def _reduction(code: str) -> Encoder:
    def encoder(op: Any) -> Encoding:
        axes = normal_axes(op.axes, len(op.operands[0].shape))
        if not axes and code == "SUM":
            raise refuse(op, "LiteRT's SUM over no dimension gives zeros")
        if not op.keep_dims and len(axes) == len(op.operands[0].shape):
            raise refuse(op, "over all dimensions LiteRT gives a scalar, NIR one element; keep_dims = true is written")
        return Encoding(code, "ReducerOptions", {"KeepDims": op.keep_dims}, (_integers(axes),))

    return encoder


ENCODERS: dict[str, Encoder] = {
    "abs": _plain("ABS", "AbsOptions"),
    "add": _activated("ADD", "AddOptions"),
    "average_pool_2d": _pool("AVERAGE_POOL_2D"),
    "batch_matmul": _batch_matmul,
    "concatenation": _concatenation,
    "conv_2d": _conv_2d,
    "depth_to_space": _block("DEPTH_TO_SPACE", "DepthToSpaceOptions"),
    "depthwise_conv_2d": _depthwise_conv_2d,
    "dequantize": _plain("DEQUANTIZE", "DequantizeOptions"),
    "div": _activated("DIV", "DivOptions"),
    "exp": _plain("EXP", "ExpOptions"),
    "floor": _plain("FLOOR"),
    "fully_connected": _fully_connected,
    "hard_swish": _plain("HARD_SWISH", "HardSwishOptions"),
    "leaky_relu": _leaky_relu,
    "log": _plain("LOG"),
    "logistic": _plain("LOGISTIC"),
    "max_pool_2d": _pool("MAX_POOL_2D"),
    "maximum": _plain("MAXIMUM", "MaximumMinimumOptions"),
    "mean": _reduction("MEAN"),
    "minimum": _plain("MINIMUM", "MaximumMinimumOptions"),
    "mul": _activated("MUL", "MulOptions"),
    "neg": _plain("NEG", "NegOptions"),
    "pad": _pad,
    "prelu": _plain("PRELU"),
    "quantize": _plain("QUANTIZE", "QuantizeOptions"),
    "reduce_max": _reduction("REDUCE_MAX"),
    "reduce_min": _reduction("REDUCE_MIN"),
    "reduce_sum": _reduction("SUM"),
    "relu": _plain("RELU"),
    "relu1": _plain("RELU_N1_TO_1"),
    "relu6": _plain("RELU6"),
    "requantize": _plain("QUANTIZE", "QuantizeOptions"),
    "reshape": _reshape,
    "resize_bilinear": _resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "resize_nearest_neighbor": _resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "rsqrt": _plain("RSQRT"),
    "slice": _slice,
    "softmax": _softmax,
    "space_to_depth": _block("SPACE_TO_DEPTH", "SpaceToDepthOptions"),
    "split": _split,
    "sqrt": _plain("SQRT"),
    "strided_slice": _strided_slice,
    "sub": _activated("SUB", "SubOptions"),
    "tanh": _plain("TANH"),
    "transpose": _transpose,
}
"""NIR operator name -> what encodes it."""
