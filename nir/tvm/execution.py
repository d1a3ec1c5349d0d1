"""Running what was compiled: arrays in by name, arrays out in order."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from nir.errors import NirError, RunError, require_type, suggestion
from nir.passes.tvm_requirement import require_tvm
from nir.relay.types import TensorType, TupleType, Type, numpy_dtype

Array: TypeAlias = "np.ndarray[Any, Any]"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a compiled function: its name, and its type as Relay spells it."""

    name: str
    type: TensorType | TupleType

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"


@dataclass(frozen=True)
class Compiled:
    """A function, ready to run on TVM's virtual machine. Threads that share one take turns."""

    machine: Any = field(repr=False)
    parameters: tuple[Parameter, ...]
    function: str = "main"
    lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def run(self, inputs: Mapping[str, Any] | Sequence[Any]) -> list[Array]:
        """Runs the function on an array for every parameter, by name or in order.

        Arrays must have the parameter's shape and element type; a parameter that is a tuple takes a sequence. Returns
        the results as new arrays in order, the fields of tuples one after the other. Raises RunError for inputs that
        are missing, unknown, or of another type, and for failures inside TVM.
        """
        if not isinstance(inputs, Mapping):
            require_type(inputs, Sequence, "arrays by name, or a list of them")
            if len(inputs) != len(self.parameters):
                names = ", ".join(parameter.name for parameter in self.parameters)
                raise RunError(f"{len(self.parameters)} arrays are needed: {names}", found=str(len(inputs)))
            inputs = dict(zip((parameter.name for parameter in self.parameters), inputs, strict=True))
        unknown = [name for name in inputs if name not in {parameter.name for parameter in self.parameters}]
        if unknown:
            known = [parameter.name for parameter in self.parameters]
            raise RunError(
                f"there is no parameter '{unknown[0]}'",
                expected="one of " + ", ".join(known) if known else "no input",
                hint=suggestion(unknown[0], known),
            )
        tvm = require_tvm("running on TVM")
        arguments = []
        for parameter in self.parameters:
            if parameter.name not in inputs:
                raise RunError(f"parameter '{parameter.name}' has no input", expected=str(parameter))
            arguments.append(_argument(tvm, parameter.name, parameter.type, inputs[parameter.name]))
        try:
            with self.lock:  # TVM's machine keeps its state between instructions, and crashes otherwise
                return _arrays(tvm, self.machine[self.function](*arguments))
        except NirError:  # from a region
            raise
        except Exception as error:  # TVM raises whatever its C++ code throws
            raise RunError("TVM cannot run this module", found=summary(error)) from error

    def __call__(self, **inputs: Any) -> list[Array]:
        """`run`, with the inputs as keywords."""
        return self.run(inputs)


def parameter(tvm: Any, variable: Any) -> Parameter:
    """The parameter that a Relax variable stands for."""
    return Parameter(variable.name, _type(tvm, variable.ty))


def _type(tvm: Any, relax_type: Any) -> TensorType | TupleType:
    if isinstance(relax_type, tvm.relax.TupleType):
        return TupleType(tuple(_type(tvm, part) for part in relax_type.fields))
    if not isinstance(relax_type, tvm.relax.TensorType) or relax_type.shape is None:
        raise RunError("a parameter is no tensor of known rank", found=str(relax_type))
    extents = (int(extent) if isinstance(extent, tvm.tirx.IntImm) else None for extent in relax_type.shape)
    return TensorType(tuple(extents), str(relax_type.dtype))


def _argument(tvm: Any, name: str, expected: Type, value: Any) -> Any:
    if isinstance(expected, TupleType):
        if not isinstance(value, (tuple, list)) or len(value) != len(expected.fields):
            raise RunError(f"the input for '{name}' does not fit", expected=str(expected), found=type(value).__name__)
        fields = enumerate(zip(expected.fields, value, strict=True))
        return tuple(_argument(tvm, f"{name}.{index}", part, item) for index, (part, item) in fields)
    if not isinstance(expected, TensorType):
        raise RunError(f"'{name}' is a function, which cannot be an input", expected="a tensor", found=str(expected))
    array = np.asarray(value)
    fits = array.ndim == expected.rank and all(
        extent in (None, actual) for extent, actual in zip(expected.shape, array.shape, strict=True)
    )
    if array.dtype != numpy_dtype(expected.dtype) or not fits:
        found = str(TensorType(array.shape, array.dtype.name))
        raise RunError(f"the input for '{name}' does not fit", expected=str(expected), found=found)
    return tvm.runtime.tensor(np.require(array, requirements="C"))


def _arrays(tvm: Any, result: Any) -> list[Array]:
    """The tensors in `result`, a tensor or nested sequence of them."""
    if isinstance(result, tvm.runtime.Tensor):
        return [result.numpy()]
    return [array for part in result for array in _arrays(tvm, part)]


def summary(error: Exception) -> str:
    """The last line of what TVM says, without its stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
