"""Typing rules of `qnn.*`: shapes as the plain operators, element types of their own, scales and zero points checked."""

from __future__ import annotations

from functools import partial

from nir.relay.infer.convolution import convolution, pool, transposed_convolution
from nir.relay.infer.matmul import batch_matmul, dense
from nir.relay.infer.shape import concatenate
from nir.relay.infer.site import CallSite, Rule
from nir.relay.types import Dimension, TensorType, TupleType, Type

_ACCUMULATOR = "int32"
_LOOKED_UP = ("abs", "erf", "exp", "hardswish", "log", "rsqrt", "sigmoid", "sqrt", "tanh")


def _parameter(site: CallSite, index: int, dtype: str, channels: Dimension = None) -> None:
    """Checks that argument `index` is a scale or zero point: a scalar, or one number for each channel."""
    found = site.tensor(index)
    if found.dtype != dtype:
        raise site.error(f"argument {index} has the wrong element type", expected=dtype, found=found.dtype)
    if found.rank > 1 or (found.rank == 1 and channels is None and found.shape != (1,)):
        raise site.error(f"argument {index} must be a scalar", found=found)
    if found.rank == 1 and found.shape != (1,):
        site.same_extent(channels, found.shape[0], f"argument {index} and the channels")


def _scales_and_zero_points(site: CallSite, *pairs: tuple[int, int], channels: Dimension = None) -> None:
    for scale, zero_point in pairs:
        _parameter(site, scale, "float32", channels)
        _parameter(site, zero_point, "int32", channels)


def _axis_extent(site: CallSite) -> Dimension:
    data = site.tensor()
    return data.shape[site.axis(site.attrs["axis"], data.rank)] if data.rank else None


def _quantize(site: CallSite) -> Type:
    _scales_and_zero_points(site, (1, 2), channels=_axis_extent(site))
    return TensorType(site.tensor().shape, site.dtype("out_dtype", "int8"))


def _dequantize(site: CallSite) -> Type:
    _scales_and_zero_points(site, (1, 2), channels=_axis_extent(site))
    return TensorType(site.tensor().shape, site.dtype("out_dtype", "float32"))


def _requantize(site: CallSite) -> Type:
    _scales_and_zero_points(site, (1, 2), channels=_axis_extent(site))
    _scales_and_zero_points(site, (3, 4))
    return TensorType(site.tensor().shape, site.dtype("out_dtype", "int8"))


def _accumulated(site: CallSite, result: Type) -> Type:
    """`result` with the accumulator's element type, where the call does not state another."""
    assert isinstance(result, TensorType)
    return TensorType(result.shape, site.dtype("out_dtype", _ACCUMULATOR))


def _kernel_parameters(site: CallSite, channels: Dimension) -> None:
    _scales_and_zero_points(site, (4, 2))
    _scales_and_zero_points(site, (5, 3), channels=channels)


def _convolution(site: CallSite, transposed: bool) -> Type:
    if site.attrs["kernel_size"] is None:
        raise site.error("'kernel_size' must be given")
    result = transposed_convolution(site, 2) if transposed else convolution(site, 2)
    assert isinstance(result, TensorType)
    layout = site.attrs.get("out_layout") or site.attrs["data_layout"]
    _kernel_parameters(site, result.shape[layout.index("C")])
    return _accumulated(site, result)


def _dense(site: CallSite) -> Type:
    result = dense(site)
    assert isinstance(result, TensorType)
    _kernel_parameters(site, result.shape[-1])
    return _accumulated(site, result)


def _batch_matmul(site: CallSite) -> Type:
    _scales_and_zero_points(site, (4, 2), (5, 3))
    return _accumulated(site, batch_matmul(site))


def _elementwise(site: CallSite) -> Type:
    left, right = site.tensor(0), site.tensor(1)
    if left.dtype != right.dtype:
        raise site.error("the arguments have different element types", expected=left.dtype, found=right.dtype)
    _scales_and_zero_points(site, (2, 3), channels=_side_extent(site, left, "lhs_axis"))
    _scales_and_zero_points(site, (4, 5), channels=_side_extent(site, right, "rhs_axis"))
    _scales_and_zero_points(site, (6, 7))
    return TensorType(site.broadcast(left.shape, right.shape), left.dtype)


def _side_extent(site: CallSite, side: TensorType, name: str) -> Dimension:
    return side.shape[site.axis(site.attrs[name], side.rank, name)] if side.rank else None


def _unary(site: CallSite) -> Type:
    _scales_and_zero_points(site, (1, 2), (3, 4))
    return site.tensor()


def _pool(site: CallSite) -> Type:
    _scales_and_zero_points(site, (1, 2), (3, 4))
    return pool(site, 2)


def _concatenate(site: CallSite) -> Type:
    fields = site.tensors()
    for index, dtype in ((1, "float32"), (2, "int32")):
        parameters = site.types[index]
        if not isinstance(parameters, TupleType) or len(parameters.fields) != len(fields):
            raise site.error(f"argument {index} must hold one number for each tensor", found=parameters)
        for field in parameters.fields:
            if not isinstance(field, TensorType) or field.dtype != dtype or field.shape not in ((), (1,)):
                raise site.error(f"argument {index} must hold scalars", expected=dtype, found=field)
    _scales_and_zero_points(site, (3, 4))
    return concatenate(site)


RULES: dict[str, Rule] = {
    **dict.fromkeys([f"qnn.{name}" for name in (*_LOOKED_UP, "leaky_relu", "softmax")], _unary),
    **dict.fromkeys(("qnn.add", "qnn.mul", "qnn.subtract"), _elementwise),
    "qnn.avg_pool2d": _pool,
    "qnn.batch_matmul": _batch_matmul,
    "qnn.concatenate": _concatenate,
    "qnn.conv2d": partial(_convolution, transposed=False),
    "qnn.conv2d_transpose": partial(_convolution, transposed=True),
    "qnn.dense": _dense,
    "qnn.dequantize": _dequantize,
    "qnn.quantize": _quantize,
    "qnn.requantize": _requantize,
}
