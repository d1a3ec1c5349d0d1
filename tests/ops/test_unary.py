"""Functions of one operand and activations: floats against float64, quantised tensors against the definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, quantisations, results, seeds, shapes, typed
from hypothesis import given
from hypothesis import strategies as st

from nir.ir import ElementType, TensorType
from nir.ops.profiles import PROFILES, get_profile

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], float]] = {
    "abs": (np.abs, 0),
    "neg": (np.negative, 0),
    "exp": (np.exp, 2.52),
    "log": (np.log, 3.83),
    "sqrt": (np.sqrt, 0.5),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 2),
    "sin": (np.sin, 2),
    "floor": (np.floor, 0),
    "erf": (np.vectorize(math.erf, otypes=[np.float64]), 0.51),
    "relu": (lambda x: np.maximum(x, 0), 0),
    "relu1": (lambda x: np.clip(x, -1, 1), 0),
    "relu6": (lambda x: np.clip(x, 0, 6), 0),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), 4),
    "tanh": (np.tanh, 4),
    "elu": (lambda x: np.where(x >= 0, x, np.expm1(x)), 4),
    "hard_swish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, 4),
    "leaky_relu": (lambda x: np.where(x >= 0, x, np.float32(0.01) * x), 1),
}
"""Each function in float64, and the units in the last place by which float32 may be off: numpy states 2.52 for exp
and 3.83 for log.
"""

TABULATED = sorted(FUNCTIONS.keys() - {"relu", "relu1", "relu6", "leaky_relu"})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_floats(name: str) -> None:
    function, ulps = FUNCTIONS[name]
    x = np.concatenate([floats(1, 500) * 4, np.linspace(-10, 10, 201, dtype=np.float32), np.float32([0, 1, -1, 80])])
    x = np.abs(x) if name in ("log", "sqrt", "rsqrt") else x
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        found = apply(name, x)
    with np.errstate(invalid="ignore"):
        error = np.abs(found - exact)
    close = error <= ulps * np.spacing(np.abs(exact).astype(np.float32)) + 1e-37
    # A factor x + 3 near 0 has lost the digits of x already.
    close |= (name == "hard_swish") & (error < 1e-6)
    assert np.all(close | (found == exact)), (x[~close], found[~close], exact[~close])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float16_is_rounded_once(name: str) -> None:
    x = np.abs(floats(2, 300, dtype=np.float16)) + np.float16(0.01)
    assert np.array_equal(apply(name, x), apply(name, x.astype(np.float32)).astype(np.float16))


@given(st.sampled_from(sorted(FUNCTIONS)), shapes, seeds)
def test_any_shape(name: str, shape: tuple[int, ...], seed: int) -> None:
    """Scalars too; the elements do not know each other."""
    x = np.abs(floats(seed, *shape))
    assert np.array_equal(apply(name, x).ravel(), apply(name, x.ravel()))


def test_values_at_the_edge_of_a_function() -> None:
    edge = np.array([0.0, -1.0, np.inf], np.float32)
    assert np.array_equal(apply("log", edge), [-np.inf, np.nan, np.inf], equal_nan=True)
    assert np.array_equal(apply("sqrt", edge), [0, np.nan, np.inf], equal_nan=True)
    assert np.array_equal(apply("rsqrt", edge), [np.inf, np.nan, 0], equal_nan=True)
    assert apply("logistic", np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]
    assert np.isnan(apply("relu6", np.array([np.nan], np.float32))).all()


def test_raw_integers_wrap_around() -> None:
    x = np.array([-128, -5, 0, 127], np.int8)
    assert apply("neg", x).tolist() == [-128, 5, 0, -127]
    assert apply("abs", x).tolist() == [-128, 5, 0, 127]
    assert apply("relu", x).tolist() == [0, 0, 0, 127]
    assert apply("relu1", x).tolist() == [-1, -1, 0, 1]
    assert apply("relu6", x.view(np.uint8)).tolist() == [6, 6, 0, 6]


@pytest.mark.parametrize("name", TABULATED)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_table_is_dequantise_compute_quantise(name: str, profile: str) -> None:
    """What a function means on quantised tensors, where a profile has no integer kernel of its own."""
    if name in ("abs", "hard_swish") and profile in ("tflite", "xnnpack"):
        pytest.skip("LiteRT has a kernel of its own, see test_litert_elementwise.py")
    chosen = get_profile(profile)
    for element, zero_point in (("i8", -128), ("u8", 3)):
        stored = integers(3, 1000, dtype=ElementType(element).numpy)
        source, target = typed(stored, 0.05, zero_point), typed(stored, 0.013, 7)
        [found] = results(make(name, source, quantisation=target.quantisation), stored, profile=profile)
        real = chosen.dequantise(stored, source)
        with np.errstate(all="ignore"):
            assert np.array_equal(found, chosen.quantise(apply(name, real), target))


@given(st.sampled_from(["i8", "u8", "i16", "u16"]), st.data(), seeds)
def test_bounds_are_exact_on_stored_integers(element: str, data: st.DataObject, seed: int) -> None:
    """relu and its kin change no element within the bounds, and the others to the stored bound."""
    parameters = data.draw(quantisations(element))
    type = TensorType(ElementType(element), (60,), parameters)
    stored = integers(seed, 60, dtype=type.element.numpy)
    for name, low, high in (("relu", 0, math.inf), ("relu1", -1, 1), ("relu6", 0, 6)):
        [found] = results(make(name, type), stored)
        # The rule is in float32, where 1 / 0.023529412 is 42.5 and rounds to 43.
        steps = [float(np.float32(bound) / np.float32(parameters.scale)) for bound in (low, high)]
        for before, after in zip(stored.tolist(), found.tolist(), strict=True):
            distance = before - parameters.zero_point
            assert after == before or not steps[0] + 0.5 < distance < steps[1] - 0.5
            assert steps[0] - 0.5 <= after - parameters.zero_point <= steps[1] + 0.5 or abs(after) in (0, 128, 127, 255)


@pytest.mark.parametrize("profile", PROFILES)
def test_leaky_relu_is_near_the_real_function(profile: str) -> None:
    stored = np.arange(-128, 128).astype(np.int8)
    for alpha in (0.0, 0.1, 0.5, 1.5, -0.25):
        source, target = typed(stored, 0.1, 20), typed(stored, 0.13, -30)
        op = make("leaky_relu", source, quantisation=target.quantisation, alpha=alpha)
        [found] = results(op, stored, profile=profile)
        real = (stored.astype(float) - 20) * 0.1
        exact = np.clip(np.where(real >= 0, real, real * alpha) / 0.13 - 30, -128, 127)
        assert np.abs(found - exact).max() <= 1.5, alpha


def test_results_have_nnapi_parameters_unless_given() -> None:
    u8, i8 = typed(integers(1, 4, dtype=np.uint8), 0.1, 5), typed(integers(1, 4), 0.1, 5)
    assert str(make("logistic", u8).results[0].type) == "tensor<4xu8, scale=0.00390625, zero_point=0>"
    assert str(make("logistic", i8).results[0].type) == "tensor<4xi8, scale=0.00390625, zero_point=-128>"
    assert str(make("tanh", u8).results[0].type) == "tensor<4xu8, scale=0.0078125, zero_point=128>"
    assert make("hard_swish", u8).results[0].type == u8
    assert str(make("tanh", i8, scale=0.5, zero_point=1).results[0].type) == "tensor<4xi8, scale=0.5, zero_point=1>"


def test_functions_of_real_numbers_need_quantised_integers() -> None:
    with pytest.raises(AssertionError, match="Q3"):
        make("tanh", typed(integers(1, 4)))
