"""One small Relax function per operator and form, for comparing NIR's conversion with TVM's own execution.

A case is the inputs (shape, element type, and for integers the range) and a function that builds the result from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import relax, tirx

op = relax.op
Build = Callable[..., Any]


@dataclass(frozen=True)
class Input:
    """One parameter: its shape, element type, and the range that it is drawn from."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -4.0
    high: float = 4.0

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """An array of this shape."""
        if self.dtype == "bool":
            return rng.integers(0, 2, self.shape).astype(bool)
        if self.dtype.startswith("float"):
            return rng.uniform(self.low, self.high, self.shape).astype(self.dtype)
        return rng.integers(int(self.low), int(self.high) + 1, self.shape).astype(self.dtype)


@dataclass(frozen=True)
class Case:
    """A function of `inputs`; `covers` names the operators that it is a test of (relax. left out)."""

    name: str
    covers: tuple[str, ...]
    inputs: tuple[Input, ...]
    build: Build
    tolerance: float = 2e-6
    expected: Callable[..., np.ndarray] | None = None
    """What comes out, in numpy, of an operator that TVM has no code for."""


def const(value: Any, dtype: str = "float32") -> Any:
    return relax.const(np.asarray(value, dtype), dtype)


def weights(*shape: int, seed: int = 0, dtype: str = "float32") -> Any:
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        return const(rng.uniform(-1, 1, shape), dtype)
    return const(rng.integers(-100, 100, shape), dtype)


X = Input((2, 3, 4))
Y = Input((2, 3, 4))
ROW = Input((4,))
POSITIVE = Input((2, 3, 4), low=0.1, high=5)
UNIT = Input((2, 3, 4), low=-0.9, high=0.9)
INTEGERS = Input((2, 3, 4), "int32", -50, 50)
DIVISORS = Input((2, 3, 4), "int32", 1, 9)
TRUTH = Input((2, 3, 4), "bool")
NCHW = Input((1, 4, 7, 8))
NHWC = Input((1, 7, 8, 4))
LINE = Input((2, 4, 9))


def _unary(name: str, given: Input = X, tolerance: float = 2e-6) -> Case:
    return Case(name, (name,), (given,), lambda x: _function(name)(x), tolerance)


def _function(name: str) -> Any:
    found: Any = op
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _binary(name: str, left: Input = X, right: Input = Y, suffix: str = "") -> Case:
    return Case(name + suffix, (name,), (left, right), lambda x, y: _function(name)(x, y))


