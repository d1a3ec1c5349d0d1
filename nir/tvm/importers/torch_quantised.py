"""PyTorch's quantised programs (PT2E): the operators that TVM's front end does not read, as Relax's quantize and
dequantize.

Importing this module imports TVM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nir.errors import ConvertError
from nir.passes.tvm_requirement import require_tvm

require_tvm("reading PyTorch programs")  # before the imports that would fail less kindly

from tvm import relax  # noqa: E402

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "int32": (-(2**31), 2**31 - 1)}


def _argument(node: Any, importer: Any, index: int, name: str) -> Any:
    """An argument of an fx node: a Relax expression for one that is computed, a plain value for others."""
    value = _given(node, index, name)
    return importer.env.get(value, value) if hasattr(value, "op") else value


def _given(node: Any, index: int, name: str) -> Any:
    return node.args[index] if index < len(node.args) else node.kwargs.get(name)


def _scale(value: Any) -> Any:
    return relax.const(np.asarray(value, "float32")) if isinstance(value, int | float) else value


def _zero_point(value: Any, dtype: str) -> Any:
    """A zero point of the type of the quantised tensor; PyTorch has them in 64 bits."""
    if isinstance(value, int | np.ndarray):
        return relax.const(np.asarray(value).astype(dtype))
    return relax.op.astype(value, dtype)


def _dtype(value: Any) -> str:
    """numpy's name of a torch type."""
    name = str(value).removeprefix("torch.")
    if name not in _LIMITS:
        raise ConvertError("a quantised type that neither TVM nor NIR has", expected=", ".join(_LIMITS), found=name)
    return name


def _converter(quantises: bool, per_channel: bool, constants: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    """What makes Relax of `quantize_per_tensor` and its relatives: (input, scale, zero point[, axis], min, max, dtype)."""
    shift = 1 if per_channel else 0

    def convert(node: Any, importer: Any) -> Any:
        data = _argument(node, importer, 0, "input")
        scale = _scale(_argument(node, importer, 1, "scales" if per_channel else "scale"))
        axis = _argument(node, importer, 3, "axis") if per_channel else 0
        low = _argument(node, importer, 3 + shift, "quant_min")
        high = _argument(node, importer, 4 + shift, "quant_max")
        dtype = _dtype(_argument(node, importer, 5 + shift, "dtype"))
        given = _given(node, 2, "zero_points" if per_channel else "zero_point")
        known = constants.get(getattr(given, "name", ""))
        zero_point = _zero_point(importer.env.get(given, given) if known is None else known, dtype)
        emit = importer.block_builder.emit
        if not quantises:
            return emit(relax.op.dequantize(data, scale, zero_point, axis=axis))
        stored = emit(relax.op.quantize(data, scale, zero_point, axis=axis, out_dtype=dtype))
        if (low, high) != _LIMITS[dtype] and None not in (low, high):
            stored = emit(relax.op.clip(stored, float(low), float(high)))  # narrower than the type, such as -127 to 127
        return stored

    return convert


def conversions(program: Any) -> dict[str, Callable[[Any, Any], Any]]:
    """What makes Relax of the operators, by torch's name of them, as TVM's front end asks for it.

    TVM binds a program's constants after it has read everything: zero points, whose type must change, are looked up in
    `program`, a torch.export.ExportedProgram.
    """
    constants = _constants(program)
    return {
        f"{'' if quantises else 'de'}quantize_per_{granularity}.{overload}": _converter(
            quantises, granularity == "channel", constants
        )
        for quantises in (True, False)
        for granularity in ("tensor", "channel")
        for overload in ("default", "tensor", "tensor2")
        if granularity == "tensor" or overload == "default"
    }


def _constants(program: Any) -> dict[str, Any]:
    """Integer tensors of the program that are no inputs, as arrays, by the name of their node."""
    stored = {**program.state_dict, **program.constants}
    found = {}
    for spec in program.graph_signature.input_specs:
        tensor = stored.get(spec.target) if spec.target is not None else None
        if tensor is not None and hasattr(tensor, "numpy") and not tensor.is_floating_point():
            found[spec.arg.name] = tensor.detach().cpu().numpy()
    return found
