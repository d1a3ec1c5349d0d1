"""Every operator on every element type, quantised and raw, on scalars and empty tensors: right types, and no warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from nir.errors import NirError
from nir.ir import ElementType, InferenceError, Operation, Quantisation, Shape, TensorType, Value, walk
from nir.ops import FAMILIES
from nir.ops.profiles import get_profile
from nir.text import parse

FAMILIES_HERE = (
    "Elementwise",
    "Comparison and logic",
    "Elementwise functions",
    "Activations",
    "Softmax",
    "Normalisation",
    "Shape",
    "Space, depth and batch",
    "Joining and splitting",
    "Padding",
    "Slicing",
    "Reductions",
    "Index searches",
    "Resizing",
)
SCALES = (None, 0.37, 1e-30, 3e38)
SHAPES: tuple[Shape | None, ...] = (None, (), (0,), (3,), (0, 4, 4, 4), (2, 0, 4, 4), (1, 4, 4, 0))
"""Shapes that all operands have instead of the example's (None)."""

operators = [operator for title in FAMILIES_HERE for operator in FAMILIES[title].OPERATORS]


def example(operator: type[Operation]) -> Operation:
    return next(op for op in walk(parse(operator.example())) if type(op) is operator)


def elements_of(value: Value) -> np.ndarray:
    random = np.random.default_rng(7)
    shape = [size or 0 for size in value.shape]
    if value.element is ElementType.BOOL:
        return np.asarray(random.integers(0, 2, shape) > 0)
    if value.element.is_integer:
        limits = value.element.minimum, value.element.maximum
        return np.asarray(random.integers(*limits, shape, endpoint=True)).astype(value.element.numpy)
    array = np.asarray(random.standard_normal(shape) * 10)
    array.flat[: min(array.size, 3)] = [np.nan, np.inf, -np.inf][: min(array.size, 3)]
    return array.astype(value.element.numpy)


def operations(operator: type[Operation]) -> Iterator[Operation]:
    """Verified operations like the example's, of other types."""
    model = example(operator)
    for element in ElementType:
        for scale in SCALES if element.is_integer else (None,):
            quantisation = None if scale is None else Quantisation.per_tensor(scale, 1)
            for shape in SHAPES:
                types = [changed(model, i, element, quantisation, shape) for i in range(len(model.operands))]
                op = operator([Value(type) for type in types], model.attributes, ())
                if is_valid(op, quantisation):
                    yield op


def changed(
    model: Operation, index: int, element: ElementType, quantisation: Quantisation | None, shape: Shape | None
) -> TensorType:
    """The type of an operand of the example with other parts; what must be bool, or an index, stays so."""
    value = model.operands[index]
    assert value is not None
    fields = type(model).operand_fields
    if len(fields[min(index, len(fields) - 1)].elements) == 1:
        return value.type if shape is None or model.name == "gather" else value.type.with_shape(shape)
    return TensorType(element, value.shape if shape is None else shape, quantisation)


def is_valid(op: Operation, quantisation: Quantisation | None) -> bool:
    """Gives the operation its results; False where the verifier would refuse it."""
    for i, value in enumerate(op.operands):
        field = op.operand_fields[min(i, len(op.operand_fields) - 1)]
        assert value is not None
        if value.element not in field.elements or (field.ranks is not None and value.type.rank not in field.ranks):
            return False
    try:
        types = op.infer(quantisation=quantisation)
    except InferenceError:
        return False
    op.results = type(op)(op.operands, op.attributes, types).results
    return all(constraint.check(op) for constraint in op.constraints)


@pytest.mark.parametrize("operator", operators, ids=[operator.name for operator in operators])
def test_types_of_results(operator: type[Operation]) -> None:
    checked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for op in operations(operator):
            arrays = [elements_of(value) for value in op.operands if value is not None]
            if op.name == "gather":
                arrays[1] %= max(op.operands[0].shape[1] if op.operands[0].type.rank > 1 else 1, 1)
            for profile in ("tflite", "xnnpack", "relay", "relay-f32"):
                try:
                    outcome = op.reference(get_profile(profile), *arrays)
                except NirError:
                    continue  # gather from an empty dimension
                found = outcome if isinstance(outcome, tuple) else (outcome,)
                for value, array in zip(op.results, found, strict=True):
                    assert isinstance(array, np.ndarray), (op, value)
                    assert (array.dtype, array.shape) == (value.element.numpy, value.shape), (op, value)
                checked += 1
    assert checked >= 4
