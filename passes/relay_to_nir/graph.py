"""One NIR function under construction: operations, constants, and who uses what.

Handlers fuse by emitting a new operation in place of two; what nobody uses in the end is dropped by `finish`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nir.ir import (
    ConstantData,
    ElementType,
    Function,
    InferenceError,
    Operation,
    Origin,
    Quantisation,
    TensorType,
    Value,
)
from nir.ops import OPERATORS_BY_NAME
from nir.ops.constant import Const
from nir.passes.dead_code import live_operations
from nir.passes.names import WeightNames, name_values
from nir.passes.relay_to_nir.entry import NodeEntry
from nir.passes.relay_to_nir.names import readable_name
from nir.passes.relay_to_nir.problems import Unsupported
from nir.relay.ast import Constant, Expr
from nir.relay.types import TensorType as RelayType


def nir_type(type: Any) -> TensorType:
    """The NIR type of a Relay tensor type. Raises `Unsupported` for what NIR does not store, and for tuples."""
    if not isinstance(type, RelayType):
        raise Unsupported(f"a value of type {type} is no tensor")
    return TensorType(nir_element(type.dtype), type.shape)


def nir_element(dtype: str) -> ElementType:
    """The element type for TVM's `dtype`. Raises `Unsupported` where NIR has none."""
    try:
        return ElementType.from_numpy(np.dtype(dtype))
    except (KeyError, TypeError):
        raise Unsupported(f"NIR has no element type {dtype}") from None


class Graph:
    """The parts of a function that have been converted so far."""

    def __init__(self, weight_names: WeightNames) -> None:
        self.parameters: list[Value] = []
        self.operations: list[Operation] = []
        self.uses: dict[Value, int] = {}
        """How many Relay expressions take a value; a lower bound of 2 where several names stand for one value."""
        self.raw: list[Operation] = []
        """Operations that copy stored integers as they are: all their tensors mean the same by the same integers."""
        self.plain: list[Operation] = []
        """Operations that compute with stored integers as such: their operands must not stand for real values."""
        self.makers: dict[Value, Expr] = {}
        """The Relay expression that each value was made for."""
        self._weight_names = weight_names
        self._constants: dict[Constant, Value] = {}

    def parameter(self, name: str, type: TensorType) -> Value:
        """Adds a parameter."""
        value = Value(type, name, None, len(self.parameters))
        self.parameters.append(value)
        return value

    def emit(self, operator: str, /, *operands: Value | None, expr: Expr | None = None, **fields: Any) -> Operation:
        """Adds an operation that came from `expr`; `fields` are those of `Operation.create`.

        Raises `Unsupported` where the operator does not take these operands or attributes.
        """
        origin = None
        name = None
        if expr is not None:
            name = readable_name(expr.origin)
            origin = Origin(expr.origin or getattr(expr, "op_name", None) or "relay", expr.span)
        try:
            op = OPERATORS_BY_NAME[operator].create(*operands, location=origin, **fields)
        except (InferenceError, ValueError, TypeError) as error:
            raise Unsupported(f"NIR's {operator} cannot express it: {error}") from error
        if name is not None:
            for value in op.results:
                value.name = name
        if "quantisation" not in fields and "types" not in fields:
            for value in op.results:  # what follows from the operands is found by propagation
                value.type = value.type.with_quantisation(None)
        if expr is not None:
            self.makers.update(dict.fromkeys(op.results, expr))
        self.operations.append(op)
        return op

    def constant(
        self, array: np.ndarray, quantisation: Quantisation | None = None, name: str | None = None, expr: Any = None
    ) -> Value:
        """Adds a constant; `name` is the one that its elements get in a weights file."""
        op = self.emit(
            "const",
            value=ConstantData(array, name),
            element=ElementType.from_numpy(array.dtype),
            quantisation=quantisation,
        )
        op.results[0].name = readable_name(name)
        if name is not None:
            op.location = Origin(name, getattr(expr, "span", None))
        return op.results[0]

    def value_of(self, entry: NodeEntry) -> Value:
        """The one value of an entry; a constant becomes one now. Raises `Unsupported` for tuples and functions."""
        if entry.constant is not None:
            return self.constant_value(entry.constant)
        if len(entry.outputs) != 1 or entry.fields is not None:
            raise Unsupported("a tuple or a function stands where a tensor is needed")
        return entry.outputs[0]

    def constant_value(self, constant: Constant, quantisation: Quantisation | None = None) -> Value:
        """The value of a Relay constant. Floats become one value; integers one each time, since they may stand for
        other real values in each place.
        """
        array = storable(constant)
        if array.dtype.kind != "f":
            return self.constant(array, quantisation, constant.name, constant)
        if constant not in self._constants:
            self._constants[constant] = self.constant(array, None, constant.name, constant)
        return self._constants[constant]

    def finish(self, name: str, results: Iterable[Value], attributes: dict[str, Any]) -> Function:
        """The function with what `results` depend on, and all values named."""
        returned = list(results)
        operations = live_operations(self.operations, returned)
        for op in operations:
            if isinstance(op, Const) and op.value.name is not None:
                op.attributes["value"] = ConstantData(
                    op.value.array, self._weight_names.take(op.value.name, op.value.array)
                )
        name_values(self.parameters, operations)
        return Function(name, self.parameters, operations, returned, attributes)


def storable(constant: Constant) -> np.ndarray:
    """The elements of a Relay constant in a type that NIR stores; 64-bit integers that fit become 32-bit ones."""
    array = constant.data
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        info = np.iinfo(np.int32)
        if array.size and (array.min() < info.min or array.max() > info.max):
            raise Unsupported("NIR has no 64-bit integers, and this constant does not fit into 32 bits")
        return array.astype(np.int32)
    nir_element(array.dtype.name)
    return array
