"""The float LSTM cell: its parts, its arithmetic, and the shapes of its weights. Defines no operator.

Per step, with the gates' sums z = W x + R h (+ A a for an auxiliary input a):

    f = sigmoid(z_f + p_f c + b_f)        i = sigmoid(z_i + p_i c + b_i), or 1 - f in a coupled cell (no input gate)
    c' = clip(f c + i act(z_g + b_g))     o = sigmoid(z_o + p_o c' + b_o)
    h' = o act(c'), or clip(P o act(c') + b_P) with a projection

Layer normalisation replaces z (with its peephole term) by (z - mean) / deviation * weights before the bias is added.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nir.ir import InferenceError, Operation
from nir.ir.types import Dimension, Shape
from nir.ops.broadcasting import shape_text
from nir.ops.profiles import Array

GATES = ("input", "forget", "cell", "output")


class CellActivation(enum.Enum):
    """Activation of the candidate and the cell state: NNAPI's codes 0, 1, 3, 4 and 6."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"
    TANH = "tanh"
    SIGMOID = "sigmoid"


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)) in float32."""
    with np.errstate(over="ignore"):
        return np.float32(1) / (np.float32(1) + np.exp(-values))


_FUNCTIONS: dict[CellActivation, Callable[[Array], Array]] = {
    CellActivation.NONE: lambda values: values,
    CellActivation.RELU: lambda values: np.maximum(values, np.float32(0)),
    CellActivation.RELU6: lambda values: np.clip(values, np.float32(0), np.float32(6)),
    CellActivation.TANH: np.tanh,
    CellActivation.SIGMOID: sigmoid,
}


@dataclass
class LstmCell:
    """One cell at work. `weights` are float32 arrays by operand name without prefix, those left out missing.

    `auxiliary` are the four weights of an auxiliary input, by gate, or nothing.
    """

    weights: Mapping[str, Array]
    auxiliary: Mapping[str, Array]
    activation: CellActivation
    cell_clip: float
    projection_clip: float

    def __post_init__(self) -> None:
        self.gates = tuple(gate for gate in GATES if f"input_to_{gate}_weights" in self.weights)
        self.function = _FUNCTIONS[self.activation]

    def run(self, inputs: Array, auxiliary: Array | None, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        """All steps of a sequence [steps, batch, inputs]: what it gives [steps, batch, outputs], and both states."""
        sums = inputs @ self._joined("input_to_{}_weights").T
        if auxiliary is not None and self.auxiliary:
            sums = sums + auxiliary @ np.concatenate([self.auxiliary[gate] for gate in self.gates]).T
        recurrent = self._joined("recurrent_to_{}_weights").T
        outputs = np.empty((*inputs.shape[:2], hidden.shape[-1]), np.float32)
        for step, own in enumerate(sums):
            hidden, cell = self._step(own + hidden @ recurrent, cell)
            outputs[step] = hidden
        return outputs, hidden, cell

    def _joined(self, name: str) -> Array:
        return np.concatenate([self.weights[name.format(gate)] for gate in self.gates])

    def _step(self, sums: Array, cell: Array) -> tuple[Array, Array]:
        by_gate = dict(zip(self.gates, np.split(sums, len(self.gates), axis=-1), strict=True))
        forget = sigmoid(self._completed("forget", by_gate, cell))
        kept = np.float32(1) - forget
        if "input" in by_gate:
            kept = sigmoid(self._completed("input", by_gate, cell))
        candidate = self.function(self._completed("cell", by_gate, cell))
        cell = _clipped(forget * cell + kept * candidate, self.cell_clip)
        hidden = sigmoid(self._completed("output", by_gate, cell)) * self.function(cell)
        projection = self.weights.get("projection_weights")
        if projection is not None:
            hidden = hidden @ projection.T + self.weights.get("projection_bias", np.float32(0))
            hidden = _clipped(hidden, self.projection_clip)
        return hidden, cell

    def _completed(self, gate: str, sums: Mapping[str, Array], cell: Array) -> Array:
        """A gate's sum with peephole, normalisation and bias."""
        total, peephole = sums[gate], self.weights.get(f"cell_to_{gate}_weights")
        if peephole is not None:
            total = total + peephole * cell
        norm = self.weights.get(f"{gate}_layer_norm_weights")
        if norm is not None:
            total = _normalised(total) * norm
        return total + self.weights[f"{gate}_bias"]


