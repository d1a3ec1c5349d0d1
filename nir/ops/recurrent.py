"""Recurrent cells without gates: RNN, for one step and over sequences, and SVDF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import InferenceError, Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, Dimension
from nir.ops.common import Activation
from nir.ops.lstm import real_operands
from nir.ops.lstm_cell import check_shapes, weight_macs
from nir.ops.profiles import Array, Profile, activate
from nir.ops.sequences import BidirectionalOperation, SequenceOperation

PREFIXES = ("forward_", "backward_")


class RecurrentOperation(Operation):
    """Base of cells that compute act(W x + R h + b)."""

    __slots__ = ()

    activation: Activation = attribute("applied in each step", default=Activation.NONE)

    @constraint("C1: all operands have the same element type")
    def elements_agree(self) -> bool:
        return len({value.element for value in self.operands if value is not None}) == 1

    def check_cell(self, batch: Dimension, inputs: Dimension, prefix: str = "") -> Dimension:
        """The number of units of a cell. Raises `InferenceError` where shapes do not agree."""
        units: Dimension = getattr(self, f"{prefix}weights").shape[0]
        wanted: dict[str, Shape] = {
            f"{prefix}weights": (units, inputs),
            f"{prefix}recurrent_weights": (units, units),
            f"{prefix}bias": (units,),
            f"{prefix}hidden_state": (batch, units),
        }
        check_shapes(self, wanted)
        return units

    def run(self, arrays: dict[str, Array], sums: Array, prefix: str = "") -> tuple[Array, Array]:
        """Outputs [steps, batch, units] and last state of a cell, from W x of every step."""
        hidden, recurrent = arrays[f"{prefix}hidden_state"], arrays[f"{prefix}recurrent_weights"].T
        outputs = np.empty((len(sums), *hidden.shape), np.float32)
        for step, own in enumerate(sums + arrays[f"{prefix}bias"]):
            hidden = activate(own + hidden @ recurrent, self.activation)
            outputs[step] = hidden
        return outputs, hidden

    def macs(self) -> int:
        return weight_macs(self)


class UnidirectionalRnn(RecurrentOperation):
    """Base of the RNN cells that run in one direction: their operands but the input."""

    __slots__ = ()

    input: Value = operand("[batch, inputs]", FLOATS, rank=2)
    weights: Value = operand("from the input [units, inputs]", FLOATS, rank=2)
    recurrent_weights: Value = operand("from the hidden state [units, units]", FLOATS, rank=2)
    bias: Value = operand("[units]", FLOATS, rank=1)
    hidden_state: Value = operand("[batch, units]", FLOATS, rank=2)


class Rnn(UnidirectionalRnn, name="rnn", nnapi=24):
    """One step of a recurrent cell, h' = act(W x + R h + b); both results are h'.

    func @example(%x: tensor<1x2xf32>, %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>, %h: tensor<1x4xf32>)
        -> (tensor<1x4xf32>, tensor<1x4xf32>) {
      %0, %1 = rnn(%x, %w, %r, %b, %h) {activation = relu} : (tensor<1x4xf32>, tensor<1x4xf32>)
      return %0, %1
    }
    """

    __slots__ = ()

    hidden_state_out: Value = result("[batch, units]", quantisation=QuantisationRule.NONE)
    output: Value = result("[batch, units]", quantisation=QuantisationRule.NONE)

    def infer_shapes(self) -> Sequence[Shape]:
        batch, inputs = self.input.shape
        return [(batch, self.check_cell(batch, inputs))] * 2

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, Array]:
        arrays = real_operands(self, operands)
        _, hidden = self.run(arrays, (arrays["input"] @ arrays["weights"].T)[np.newaxis])
        stored = profile.quantise(hidden, self.output.type)
        return stored, stored


class UnidirectionalSequenceRnn(SequenceOperation, UnidirectionalRnn, name="unidirectional_sequence_rnn", nnapi=93):
    """A recurrent cell over the steps of a sequence, h' = act(W x + R h + b) in each.

    func @example(%x: tensor<1x3x2xf32>, %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>,
        %h: tensor<1x4xf32>) -> tensor<1x3x4xf32> {
      %0 = unidirectional_sequence_rnn(%x, %w, %r, %b, %h) {activation = relu} : tensor<1x3x4xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("[batch, steps, inputs], or [steps, batch, inputs]", FLOATS, rank=3)
    output: Value = result("one output per step, in the input's order", quantisation=QuantisationRule.NONE)
    states: tuple[Value, ...] = result(
        "the hidden state after the last step", quantisation=QuantisationRule.NONE, variadic=True
    )

    def infer_shapes(self) -> Sequence[Shape]:
        steps, batch = self.steps_and_batch()
        units = self.check_cell(batch, self.input.shape[2])
        states: list[Shape] = [(batch, units)]
        return [self.sequence_shape(steps, batch, units), *(states if self.return_states else [])]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        arrays = real_operands(self, operands)
        outputs, hidden = self.run(arrays, self.steps_first(arrays["input"]) @ arrays["weights"].T)
        return self.stored_results(profile, [self.steps_first(outputs)], [hidden])


class BidirectionalSequenceRnn(BidirectionalOperation, RecurrentOperation, name="bidirectional_sequence_rnn", nnapi=43):
    """Two recurrent cells over a sequence: one from its first step on, one from its last step back.

    An auxiliary input with weights is added to both cells; without weights it is what the backward cell runs on.
    Each cell's output stands at the step that it is of. With `merge_outputs` both are joined in the last dimension.

        func @example(%x: tensor<1x3x2xf32>, %w: tensor<4x2xf32>, %r: tensor<4x4xf32>, %b: tensor<4xf32>,
            %h: tensor<1x4xf32>) -> tensor<1x3x8xf32> {
          %0 = bidirectional_sequence_rnn(%x, %w, %r, %b, %h, %w, %r, %b, %h) {merge_outputs = true}
              : tensor<1x3x8xf32>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, steps, inputs], or [steps, batch, inputs]", FLOATS, rank=3)
    forward_weights: Value = operand("forward, from the input [units, inputs]", FLOATS, rank=2)
    forward_recurrent_weights: Value = operand("forward, from the hidden state [units, units]", FLOATS, rank=2)
    forward_bias: Value = operand("forward [units]", FLOATS, rank=1)
    forward_hidden_state: Value = operand("forward [batch, units]", FLOATS, rank=2)
    backward_weights: Value = operand("backward, from the input [units, inputs]", FLOATS, rank=2)
    backward_recurrent_weights: Value = operand("backward, from the hidden state [units, units]", FLOATS, rank=2)
    backward_bias: Value = operand("backward [units]", FLOATS, rank=1)
    backward_hidden_state: Value = operand("backward [batch, units]", FLOATS, rank=2)
    auxiliary_input: Value | None = operand("a second input, in the order of the first", FLOATS, rank=3, optional=True)
    forward_auxiliary_weights: Value | None = operand(
        "forward, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    backward_auxiliary_weights: Value | None = operand(
        "backward, from the auxiliary input [units, inputs]", FLOATS, rank=2, optional=True
    )
    output: Value = result("of the forward cell, or merged", quantisation=QuantisationRule.NONE)
    others: tuple[Value, ...] = result(
        "the backward cell's output unless merged; then the hidden state of both cells, if returned",
        quantisation=QuantisationRule.NONE,
        variadic=True,
    )

    @constraint("C2: auxiliary weights are there for both cells, or for none", at="auxiliary_input")
    def auxiliary_weights_agree(self) -> bool:
        return (self.forward_auxiliary_weights is None) == (self.backward_auxiliary_weights is None)

    @constraint("C3: auxiliary weights need an auxiliary input", at="auxiliary_input")
    def auxiliary_weights_need_input(self) -> bool:
        return self.auxiliary_input is not None or self.forward_auxiliary_weights is None

    def infer_shapes(self) -> Sequence[Shape]:
        steps, batch = self.steps_and_batch()
        other = self.auxiliary_size(crossed=self.forward_auxiliary_weights is not None)
        units = [
            self.check_cell(batch, size, prefix)
            for size, prefix in zip((self.input.shape[2], other.backward), PREFIXES, strict=True)
        ]
        weights = {f"{p}auxiliary_weights": (n, other.auxiliary) for p, n in zip(PREFIXES, units, strict=True)}
        check_shapes(self, weights)
        return self.result_shapes(steps, batch, units, [(batch, number) for number in units])

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        arrays = real_operands(self, operands)
        outputs, states = [], []
        for prefix, (inputs, auxiliary) in zip(PREFIXES, self.sequences(arrays), strict=True):
            sums = inputs @ arrays[f"{prefix}weights"].T
            if auxiliary is not None:
                sums = sums + auxiliary @ arrays[f"{prefix}auxiliary_weights"].T
            found, hidden = self.run(arrays, sums, prefix)
            outputs.append(found)
            states.append(hidden)
        return self.both_results(profile, outputs, states)


class Svdf(RecurrentOperation, name="svdf", nnapi=27):
    """One step of a layer whose weights are of low rank: filters over features, then over time.

    The state holds the last `memory` values of each filter; the newest becomes x . feature weights. The output of a
    unit is act(the sum over its `rank` filters of state . time weights, plus bias). The new state is the old one
    moved by a step, with 0 where the next value will stand.

        func @example(%x: tensor<2x3xf32>, %features: tensor<4x3xf32>, %time: tensor<4x5xf32>, %state: tensor<2x20xf32>)
            -> (tensor<2x20xf32>, tensor<2x2xf32>) {
          %0, %1 = svdf(%x, %features, %time, none, %state) {rank = 2} : (tensor<2x20xf32>, tensor<2x2xf32>)
          return %0, %1
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, inputs]", FLOATS, rank=2)
    feature_weights: Value = operand("[filters, inputs]", FLOATS, rank=2)
    time_weights: Value = operand("[filters, memory]", FLOATS, rank=2)
    bias: Value | None = operand("[units], 0 where left out", FLOATS, rank=1, optional=True)
    state: Value = operand("[batch, filters x memory]", FLOATS, rank=2)
    rank: int = attribute("filters per unit", default=1, minimum=1)
    state_out: Value = result("[batch, filters x memory]", quantisation=QuantisationRule.NONE)
    output: Value = result("[batch, units]", quantisation=QuantisationRule.NONE)

    def infer_shapes(self) -> Sequence[Shape]:
        batch, inputs = self.input.shape
        filters, memory = self.time_weights.shape
        if filters is not None and filters % self.rank:
            raise InferenceError(f"{filters} filters are not units of {self.rank}", at="rank")
        if memory == 0:
            raise InferenceError("there is no place for the newest value", at="time_weights")
        units = None if filters is None else filters // self.rank
        values = None if filters is None or memory is None else filters * memory
        wanted: dict[str, Shape] = {"feature_weights": (filters, inputs), "bias": (units,), "state": (batch, values)}
        check_shapes(self, wanted)
        return [(batch, values), (batch, units)]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, Array]:
        arrays = real_operands(self, operands)
        filters, memory = arrays["time_weights"].shape
        state = arrays["state"].reshape(len(arrays["input"]), filters, memory).copy()
        state[:, :, -1] = arrays["input"] @ arrays["feature_weights"].T
        by_filter = np.einsum("bfm,fm->bf", state, arrays["time_weights"])
        sums = by_filter.reshape(len(state), filters // self.rank, self.rank).sum(axis=-1)
        output = activate(sums + arrays.get("bias", np.float32(0)), self.activation)
        moved = np.zeros_like(state)
        moved[:, :, :-1] = state[:, :, 1:]
        stored_state = profile.quantise(moved.reshape(len(state), filters * memory), self.state_out.type)
        return stored_state, profile.quantise(output, self.output.type)


OPERATORS: tuple[type[Operation], ...] = (BidirectionalSequenceRnn, Rnn, Svdf, UnidirectionalSequenceRnn)
