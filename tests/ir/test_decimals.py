"""Floats as text: every bit kept, and the same layout whatever the version of numpy."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.ir.quantisation import shortest_decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(999999), "999999.0"),
        (np.float32(1e6), "1e+06"),
        (np.float32(-1234567), "-1.234567e+06"),
        (np.float32(1234567.5), "1.2345675e+06"),
        (np.float32(123456789), "1.2345679e+08"),
        (np.float32(1e10), "1e+10"),
        (np.float32(3.4028235e38), "3.4028235e+38"),
        (np.float32(9.9e-5), "9.9e-05"),
        (np.float32(1e-45), "1e-45"),
        (np.float32(-0.0), "-0.0"),
        (np.float32("-inf"), "-inf"),
        (np.float32("nan"), "nan"),
        (np.float16(999), "999.0"),
        (np.float16(1000), "1e+03"),
        (np.float16(65504), "6.55e+04"),
        (np.float16(6e-8), "6e-08"),
    ],
)
def test_layout(value: np.floating, text: str) -> None:
    assert shortest_decimal(value) == text


@given(st.integers(0, 2**32 - 1).map(lambda bits: np.uint32(bits).view(np.float32)))
def test_float32_round_trip(value: np.float32) -> None:
    check(value)


@given(st.integers(0, 2**16 - 1).map(lambda bits: np.uint16(bits).view(np.float16)))
def test_float16_round_trip(value: np.float16) -> None:
    check(value)


def check(value: np.floating) -> None:
    text = shortest_decimal(value)
    again = type(value)(text)
    assert again.tobytes() == value.tobytes() or (np.isnan(again) and np.isnan(value))
    if np.isfinite(value):
        assert re.fullmatch(r"-?(\d{1,6}\.\d+|\d(\.\d+)?e[+-]\d\d)", text)
        assert ("e+" in text) == (abs(value) >= (1e6 if value.itemsize == 4 else 1e3))
