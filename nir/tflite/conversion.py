"""A NIR function as the records of a TensorFlow Lite graph: values become tensors, operations operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.errors import ConvertError, require_type
from nir.ir import ElementType, Module, Operation, Quantisation, TensorType, Trait, Value, callees
from nir.tflite.flatbuffer import GraphRecord, OperatorRecord, TensorRecord, write_flatbuffer
from nir.tflite.operators import Encoding, encode, refuse
from nir.version import __version__

TENSOR_TYPES = {
    ElementType.F32: "FLOAT32",
    ElementType.F16: "FLOAT16",
    ElementType.I32: "INT32",
    ElementType.U32: "UINT32",
    ElementType.I16: "INT16",
    ElementType.U16: "UINT16",
    ElementType.I8: "INT8",
    ElementType.U8: "UINT8",
    ElementType.BOOL: "BOOL",
}


def to_bytes(module: Module) -> bytes:
    """The content of a `.tflite` file that computes what `@main` does.

    Raises `ConvertError` for an operator that TensorFlow Lite does not have, or that this package does not write.
    """
    require_type(module, Module, "a NIR module", "nir.text.load reads a file")
    if "main" not in module.functions:
        raise ConvertError("the module has no function @main")
    graph = _Graph()
    for parameter in module.main.parameters:
        graph.record.inputs.append(graph.tensor(parameter))
    for op in module.main.operations:
        graph.add(op)
    graph.record.outputs.extend(graph.tensor(value) for value in module.main.results)
    return write_flatbuffer(graph.record)


class _Graph:
    """Collects tensors and operators, and knows which tensor each value became."""

    def __init__(self) -> None:
        self.record = GraphRecord([], [], [], [], description=f"NIR {__version__}")
        self._numbers: dict[Value, int] = {}
        self._constants: dict[Any, int] = {}

    def tensor(self, value: Value) -> int:
        """The number of a value's tensor."""
        if value not in self._numbers:
            self._numbers[value] = self._record(value.name or f"value_{len(self._numbers)}", value.type)
        return self._numbers[value]

    def _record(self, name: str, type: TensorType, array: Any = None) -> int:
        signature = None if type.is_static else tuple(-1 if size is None else size for size in type.shape)
        shape = tuple(1 if size is None else size for size in type.shape)
        record = TensorRecord(name, TENSOR_TYPES[type.element], shape, array, signature=signature)
        quantisation = type.quantisation
        if quantisation is not None:
            record.scales, record.zero_points = quantisation.scales, quantisation.zero_points
            record.axis = quantisation.axis or 0
        self.record.tensors.append(record)
        return len(self.record.tensors) - 1

    def _constant(self, array: np.ndarray[Any, Any], what: str) -> int:
        """The tensor of a constant operand; equal ones are shared."""
        key = (array.shape, array.tobytes())
        if key not in self._constants:
            type = TensorType(ElementType.from_numpy(array.dtype), array.shape)
            self._constants[key] = self._record(what, type, array)
        return self._constants[key]

    def add(self, op: Operation) -> None:
        """Adds what an operation is in this format."""
        if Trait.CONSTANT in op.traits:
            value = op.results[0]
            self._numbers[value] = self._record(value.name or "constant", value.type, op.reference(None))
            return
        if callees(op):
            raise refuse(op, "a TensorFlow Lite file is written from one function; inline what it calls")
        encoding = encode(op)
        operands = [-1 if value is None else self.tensor(value) for value in op.operands]
        if encoding.bias_needed and (len(operands) < 3 or operands[2] == -1):
            operands[2:] = [self._zero_bias(op)]
        if encoding.padding is not None:
            operands[0] = self._padded(op, operands[0], encoding)
        constants = [self._constant(array, f"{op.name}_constant") for array in encoding.constants]
        inputs = [*constants, *operands] if encoding.constants_first else [*operands, *constants]
        outputs = [self.tensor(value) for value in op.results]
        self.record.operators.append(
            OperatorRecord(encoding.code, encoding.version, inputs, outputs, encoding.options, encoding.fields)
        )

    def _zero_bias(self, op: Operation) -> int:
        """A bias of zeros: LiteRT's kernels end the process where a convolution has none."""
        data, weights = op.operands[0], op.operands[1]
        channels = op.results[0].shape[-1] or 0
        if data is None or weights is None or data.element.is_float:
            return self._constant(np.zeros(channels, np.float32), "no_bias")
        element, scales = TensorType(ElementType.I32, (channels,)), np.ones(1, np.float32)
        if data.type.quantisation is not None and weights.type.quantisation is not None:
            scales = np.float32(data.type.quantisation.scale) * np.asarray(weights.type.quantisation.scales, np.float32)
        quantisation = (
            Quantisation.per_channel(scales, 0) if len(scales) > 1 else Quantisation.per_tensor(scales.item())
        )
        return self._record("no_bias", element.with_quantisation(quantisation), np.zeros(channels, np.int32))

    def _padded(self, op: Operation, operand: int, encoding: Encoding) -> int:
        """The tensor with cells around the image; they are real zeros."""
        image = op.operands[0]
        if image is None or encoding.padding is None:
            return operand
        cells = np.asarray(encoding.padding, np.int32)
        shape = [(size or 0) + int(pair.sum()) for size, pair in zip(image.shape, cells, strict=True)]
        padded = self._record(f"{image.name}_padded", image.type.with_shape(shape))
        inputs = [operand, self._constant(cells, "padding")]
        self.record.operators.append(OperatorRecord("PAD", 1, inputs, [padded], "PadOptions", {}))
        return padded
