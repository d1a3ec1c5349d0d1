"""LSTM cells in integers against the float cell on the real values that the integers stand for.

That they are exact, step by step, is for the recorded cases of NNAPI to say (tests/nnapi).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import VerifyError
from nir.interp import run
from nir.ir import TensorType, tensor
from nir.ops.builder import Builder
from nir.ops.lstm_cell import GATES
from nir.ops.profiles import PROFILES, get_profile
from nir.verify import verify

Typed = dict[str, tuple[TensorType, np.ndarray]]
CELL_SCALE = 2.0**-11
GATE_SCALES = {f"{gate}_gate_scale": 2.0**-12 for gate in GATES}


def evaluate(operator: str, operands: Typed, profile: str = "tflite", **fields: Any) -> list[np.ndarray]:
    builder = Builder()
    values = {name: builder.parameter(name, type) for name, (type, _) in operands.items()}
    builder.returns(*getattr(builder, operator)(**values, **fields))
    verify(builder.module)
    arrays = {name: array for name, (_, array) in operands.items()}
    return list(run(builder.module, arrays, profile).values())


def draw(rng: np.random.Generator, element: str, scale: float, *shape: int, zero_point: int = 0) -> Any:
    type = tensor(shape, element, scale=scale, zero_point=zero_point)
    limit = 127 if element == "i8" else 2**12
    return type, rng.integers(-limit, limit, shape, endpoint=True).astype(type.element.numpy)


def cell(rng: np.random.Generator, coupled: bool, peephole: bool, projected: bool) -> Typed:
    batch, inputs, units = 3, 5, 4
    outputs = 2 if projected else units
    operands: Typed = {"input": draw(rng, "i8", 1 / 128, batch, inputs, zero_point=3)}
    for gate in GATES:
        if gate == "input" and coupled:
            continue
        operands[f"input_to_{gate}_weights"] = draw(rng, "i8", 1 / 128, units, inputs)
        operands[f"recurrent_to_{gate}_weights"] = draw(rng, "i8", 1 / 128, units, outputs)
        operands[f"{gate}_bias"] = tensor(units, "i32"), np.zeros(units, np.int32)
        if peephole and gate != "cell":
            operands[f"cell_to_{gate}_weights"] = draw(rng, "i16", 2.0**-12, units)
    if projected:
        operands["projection_weights"] = draw(rng, "i8", 1 / 128, outputs, units)
    operands["hidden_state"] = draw(rng, "i8", 1 / 64, batch, outputs, zero_point=-5)
    operands["cell_state"] = draw(rng, "i16", CELL_SCALE, batch, units)
    return operands


def real(operands: Typed) -> Typed:
    """The same cell in float32."""
    profile = get_profile("tflite")
    return {
        name: (tensor(type.shape, "f32"), np.asarray(profile.dequantise(array, type), np.float32))
        for name, (type, array) in operands.items()
    }


@given(st.integers(0, 2**32), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.75]))
def test_a_step_is_near_that_of_the_float_cell(
    seed: int, coupled: bool, peephole: bool, projected: bool, bound: float
) -> None:
    operands = cell(np.random.default_rng(seed), coupled, peephole, projected)
    zero_point = -5
    if bound and projected:  # the bound cuts stored values, whatever their zero point
        type, array = operands["hidden_state"]
        zero_point, operands["hidden_state"] = 0, (tensor(type.shape, "i8", scale=1 / 64), array)
    clips = {"cell_clip": bound, "projection_clip": bound if projected else 0.0}
    hidden = {"hidden_scale": 1 / 64 if not projected else 1 / 128, "hidden_zero_point": -5 if not projected else 7}
    output, state, again = evaluate("quantized_lstm", operands, **GATE_SCALES, **clips, **hidden)
    _, _, expected_state, expected = evaluate("lstm", real(operands), **clips)
    assert output.tobytes() == again.tobytes()
    np.testing.assert_allclose(state * CELL_SCALE, expected_state, atol=12 * CELL_SCALE)
    assert np.abs((output.astype(int) - zero_point) / 64 - expected).max() <= (3 if projected else 1.6) / 64
    if bound:
        assert np.abs(state).max() <= bound / CELL_SCALE


def test_layer_normalisation_brings_gates_to_their_weights() -> None:
    """A sum far from 0 is as good as none: normalised sums have mean 0 and deviation 1 whatever the gate's scale."""
    operands = cell(np.random.default_rng(3), False, False, False)
    for gate in GATES:
        operands[f"{gate}_layer_norm_weights"] = draw(np.random.default_rng(4), "i16", 2.0**-12, 4)
    hidden = {"hidden_scale": 1 / 64, "hidden_zero_point": -5}
    _, coarse, _ = evaluate("quantized_lstm", operands, **dict.fromkeys(GATE_SCALES, 2.0**-10), **hidden)
    _, fine, _ = evaluate("quantized_lstm", operands, **dict.fromkeys(GATE_SCALES, 2.0**-12), **hidden)
    _, _, expected, _ = evaluate("lstm", real(operands))
    np.testing.assert_allclose(coarse * CELL_SCALE, expected, atol=0.02)
    np.testing.assert_allclose(fine * CELL_SCALE, expected, atol=0.02)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_integer_algorithm_is_that_of_every_profile(profile: str) -> None:
    operands = cell(np.random.default_rng(5), False, True, True)
    fields = {**GATE_SCALES, "hidden_scale": 1 / 128}
    found = evaluate("quantized_lstm", operands, profile, **fields)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in evaluate("quantized_lstm", operands, **fields)]


@pytest.mark.parametrize(("scale", "holds"), [(2.0**-9, True), (2.0**-8, False), (0.0005, False), (3.05176e-05, True)])
def test_the_scale_of_the_cell_is_a_power_of_two(scale: float, holds: bool) -> None:
    operands = cell(np.random.default_rng(6), True, False, False)
    type, array = operands["cell_state"]
    operands["cell_state"] = tensor(type.shape, "i16", scale=scale), array
    if holds:
        assert len(evaluate("quantized_lstm", operands, **GATE_SCALES, hidden_scale=1 / 64)) == 3
    else:
        with pytest.raises(VerifyError, match="Q3"):
            evaluate("quantized_lstm", operands, **GATE_SCALES, hidden_scale=1 / 64)
