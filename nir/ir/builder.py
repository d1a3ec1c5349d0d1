"""Building functions from Python, one operation at a time. Knows no operator by name; see nir/ops/builder.py."""

from __future__ import annotations

from typing import Any

from nir.ir.function import Function, Module
from nir.ir.operation import Operation, Origin
from nir.ir.types import TensorType
from nir.ir.values import Value
from nir.source import Span


class FunctionBuilder:
    """Collects parameters and operations of one function; value names are made unique as they come."""

    def __init__(self, name: str = "main", module: Module | None = None) -> None:
        self.module = Module() if module is None else module
        self.function = self.module.add(Function(name))
        self._names: set[str] = set()
        self._next_number = 0

    def parameter(self, name: str, type: TensorType) -> Value:
        """Adds a parameter. Its name is kept as given (any text), numbered where it is taken."""
        value = Value(type, self.unique_name(name), None, len(self.function.parameters))
        self.function.parameters.append(value)
        return value

    def emit(
        self, operator: type[Operation], /, *operands: Value | None, name: str | None = None, **fields: Any
    ) -> Any:
        """Makes an operation, adds it and returns its result (a tuple of them where the operator gives several).

        `name` names the (first) result; further keywords are those of `Operation.create`.
        """
        return self.append(operator.create(*operands, **fields), name)

    def append(self, op: Operation, name: str | None = None) -> Any:
        """Adds an operation that was made elsewhere, naming its results."""
        if name is not None:
            op.results[0].name = name
        for value in op.results:
            value.name = self.unique_name(value.name)
        self.function.operations.append(op)
        return op.results[0] if len(op.results) == 1 and not _gives_tuple(op) else op.results

    def returns(self, *values: Value) -> Function:
        """Ends the function: these are its results."""
        self.function.results = list(values)
        return self.function

    def unique_name(self, wanted: str | None) -> str:
        """`wanted`, or the next free number for None; `_1`, `_2`, ... is appended to a name that is taken."""
        if wanted is None:
            while str(self._next_number) in self._names:
                self._next_number += 1
            wanted = str(self._next_number)
        candidate, suffix = wanted, 1
        while candidate in self._names:
            candidate = f"{wanted}_{suffix}"
            suffix += 1
        self._names.add(candidate)
        return candidate


def _gives_tuple(op: Operation) -> bool:
    return bool(op.result_fields) and op.result_fields[-1].variadic


Location = Span | Origin | None
"""Where an operation came from."""
