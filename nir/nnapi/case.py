"""An NNAPI case as a NIR module. The way back is in model.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nir.errors import ConvertError, VerifyError
from nir.ir import InferenceError, Module, Operation, Origin, Shape, TensorType, Trait, Value
from nir.nnapi.mapping import Built, Operands, read_operands
from nir.nnapi.operand_types import is_tensor, tensor_type
from nir.nnapi.records import Record
from nir.ops import OPERATORS_BY_NAME
from nir.ops.builder import Builder

DEEPEST_NESTING = 100
"""Models that refer to models that refer to models ..."""


@dataclass
class Spelling:
    """What a model says in NNAPI and a NIR module does not keep: how many operands each operation has, where those at
    the end may be left off, and the operand type of each value, where several store and mean the same.
    """

    counts: dict[Operation, int] = field(default_factory=dict)
    types: dict[Value, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Converted:
    """A case as a module: @main has the case's inputs and outputs."""

    module: Module
    spelling: Spelling


def convert(record: Record) -> Converted:
    """Makes a module of a case: a function for each of its models, parameters `in<id>` for its inputs.

    What NNAPI feeds when a model runs but NIR has as an attribute is taken from the case. Where the case declares
    other types than NIR infers, the module has the declared ones, and the verifier tells. Raises `ConvertError` for
    what NIR cannot express, and `VerifyError` for operands that an operator does not take.
    """
    shared = _Shared(record)
    _Conversion(shared, record, "main").run(())
    for number in range(len(record.json["subgraphs"])):
        shared.function(number, ())
    return Converted(shared.module, shared.spelling)


def function_name(number: int) -> str:
    """What the function made of a referenced model is called."""
    return f"model_{number}"


def inputs_of(record: Record) -> dict[str, np.ndarray[Any, Any]]:
    """The case's inputs by parameter name. Raises `ParseError` for values that do not fit the operand."""
    found = {}
    for index in record.json["model_inputs"]:
        if not record.is_omitted(index):
            values = record.json["inputs"].get(str(index))
            if values is None:
                raise ConvertError(f"nothing is fed to input {index} of case {record.name}")
            found[f"in{index}"] = record.array(index, values)
    return found


