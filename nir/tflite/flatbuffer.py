"""Writing TensorFlow Lite's file format: a graph of tensors and operators as a flatbuffer. Knows nothing of NIR.

The format's schema comes as generated code in the package tflite; this file is the one place that imports it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nir.errors import missing_extra

if TYPE_CHECKING:
    import flatbuffers

Array = np.ndarray[Any, Any]

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
ALIGNMENT = 16
"""Bytes on whose multiples the elements of constants stand in a file."""
LAST_SHORT_CODE = 127
"""Operator codes beyond are in a field of their own, and this stands in the old one."""


@dataclass
class TensorRecord:
    """A tensor of the graph: `array` holds a constant's elements."""

    name: str
    type: str
    shape: tuple[int, ...]
    array: Array | None = None
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    signature: tuple[int, ...] | None = None


@dataclass
class OperatorRecord:
    """An operator of the graph: its name in the schema, tensor numbers (-1 for none), and its options' fields."""

    code: str
    version: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class GraphRecord:
    """One graph and its interface, as tensor numbers."""

    tensors: list[TensorRecord]
    operators: list[OperatorRecord]
    inputs: list[int]
    outputs: list[int]
    name: str = "main"
    description: str = ""


def write_flatbuffer(graph: GraphRecord) -> bytes:
    """The bytes of a .tflite file. Raises `NirError` where the package tflite is missing."""
    return _Writer(graph).write()


class _Writer:
    """Writes tables bottom-up, as flatbuffers are."""

    def __init__(self, graph: GraphRecord) -> None:
        try:
            import flatbuffers  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError:
            raise missing_extra("tflite", "tflite", "writing TensorFlow Lite files") from None
        self.graph = graph
        self.builder: flatbuffers.Builder = flatbuffers.Builder(1 << 16)
        self.codes = list(dict.fromkeys((op.code, op.version) for op in graph.operators))

    def write(self) -> bytes:
        constants = [tensor.array for tensor in self.graph.tensors if tensor.array is not None]
        buffers = [self.table("Buffer")] + [self._buffer(array) for array in constants]
        description = self.builder.CreateString(self.graph.description)
        model = self.table(
            "Model",
            Version=SCHEMA_VERSION,
            OperatorCodes=self.offsets([self._operator_code(*code) for code in self.codes]),
            Subgraphs=self.offsets([self._subgraph()]),
            Description=description,
            Buffers=self.offsets(buffers),
        )
        self.builder.Finish(model, FILE_IDENTIFIER)
        return bytes(self.builder.Output())

    def _buffer(self, array: Array) -> int:
        content = np.ascontiguousarray(array).tobytes()
        self.builder.StartVector(1, len(content), ALIGNMENT)
        self.builder.head -= len(content)
        self.builder.Bytes[self.builder.head : self.builder.head + len(content)] = content
        return self.table("Buffer", Data=self.builder.EndVector())

    def _operator_code(self, code: str, version: int) -> int:
        number = self.constant("BuiltinOperator", code)
        short = min(number, LAST_SHORT_CODE)
        return self.table("OperatorCode", DeprecatedBuiltinCode=short, BuiltinCode=number, Version=version)

    def _subgraph(self) -> int:
        buffer, tensors = 0, []
        for tensor in self.graph.tensors:
            buffer += tensor.array is not None
            tensors.append(self._tensor(tensor, buffer if tensor.array is not None else 0))
        return self.table(
            "SubGraph",
            Tensors=self.offsets(tensors),
            Inputs=self.vector(np.int32, self.graph.inputs),
            Outputs=self.vector(np.int32, self.graph.outputs),
            Operators=self.offsets([self._operator(op) for op in self.graph.operators]),
            Name=self.builder.CreateString(self.graph.name),
        )

    def _tensor(self, tensor: TensorRecord, buffer: int) -> int:
        parts: dict[str, Any] = {"Type": self.constant("TensorType", tensor.type), "Buffer": buffer}
        if tensor.scales:
            parts["Quantization"] = self.table(
                "QuantizationParameters",
                Scale=self.vector(np.float32, tensor.scales),
                ZeroPoint=self.vector(np.int64, tensor.zero_points),
                QuantizedDimension=tensor.axis,
            )
        if tensor.signature is not None:
            parts["ShapeSignature"] = self.vector(np.int32, tensor.signature)
        name, shape = self.builder.CreateString(tensor.name), self.vector(np.int32, tensor.shape)
        return self.table("Tensor", Name=name, Shape=shape, **parts)

    def _operator(self, op: OperatorRecord) -> int:
        parts: dict[str, Any] = {"OpcodeIndex": self.codes.index((op.code, op.version))}
        if op.options is not None:
            fields = {
                name: self.vector(np.int32, value) if isinstance(value, (tuple, list)) else value
                for name, value in op.fields.items()
            }
            parts["BuiltinOptions"] = self.table(op.options, **fields)
            parts["BuiltinOptionsType"] = self.constant("BuiltinOptions", op.options)
        inputs, outputs = (self.vector(np.int32, numbers) for numbers in (op.inputs, op.outputs))
        return self.table("Operator", Inputs=inputs, Outputs=outputs, **parts)

    # --- flatbuffers ---

    def table(self, name: str, **fields: Any) -> int:
        """Writes a table whose fields are numbers, or offsets of what was written before."""
        module = _schema(name)
        getattr(module, f"{name}Start")(self.builder)
        for key, value in fields.items():
            getattr(module, f"{name}Add{key}")(self.builder, value)
        return int(getattr(module, f"{name}End")(self.builder))

    def vector(self, dtype: Any, values: Sequence[Any]) -> int:
        """Writes a vector of numbers."""
        return int(self.builder.CreateNumpyVector(np.asarray(values, dtype)))

    def offsets(self, values: Sequence[int]) -> int:
        """Writes a vector of tables."""
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependUOffsetTRelative(value)
        return int(self.builder.EndVector())

    @staticmethod
    def constant(enumeration: str, name: str) -> int:
        """The number of a name in one of the schema's enumerations."""
        return int(getattr(getattr(_schema(enumeration), enumeration), name))


def _schema(name: str) -> Any:
    """The generated code of one of the schema's types."""
    try:
        return importlib.import_module(f"tflite.{name}")
    except ModuleNotFoundError:
        raise missing_extra("tflite", "tflite", "writing TensorFlow Lite files") from None