ELEMENTWISE = [
    *(
        _unary(name)
        for name in ("abs", "ceil", "cos", "cosh", "erf", "exp", "floor", "negative", "sign", "sin", "sinh")
    ),
    *(_unary(name) for name in ("sigmoid", "square", "tanh", "trunc", "nn.relu", "nn.gelu", "nn.gelu_tanh", "nn.silu")),
    *(_unary(name, POSITIVE) for name in ("log", "rsqrt", "sqrt")),
    *(_unary(name) for name in ("isfinite", "isinf", "isnan", "nn.selu", "nn.softplus")),
    _unary("tan", UNIT),
    _unary("round", Input((3, 40), low=-6, high=6)),
    Case(
        "round_halves",
        ("round",),
        (Input((24,), "int32", -9, 9),),
        lambda x: op.round(op.multiply(op.astype(x, "float32"), const(0.5))),
    ),
    *(_binary(name) for name in ("add", "divide", "maximum", "minimum", "multiply", "subtract", "log_add_exp")),
    *(_binary(name, X, ROW, "_broadcast") for name in ("add", "multiply", "maximum")),
    *(
        _binary(name, INTEGERS, DIVISORS, "_integers")
        for name in ("add", "divide", "floor_divide", "mod", "floor_mod", "multiply", "subtract", "maximum")
    ),
    *(_binary(name, X, Input((2, 3, 4), low=0.5, high=3), "_floats") for name in ("floor_divide", "floor_mod")),
    _binary("power", POSITIVE, Input((2, 3, 4), low=-2, high=2)),
    *(
        _binary(name, Input((2, 3, 4), "int32", 0, 3), Input((2, 3, 4), "int32", 0, 3))
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    ),
    *(
        _binary(name, TRUTH, TRUTH)
        for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    _unary("logical_not", TRUTH),
    _unary("bitwise_not", TRUTH),
    Case("where", ("where",), (TRUTH, X, ROW), lambda c, x, y: op.where(c, x, y)),
    Case(
        "ewise_fma",
        ("ewise_fma",),
        (X, Y, UNIT),
        lambda x, y, z: op.ewise_fma(x, y, z),
        expected=lambda x, y, z: x * y + z,
    ),
    Case("clip", ("clip",), (X,), lambda x: op.clip(x, -1.5, 2)),
    Case("clip_6", ("clip",), (X,), lambda x: op.clip(x, 0, 6)),
    Case("clip_i8", ("clip",), (Input((2, 9), "int8", -128, 127),), lambda x: op.clip(x, -100, 17)),
    Case("astype", ("astype",), (X,), lambda x: op.astype(x, "int32")),
    Case("astype_i64", ("astype",), (INTEGERS,), lambda x: op.astype(op.astype(x, "int64"), "float32")),
    Case("leakyrelu", ("nn.leakyrelu",), (X,), lambda x: op.nn.leakyrelu(x, 0.2)),
    Case("prelu", ("nn.prelu",), (X,), lambda x: op.nn.prelu(x, const([0.1, 0.2, 0.3]), 1)),
    Case("prelu_one", ("nn.prelu",), (X,), lambda x: op.nn.prelu(x, const([0.25]), 1)),
    Case("softmax", ("nn.softmax",), (X,), lambda x: op.nn.softmax(x, 1)),
    Case("log_softmax", ("nn.log_softmax",), (X,), lambda x: op.nn.log_softmax(x, -1)),
    Case("softplus_beta", ("nn.softplus",), (X,), lambda x: op.nn.softplus(x, 2.0, 20.0)),
]

CONVOLUTIONS = [
    Case(
        "conv2d",
        ("nn.conv2d",),
        (NCHW,),
        lambda x: op.nn.conv2d(x, weights(6, 4, 3, 2), strides=(2, 1), padding=(1, 0, 0, 2), dilation=(1, 2)),
    ),
    Case(
        "conv2d_nhwc",
        ("nn.conv2d",),
        (NHWC,),
        lambda x: op.nn.conv2d(x, weights(3, 3, 4, 5), data_layout="NHWC", kernel_layout="HWIO", padding=1),
    ),
    Case(
        "conv2d_depthwise", ("nn.conv2d",), (NCHW,), lambda x: op.nn.conv2d(x, weights(8, 1, 3, 3), groups=4, padding=1)
    ),
    Case(
        "conv2d_depthwise_nhwc",
        ("nn.conv2d",),
        (NHWC,),
        lambda x: op.nn.conv2d(x, weights(3, 3, 8, 1), groups=4, data_layout="NHWC", kernel_layout="HWOI"),
    ),
    Case("conv2d_groups", ("nn.conv2d",), (NCHW,), lambda x: op.nn.conv2d(x, weights(6, 2, 3, 3), groups=2)),
    Case("conv2d_weights_as_input", ("nn.conv2d",), (NCHW, Input((2, 4, 3, 3))), lambda x, w: op.nn.conv2d(x, w)),
    Case(
        "conv2d_transpose",
        ("nn.conv2d_transpose",),
        (NCHW,),
        lambda x: op.nn.conv2d_transpose(
            x, weights(4, 3, 3, 3), strides=(2, 2), padding=(1, 1, 0, 1), output_padding=(1, 0)
        ),
    ),
    Case("conv1d", ("nn.conv1d",), (LINE,), lambda x: op.nn.conv1d(x, weights(5, 4, 3), strides=2, padding=(1, 2))),
    Case(
        "conv1d_nwc",
        ("nn.conv1d",),
        (Input((2, 9, 4)),),
        lambda x: op.nn.conv1d(x, weights(3, 4, 5), data_layout="NWC", kernel_layout="WIO"),
    ),
    Case(
        "conv1d_transpose",
        ("nn.conv1d_transpose",),
        (LINE,),
        lambda x: op.nn.conv1d_transpose(x, weights(4, 5, 3), strides=2, padding=(1, 0), output_padding=1),
    ),
    Case(
        "max_pool2d",
        ("nn.max_pool2d",),
        (NCHW,),
        lambda x: op.nn.max_pool2d(x, (3, 2), strides=(2, 2), padding=(1, 0, 1, 1)),
    ),
    Case(
        "max_pool2d_ceil",
        ("nn.max_pool2d",),
        (NCHW,),
        lambda x: op.nn.max_pool2d(x, (3, 3), strides=(2, 2), ceil_mode=True),
    ),
    Case(
        "max_pool2d_i8",
        ("nn.max_pool2d",),
        (Input((1, 6, 6, 3), "int8", -128, 127),),
        lambda x: op.nn.max_pool2d(x, (2, 2), strides=(2, 2), layout="NHWC"),
    ),
    Case(
        "avg_pool2d",
        ("nn.avg_pool2d",),
        (NCHW,),
        lambda x: op.nn.avg_pool2d(x, (3, 3), strides=(2, 2), padding=(1, 1, 1, 1)),
    ),
    Case(
        "avg_pool2d_padding",
        ("nn.avg_pool2d",),
        (NCHW,),
        lambda x: op.nn.avg_pool2d(x, (3, 3), strides=(2, 2), padding=(1, 1, 1, 1), count_include_pad=True),
    ),
    Case("max_pool1d", ("nn.max_pool1d",), (LINE,), lambda x: op.nn.max_pool1d(x, 3, strides=2, padding=(1, 1))),
    Case("avg_pool1d", ("nn.avg_pool1d",), (LINE,), lambda x: op.nn.avg_pool1d(x, 3, strides=3)),
    Case(
        "avg_pool3d",
        ("nn.avg_pool3d",),
        (Input((1, 1, 6, 3, 4)),),
        lambda x: op.nn.avg_pool3d(x, (3, 1, 1), strides=(1, 1, 1), padding=(1, 0, 0, 1, 0, 0), count_include_pad=True),
    ),
    Case(
        "adaptive_avg_pool2d",
        ("nn.adaptive_avg_pool2d",),
        (Input((1, 3, 6, 8)),),
        lambda x: op.nn.adaptive_avg_pool2d(x, (3, 2)),
    ),
    Case(
        "adaptive_avg_pool1d",
        ("nn.adaptive_avg_pool1d",),
        (Input((1, 3, 8)),),
        lambda x: op.nn.adaptive_avg_pool1d(x, 4),
    ),
    Case("matmul_weights", ("matmul",), (Input((3, 5)),), lambda x: op.matmul(x, weights(5, 4))),
    Case(
        "matmul_3d_weights", ("matmul",), (Input((2, 3, 5)),), lambda x: op.add(op.matmul(x, weights(5, 4)), weights(4))
    ),
    Case("matmul_2d", ("matmul",), (Input((3, 5)), Input((5, 2))), lambda x, y: op.matmul(x, y)),
    Case("matmul_batch", ("matmul",), (Input((2, 3, 5)), Input((2, 5, 4))), lambda x, y: op.matmul(x, y)),
    Case("matmul_4d", ("matmul",), (Input((2, 3, 4, 5)), Input((3, 5, 2))), lambda x, y: op.matmul(x, y)),
    Case("matmul_vector", ("matmul",), (Input((2, 3, 5)), Input((5,))), lambda x, y: op.matmul(x, y)),
    Case("matmul_vectors", ("matmul",), (Input((5,)), Input((5,))), lambda x, y: op.matmul(x, y)),
    Case("outer", ("outer",), (Input((3,)), Input((4,))), lambda x, y: op.outer(x, y)),
    Case(
        "attention",
        ("nn.attention",),
        (Input((1, 5, 2, 4)), Input((1, 6, 2, 4)), Input((1, 6, 2, 3))),
        lambda q, k, v: op.nn.attention(q, k, v),
    ),
    *(
        Case(
            f"attention_{mask}",
            ("nn.attention",),
            (Input((1, 5, 2, 4)), Input((1, 6, 2, 4)), Input((1, 6, 2, 4))),
            lambda q, k, v, mask=mask: op.nn.attention(q, k, v, causal_mask=mask),
        )
        for mask in ("TopLeft", "BottomRight")
    ),
    Case(
        "attention_bias",
        ("nn.attention_bias",),
        (Input((1, 5, 2, 4)), Input((1, 6, 2, 4)), Input((1, 6, 2, 4)), Input((1, 2, 5, 6))),
        lambda q, k, v, b: op.nn.attention(q, k, v, b, scale=0.3),
    ),
]

NORMALISATION = [
    Case("batch_norm", ("nn.batch_norm",), (NCHW,), lambda x: relax.TupleGetItem(_batch_norm(x), 0)),
    Case(
        "conv_batch_norm_relu",
        ("nn.batch_norm",),
        (NCHW,),
        lambda x: op.nn.relu(relax.TupleGetItem(_batch_norm(op.nn.conv2d(x, weights(4, 4, 3, 3))), 0)),
    ),
    Case("layer_norm", ("nn.layer_norm",), (X,), lambda x: op.nn.layer_norm(x, weights(4), weights(4, seed=1), [-1])),
    Case(
        "layer_norm_two",
        ("nn.layer_norm",),
        (X,),
        lambda x: op.nn.layer_norm(x, weights(3, 4), weights(3, 4, seed=1), [1, 2]),
    ),
    Case(
        "group_norm",
        ("nn.group_norm",),
        (NCHW,),
        lambda x: op.nn.group_norm(x, weights(4), weights(4, seed=1), 2, 1, [2, 3]),
    ),
    Case(
        "instance_norm",
        ("nn.instance_norm",),
        (NCHW,),
        lambda x: op.nn.instance_norm(x, weights(4), weights(4, seed=1), 1, [2, 3]),
    ),
    Case("rms_norm", ("nn.rms_norm",), (X,), lambda x: op.nn.rms_norm(x, weights(4), [-1])),
    Case("dropout", ("nn.dropout",), (X,), lambda x: relax.TupleGetItem(op.nn.dropout(x, 0.4), 0)),
]


def _batch_norm(x: Any) -> Any:
    return op.nn.batch_norm(
        x, weights(4), weights(4, seed=1), weights(4, seed=2), const([0.5, 1, 2, 0.1]), 1, training=False
    )


def _fixed(value: Any, *shape: int) -> Any:
    """`value` with the shape that is known of it."""
    return op.reshape(value, shape)


def _blocks(kind: str, x: Any, before: Any, after: Any, shape: tuple[int, ...], *value: float) -> Any:
    """A call of TVM's function by name, as its TFLite front end makes it. It has no code that can be compiled."""
    other = "batch" if kind == "space" else "space"
    arguments = (x, relax.ShapeExpr([2, 2]), relax.ShapeExpr(before), relax.ShapeExpr(after))
    numbers = [tirx.FloatImm("float32", number) for number in value]
    given = relax.Tuple([*arguments, *numbers])
    return op.call_dps_packed(f"topi.nn.{kind}_to_{other}_nd", given, relax.TensorType(shape, "float32"))


def _space_to_batch(x: np.ndarray) -> np.ndarray:
    return x.reshape(1, 2, 2, 2, 2, 2).transpose(2, 4, 0, 1, 3, 5).reshape(4, 2, 2, 2)


MOVING = [
    Case("reshape", ("reshape",), (X,), lambda x: op.reshape(x, (4, -1))),
    Case("flatten", ("flatten",), (X,), lambda x: op.flatten(x)),
    Case("batch_flatten", ("nn.batch_flatten",), (X,), lambda x: op.nn.batch_flatten(x)),
    Case("permute_dims", ("permute_dims",), (X,), lambda x: op.permute_dims(x, [2, 0, 1])),
    Case("permute_dims_all", ("permute_dims",), (X,), lambda x: op.permute_dims(x)),
    Case("expand_dims", ("expand_dims",), (X,), lambda x: op.expand_dims(x, [0, 3])),
    Case("squeeze", ("squeeze",), (Input((1, 3, 1, 2)),), lambda x: op.squeeze(x, [0])),
    Case("squeeze_all", ("squeeze",), (Input((1, 3, 1, 2)),), lambda x: op.squeeze(x)),
    Case("concat", ("concat",), (X, Y), lambda x, y: op.concat([x, y], 1)),
    Case("stack", ("stack",), (X, Y), lambda x, y: op.stack([x, y], 1)),
    Case("split", ("split",), (X,), lambda x: op.split(x, 2, 2)),
    Case("split_indices", ("split",), (X,), lambda x: op.split(x, [1, 3], -1)),
    Case("strided_slice", ("strided_slice",), (X,), lambda x: op.strided_slice(x, [1, 2], [0, 1], [3, 4], [2, 1])),
    Case("strided_slice_back", ("strided_slice",), (X,), lambda x: op.strided_slice(x, [2], [3], [-10], [-1])),
    Case(
        "dynamic_strided_slice",
        ("dynamic_strided_slice",),
        (X,),
        lambda x: _fixed(
            op.dynamic_strided_slice(
                x, const([0, 1, 0], "int64"), const([2, 3, 4], "int64"), const([1, 1, 2], "int64")
            ),
            2,
            2,
            2,
        ),
    ),
    Case("pad", ("nn.pad",), (X,), lambda x: op.nn.pad(x, [0, 0, 1, 2, 0, 1], pad_value=1.5)),
    Case("pad_reflect", ("nn.pad",), (X,), lambda x: op.nn.pad(x, [0, 0, 1, 2, 1, 1], pad_mode="reflect")),
    Case("tile", ("tile",), (X,), lambda x: op.tile(x, (2, 1, 3))),
    Case("repeat", ("repeat",), (X,), lambda x: op.repeat(x, 3, 1)),
    Case("repeat_all", ("repeat",), (X,), lambda x: op.repeat(x, 2)),
    Case("flip", ("flip",), (X,), lambda x: op.flip(x, 1)),
    Case("broadcast_to", ("broadcast_to",), (ROW,), lambda x: op.broadcast_to(x, (2, 3, 4))),
    Case(
        "pixel_shuffle",
        ("nn.pixel_shuffle",),
        (Input((1, 8, 2, 3)),),
        lambda x: op.nn.pixel_shuffle(x, 2),
        expected=lambda x: x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 6),
    ),
    Case("meshgrid", ("meshgrid",), (Input((3,)), Input((4,))), lambda x, y: op.meshgrid([x, y], "ij")),
    Case(
        "space_to_batch",
        ("call_dps_packed.topi.nn.space_to_batch_nd",),
        (Input((1, 3, 4, 2)),),
        lambda x: _blocks("space", x, (1, 0), (0, 0), (4, 2, 2, 2), 0.0),
        expected=lambda x: _space_to_batch(np.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))),
    ),
    Case(
        "batch_to_space",
        ("call_dps_packed.topi.nn.batch_to_space_nd",),
        (Input((4, 2, 2, 2)),),
        lambda x: _blocks("batch", x, (0, 1), (1, 0), (1, 3, 3, 2)),
        expected=lambda x: x.reshape(2, 2, 1, 2, 2, 2).transpose(2, 3, 0, 4, 1, 5).reshape(1, 4, 4, 2)[:, :3, 1:],
    ),
    Case("tril", ("tril",), (X,), lambda x: op.tril(x, 1)),
    Case("triu", ("triu",), (X,), lambda x: op.triu(x, -1)),
]

