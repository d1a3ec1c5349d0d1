"""LSTM cells over sequences in both directions."""

from __future__ import annotations

from collections.abc import Sequence

from nir.ir import Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS
from nir.ops.lstm import real_operands
from nir.ops.lstm_cell import (
    GATES,
    CellActivation,
    LstmCell,
    check_cell,
    check_shapes,
    gates_agree,
    input_gate_is_whole,
    weight_macs,
)
from nir.ops.profiles import Array, Profile
from nir.ops.sequences import BidirectionalOperation

PREFIXES = ("forward_", "backward_")


class BidirectionalSequenceLstm(BidirectionalOperation, name="bidirectional_sequence_lstm", nnapi=42):
    """Two LSTM cells over a sequence: one from its first step on, one from its last step back.

    See `lstm` for the cells. An auxiliary input with weights is added to the gates of both cells; without weights it
    is what the backward cell runs on. Each cell's output stands at the step that it is of. With `merge_outputs` both
    are joined in the last dimension.

        func @example(
            %x: tensor<1x3x2xf32>,
            %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>, %h: tensor<1x4xf32>, %c: tensor<1x4xf32>
        ) -> tensor<1x3x8xf32> {
          %0 = bidirectional_sequence_lstm(%x, none, %w, %w, %w, none, %r, %r, %r, none, none, none, none, %b,
              %b, %b, none, none, none, %w, %w, %w, none, %r, %r, %r, none, none, none, none, %b, %b, %b, none,
              none, %h, %c, %h, %c)
              {merge_outputs = true} : tensor<1x3x8xf32>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, steps, inputs], or [steps, batch, inputs]", FLOATS, rank=3)
    forward_input_to_input_weights: Value | None = operand(
        "forward input gate, from the input [units, inputs]", FLOATS, rank=2, optional=True
    )
    forward_input_to_forget_weights: Value = operand(
        "forward forget gate, from the input [units, inputs]", FLOATS, rank=2
    )
    forward_input_to_cell_weights: Value = operand("forward candidate, from the input [units, inputs]", FLOATS, rank=2)
    forward_input_to_output_weights: Value = operand(
        "forward output gate, from the input [units, inputs]", FLOATS, rank=2
    )
    forward_recurrent_to_input_weights: Value | None = operand(
        "forward input gate, from the hidden state [units, outputs]", FLOATS, rank=2, optional=True
    )
    forward_recurrent_to_forget_weights: Value = operand(
        "forward forget gate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    forward_recurrent_to_cell_weights: Value = operand(
        "forward candidate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    forward_recurrent_to_output_weights: Value = operand(
        "forward output gate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    forward_cell_to_input_weights: Value | None = operand(
        "forward input gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    forward_cell_to_forget_weights: Value | None = operand(
        "forward forget gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    forward_cell_to_output_weights: Value | None = operand(
        "forward output gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    forward_input_bias: Value | None = operand("forward input gate [units]", FLOATS, rank=1, optional=True)
    forward_forget_bias: Value = operand("forward forget gate [units]", FLOATS, rank=1)
    forward_cell_bias: Value = operand("forward candidate [units]", FLOATS, rank=1)
    forward_output_bias: Value = operand("forward output gate [units]", FLOATS, rank=1)
    forward_projection_weights: Value | None = operand(
        "forward projection of the output [outputs, units]", FLOATS, rank=2, optional=True
    )
    forward_projection_bias: Value | None = operand(
        "forward projection of the output [outputs]", FLOATS, rank=1, optional=True
    )
    backward_input_to_input_weights: Value | None = operand(
        "backward input gate, from the input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_input_to_forget_weights: Value = operand(
        "backward forget gate, from the input [units, inputs]", FLOATS, rank=2
    )
    backward_input_to_cell_weights: Value = operand(
        "backward candidate, from the input [units, inputs]", FLOATS, rank=2
    )
    backward_input_to_output_weights: Value = operand(
        "backward output gate, from the input [units, inputs]", FLOATS, rank=2
    )
    backward_recurrent_to_input_weights: Value | None = operand(
        "backward input gate, from the hidden state [units, outputs]", FLOATS, rank=2, optional=True
    )
    backward_recurrent_to_forget_weights: Value = operand(
        "backward forget gate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    backward_recurrent_to_cell_weights: Value = operand(
        "backward candidate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    backward_recurrent_to_output_weights: Value = operand(
        "backward output gate, from the hidden state [units, outputs]", FLOATS, rank=2
    )
    backward_cell_to_input_weights: Value | None = operand(
        "backward input gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    backward_cell_to_forget_weights: Value | None = operand(
        "backward forget gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    backward_cell_to_output_weights: Value | None = operand(
        "backward output gate, from the cell (peephole) [units]", FLOATS, rank=1, optional=True
    )
    backward_input_bias: Value | None = operand("backward input gate [units]", FLOATS, rank=1, optional=True)
    backward_forget_bias: Value = operand("backward forget gate [units]", FLOATS, rank=1)
    backward_cell_bias: Value = operand("backward candidate [units]", FLOATS, rank=1)
    backward_output_bias: Value = operand("backward output gate [units]", FLOATS, rank=1)
    backward_projection_weights: Value | None = operand(
        "backward projection of the output [outputs, units]", FLOATS, rank=2, optional=True
    )
    backward_projection_bias: Value | None = operand(
        "backward projection of the output [outputs]", FLOATS, rank=1, optional=True
    )
    forward_hidden_state: Value = operand("forward hidden state [batch, outputs]", FLOATS, rank=2)
    forward_cell_state: Value = operand("forward cell state [batch, units]", FLOATS, rank=2)
    backward_hidden_state: Value = operand("backward hidden state [batch, outputs]", FLOATS, rank=2)
    backward_cell_state: Value = operand("backward cell state [batch, units]", FLOATS, rank=2)
    auxiliary_input: Value | None = operand("a second input, in the order of the first", FLOATS, rank=3, optional=True)
    forward_auxiliary_to_input_weights: Value | None = operand(
        "forward input gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    forward_auxiliary_to_forget_weights: Value | None = operand(
        "forward forget gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    forward_auxiliary_to_cell_weights: Value | None = operand(
        "forward candidate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    forward_auxiliary_to_output_weights: Value | None = operand(
        "forward output gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_auxiliary_to_input_weights: Value | None = operand(
        "backward input gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_auxiliary_to_forget_weights: Value | None = operand(
        "backward forget gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_auxiliary_to_cell_weights: Value | None = operand(
        "backward candidate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_auxiliary_to_output_weights: Value | None = operand(
        "backward output gate, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    forward_input_layer_norm_weights: Value | None = operand(
        "forward input gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    forward_forget_layer_norm_weights: Value | None = operand(
        "forward forget gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    forward_cell_layer_norm_weights: Value | None = operand(
        "forward candidate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    forward_output_layer_norm_weights: Value | None = operand(
        "forward output gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    backward_input_layer_norm_weights: Value | None = operand(
        "backward input gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    backward_forget_layer_norm_weights: Value | None = operand(
        "backward forget gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    backward_cell_layer_norm_weights: Value | None = operand(
        "backward candidate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    backward_output_layer_norm_weights: Value | None = operand(
        "backward output gate, layer normalisation [units]", FLOATS, rank=1, optional=True
    )
    activation: CellActivation = attribute("of candidates and cell states", default=CellActivation.TANH)
    cell_clip: float = attribute("bound of the cell states; 0: none", default=0.0)
    projection_clip: float = attribute("bound of the projected outputs; 0: none", default=0.0)
    output: Value = result("of the forward cell, or merged", quantisation=QuantisationRule.NONE)
    others: tuple[Value, ...] = result(
        "the backward cell's output unless merged; then hidden and cell state of both cells, if returned",
        quantisation=QuantisationRule.NONE,
        variadic=True,
    )

    @constraint("C1: all operands have the same element type")
    def elements_agree(self) -> bool:
        return len({value.element for value in self.operands if value is not None}) == 1

    @constraint("C2: weights and bias of an input gate are all there or all left out")
    def input_gates_are_whole(self) -> bool:
        return all(input_gate_is_whole(self, prefix) for prefix in PREFIXES)

    @constraint("C3: there are peepholes for all gates that a cell has, or for none")
    def peepholes_agree(self) -> bool:
        return all(gates_agree(self, "cell_to_{}_weights", ("input", "forget", "output"), p) for p in PREFIXES)

    @constraint("C4: only a projection has a projection bias")
    def bias_needs_projection(self) -> bool:
        pairs = ((getattr(self, p + "projection_bias"), getattr(self, p + "projection_weights")) for p in PREFIXES)
        return all(bias is None or weights is not None for bias, weights in pairs)

    @constraint("C5: there is layer normalisation of all gates that a cell has, or of none")
    def normalisation_agrees(self) -> bool:
        return all(gates_agree(self, "{}_layer_norm_weights", GATES, p) for p in PREFIXES)

    @constraint("C6: bounds are not negative", at="cell_clip")
    def bounds_make_sense(self) -> bool:
        return min(self.cell_clip, self.projection_clip) >= 0

    @constraint("C7: auxiliary weights are there for all gates of both cells, or for none", at="auxiliary_input")
    def auxiliary_weights_agree(self) -> bool:
        both = {self.forward_auxiliary_to_output_weights is None, self.backward_auxiliary_to_output_weights is None}
        return len(both) == 1 and all(gates_agree(self, "auxiliary_to_{}_weights", GATES, p) for p in PREFIXES)

    @constraint("C8: auxiliary weights need an auxiliary input", at="auxiliary_input")
    def auxiliary_weights_need_input(self) -> bool:
        return self.auxiliary_input is not None or self.forward_auxiliary_to_output_weights is None

    def infer_shapes(self) -> Sequence[Shape]:
        steps, batch = self.steps_and_batch()
        inputs = self.input.shape[2]
        other = self.auxiliary_size(crossed=self.forward_auxiliary_to_output_weights is not None)
        sizes = [
            check_cell(self, size, prefix) for size, prefix in zip((inputs, other.backward), PREFIXES, strict=True)
        ]
        states: list[Shape] = []
        for prefix, cell in zip(PREFIXES, sizes, strict=True):
            hidden, state = (batch, cell.outputs), (batch, cell.units)
            weights = {f"{prefix}auxiliary_to_{gate}_weights": (cell.units, other.auxiliary) for gate in GATES}
            check_shapes(self, {f"{prefix}hidden_state": hidden, f"{prefix}cell_state": state, **weights})
            states += [hidden, state]
        return self.result_shapes(steps, batch, [cell.outputs for cell in sizes], states)

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        arrays = real_operands(self, operands)
        sequences = self.sequences(arrays)
        outputs, states = [], []
        for prefix, (inputs, auxiliary) in zip(PREFIXES, sequences, strict=True):
            cell = self._cell(arrays, prefix)
            found, hidden, state = cell.run(
                inputs, auxiliary, arrays[f"{prefix}hidden_state"], arrays[f"{prefix}cell_state"]
            )
            outputs.append(found)
            states += [hidden, state]
        return self.both_results(profile, outputs, states)

    def _cell(self, arrays: dict[str, Array], prefix: str) -> LstmCell:
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        auxiliary = {
            gate: own[f"auxiliary_to_{gate}_weights"] for gate in GATES if f"auxiliary_to_{gate}_weights" in own
        }
        return LstmCell(own, auxiliary, self.activation, self.cell_clip, self.projection_clip)

    def macs(self) -> int:
        return weight_macs(self)


OPERATORS: tuple[type[Operation], ...] = (BidirectionalSequenceLstm,)
