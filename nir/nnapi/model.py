"""A NIR module as an NNAPI model: operands, operations, inputs and outputs, in the form that case files have.

Every attribute becomes an operand of its own, every omitted operand one of lifetime NO_VALUE. What calls functions
refers to models. It states no values of inputs and outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.errors import ConvertError, NirError
from nir.ir import Function, Module, Operation, Value
from nir.nnapi.case import Spelling
from nir.nnapi.mapping import Literal, Reference, Slot, write_operands
from nir.nnapi.operand_types import SCALARS, Operand, operand_fields, operand_type
from nir.ops.constant import Const
from nir.ops.creation import Rank

Model = dict[str, Any]
"""operands, operations, model_inputs, model_outputs; of the main model subgraphs too."""


def model_of(module: Module, spelling: Spelling | None = None) -> Model:
    """The NNAPI model of a module: @main, or its only function, and the functions that it refers to as subgraphs.

    `spelling` chooses between forms that mean the same; without it lists are as short as can be, and i8 is
    TENSOR_QUANT8_ASYMM_SIGNED wherever it may be. Raises `ConvertError` for what NNAPI cannot say.
    """
    try:
        main = module.main
    except KeyError:
        raise ConvertError("which function is the main model? none is called @main") from None
    subgraphs: dict[str, int] = {}
    spelling = spelling or Spelling()
    models = [_Writer(main, subgraphs, spelling).run()]
    for name in _names(subgraphs):
        if name not in module.functions or name == main.name:
            raise ConvertError(f"@{name} cannot be a model that is referred to")
        models.append({"name": name, **_Writer(module.functions[name], subgraphs, spelling).run()})
    return {**models[0], "subgraphs": models[1:]}


def _names(subgraphs: dict[str, int]) -> Any:
    """The functions that were asked for, those asked for on the way among them."""
    done = 0
    while done < len(subgraphs):
        yield list(subgraphs)[done]
        done += 1


class _Writer:
    """One function at work."""

    def __init__(self, function: Function, subgraphs: dict[str, int], spelling: Spelling) -> None:
        self.function = function
        self.subgraphs = subgraphs
        self.spelling = spelling
        self.operands: list[Operand] = []
        self.operations: list[dict[str, Any]] = []
        self.indices: dict[Value, int] = {}
        self.symmetric: set[Value] = set()
        self.scalars: set[Value] = set()

    def run(self) -> Model:
        written = []
        for op in self.function.operations:
            if not isinstance(op, Const):
                written.append((op, self._written(op)))
        inputs = [self._value(parameter, "MODEL_INPUT") for parameter in self.function.parameters]
        for op, (name, operands, slots) in written:
            data = next((self._type(value) for value in operands if isinstance(value, Value)), "TENSOR_FLOAT32")
            given = [self._operand(operand, slot, data) for operand, slot in zip(operands, slots, strict=True)]
            results = [self._value(result, "TEMPORARY") for result in op.results]
            self.operations.append({"op": name, "inputs": given, "outputs": results})
        outputs = [self._output(value) for value in self.function.results]
        return {
            "operands": self.operands,
            "operations": self.operations,
            "model_inputs": inputs,
            "model_outputs": outputs,
        }

    def _written(self, op: Operation) -> Any:
        try:
            written = write_operands(op, self.spelling.counts.get(op))
        except ConvertError as error:
            place = f"@{self.function.name}, {op.name} %{op.results[0].name if op.results else ''}"
            raise ConvertError(f"{place}: {error.diagnostics[0].message}", hint=error.diagnostics[0].hint) from None
        for operand, slot in zip(written.operands, written.slots, strict=True):
            if isinstance(operand, Value) and slot.kind_name == "symmetric":
                self.symmetric.add(operand)
            if isinstance(operand, Value) and slot.kind_name == "scalar":
                self.scalars.add(operand)
        if isinstance(op, Rank):
            self.scalars.add(op.results[0])
        return written

    def _operand(self, operand: Value | Literal | Reference | None, slot: Slot, data: str) -> int:
        """The index of an operand; `data` is the type of the first tensor, which an omitted one has unless its
        place asks for another.
        """
        if isinstance(operand, Value):
            index = self._value(operand, "TEMPORARY")
            if slot.kind_name != "scalar" and self.operands[index]["type"] in SCALARS.values():
                place = f"@{self.function.name}, %{operand.name}"
                raise ConvertError(f"{place}: NNAPI has it as a scalar, which '{slot.field}' does not take")
            return index
        fields: Operand = {"scale": 0.0, "zero_point": 0, "channel_quant": None, "value": None}
        if isinstance(operand, Literal):
            constant = {"type": operand.type, "dims": operand.dims, "value": operand.values}
            return self._add(slot.field, {**fields, **constant, "lifetime": "CONSTANT"})
        if isinstance(operand, Reference):
            number = self.subgraphs.setdefault(operand.function, len(self.subgraphs))
            reference = {"type": "SUBGRAPH", "dims": [], "value": [number], "lifetime": "SUBGRAPH"}
            return self._add(slot.field, {**fields, **reference})
        absent = next(iter(slot.kind.types)) if len(slot.kind.types) == 1 else data
        return self._add(slot.field, {**fields, "type": absent, "dims": [0], "lifetime": "NO_VALUE"})

    def _value(self, value: Value, lifetime: str) -> int:
        """The index of a value's operand; it is added where it is not there yet."""
        if value in self.indices:
            return self.indices[value]
        producer = value.producer
        elements = producer.value.array if isinstance(producer, Const) else None
        fields: Operand = {"lifetime": lifetime, "value": None}
        if elements is not None:
            fields = {"lifetime": "CONSTANT", "value": _listed(elements)}
        name = self._type(value)
        self.indices[value] = self._add(str(value.name), {**operand_fields(value.type, name), **fields})
        return self.indices[value]

    def _type(self, value: Value) -> str:
        stated = self.spelling.types.get(value)
        if stated is not None:
            return stated
        try:
            if value in self.scalars and not value.shape:
                return SCALARS[value.element]
            return operand_type(value.type, symmetric=value in self.symmetric)
        except (NirError, KeyError) as error:
            reason = error.diagnostics[0].message if isinstance(error, NirError) else f"no scalar of {value.type}"
            raise ConvertError(f"@{self.function.name}, %{value.name}: {reason}") from None

    def _output(self, value: Value) -> int:
        if isinstance(value.producer, Const):
            raise ConvertError(f"@{self.function.name} returns the constant %{value.name}, which no NNAPI model does")
        index = self._value(value, "MODEL_OUTPUT")
        if self.operands[index]["lifetime"] == "TEMPORARY":
            self.operands[index]["lifetime"] = "MODEL_OUTPUT"
        return index

    def _add(self, name: str, fields: Operand) -> int:
        index = len(self.operands)
        self.operands.append({"id": index, "name": name, **fields})
        return index


def _listed(array: np.ndarray[Any, Any]) -> list[Any]:
    """Elements as a case file has them: flat, floats as short as they can be, booleans as 0 and 1."""
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        return [float(str(element)) for element in flat]
    return [int(element) for element in flat.tolist()]
