"""Recurrent operators: against plain loops written from the formulas, against each other, and in integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.errors import VerifyError
from nir.interp import run
from nir.ir import InferenceError, Value, tensor
from nir.ops.builder import Builder
from nir.ops.fixed_point_functions import inverse_square_root, logistic, tanh
from nir.ops.lstm import Lstm, UnidirectionalSequenceLstm
from nir.ops.lstm_cell import GATES
from nir.verify import verify

Arrays = dict[str, np.ndarray]

SIZES = st.tuples(*[st.integers(1, 4)] * 4)
"""Batch, inputs, units, outputs."""


def evaluate(operator: str, arrays: Arrays, **attributes: Any) -> list[np.ndarray]:
    """Results of an operator whose operands are given by name."""
    builder = Builder()
    elements = {"float32": "f32", "float16": "f16"}
    values = {name: builder.parameter(name, tensor(a.shape, elements[str(a.dtype)])) for name, a in arrays.items()}
    results = getattr(builder, operator)(**values, **attributes)
    builder.returns(*(results if isinstance(results, tuple) else (results,)))
    verify(builder.module)
    return list(run(builder.module, arrays).values())


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def lstm_arrays(
    rng: np.random.Generator, sizes: tuple[int, int, int, int], coupled: bool, extras: set[str], prefix: str = ""
) -> Arrays:
    """Weights and states of an LSTM; `extras` are of peephole, projection, layer_norm."""
    batch, inputs, units, outputs = sizes
    if "projection" not in extras:
        outputs = units
    arrays: Arrays = {}
    for gate in GATES:
        if gate == "input" and coupled:
            continue
        arrays[f"input_to_{gate}_weights"] = draw(rng, units, inputs)
        arrays[f"recurrent_to_{gate}_weights"] = draw(rng, units, outputs)
        arrays[f"{gate}_bias"] = draw(rng, units)
        if "peephole" in extras and gate != "cell":
            arrays[f"cell_to_{gate}_weights"] = draw(rng, units)
        if "layer_norm" in extras:
            arrays[f"{gate}_layer_norm_weights"] = draw(rng, units)
    if "projection" in extras:
        arrays |= {"projection_weights": draw(rng, outputs, units), "projection_bias": draw(rng, outputs)}
    arrays |= {"hidden_state": draw(rng, batch, outputs), "cell_state": draw(rng, batch, units)}
    return {prefix + name: array for name, array in arrays.items()}


def plain_lstm(x: np.ndarray, w: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """One step in float64, gate by gate, from the formulas."""
    w = {name: array.astype(np.float64) for name, array in w.items()}
    h, c = w["hidden_state"], w["cell_state"]

    def gate(name: str, cell: np.ndarray) -> np.ndarray:
        z = x @ w[f"input_to_{name}_weights"].T + h @ w[f"recurrent_to_{name}_weights"].T
        if f"cell_to_{name}_weights" in w:
            z = z + cell * w[f"cell_to_{name}_weights"]
        if f"{name}_layer_norm_weights" in w:
            deviation = np.sqrt(z.var(axis=1, keepdims=True))
            z = (z - z.mean(axis=1, keepdims=True)) / np.where(deviation == 0, 1e-4, deviation)
            z = z * w[f"{name}_layer_norm_weights"]
        return z + w[f"{name}_bias"]

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    forget = sigmoid(gate("forget", c))
    enter = sigmoid(gate("input", c)) if "input_bias" in w else 1 - forget
    cell = forget * c + enter * np.tanh(gate("cell", c))
    output = sigmoid(gate("output", cell)) * np.tanh(cell)
    if "projection_weights" in w:
        output = output @ w["projection_weights"].T + w["projection_bias"]
    return output, cell


extras = st.sets(st.sampled_from(["peephole", "projection", "layer_norm"]))


@given(SIZES, st.booleans(), extras, st.integers(0, 2**32))
def test_a_step_of_an_lstm_follows_the_formulas(
    sizes: tuple[int, int, int, int], coupled: bool, extras: set[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = lstm_arrays(rng, (sizes[0], sizes[1], sizes[2] + 1, sizes[3]), coupled, extras)
    x = draw(rng, sizes[0], sizes[1])
    scratch, hidden, cell, output = evaluate("lstm", {"input": x, **weights})
    expected_output, expected_cell = plain_lstm(x, weights)
    # Normalising two nearly equal sums magnifies what float32 leaves of them.
    tolerance = 1e-2 if "layer_norm" in extras else 2e-5
    np.testing.assert_allclose(cell, expected_cell, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(output, expected_output, rtol=tolerance, atol=tolerance)
    assert hidden.tobytes() == output.tobytes()
    assert scratch.shape == (sizes[0], (3 if coupled else 4) * (sizes[2] + 1))


@given(SIZES, st.booleans(), extras, st.integers(1, 4), st.booleans(), st.integers(0, 2**32))
def test_a_sequence_is_its_steps(
    sizes: tuple[int, int, int, int], coupled: bool, extras: set[str], steps: int, time_major: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weights = lstm_arrays(rng, sizes, coupled, extras)
    sequence = draw(rng, steps, sizes[0], sizes[1])
    given = sequence if time_major else sequence.transpose(1, 0, 2)
    output, hidden, cell = evaluate(
        "unidirectional_sequence_lstm",
        {"input": np.ascontiguousarray(given), **weights},
        time_major=time_major,
        return_states=True,
        cell_clip=1.5,
    )
    ordered = output if time_major else output.transpose(1, 0, 2)
    for step in range(steps):
        _, h, c, expected = evaluate("lstm", {"input": sequence[step], **weights}, cell_clip=1.5)
        np.testing.assert_allclose(ordered[step], expected, rtol=1e-3, atol=1e-5)
        weights |= {"hidden_state": h, "cell_state": c}
    np.testing.assert_allclose(hidden, weights["hidden_state"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(cell, weights["cell_state"], rtol=1e-3, atol=1e-5)
    assert np.abs(cell).max() <= 1.5


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("linking", ["none", "parallel", "crossed"])
def test_both_directions_are_two_sequences(linking: str, merge: bool) -> None:
    """With a second input: each cell alone on inputs joined in their last dimension, and weights likewise."""
    rng = np.random.default_rng(7)
    forward, backward = (lstm_arrays(rng, (2, 3, 4, 4), False, set()) for _ in range(2))
    x, extra = draw(rng, 2, 5, 3), draw(rng, 2, 5, 3)
    arrays = {"input": x}
    arrays |= {f"forward_{name}": array for name, array in forward.items()}
    arrays |= {f"backward_{name}": array for name, array in backward.items()}
    inputs = [x, extra if linking == "parallel" else x]
    if linking != "none":
        arrays["auxiliary_input"] = extra
    if linking == "crossed":
        inputs = [np.concatenate([x, extra], axis=2)] * 2
        for prefix, weights in (("forward", forward), ("backward", backward)):
            for gate in GATES:
                own = arrays[f"{prefix}_auxiliary_to_{gate}_weights"] = draw(rng, 4, 3)
                name = f"input_to_{gate}_weights"
                weights[name] = np.concatenate([weights[name], own], axis=1)
    found = evaluate("bidirectional_sequence_lstm", arrays, merge_outputs=merge, return_states=True)
    expected, states = [], []
    for direction, sequence, weights in zip((1, -1), inputs, (forward, backward), strict=True):
        turned = np.ascontiguousarray(sequence[:, ::direction])
        output, *own_states = evaluate("unidirectional_sequence_lstm", {"input": turned, **weights}, return_states=True)
        expected.append(output[:, ::direction])
        states += own_states
    if merge:
        expected = [np.concatenate(expected, axis=2)]
    for actual, wanted in zip(found, [*expected, *states], strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("linking", ["none", "parallel", "crossed"])
def test_both_directions_of_an_rnn_are_two_sequences(linking: str, merge: bool) -> None:
    rng = np.random.default_rng(8)
    x, extra = draw(rng, 2, 5, 3), draw(rng, 2, 5, 3)
    arrays: Arrays = {"input": x}
    inputs = [x, extra if linking == "parallel" else x]
    cells: list[Arrays] = []
    for prefix in ("forward", "backward"):
        cell = {"weights": draw(rng, 4, 3), "recurrent_weights": draw(rng, 4, 4)}
        cell |= {"bias": draw(rng, 4), "hidden_state": draw(rng, 2, 4)}
        arrays |= {f"{prefix}_{name}": array for name, array in cell.items()}
        if linking == "crossed":
            own = arrays[f"{prefix}_auxiliary_weights"] = draw(rng, 4, 3)
            cell["weights"] = np.concatenate([cell["weights"], own], axis=1)
        cells.append(cell)
    if linking != "none":
        arrays["auxiliary_input"] = extra
    if linking == "crossed":
        inputs = [np.concatenate([x, extra], axis=2)] * 2
    options = {"activation": "relu1", "return_states": True}
    found = evaluate("bidirectional_sequence_rnn", arrays, merge_outputs=merge, **options)
    expected, states = [], []
    for direction, sequence, cell in zip((1, -1), inputs, cells, strict=True):
        turned = np.ascontiguousarray(sequence[:, ::direction])
        output, state = evaluate("unidirectional_sequence_rnn", {"input": turned, **cell}, **options)
        expected.append(output[:, ::direction])
        states.append(state)
    if merge:
        expected = [np.concatenate(expected, axis=2)]
    for actual, wanted in zip(found, [*expected, *states], strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-5, atol=1e-6)


def test_an_rnn_sequence_is_its_steps() -> None:
    rng = np.random.default_rng(9)
    cell = {"weights": draw(rng, 4, 3), "recurrent_weights": draw(rng, 4, 4), "bias": draw(rng, 4)}
    cell["hidden_state"] = draw(rng, 2, 4)
    x = draw(rng, 6, 2, 3)
    [output] = evaluate("unidirectional_sequence_rnn", {"input": x, **cell}, time_major=True, activation="relu6")
    for step in range(6):
        hidden, result = evaluate("rnn", {"input": x[step], **cell}, activation="relu6")
        np.testing.assert_allclose(output[step], result, rtol=1e-5, atol=1e-6)
        assert result.min() >= 0
        cell["hidden_state"] = hidden


@given(SIZES, st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**32))
def test_svdf_convolves_each_filter_over_time(
    sizes: tuple[int, int, int, int], rank: int, steps: int, seed: int
) -> None:
    """Started from zeros, output t is the sum over the last `memory` features, each by its weight in time."""
    rng = np.random.default_rng(seed)
    batch, inputs, units, memory = sizes
    features, time = draw(rng, units * rank, inputs), draw(rng, units * rank, memory)
    bias, x = draw(rng, units), draw(rng, steps, batch, inputs)
    state = np.zeros((batch, units * rank * memory), np.float32)
    for step in range(steps):
        arrays = {"input": x[step], "feature_weights": features, "time_weights": time, "bias": bias, "state": state}
        state, output = evaluate("svdf", arrays, rank=rank)
        expected = np.zeros((batch, units * rank))
        for age in range(min(memory, step + 1)):
            expected += (x[step - age].astype(np.float64) @ features.T) * time[:, memory - 1 - age]
        expected = expected.reshape(batch, units, rank).sum(axis=2) + bias
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)


def test_float16_is_computed_in_float32_and_rounded_once() -> None:
    rng = np.random.default_rng(11)
    weights = lstm_arrays(rng, (2, 3, 4, 4), False, {"peephole"})
    arrays = {name: array.astype(np.float16) for name, array in {"input": draw(rng, 2, 3), **weights}.items()}
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    for narrow, full in zip(evaluate("lstm", arrays), evaluate("lstm", wide), strict=True):
        assert narrow.tobytes() == full.astype(np.float16).tobytes()


@pytest.mark.parametrize("integer_bits", [0, 1, 3, 4])
def test_fixed_point_functions_are_near_the_real_ones(integer_bits: int) -> None:
    """On all int16 values; the bounds are what gemmlowp's 16-bit functions reach, in steps of 2^-15."""
    stored = np.arange(-(2**15), 2**15)
    real = stored * 2.0 ** (integer_bits - 15)
    for function, exact, bound in ((logistic, 1 / (1 + np.exp(-real)), 7), (tanh, np.tanh(real), 13)):
        found = function(stored, integer_bits)
        assert np.abs(found - exact * 2**15).max() < bound
        assert found.min() >= -(2**15)
        assert found.max() <= 2**15 - 1