REDUCTIONS = [
    *(
        Case(name, (name,), (X,), lambda x, name=name: _function(name)(x, [0, 2]))
        for name in ("max", "mean", "min", "sum", "variance", "std")
    ),
    *(
        Case(name + "_all", (name,), (X,), lambda x, name=name: _function(name)(x))
        for name in ("max", "mean", "sum", "prod")
    ),
    Case("sum_keep", ("sum",), (X,), lambda x: op.sum(x, 1, keepdims=True)),
    Case("argmax", ("argmax",), (X,), lambda x: op.argmax(x, 1)),
    Case("argmin_keep", ("argmin",), (X,), lambda x: op.argmin(x, 2, True)),
    Case("argmax_all", ("argmax",), (X,), lambda x: op.argmax(x)),
    Case("topk", ("topk",), (X,), lambda x: op.topk(x, 2, -1, "both", True, "int32")),
    Case("topk_values", ("topk",), (X,), lambda x: op.topk(x, 2, 1, "values", False)),
    Case("sort", ("sort",), (X,), lambda x: op.sort(x, 1)),
    Case("argsort", ("argsort",), (X,), lambda x: op.argsort(x, 2, True)),
]

INDEXING = [
    Case("take", ("take",), (X, Input((2, 2), "int32", 0, 2)), lambda x, i: op.take(x, i, 1)),
    Case("take_constant", ("take",), (X,), lambda x: op.take(x, const([2, 0], "int64"), 1)),
    Case("take_flat", ("take",), (X,), lambda x: op.take(op.reshape(x, (24,)), const([2, 0, 23], "int64"))),
    Case(
        "gather_elements",
        ("gather_elements",),
        (X, Input((2, 3, 2), "int32", 0, 3)),
        lambda x, i: op.gather_elements(x, i, 2),
    ),
    Case(
        "gather_nd",
        ("gather_nd",),
        (X, Input((5, 2), "int32", 0, 1)),
        lambda x, i: op.gather_nd(x, op.astype(i, "int64")),
    ),
    Case(
        "one_hot",
        ("one_hot",),
        (Input((3, 2), "int32", 0, 4),),
        lambda i: op.one_hot(i, tirx.FloatImm("float32", 2.0), tirx.FloatImm("float32", -1.0), 5),
    ),
    Case(
        "resize_linear",
        ("image.resize2d",),
        (Input((1, 2, 4, 5)),),
        lambda x: op.image.resize2d(x, (8, 10), method="linear"),
    ),
    Case(
        "resize_corners",
        ("image.resize2d",),
        (Input((1, 4, 5, 2)),),
        lambda x: op.image.resize2d(
            x, (7, 9), layout="NHWC", method="linear", coordinate_transformation_mode="align_corners"
        ),
    ),
    Case(
        "resize_nearest",
        ("image.resize2d",),
        (Input((1, 2, 4, 5)),),
        lambda x: op.image.resize2d(
            x, (8, 10), method="nearest_neighbor", coordinate_transformation_mode="asymmetric", rounding_method="floor"
        ),
    ),
    Case("full", ("full",), (X,), lambda x: op.add(x, op.full((3, 1), const(2.5), "float32"))),
    Case("full_like", ("full_like",), (X,), lambda x: op.add(x, op.full_like(x, const(2.5)))),
    Case("zeros", ("zeros",), (X,), lambda x: op.add(x, op.zeros((3, 1), "float32"))),
    Case("ones", ("ones",), (X,), lambda x: op.add(x, op.ones((3, 1), "float32"))),
    Case("zeros_like", ("zeros_like",), (X,), lambda x: op.add(x, op.zeros_like(x))),
    Case("ones_like", ("ones_like",), (X,), lambda x: op.add(x, op.ones_like(x))),
    Case("arange", ("arange",), (ROW,), lambda x: op.add(x, op.arange(0, 2, 0.5, "float32"))),
    Case("eye", ("eye",), (Input((3, 4)),), lambda x: op.add(x, op.eye(3, 4, 1, "float32"))),
    Case("eye_like", ("eye_like",), (Input((3, 4)),), lambda x: op.add(x, op.eye_like(x, 0))),
    Case("shape_of", (), (X,), lambda x: op.add(x, op.sum(op.astype(op.shape_to_tensor(op.shape_of(x)), "float32")))),
]


QUANTISATION = [
    Case("quantize", ("quantize",), (X,), lambda x: op.quantize(x, const(0.05), const(-3, "int8"), 1, "int8")),
    Case(
        "dequantize",
        ("dequantize",),
        (Input((2, 3, 4), "int8", -128, 127),),
        lambda x: op.dequantize(x, const([0.1, 0.2, 0.3]), const([0, 0, 0], "int8"), 1),
    ),
    Case(
        "dequantize_u8",
        ("dequantize",),
        (Input((2, 3, 4), "uint8", 0, 255),),
        lambda x: op.dequantize(x, const(0.1), const(128, "uint8"), 1),
    ),
]

CASES = [*ELEMENTWISE, *CONVOLUTIONS, *NORMALISATION, *MOVING, *REDUCTIONS, *INDEXING, *QUANTISATION]
