"""Typing rules of operators that work element by element, with and without broadcasting."""

from __future__ import annotations

from nir.relay.infer.site import CallSite, Rule
from nir.relay.types import TensorType, TupleType, Type

_SAME_AS_FIRST = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "bitwise_not",
    "ceil",
    "clip",
    "copy",
    "cos",
    "cosh",
    "erf",
    "exp",
    "fast_erf",
    "fast_exp",
    "fast_tanh",
    "fixed_point_multiply",
    "fixed_point_multiply_per_axis",
    "floor",
    "invert_permutation",
    "log",
    "log10",
    "log2",
    "logical_not",
    "negative",
    "nn.fast_softmax",
    "nn.l2_normalize",
    "nn.leaky_relu",
    "nn.log_softmax",
    "nn.lrn",
    "nn.relu",
    "nn.softmax",
    "ones_like",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "zeros_like",
    "annotation.bitpack_end",
    "annotation.bitpack_start",
    "annotation.cast_hint",
    "annotation.checkpoint",
    "annotation.compiler_begin",
    "annotation.compiler_end",
    "annotation.stop_fusion",
    "device_copy",
    "on_device",
]
_TESTS = ("isfinite", "isinf", "isnan")
_BINARY = [
    "add",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "divide",
    "floor_divide",
    "floor_mod",
    "left_shift",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "power",
    "right_shift",
    "subtract",
    "trunc_divide",
    "trunc_mod",
]
_COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")


def _same(site: CallSite) -> Type:
    return site.types[0]


def _test(site: CallSite) -> Type:
    return TensorType(site.tensor().shape, "bool")


def _broadcast(site: CallSite) -> TensorType:
    left, right = site.tensor(0), site.tensor(1)
    if left.dtype != right.dtype:
        raise site.error("the arguments have different element types", expected=left.dtype, found=right.dtype)
    return TensorType(site.broadcast(left.shape, right.shape), left.dtype)


def _comparison(site: CallSite) -> Type:
    return TensorType(_broadcast(site).shape, "bool")


def _where(site: CallSite) -> Type:
    condition, left, right = (site.tensor(index) for index in range(3))
    if left.dtype != right.dtype:
        raise site.error("the two choices have different element types", expected=left.dtype, found=right.dtype)
    return TensorType(site.broadcast(condition.shape, site.broadcast(left.shape, right.shape)), left.dtype)


def _cast(site: CallSite) -> Type:
    return TensorType(site.tensor().shape, site.dtype("dtype", site.tensor().dtype))


def _cast_like(site: CallSite) -> Type:
    return TensorType(site.tensor(0).shape, site.tensor(1).dtype)


def _channels(site: CallSite, count: int) -> TensorType:
    """Checks that `count` arguments behind the first are vectors along the axis; returns the data's type."""
    data = site.tensor()
    extent = data.shape[site.axis(site.attrs["axis"], data.rank)]
    for index in range(1, count + 1):
        vector = site.ranked(1, index)
        site.same_extent(extent, vector.shape[0], f"argument {index} and the data along the axis")
    return data


def _bias_add(site: CallSite) -> Type:
    return _channels(site, 1)


def _prelu(site: CallSite) -> Type:
    return _channels(site, 1)


def _affine_norm(site: CallSite) -> Type:
    return _channels(site, 2)


def _batch_norm(site: CallSite) -> Type:
    data = _channels(site, 4)
    statistics = TensorType(site.tensor(3).shape, data.dtype)
    return TupleType((data, statistics, statistics))


def _dropout(site: CallSite) -> Type:
    return TupleType((site.tensor(), site.tensor()))


RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME_AS_FIRST, _same),
    **dict.fromkeys(_TESTS, _test),
    **dict.fromkeys(_BINARY, _broadcast),
    **dict.fromkeys(_COMPARISONS, _comparison),
    "cast": _cast,
    "cast_like": _cast_like,
    "reinterpret": _cast,
    "where": _where,
    "nn.batch_norm": _batch_norm,
    "nn.bias_add": _bias_add,
    "nn.dropout": _dropout,
    "nn.group_norm": _affine_norm,
    "nn.instance_norm": _affine_norm,
    "nn.layer_norm": _affine_norm,
    "nn.prelu": _prelu,
}
