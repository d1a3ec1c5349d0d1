"""How a value that NNAPI passes by position is written there, and what it is as an attribute in NIR: both directions.

One `Kind` per way of writing. What depends on more than the operand itself (mapping.py) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.errors import VerifyError
from nir.nnapi.operand_types import OPERAND_CODES, is_tensor

Values = Sequence[Any]
"""The elements of an operand, flat."""

TENSOR_TYPES = frozenset(filter(is_tensor, OPERAND_CODES))
_FLOATS = frozenset({"FLOAT32", "FLOAT16"})
_INTEGER = frozenset({"INT32"})
_INTEGERS = frozenset({"TENSOR_INT32"})


@dataclass(frozen=True)
class Kind:
    """A way of writing. `types` are the operand types it takes; `read` makes an attribute of the elements, `write`
    elements of the attribute (raises `ValueError` for an attribute of another form), `dims` gives the shape that
    elements have in NNAPI (scalars have none).

    `read` raises `VerifyError` for a code that does not exist.
    """

    types: frozenset[str]
    read: Callable[[Values], Any] = lambda values: values[0]
    write: Callable[[Any], list[Any]] = lambda value: [value]
    dims: Callable[[list[Any]], list[int]] = lambda values: []


def _number(value: Any) -> Any:
    """What an attribute is that must be a number to be written like this."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    return value


def _numbers(value: Any) -> list[Any]:
    if not isinstance(value, tuple):
        raise ValueError(value)
    return list(value)


def _coded(what: str, codes: Mapping[int, str]) -> Kind:
    """One of an enum's values, by NNAPI's code for it."""
    numbers = {name: code for code, name in codes.items()}

    def read(values: Values) -> str:
        if values[0] not in codes:
            raise VerifyError(f"there is no {what} of code {values[0]}", expected=f"one of {sorted(codes)}")
        return codes[int(values[0])]

    def write(value: Any) -> list[int]:
        name = getattr(value, "value", None)
        if name not in numbers:
            raise ValueError(value)
        return [numbers[name]]

    return Kind(_INTEGER, read, write)


def _pairs(values: Values) -> list[tuple[int, int]]:
    if len(values) % 2:
        raise VerifyError("the number of cells to pad is stated in pairs", found=f"{len(values)} numbers")
    return [(int(before), int(after)) for before, after in zip(values[::2], values[1::2], strict=True)]


def _only(values: Values) -> int:
    if len(values) != 1:
        raise VerifyError("one axis is given", found=f"{len(values)} numbers")
    return int(values[0])


VALUES = frozenset({"tensor", "symmetric", "int16", "int32", "bools", "scalar"})
"""Kinds of the operands that are operands in NIR too; those of all others are attributes."""

ACTIVATIONS = {0: "none", 1: "relu", 2: "relu1", 3: "relu6"}
CELL_ACTIVATIONS = {0: "none", 1: "relu", 3: "relu6", 4: "tanh", 6: "sigmoid"}
PROJECTIONS = {1: "sparse_without_offset", 2: "dense", 3: "sparse"}

_LIST = Kind(_INTEGERS, lambda values: [int(v) for v in values], _numbers, lambda values: [len(values)])

KINDS: dict[str, Kind] = {
    "tensor": Kind(TENSOR_TYPES),
    "symmetric": Kind(frozenset({"TENSOR_QUANT8_SYMM"})),
    "int16": Kind(frozenset({"TENSOR_QUANT16_SYMM"})),
    "int32": Kind(_INTEGERS),
    "bools": Kind(frozenset({"TENSOR_BOOL8"})),
    "scalar": Kind(_FLOATS | _INTEGER),
    "int": Kind(_INTEGER, lambda values: int(values[0]), lambda value: [_number(value)]),
    "float": Kind(_FLOATS, lambda values: float(values[0]), lambda value: [_number(value)]),
    "stored": Kind(_FLOATS | _INTEGER, write=lambda value: [_number(value)]),
    "bool": Kind(frozenset({"BOOL"}), lambda values: bool(values[0]), lambda value: [int(value)]),
    "flag": Kind(_INTEGER, lambda values: values[0] > 0, lambda value: [int(value)]),
    "ints": _LIST,
    "pairs": Kind(_INTEGERS, _pairs, lambda value: [n for pair in value for n in pair], lambda v: [len(v) // 2, 2]),
    "corners": Kind(_INTEGERS, _LIST.read, _numbers, lambda values: [2, 2]),
    "first": Kind(_INTEGERS, _only, dims=lambda values: [1]),
    "layout": Kind(
        frozenset({"BOOL"}),
        lambda values: "nchw" if values[0] else "nhwc",
        lambda value: [int(value.value == "nchw")],
    ),
    "activation": _coded("activation", ACTIVATIONS),
    "cell_activation": _coded("activation of a cell", CELL_ACTIVATIONS),
    "scheme": _coded("padding scheme", {1: "same", 2: "valid"}),
    "mirror": _coded("mirror mode", {0: "reflect", 1: "symmetric"}),
    "damping": _coded("kernel of suppression", {0: "hard", 1: "linear", 2: "gaussian"}),
    "projection": _coded("projection", PROJECTIONS),
    "function": Kind(frozenset({"SUBGRAPH"})),
    "multiplier": Kind(_INTEGER),
    "output_shape": Kind(_INTEGERS, _LIST.read),
}
"""Every kind by its name in a signature. `multiplier` and `output_shape` follow from shapes: see mapping.py."""


def rounded(values: Values, type: str) -> Values:
    """Elements as an operand of that type holds them: FLOAT16 has fewer digits than a decimal in a file."""
    if type != "FLOAT16":
        return values
    with np.errstate(over="ignore"):
        return [float(np.float16(value)) for value in values]