def _clipped(values: Array, bound: float) -> Array:
    return np.clip(values, np.float32(-bound), np.float32(bound)) if bound > 0 else values


_LEAST_VARIANCE = np.float32(1e-8)
"""Stands for a variance of 0."""


def _normalised(values: Array) -> Array:
    centred = values - values.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(np.where(variance == 0, _LEAST_VARIANCE, variance))


# --- shapes ---


@dataclass
class CellSizes:
    """Sizes of a cell: of its input, units and output."""

    inputs: Dimension
    units: Dimension
    outputs: Dimension


def check_shapes(op: Operation, shapes: Mapping[str, Sequence[Dimension]]) -> None:
    """Raises `InferenceError` for an operand that is there and has another shape than it should (None: any size)."""
    for name, wanted in shapes.items():
        value = getattr(op, name)
        if value is None:
            continue
        fits = len(value.shape) == len(wanted) and all(
            a == b or a is None or b is None for a, b in zip(value.shape, wanted, strict=True)
        )
        if not fits:
            raise InferenceError(f"{name} is to be {shape_text(tuple(wanted))}, not {shape_text(value.shape)}", at=name)


def check_cell(op: Operation, inputs: Dimension, prefix: str = "") -> CellSizes:
    """Sizes of the cell whose operands begin with `prefix`. Raises `InferenceError` where shapes do not agree."""
    units, outputs = getattr(op, f"{prefix}recurrent_to_output_weights").shape
    sizes = CellSizes(inputs, units, outputs)
    wanted: dict[str, Shape] = {}
    for gate in GATES:
        wanted[f"input_to_{gate}_weights"] = (units, inputs)
        wanted[f"recurrent_to_{gate}_weights"] = (units, outputs)
        wanted[f"{gate}_bias"] = (units,)
        wanted[f"{gate}_layer_norm_weights"] = (units,)
        if gate != "cell":
            wanted[f"cell_to_{gate}_weights"] = (units,)
    if getattr(op, f"{prefix}projection_weights") is None:
        wanted["recurrent_to_output_weights"] = (units, units)
    else:
        wanted["projection_weights"] = (outputs, units)
        wanted["projection_bias"] = (outputs,)
    check_shapes(op, {prefix + name: shape for name, shape in wanted.items()})
    return sizes


def weight_macs(op: Operation) -> int:
    """Multiply-accumulates of operators whose matrices of weights are each applied to every row of the input."""
    weights = [getattr(op, f.name) for f in op.operand_fields if f.name.endswith("_weights") or f.name == "weights"]
    total = sum(value.type.size for value in weights if value is not None and value.type.rank == 2)
    value = op.operands[0]
    return 0 if value is None else total * (value.type.size // max(value.shape[-1] or 1, 1))


# --- which parts belong together ---


def all_or_none(op: Operation, names: Sequence[str]) -> bool:
    """True where all of these operands are there, or none."""
    return len({getattr(op, name) is None for name in names}) <= 1


def is_coupled(op: Operation, prefix: str = "") -> bool:
    """True for a cell without an input gate."""
    return getattr(op, f"{prefix}input_to_input_weights") is None


def input_gate_is_whole(op: Operation, prefix: str = "") -> bool:
    """True where all of the input gate that every cell with one needs is there, or nothing."""
    names = ("input_to_input_weights", "recurrent_to_input_weights", "input_bias")
    return all_or_none(op, [prefix + name for name in names])


def gates_agree(op: Operation, pattern: str, gates: Sequence[str], prefix: str = "") -> bool:
    """True where the operands of that name pattern are there for all gates that the cell has, or for none."""
    present = [gate for gate in gates if not (gate == "input" and is_coupled(op, prefix))]
    absent = [gate for gate in gates if gate not in present]
    return all_or_none(op, [prefix + pattern.format(gate) for gate in present]) and all(
        getattr(op, prefix + pattern.format(gate)) is None for gate in absent
    )
