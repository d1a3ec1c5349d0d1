"""The types of Relay: tensors, tuples, functions; and what their element types are in numpy.

Data only: how types are inferred is `nir.relay.infer`, how they are written is `nir.relay.text`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

import ml_dtypes
import numpy as np

Dimension: TypeAlias = "int | None"
"""One extent of a shape; None where Relay says `?` (known only at run time)."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor of `shape` with elements of `dtype`, which is spelt as TVM spells it ("float32", "int8", "bool")."""

    shape: tuple[Dimension, ...]
    dtype: str

    def __str__(self) -> str:
        if not self.shape:
            return self.dtype
        extents = ", ".join("?" if extent is None else str(extent) for extent in self.shape)
        return f"Tensor[({extents}), {self.dtype}]"

    @property
    def rank(self) -> int:
        """How many dimensions the tensor has."""
        return len(self.shape)


@dataclass(frozen=True, slots=True)
class TupleType:
    """A tuple of types."""

    fields: tuple[Type, ...]

    def __str__(self) -> str:
        inner = ", ".join(str(field) for field in self.fields)
        return f"({inner},)" if len(self.fields) == 1 else f"({inner})"


@dataclass(frozen=True, slots=True)
class FuncType:
    """The type of a function."""

    arg_types: tuple[Type, ...]
    ret_type: Type

    def __str__(self) -> str:
        return f"fn ({', '.join(str(argument) for argument in self.arg_types)}) -> {self.ret_type}"


Type: TypeAlias = "TensorType | TupleType | FuncType"

_DTYPE = re.compile(r"(int|uint|float)(\d{1,4})(?:x(\d{1,4}))?|bool|bfloat16|handle")

_WIDTHS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}


def is_dtype(name: str) -> bool:
    """Whether `name` is spelt like an element type of TVM, whether or not numpy has it."""
    return _DTYPE.fullmatch(name) is not None


def numpy_dtype(name: str) -> np.dtype[np.generic] | None:
    """The numpy element type for TVM's `name`, or None where numpy has none (int4, vectors, handles)."""
    if name == "bool":
        return np.dtype(np.bool_)
    if name == "bfloat16":
        return np.dtype(ml_dtypes.bfloat16)
    match = _DTYPE.fullmatch(name)
    if match is None or match[1] is None or match[3] is not None or int(match[2]) not in _WIDTHS[match[1]]:
        return None
    return np.dtype(name)
