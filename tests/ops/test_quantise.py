"""quantize, dequantize, requantize and cast: against TVM's recordings, and against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from qnn_vectors import quantised, run, vectors

from nir.ir import Quantisation, tensor
from nir.ir.types import ElementType
from nir.ops.quantise import Cast, Dequantize, Quantize, Requantize

ELEMENT = {"int8": "i8", "uint8": "u8", "int16": "i16", "int32": "i32"}


@pytest.mark.parametrize("operator", ["requantize", "requantize_per_channel"])
def test_requantize_recorded(operator: str):
    for case in vectors(operator):
        p, x = case.parameters, case.inputs["x"]
        source = quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"], p.get("axis", -1))
        target = Quantisation.per_tensor(p["output_scale"], p["output_zero_point"])
        modes = list(case.modes())
        assert len(modes) == 6
        for profile, rounding, recorded in modes:
            element = ELEMENT[p["out_dtype"]]
            result = run(Requantize, profile, [(source, x)], quantisation=target, element=element, rounding=rounding)
            assert np.array_equal(result, recorded), (case.number, profile, rounding)


def test_quantize_recorded():
    for case in vectors("quantize"):
        p, x = case.parameters, case.inputs["x"]
        target = quantised(x.shape, p["out_dtype"], p["output_scale"], p["output_zero_point"], p["axis"])
        for profile in ("relay", "relay-f32"):
            result = run(
                Quantize, profile, [(tensor(x.shape), x)], quantisation=target.quantisation, element=target.element
            )
            assert np.array_equal(result, case.outputs["o0"]), case.number


def test_dequantize_recorded():
    for case in vectors("dequantize"):
        p, x = case.parameters, case.inputs["x"]
        source = quantised(x.shape, x.dtype, p["input_scale"], p["input_zero_point"], p["axis"])
        for profile in ("tflite", "xnnpack", "relay", "tvm"):
            assert np.array_equal(run(Dequantize, profile, [(source, x)]), case.outputs["o0"]), case.number


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("tflite", [-3, -2, -1, 1, 2, 3]),
        ("relay", [-3, -2, -1, 1, 2, 3]),
        ("xnnpack", [-2, -2, 0, 0, 2, 2]),
        ("tvm", [-2, -2, 0, 0, 2, 2]),
    ],
)
def test_quantize_halves(profile: str, expected: list[int]):
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    result = run(Quantize, profile, [(tensor(6), halves)], scale=1.0, element="i8")
    assert result.tolist() == expected


def test_quantize_saturates_what_no_integer_holds():
    extremes = np.array([np.inf, -np.inf, 3e38, -3e38, np.nan], np.float32)
    for profile in ("tflite", "xnnpack", "relay", "tvm"):
        for element in ("i8", "u8", "i32"):
            low, high = ElementType(element).minimum, ElementType(element).maximum
            result = run(Quantize, profile, [(tensor(5), extremes)], scale=1e-3, zero_point=1, element=element)
            assert result.tolist() == [high, low, high, low, low]


def test_nearly_a_half_is_rounded_down():
    """0.49999997 + 0.5 is 1.0 in float32: rounding by adding a half and flooring would give 1."""
    values = np.array([0.49999997, -0.49999997, 8388609.0], np.float32)
    assert run(Quantize, "tflite", [(tensor(3), values)], scale=1.0, element="i32").tolist() == [0, 0, 8388609]


@given(
    arrays.arrays(np.float32, st.integers(0, 20), elements=st.floats(width=32)),
    st.sampled_from(["u8", "i8", "i16", "u16", "i32", "u32"]),
)
def test_cast_truncates_and_saturates(values: np.ndarray, element: str):
    result = run(Cast, "tflite", [(tensor(values.shape), values)], element=element)
    low, high = ElementType(element).minimum, ElementType(element).maximum
    expected = [0 if x != x else low if x < low else high if x > high else int(x) for x in values.tolist()]
    assert result.tolist() == expected


def test_cast_between_integers_floats_and_bool():
    wide = np.array([-70000, -1, 0, 255, 256, 70000], np.int32)
    assert run(Cast, "tflite", [(tensor(6, "i32"), wide)], element="u8").tolist() == [0, 0, 0, 255, 255, 255]
    assert run(Cast, "tflite", [(tensor(6, "i32"), wide)], element="bool").tolist() == [
        True,
        True,
        False,
        True,
        True,
        True,
    ]
    flags = np.array([True, False])
    assert run(Cast, "tflite", [(tensor(2, "bool"), flags)], element="f32").tolist() == [1.0, 0.0]
    assert run(Cast, "tflite", [(tensor(2, "bool"), flags)], element="i8").tolist() == [1, 0]
    stored = np.array([5], np.int8)
    assert run(Cast, "tflite", [(tensor(1, "i8", scale=0.5), stored)], element="i32").tolist() == [5]


def test_dequantize_wide_integers():
    extremes = np.array([-(2**31), 2**31 - 1], np.int32)
    result = run(Dequantize, "tflite", [(tensor(2, "i32", scale=1.0, zero_point=7), extremes)])
    assert result.tolist() == [np.float32(-(2.0**31)), np.float32(2.0**31)]