@given(st.lists(st.integers(2, 2**31 - 1), min_size=1, max_size=20))
def test_the_inverse_square_root_is_one(values: list[int]) -> None:
    mantissa, exponent = inverse_square_root(np.array(values, np.int64))
    found = mantissa * 2.0 ** (exponent - 31)
    np.testing.assert_allclose(found * np.sqrt(np.array(values, np.float64)), 1, rtol=2e-6)
    assert (exponent <= 0).all()


def lstm_values(builder: Builder, **shapes: tuple[int, ...]) -> dict[str, Value]:
    sizes = {
        name: array.shape for name, array in lstm_arrays(np.random.default_rng(0), (1, 2, 4, 4), True, set()).items()
    }
    sizes = {"input": (1, 2), **sizes, **shapes}
    return {name: builder.parameter(name, tensor(shape)) for name, shape in sizes.items()}


@pytest.mark.parametrize(
    ("operand", "shape"),
    [("input_to_forget_weights", (4, 3)), ("cell_bias", (5,)), ("hidden_state", (1, 3)), ("cell_state", (2, 4))],
)
def test_an_operand_of_another_shape_is_named(operand: str, shape: tuple[int, ...]) -> None:
    builder = Builder()
    with pytest.raises(InferenceError, match=f"{operand} is to be"):
        builder.lstm(**lstm_values(builder, **{operand: shape}))


