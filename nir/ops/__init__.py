"""The operators: one class each, one file per family. `OPERATORS` lists them all."""

from nir.ir import Operation
from nir.ops import (
    activation,
    constant,
    control,
    convolution,
    elementwise,
    joining,
    matmul,
    pooling,
    quantise,
    reduction,
    resize,
    shape,
    softmax,
    unary,
)

FAMILIES = {
    "Constants": constant,
    "Convolution": convolution,
    "Pooling": pooling,
    "Matrix products": matmul,
    "Elementwise": elementwise,
    "Elementwise functions": unary,
    "Activations": activation,
    "Softmax and normalisation": softmax,
    "Shape": shape,
    "Joining and slicing": joining,
    "Reductions": reduction,
    "Resizing": resize,
    "Quantisation and casts": quantise,
    "Functions": control,
}
"""Title of each family, as the operator page prints it, and the module that defines it."""

OPERATORS: tuple[type[Operation], ...] = tuple(op for module in FAMILIES.values() for op in module.OPERATORS)
OPERATORS_BY_NAME: dict[str, type[Operation]] = {op.name: op for op in OPERATORS}

if len(OPERATORS_BY_NAME) != len(OPERATORS):
    raise TypeError("two operators have the same name")

__all__ = ["FAMILIES", "OPERATORS", "OPERATORS_BY_NAME"]
