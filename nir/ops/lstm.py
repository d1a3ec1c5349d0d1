"""LSTM cells, for one step and over sequences in one direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, Dimension
from nir.ops.lstm_cell import (
    GATES,
    CellActivation,
    CellSizes,
    LstmCell,
    check_cell,
    check_shapes,
    gates_agree,
    input_gate_is_whole,
    weight_macs,
)
from nir.ops.profiles import Array, Profile
from nir.ops.sequences import SequenceOperation


class LstmParts(Operation):
    """Base of operators that run one LSTM cell: its operands, in NNAPI's order, and rules about them."""

    __slots__ = ()

    input: Value = operand("[batch, inputs]", FLOATS, rank=2)
    input_to_input_weights: Value | None = operand(
        "input gate, from the input [units, inputs]", FLOATS, rank=2, optional=True
    )
    input_to_forget_weights: Value = operand("forget gate, from the input [units, inputs]", FLOATS, rank=2)
    input_to_cell_weights: Value = operand("candidate, from the input [units, inputs]", FLOATS, rank=2)
    input_to_output_weights: Value = operand("output gate, from the input [units, inputs]", FLOATS, rank=2)
    recurrent_to_input_weights: Value | None = operand(
        "input gate, from the hidden state [units, outputs]", FLOATS, rank=2, optional=True
    )
    recurrent_to_forget_weights: Value = operand("forget gate, from the hidden state [units, outputs]", FLOATS, rank=2)
    recurrent_to_cell_weights: Value = operand("candidate, from the hidden state [units, outputs]", FLOATS, rank=2)
    recurrent_to_output_weights: Value = operand("output gate, from the hidden state [units, outputs]", FLOATS, rank=2)
    cell_to_input_weights: Value | None = operand(
        "input gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    cell_to_forget_weights: Value | None = operand(
        "forget gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    cell_to_output_weights: Value | None = operand(
        "output gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    input_bias: Value | None = operand("input gate [units]", FLOATS, rank=1, optional=True)
    forget_bias: Value = operand("forget gate [units]", FLOATS, rank=1)
    cell_bias: Value = operand("candidate [units]", FLOATS, rank=1)
    output_bias: Value = operand("output gate [units]", FLOATS, rank=1)
    projection_weights: Value | None = operand(
        "projection of the output [outputs, units]", FLOATS, rank=2, optional=True
    )
    projection_bias: Value | None = operand("projection of the output [outputs]", FLOATS, rank=1, optional=True)
    hidden_state: Value = operand("hidden state [batch, outputs]", FLOATS, rank=2)
    cell_state: Value = operand("cell state [batch, units]", FLOATS, rank=2)
    input_layer_norm_weights: Value | None = operand(
        "input gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    forget_layer_norm_weights: Value | None = operand(
        "forget gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    cell_layer_norm_weights: Value | None = operand(
        "candidate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    output_layer_norm_weights: Value | None = operand(
        "output gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    activation: CellActivation = attribute("of candidate and cell state", default=CellActivation.TANH)
    cell_clip: float = attribute("bound of the cell state; 0: none", default=0.0)
    projection_clip: float = attribute("bound of the projected output; 0: none", default=0.0)

    @constraint("C1: all operands have the same element type")
    def elements_agree(self) -> bool:
        return len({value.element for value in self.operands if value is not None}) == 1

    @constraint("C2: weights and bias of the input gate are all there or all left out", at="input_to_input_weights")
    def input_gate_is_whole(self) -> bool:
        return input_gate_is_whole(self)

    @constraint("C3: there are peepholes for all gates that the cell has, or for none", at="cell_to_forget_weights")
    def peepholes_agree(self) -> bool:
        return gates_agree(self, "cell_to_{}_weights", ("input", "forget", "output"))

    @constraint("C4: only a projection has a projection bias", at="projection_bias")
    def bias_needs_projection(self) -> bool:
        return self.projection_bias is None or self.projection_weights is not None

    @constraint(
        "C5: there is layer normalisation of all gates that the cell has, or of none", at="forget_layer_norm_weights"
    )
    def normalisation_agrees(self) -> bool:
        return gates_agree(self, "{}_layer_norm_weights", GATES)

    @constraint("C6: bounds are not negative", at="cell_clip")
    def bounds_make_sense(self) -> bool:
        return min(self.cell_clip, self.projection_clip) >= 0

    def sizes(self, batch: Dimension, inputs: Dimension) -> CellSizes:
        """Sizes of the cell. Raises `InferenceError` where shapes do not agree."""
        sizes = check_cell(self, inputs)
        check_shapes(self, {"hidden_state": (batch, sizes.outputs), "cell_state": (batch, sizes.units)})
        return sizes

    def cell(self, operands: Sequence[Array | None]) -> tuple[LstmCell, dict[str, Array]]:
        """The cell, and all operands by name as float32."""
        arrays = real_operands(self, operands)
        return LstmCell(arrays, {}, self.activation, self.cell_clip, self.projection_clip), arrays

    def macs(self) -> int:
        return weight_macs(self)


def real_operands(op: Operation, operands: Sequence[Array | None]) -> dict[str, Array]:
    """Operands that are there by name, as float32."""
    fields = op.operand_fields[: len(operands)]
    return {
        f.name: array.astype(np.float32, copy=False)
        for f, array in zip(fields, operands, strict=True)
        if array is not None
    }


class Lstm(LstmParts, name="lstm", nnapi=16):
    """One step of an LSTM cell.

    The cell may have no input gate of its own (then it is 1 - forget gate), peepholes, a projection of its output,
    and layer normalisation. The first result is a buffer of NNAPI's with 3 or 4 values per unit, all 0 here; the last
    is the hidden state.

        func @example(
            %x: tensor<1x2xf32>,
            %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>, %h: tensor<1x4xf32>, %c: tensor<1x4xf32>
        ) -> (tensor<1x12xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
          %0, %1, %2, %3 = lstm(%x, none, %w, %w, %w, none, %r, %r, %r, none, none, none, none, %b, %b, %b,
              none, none, %h, %c) : (tensor<1x12xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>)
          return %0, %1, %2, %3
        }
    """

    __slots__ = ()

    scratch: Value = result("zeros [batch, units x gates]", quantisation=QuantisationRule.NONE)
    hidden_state_out: Value = result("[batch, outputs]", quantisation=QuantisationRule.NONE)
    cell_state_out: Value = result("[batch, units]", quantisation=QuantisationRule.NONE)
    output: Value = result("[batch, outputs]", quantisation=QuantisationRule.NONE)

    def infer_shapes(self) -> Sequence[Shape]:
        batch, inputs = self.input.shape
        sizes = self.sizes(batch, inputs)
        gates = 3 if self.input_to_input_weights is None else 4
        scratch = None if sizes.units is None else sizes.units * gates
        hidden, cell = (batch, sizes.outputs), (batch, sizes.units)
        return [(batch, scratch), hidden, cell, hidden]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        cell, arrays = self.cell(operands)
        inputs = arrays["input"][np.newaxis]
        _, hidden, state = cell.run(inputs, None, arrays["hidden_state"], arrays["cell_state"])
        scratch = np.zeros((len(hidden), state.shape[1] * len(cell.gates)), np.float32)
        results = zip((scratch, hidden, state, hidden), self.results, strict=True)
        return tuple(profile.quantise(array, value.type) for array, value in results)


class UnidirectionalSequenceLstm(SequenceOperation, LstmParts, name="unidirectional_sequence_lstm", nnapi=92):
    """An LSTM cell over the steps of a sequence, each with the states of the one before.

    See `lstm` for the cell. With `return_states` the last step's states are given as well.

        func @example(
            %x: tensor<1x3x2xf32>,
            %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>, %h: tensor<1x4xf32>, %c: tensor<1x4xf32>
        ) -> tensor<1x3x4xf32> {
          %0 = unidirectional_sequence_lstm(%x, none, %w, %w, %w, none, %r, %r, %r, none, none, none, none, %b,
              %b, %b, none, none, %h, %c) : tensor<1x3x4xf32>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, steps, inputs], or [steps, batch, inputs]", FLOATS, rank=3)
    output: Value = result("one output per step, in the input's order", quantisation=QuantisationRule.NONE)
    states: tuple[Value, ...] = result(
        "hidden and cell state after the last step", quantisation=QuantisationRule.NONE, variadic=True
    )

    def infer_shapes(self) -> Sequence[Shape]:
        steps, batch = self.steps_and_batch()
        sizes = self.sizes(batch, self.input.shape[2])
        states: list[Shape] = [(batch, sizes.outputs), (batch, sizes.units)]
        return [self.sequence_shape(steps, batch, sizes.outputs), *(states if self.return_states else [])]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        cell, arrays = self.cell(operands)
        inputs = self.steps_first(arrays["input"])
        outputs, hidden, state = cell.run(inputs, None, arrays["hidden_state"], arrays["cell_state"])
        return self.stored_results(profile, [self.steps_first(outputs)], [hidden, state])


OPERATORS: tuple[type[Operation], ...] = (Lstm, UnidirectionalSequenceLstm)