class _Shared:
    """What the models of one case share. A model that others refer to is converted where it is first referred to:
    what it leaves open of its inputs' types follows from there.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.module = Module()
        self.spelling = Spelling()
        self.results: dict[int, tuple[TensorType, ...] | None] = {}
        self.depth = 0

    def function(self, number: int, arguments: Sequence[TensorType]) -> tuple[TensorType, ...] | None:
        """Makes the function of a referenced model, once; its result types, None while it is being made."""
        if number not in self.results:
            self.results[number] = None
            self.depth += 1
            if self.depth > DEEPEST_NESTING:
                raise ConvertError(f"models refer to each other more than {DEEPEST_NESTING} deep")
            conversion = _Conversion(self, self.record.subgraph(number), function_name(number))
            self.results[number] = conversion.run(arguments)
            self.depth -= 1
        return self.results[number]


class _Conversion:
    """One model, main or referenced, as a function."""

    def __init__(self, shared: _Shared, record: Record, name: str) -> None:
        self.shared = shared
        self.record = record
        self.builder = Builder(name, shared.module)
        self.spelling = shared.spelling
        self.values: dict[int, Value] = {}

    def run(self, arguments: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """Makes the function; `arguments` are types of what it is called with, as far as known. Gives result types."""
        record = self.record
        given = dict(zip(record.json["model_inputs"], arguments, strict=False))
        for index in record.json["model_inputs"]:
            if not record.is_omitted(index):
                type = self._opened(index, given.get(index))
                self._define(index, self.builder.parameter(f"in{index}", type))
        for operation in record.json["operations"]:
            self._operation(operation)
        outputs = record.json["model_outputs"]
        missing = [index for index in outputs if index not in self.values]
        if missing:
            raise VerifyError(f"output {missing[0]} is computed by no operation")
        self.builder.returns(*[self.values[index] for index in outputs])
        return self.builder.function.result_types

    def _is_open(self, index: int) -> bool:
        """True for a tensor of which the case leaves the rank (no dims) or a size (0) to be found when it runs."""
        operand = self.record.operand(index)
        dims = operand["dims"]
        return self.record.json["unknown_dims"] and is_tensor(operand["type"]) and (not dims or 0 in dims)

    def _opened(self, index: int, argument: TensorType | None) -> TensorType:
        """The type of an input. What a referenced model leaves open is unknown: another call may bring another."""
        declared = tensor_type(self.record.operand(index))
        if not self._is_open(index):
            return declared
        if declared.shape:
            return declared.with_shape(size or None for size in declared.shape)
        return declared.with_shape([None] * argument.rank) if argument is not None else declared

    def _operation(self, operation: dict[str, Any]) -> None:
        indices, outputs = operation["inputs"], operation["outputs"]
        operands = Operands(
            [self.record.operand(index)["type"] for index in indices],
            lambda i: self._tensor(indices[i]),
            lambda i: self._known(indices[i]),
            lambda i: self.record.is_omitted(indices[i]),
            function_name,
        )
        built = read_operands(operation["op"], operands, len(outputs))
        declared = [tensor_type(self.record.operand(index)) for index in outputs]
        if Trait.CALLS in OPERATORS_BY_NAME[built.name].traits:
            declared = self._called(operation, built, declared)
        op = self._create(operation["op"], built, declared)
        op.location = Origin(operation["op"])
        self.builder.append(op)
        self.spelling.counts[op] = len(indices)
        for index, result, type in zip(outputs, op.results, declared, strict=True):
            result.type = self._settled(index, result.type, type)
            self._define(index, result)

    def _called(self, operation: dict[str, Any], built: Built, declared: list[TensorType]) -> list[TensorType]:
        """The result types of an operation that refers to models: what is open in them is what these return."""
        values = built.operands[1:] if operation["op"] == "IF" else built.operands
        arguments = [value.type for value in values if value is not None]
        references = [o for o in map(self.record.operand, operation["inputs"]) if o["type"] == "SUBGRAPH"]
        returned = [self.shared.function(int(reference["value"][0]), arguments) for reference in references]
        if operation["op"] == "WHILE":
            returned = [returned[1], tuple(arguments)]  # the condition returns one bool; there may be no round
        types = list(declared)
        for place, index in enumerate(operation["outputs"]):
            found = [some[place] for some in returned if some is not None and place < len(some)]
            if self._is_open(index) and found:
                types[place] = declared[place].with_shape(_common([type.shape for type in found]))
        return types

    def _create(self, name: str, built: Built, declared: list[TensorType]) -> Operation:
        """The operation, its types inferred as far as that goes, else as the case declares them."""
        operator = OPERATORS_BY_NAME[built.name]
        # Operands are taken by place: a list may leave one out that NIR wants, for the verifier to tell.
        op = operator(_trimmed(built.operands), self._attributes(name, operator, built), declared)
        if Trait.CALLS in operator.traits:
            return op
        try:
            inferred = op.infer(declared[0].element if declared else None)
        except (InferenceError, ValueError, TypeError, AttributeError, IndexError):
            return op  # the verifier says what is wrong
        if len(inferred) == len(declared):
            for value, type in zip(op.results, inferred, strict=True):
                value.type = type
        return op

    def _attributes(self, name: str, operator: type[Operation], built: Built) -> dict[str, Any]:
        try:
            return operator.normalise_attributes(built.attributes)
        except (ValueError, TypeError) as error:
            raise VerifyError(f"{name}: {error}") from None

    def _settled(self, index: int, inferred: TensorType, declared: TensorType) -> TensorType:
        """The type of a result: as declared, but sizes that the case leaves open as NIR infers them."""
        is_open = self._is_open(index)
        if _agree(inferred, declared) or (is_open and inferred.rank == declared.rank):
            return declared.with_shape(_known_sizes(inferred, declared))
        return declared.with_shape(inferred.shape) if is_open else declared

    def _define(self, index: int, value: Value) -> None:
        self.values[index] = value
        self.spelling.types[value] = self.record.operand(index)["type"]

    def _tensor(self, index: int) -> Value | None:
        if self.record.is_omitted(index):
            return None
        if index not in self.values:
            operand = self.record.operand(index)
            if operand["value"] is None:
                raise VerifyError(f"operand {index} is used before it is computed")
            array = self.record.array(index, operand["value"])
            self._define(index, self.builder.const(array, tensor_type(operand)))
        return self.values[index]

    def _known(self, index: int) -> Sequence[Any]:
        values = self.record.values(index)
        if values is None:
            raise ConvertError(f"operand {index} is computed when the model runs, where NIR has an attribute")
        return values


def _common(shapes: Sequence[Shape]) -> Shape:
    """The shape that all of these have, unknown where they differ; the first where ranks differ."""
    if len({len(shape) for shape in shapes}) > 1:
        return shapes[0]
    return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True))


def _trimmed(operands: list[Value | None]) -> list[Value | None]:
    """Operands without omitted ones at the end."""
    count = max((i + 1 for i, value in enumerate(operands) if value is not None), default=0)
    return operands[:count]


def _agree(inferred: TensorType, declared: TensorType) -> bool:
    """True where the declared shape can be the inferred one."""
    pairs = zip(inferred.shape, declared.shape, strict=False)
    return inferred.rank == declared.rank and all(found in (None, size) for found, size in pairs)


def _known_sizes(inferred: TensorType, declared: TensorType) -> Shape:
    """The inferred shape, with sizes that are found when run as the case declares them, where it does (0: not)."""
    pairs = zip(inferred.shape, declared.shape, strict=True)
    return tuple((size or None) if found is None else found for found, size in pairs)
