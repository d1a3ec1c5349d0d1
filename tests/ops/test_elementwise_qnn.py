"""Sums, products, functions, joining and softmax on integers against TVM's QNN operators: equal, element by element."""

from __future__ import annotations

import numpy as np
import pytest
from qnn_vectors import Vectors, quantised, run, vectors

from nir.ir import Quantisation
from nir.ops import OPERATORS_BY_NAME

BINARY = {"add": "add", "subtract": "sub", "mul": "mul"}
FUNCTIONS = {
    "abs": "abs",
    "erf": "erf",
    "exp": "exp",
    "hardswish": "hard_swish",
    "leaky_relu": "leaky_relu",
    "log": "log",
    "rsqrt": "rsqrt",
    "sigmoid": "logistic",
    "sqrt": "sqrt",
    "tanh": "tanh",
}


def target_of(case: Vectors) -> Quantisation:
    return Quantisation.per_tensor(case.parameters["output_scale"], case.parameters["output_zero_point"])


def with_rounding(operator: str, rounding: object) -> dict[str, object]:
    return {"rounding": rounding} if "rounding" in OPERATORS_BY_NAME[operator].attribute_fields else {}


@pytest.mark.parametrize("recorded", BINARY)
def test_arithmetic(recorded: str) -> None:
    for case in vectors(recorded):
        operands = [
            (
                quantised(case.inputs[side].shape, case.inputs[side].dtype, *parameters(case, side)),
                case.inputs[side],
            )
            for side in ("lhs", "rhs")
        ]
        for profile, rounding, expected in case.modes("o0"):
            operator = OPERATORS_BY_NAME[BINARY[recorded]]
            found = run(operator, profile, operands, quantisation=target_of(case), rounding=rounding)
            assert np.array_equal(found, expected), (case.number, profile, rounding)


def parameters(case: Vectors, side: str) -> tuple[float, int]:
    return case.parameters[f"{side}_scale"], case.parameters[f"{side}_zero_point"]


@pytest.mark.parametrize("recorded", FUNCTIONS)
def test_functions(recorded: str) -> None:
    name = FUNCTIONS[recorded]
    for case in vectors(recorded):
        x = case.inputs["x"]
        attributes = {"alpha": case.parameters["alpha"]} if "alpha" in case.parameters else {}
        operands = [(quantised(x.shape, x.dtype, *parameters(case, "input")), x)]
        for profile, rounding, expected in case.modes("o0"):
            attributes |= with_rounding(name, rounding)
            found = run(OPERATORS_BY_NAME[name], profile, operands, quantisation=target_of(case), **attributes)
            assert np.array_equal(found, expected), (case.number, profile, rounding)


def test_concatenation() -> None:
    for case in vectors("concatenate"):
        scales = zip(case.parameters["input_scales"], case.parameters["input_zero_points"], strict=True)
        operands = [
            (quantised(array.shape, array.dtype, *pair), array)
            for pair, array in zip(scales, case.inputs.values(), strict=True)
        ]
        for profile, rounding, expected in case.modes("o0"):
            choice = {"quantisation": target_of(case), "axis": case.parameters["axis"], "rounding": rounding}
            found = run(OPERATORS_BY_NAME["concatenation"], profile, operands, **choice)
            assert np.array_equal(found, expected), (case.number, profile, rounding)


def test_softmax() -> None:
    for case in vectors("softmax"):
        x = case.inputs["x"]
        operands = [(quantised(x.shape, x.dtype, *parameters(case, "input")), x)]
        for profile, rounding, expected in case.modes("o0"):
            choice = {"quantisation": target_of(case), "axis": case.parameters["axis"], "rounding": rounding}
            found = run(OPERATORS_BY_NAME["softmax"], profile, operands, **choice)
            assert np.array_equal(found, expected), (case.number, profile, rounding)
