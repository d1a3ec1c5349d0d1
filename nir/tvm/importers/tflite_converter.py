"""TVM's TFLite reader with what it refuses: more quantised operators, and shapes that a file computes but states too.

Importing this module imports TVM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nir.passes.tvm_requirement import require_tvm

require_tvm("reading TFLite models")  # before the imports that would fail less kindly

from tvm import relax  # noqa: E402
from tvm.relax.frontend.tflite.tflite_frontend import OperatorConverter  # noqa: E402

MOVES = frozenset(
    [
        "ARG_MAX",
        "ARG_MIN",
        "BATCH_TO_SPACE_ND",
        "BROADCAST_TO",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "GATHER",
        "GATHER_ND",
        "PACK",
        "PAD",
        "PADV2",
        "RANK",
        "RESIZE_NEAREST_NEIGHBOR",
        "REVERSE_SEQUENCE",
        "REVERSE_V2",
        "SELECT",
        "SELECT_V2",
        "SHAPE",
        "SLICE",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TOPK_V2",
        "TRANSPOSE",
        "UNPACK",
        "MIRROR_PAD",
    ]
)
"""Operators that move stored integers, or compare them: quantised or not, TVM's reading is right. It refuses them."""

THROUGH_FLOAT = frozenset(
    [
        "ADD_N",
        "BATCH_MATMUL",
        "CUMSUM",
        "ELU",
        "GELU",
        "L2_NORMALIZATION",
        "LOCAL_RESPONSE_NORMALIZATION",
        "PRELU",
        "RELU_0_TO_1",
        "SIGN",
        "SPACE_TO_BATCH_ND",
        "SQUARE",
    ]
)
"""Operators that TVM reads for floats only: their operands are dequantised, and the result is quantised."""


class Converter(OperatorConverter):
    """The reader of one subgraph."""

    _SUPPORTED_QUANTIZED_OPS = OperatorConverter._SUPPORTED_QUANTIZED_OPS | MOVES | THROUGH_FLOAT

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._real = False
        for name in THROUGH_FLOAT:
            if name in self.convert_map:
                self.convert_map[name] = self._through_float(self.convert_map[name])
        self.convert_map["EXPAND_DIMS"] = self._expand_dims
        self.convert_map["RESHAPE"] = self._reshape
        self.convert_map["SHAPE"] = self._shape

    def _through_float(self, convert: Callable[..., Any]) -> Callable[..., Any]:
        """`convert` on the real values of quantised operands; its result quantised as the file says."""

        def converted(op: Any) -> Any:
            quantised = [tensor for tensor in self.get_output_tensors(op) if tensor.qnn_params is not None]
            if len(quantised) != 1 or len(self.get_output_tensors(op)) != 1:
                return convert(op)
            self._real = True
            try:
                result = self.bb.normalize(convert(op))
            finally:
                self._real = False
            return self.quantize(result, quantised[0])

        return converted

    def get_tensor_type_str(self, tensor_type: Any) -> str:
        """An element type; while operands are real, quantised ones are floats. (Indices have 32 bits.)"""
        stored = str(super().get_tensor_type_str(tensor_type))
        return "float32" if self._real and stored in ("int8", "uint8", "int16") else stored

    def get_tensors(self, tensors_idx_list: Any) -> list[Any]:
        """Tensors by index; while operands are real, none of them is quantised."""
        tensors: list[Any] = super().get_tensors(tensors_idx_list)
        if self._real:
            for tensor in tensors:
                tensor.real_params, tensor.qnn_params = tensor.qnn_params, None
        return tensors

    def get_tensor_expr(self, tensor: Any, is_sparse: bool = False) -> Any:
        """The value of a tensor: dequantised, where its real value is asked for."""
        real, self._real = self._real, False  # a constant is stored as the file says
        try:
            stored = super().get_tensor_expr(tensor, is_sparse)
        finally:
            self._real = real
        return self._dequantised(stored, getattr(tensor, "real_params", None))

    def get_expr(self, input_tensor_idx: int) -> Any:
        """The value of a computed tensor: dequantised, where its real value is asked for."""
        stored = super().get_expr(input_tensor_idx)
        if not self._real:
            return stored
        return self._dequantised(stored, self.get_tensors([input_tensor_idx])[0].real_params)

    def _dequantised(self, stored: Any, parameters: Any) -> Any:
        if parameters is None or str(stored.ty.dtype).startswith("float"):
            return stored
        real = relax.op.dequantize(stored, parameters["scale"], parameters["zero_point"], axis=parameters["axis"])
        return self.bb.normalize(real)

    def _expand_dims(self, op: Any) -> Any:
        """A new dimension at a place that the file knows."""
        data, axis = self.get_input_tensors(op)
        return relax.op.expand_dims(self.get_tensor_expr(data), int(np.ravel(self.get_tensor_value(axis))[0]))

    def _shape(self, op: Any) -> Any:
        """The shape of a tensor as a constant: every shape is known here."""
        extents = self.get_tensor_expr(self.get_input_tensors(op)[0]).ty.shape.values
        dtype = self.get_tensor_type_as_numpy(self.get_output_tensors(op)[0])
        return relax.const(np.array([int(extent) for extent in extents], dtype))

    def _reshape(self, op: Any) -> Any:
        """A reshape to the shape that the file states for its result, where the shape operand is computed.

        That is right where the operand has the shape that the file states for it, and else TVM has its say.
        """
        tensors = self.get_input_tensors(op)
        if len(tensors) == 2 and self.has_expr(tensors[1].tensor_idx):
            value = self.get_tensor_expr(tensors[0])
            actual = [int(extent) for extent in value.ty.shape.values]
            stated = [int(extent) for extent in np.atleast_1d(self.get_tensor_shape(tensors[0]))]
            if actual == stated:
                target = self.get_tensor_shape(self.get_output_tensors(op)[0])
                return relax.op.reshape(value, [int(extent) for extent in target])
        return self.convert_reshape(op)
