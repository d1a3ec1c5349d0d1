"""Makes a NIR module of a recorded NNAPI case, and runs it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.interp import run
from nir.ir import Module, TensorType, Trait, Value
from nir.ops import OPERATORS_BY_NAME
from nir.ops.builder import Builder
from nnapi.mapping import Operands, Unsupported, build
from nnapi.records import ELEMENTS, Record, tensor_type


class WrongShape(AssertionError):
    """NIR infers another shape than the case declares."""


def convert(record: Record) -> Module:
    """The case as a module whose function @main has the case's inputs and outputs.

    What NNAPI feeds at run time but NIR has as an attribute is taken from the case. Raises `Unsupported` for what NIR
    cannot express, `WrongShape`, and what `Operation.create` raises for what it rejects.
    """
    main = _Conversion(record, "main", Module())
    for number in range(len(record.json["subgraphs"])):
        _Conversion(record.subgraph(number), function_name(number), main.builder.module).run()
    return main.run()


def function_name(number: int) -> str:
    """What the function made of a referenced model is called."""
    return f"model_{number}"


class _Conversion:
    """One model, main or referenced, as a function."""

    def __init__(self, record: Record, name: str, module: Module) -> None:
        self.record = record
        self.builder = Builder(name, module)
        self.values: dict[int, Value] = {}

    def run(self) -> Module:
        record = self.record
        for operation in record.json["operations"]:
            if build_name(operation["op"]) is None:
                raise Unsupported(f"no operator {operation['op']}")
        for index in record.json["model_inputs"]:
            if not record.is_omitted(index):
                self.values[index] = self.builder.parameter(f"in{index}", tensor_type(record.operand(index)))
        for operation in record.json["operations"]:
            self._operation(operation)
        self.builder.returns(*[self.values[index] for index in record.json["model_outputs"]])
        return self.builder.module

    def _operation(self, operation: dict[str, Any]) -> None:
        indices, outputs = operation["inputs"], operation["outputs"]
        types = [self.record.operand(index)["type"] for index in indices]
        built = build(
            operation["op"],
            Operands(
                types,
                lambda i: self._tensor(indices[i]),
                lambda i: self._known(indices[i]),
                function_name=function_name,
            ),
            len(outputs),
        )
        declared = [tensor_type(self.record.operand(index)) for index in outputs]
        operator = OPERATORS_BY_NAME[built.name]
        choice: dict[str, Any] = {"element": declared[0].element, "quantisation": declared[0].quantisation}
        if Trait.CALLS in operator.traits:
            choice = {"types": declared}
        op = operator.create(*built.operands, **choice, **built.attributes)
        self.builder.append(op)
        for index, result, type in zip(outputs, op.results, declared, strict=True):
            self._check(index, result.type, type)
            result.type = _known_sizes(result.type, type)
            self.values[index] = result

    def _check(self, index: int, inferred: TensorType, declared: TensorType) -> None:
        """Raises `WrongShape` unless NIR's type is the case's; a declared 0 is a size known only when run."""
        if inferred.element is not declared.element or inferred.quantisation != declared.quantisation:
            raise WrongShape(f"operand {index}: {inferred}, not {declared}")
        unknown = self.record.json["unknown_dims"] and (not declared.shape or 0 in declared.shape)
        if not unknown and _known_sizes(inferred, declared).shape != declared.shape:
            raise WrongShape(f"operand {index}: {inferred}, not {declared}")

    def _tensor(self, index: int) -> Value | None:
        if self.record.is_omitted(index):
            return None
        if index not in self.values:
            operand = self.record.operand(index)
            if operand["value"] is None:
                raise Unsupported(f"operand {index} is not computed")
            array = self.record.array(index, operand["value"])
            self.values[index] = self.builder.const(array, tensor_type(operand))
        return self.values[index]

    def _known(self, index: int) -> list[Any]:
        values = self.record.values(index)
        if values is None:
            raise Unsupported(f"operand {index} is computed, where NIR has an attribute")
        return values


def _known_sizes(inferred: TensorType, declared: TensorType) -> TensorType:
    """The inferred type, with sizes that are found when run as the case declares them, where it does (0: it does not)."""
    if inferred.rank != declared.rank:
        return inferred
    pairs = zip(inferred.shape, declared.shape, strict=True)
    return inferred.with_shape((size or None) if found is None else found for found, size in pairs)


def build_name(operator: str) -> str | None:
    """The NIR operator of that NNAPI name, or None where there is none (yet)."""
    return operator.lower() if operator.lower() in OPERATORS_BY_NAME else None


def inputs_of(record: Record) -> dict[str, np.ndarray]:
    """The case's inputs by parameter name."""
    indices = [index for index in record.json["model_inputs"] if not record.is_omitted(index)]
    return {f"in{index}": record.array(index, record.json["inputs"][str(index)]) for index in indices}


def evaluate(module: Module, inputs: dict[str, np.ndarray], profile_name: str = "tflite") -> list[np.ndarray]:
    """Runs @main; sizes and element types are checked on the way."""
    return list(run(module, inputs, profile_name, "main").values())


__all__ = ["ELEMENTS", "Unsupported", "WrongShape", "convert", "evaluate", "inputs_of"]
