"""What counts as equal to an expected output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nir.conformance import mismatch
from nir.nnapi import Record

TOLERANCE = {"atol": 0.01, "rtol": 0.1, "quant_lsb": 1, "quant16_lsb": 2}


def expecting(type: str, values: list[Any] | None, dims: list[int] | None = None, **more: Any) -> Record:
    dims = [len(values or [])] if dims is None else dims
    operand = {"type": type, "dims": dims, "value": None}
    return Record(
        {
            "name": "case",
            "operands": [operand],
            "outputs": {"0": values},
            "tolerance": TOLERANCE,
            "unknown_dims": False,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("type", "expected", "found", "largest"),
    [
        ("TENSOR_FLOAT32", [10.0, 0.0], [11.0, 0.01], None),
        ("TENSOR_FLOAT32", [10.0, 0.0], [11.2, 0.0], 1.2),
        ("TENSOR_FLOAT32", ["NaN", "Infinity"], [np.nan, np.inf], None),
        ("TENSOR_FLOAT32", ["-Infinity"], [np.inf], np.inf),
        ("TENSOR_FLOAT32", [0.0], [np.nan], np.nan),
        ("TENSOR_QUANT8_ASYMM", [5, 6], [6, 5], None),
        ("TENSOR_QUANT8_ASYMM", [5, 6], [7, 6], 2),
        ("TENSOR_QUANT16_SYMM", [5], [7], None),
        ("TENSOR_QUANT16_SYMM", [5], [8], 3),
        ("TENSOR_INT32", [5], [6], 1),
        ("TENSOR_INT32", [2**31 - 1], [2**31 - 1], None),
        ("TENSOR_BOOL8", [1], [0], 1),
    ],
)
def test_each_type_has_its_tolerance(type: str, expected: list[Any], found: list[Any], largest: float | None) -> None:
    difference = mismatch(expecting(type, expected), 0, np.array(found))
    if largest is None:
        assert difference is None
    else:
        assert difference is not None
        assert difference.largest == pytest.approx(largest, nan_ok=True)


def test_the_worst_element_is_told() -> None:
    record = expecting("TENSOR_QUANT8_ASYMM", [0, 0, 0, 0], [2, 2])
    found = mismatch(record, 0, np.array([[0, 3], [9, 1]], np.uint8))
    assert str(found) == "output 0: 2 of 4 elements differ, by up to 9 steps; at [1, 0]: 9, not 0"


@pytest.mark.parametrize(
    ("dims", "unknown", "shape", "equal"),
    [
        ([2, 3], False, (2, 3), True),
        ([2, 3], False, (3, 2), False),
        ([6], False, (2, 3), False),
        ([0, 3], True, (2, 3), True),
        ([0, 2], True, (2, 3), False),
        ([0], True, (2, 3), False),
        ([], True, (2, 3), True),
        ([], True, (7,), False),
    ],
)
def test_shapes_are_equal_where_they_are_known(
    dims: list[int], unknown: bool, shape: tuple[int, ...], equal: bool
) -> None:
    record = expecting("TENSOR_INT32", [4] * 6, dims, unknown_dims=unknown)
    difference = mismatch(record, 0, np.full(shape, 4, np.int32))
    assert (difference is None) == equal


def test_an_output_of_which_nothing_is_expected_is_not_looked_at() -> None:
    assert mismatch(expecting("TENSOR_INT32", None), 0, np.zeros(3)) is None


def test_drawn_classes_are_compared_by_their_shares() -> None:
    logits = {"type": "TENSOR_FLOAT32", "dims": [1, 2], "value": [0.0, 0.0], "lifetime": "CONSTANT"}
    record = expecting("TENSOR_INT32", [0] * 8, [1, 8], multinomial_tolerance=0.13, inputs={})
    record.json["operands"].append(logits)
    record.json["operations"] = [{"op": "RANDOM_MULTINOMIAL", "inputs": [1], "outputs": [0]}]
    assert mismatch(record, 0, np.array([[1, 0, 1, 0, 1, 0, 1, 1]])) is None
    difference = mismatch(record, 0, np.array([[1, 1, 1, 0, 1, 0, 1, 1]]))
    assert difference is not None
    assert difference.largest == pytest.approx(0.25)
    assert mismatch(record, 0, np.array([[1, 0, 2, 0, 1, 0, 1, 0]])) is not None
