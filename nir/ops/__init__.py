"""The operators: one class each, one file per family. `OPERATORS` lists them all."""

from nir.ir import Operation
from nir.ops import (
    activation,
    bidirectional_lstm,
    blocks,
    comparison,
    constant,
    control,
    control_flow,
    convolution,
    creation,
    detection,
    elementwise,
    joining,
    lookup,
    lstm,
    matmul,
    normalisation,
    padding,
    pooling,
    postprocessing,
    quantise,
    quantised_lstm,
    recurrent,
    reduction,
    regions,
    resize,
    search,
    shape,
    slicing,
    softmax,
    unary,
)

FAMILIES = {
    "Constants": constant,
    "Convolution": convolution,
    "Pooling": pooling,
    "Matrix products": matmul,
    "Elementwise": elementwise,
    "Comparison and logic": comparison,
    "Elementwise functions": unary,
    "Activations": activation,
    "Softmax": softmax,
    "Normalisation": normalisation,
    "Shape": shape,
    "Space, depth and batch": blocks,
    "Joining and splitting": joining,
    "Padding": padding,
    "Slicing": slicing,
    "Reductions": reduction,
    "Index searches": search,
    "Lookup and hashing": lookup,
    "Created tensors": creation,
    "Resizing": resize,
    "Recurrent cells": recurrent,
    "LSTM": lstm,
    "LSTM in both directions": bidirectional_lstm,
    "LSTM in integers": quantised_lstm,
    "Regions": regions,
    "Detection": detection,
    "Detector outputs": postprocessing,
    "Quantisation and casts": quantise,
    "Functions": control,
    "Branches and loops": control_flow,
}
"""Title of each family, as the operator page prints it, and the module that defines it."""

OPERATORS: tuple[type[Operation], ...] = tuple(op for module in FAMILIES.values() for op in module.OPERATORS)
OPERATORS_BY_NAME: dict[str, type[Operation]] = {op.name: op for op in OPERATORS}

if len(OPERATORS_BY_NAME) != len(OPERATORS):
    raise TypeError("two operators have the same name")

__all__ = ["FAMILIES", "OPERATORS", "OPERATORS_BY_NAME"]