def test_half_an_input_gate_is_refused() -> None:
    builder = Builder()
    values = lstm_values(builder)
    values["input_bias"] = values["cell_bias"]
    builder.returns(*builder.lstm(**values))
    with pytest.raises(VerifyError, match="C2"):
        verify(builder.module)


def test_cost_counts_each_weight_once_per_step_and_row() -> None:
    builder = Builder()
    values = lstm_values(builder)
    weights = 3 * (4 * 2 + 4 * 4)
    assert Lstm.create(**values).macs() == weights
    values["input"] = builder.parameter("sequence", tensor((1, 7, 2)))
    assert UnidirectionalSequenceLstm.create(**values).macs() == 7 * weights


@pytest.mark.parametrize(("batch", "steps"), [(0, 0), (0, 2), (1, 0)])
def test_no_batch_and_no_steps_are_no_outputs(batch: int, steps: int) -> None:
    weights = lstm_arrays(np.random.default_rng(0), (batch, 2, 3, 3), False, {"layer_norm", "projection"})
    arrays = {"input": np.zeros((batch, steps, 2), np.float32), **weights}
    output, hidden, cell = evaluate("unidirectional_sequence_lstm", arrays, return_states=True)
    assert output.shape == (batch, steps, 3)
    if not steps:
        assert hidden.tobytes() == weights["hidden_state"].tobytes()
        assert cell.tobytes() == weights["cell_state"].tobytes()


def test_svdf_of_no_batch() -> None:
    shapes = {"input": (0, 2), "feature_weights": (4, 2), "time_weights": (4, 3), "state": (0, 12)}
    state, output = evaluate("svdf", {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    assert (state.shape, output.shape) == ((0, 12), (0, 4))
