"""The types of constants that a text only refers to, as far as the operators that use them leave no choice.

Shapes follow from attributes and from the data. Element types follow from the data too; only the weights of quantised
operators could be of several, and are taken for int8, as nearly every producer writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nir.relay.expr import Call, ExternalConstant
from nir.relay.types import TensorType

Deduction = Callable[[Call, TensorType, int], "TensorType | None"]

ASSUMED_WEIGHTS = "int8"


def deduce_externals(call: Call) -> None:
    """Gives external constants among the arguments of `call` their types, where those are not stated but follow."""
    if not any(isinstance(argument, ExternalConstant) and argument.checked_type is None for argument in call.args):
        return
    deduction = _DEDUCTIONS.get(call.op_name or "")
    data = call.args[0].checked_type
    if deduction is None or not isinstance(data, TensorType):
        return
    for position, argument in enumerate(call.args):
        if isinstance(argument, ExternalConstant) and argument.checked_type is None:
            try:
                found = deduction(call, data, position)
            except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
                continue  # attributes that do not fit are told of by the typing rule
            if found is not None and all(type(extent) is int and extent >= 0 for extent in found.shape):
                argument.checked_type = argument.type_annotation = found


def _weight(call: Call, data: TensorType, channels: int | None, dtype: str, transposed: bool) -> TensorType | None:
    attrs = call.attrs
    inputs = data.shape[attrs["data_layout"].index("C")]
    if channels is None or inputs is None or attrs["kernel_size"] is None:
        return None
    spatial = iter(attrs["kernel_size"])
    many, few = (inputs, channels // attrs["groups"]) if transposed else (channels, inputs // attrs["groups"])
    letters = {"O": few, "I": many} if transposed else {"O": many, "I": few}
    return TensorType(tuple(letters[c] if c in letters else next(spatial) for c in attrs["kernel_layout"]), dtype)


def _convolution(call: Call, data: TensorType, position: int, transposed: bool = False) -> TensorType | None:
    return _weight(call, data, call.attrs["channels"], data.dtype, transposed) if position == 1 else None


def _quantised_convolution(call: Call, data: TensorType, position: int, transposed: bool = False) -> TensorType | None:
    channels = call.attrs["channels"]
    if position == 1:
        return _weight(call, data, channels, ASSUMED_WEIGHTS, transposed)
    return _parameters(channels, position - 2, ("int32", "int32", "float32", "float32"))


def _dense(call: Call, data: TensorType, position: int, quantised: bool = False) -> TensorType | None:
    units = call.attrs["units"]
    if position == 1:
        if units is None:
            return None
        return TensorType((units, data.shape[-1]), ASSUMED_WEIGHTS if quantised else data.dtype)
    return _parameters(units, position - 2, ("int32", "int32", "float32", "float32")) if quantised else None


def _parameters(count: int | None, position: int, dtypes: tuple[str, ...]) -> TensorType | None:
    """One number for each channel: a scalar would stand in the text."""
    return TensorType((count,), dtypes[position]) if count is not None else None


def _along_axis(call: Call, data: TensorType, position: int) -> TensorType | None:
    return TensorType((data.shape[call.attrs["axis"]],), data.dtype)


def _rescaling(call: Call, data: TensorType, position: int) -> TensorType | None:
    dtypes = ("float32", "int32", "float32", "int32")
    return TensorType((data.shape[call.attrs["axis"]],), dtypes[position - 1])


_DEDUCTIONS: dict[str, Deduction] = {
    "nn.batch_norm": _along_axis,
    "nn.bias_add": _along_axis,
    "nn.conv1d": _convolution,
    "nn.conv2d": _convolution,
    "nn.conv2d_transpose": partial(_convolution, transposed=True),
    "nn.conv3d": _convolution,
    "nn.dense": _dense,
    "nn.prelu": _along_axis,
    "qnn.conv2d": _quantised_convolution,
    "qnn.conv2d_transpose": partial(_quantised_convolution, transposed=True),
    "qnn.dense": partial(_dense, quantised=True),
    "qnn.dequantize": _rescaling,
    "qnn.quantize": _rescaling,
    "qnn.requantize": _rescaling,
}
