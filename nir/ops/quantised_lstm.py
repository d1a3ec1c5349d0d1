"""LSTM cells in integers. Their meaning is the integer algorithm, whatever the numeric profile.

Both follow the kernels that NNAPI was defined with: sums of products are brought to 16 bits by a fixed-point
multiplier, gates are 16-bit fixed-point functions (fixed_point_functions.py), and the cell's state is stored in 16
bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nir.ir import (
    ElementType,
    Operation,
    QuantisationRule,
    Shape,
    TensorType,
    Value,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ir.types import INT32
from nir.ops.families import is_quantised
from nir.ops.fixed_point import multiply_double_rounding, quantised_multiplier, rounding_divide_by_power_of_two
from nir.ops.fixed_point_functions import inverse_square_root, logistic, tanh
from nir.ops.lstm_cell import GATES, check_cell, check_shapes, gates_agree, input_gate_is_whole, weight_macs
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import centred, parameters

INT8 = frozenset({ElementType.I8})
INT16 = frozenset({ElementType.I16})
UINT8 = frozenset({ElementType.U8})

GATE_BITS = 3
"""Bits before the point of a gate's sum as its function reads it: units of 2^-12."""


def named(op: Operation, operands: Sequence[Array | None]) -> dict[str, Array]:
    """Operands that are there, by name, as int64 of what is stored."""
    fields = op.operand_fields[: len(operands)]
    pairs = zip(fields, operands, strict=True)
    return {f.name: array.astype(np.int64) for f, array in pairs if array is not None}


def in_16_bits(values: Array) -> Array:
    """Saturated to int16."""
    return np.clip(values, -(2**15), 2**15 - 1)


class Quantized16bitLstm(Operation, name="quantized_16bit_lstm", nnapi=73):
    """One step of an LSTM cell with 8-bit data and weights and a 16-bit state.

    All weights have one scale and zero point, input and hidden state scale 1/128 and zero point 128, the cell's state
    scale 2^-11. The products are those of NNAPI's kernel: of the input followed by the hidden state with the recurrent
    weights followed by the input weights, column by column. Where the cell has as many inputs as units, this
    pairs the input with the recurrent weights; where it has not, one matrix begins inside of the other.

        func @example(
            %x: tensor<1x2xu8, scale=0.0078125, zero_point=128>, %w: tensor<4x2xu8, scale=0.00408021, zero_point=100>,
            %r: tensor<4x4xu8, scale=0.00408021, zero_point=100>, %b: tensor<4xi32, scale=3.187664e-05, zero_point=0>,
            %c: tensor<1x4xi16, scale=0.00048828125, zero_point=0>, %h: tensor<1x4xu8, scale=0.0078125, zero_point=128>
        ) -> (tensor<1x4xi16, scale=0.00048828125, zero_point=0>, tensor<1x4xu8, scale=0.0078125, zero_point=128>) {
          %0, %1 = quantized_16bit_lstm(%x, %w, %w, %w, %w, %r, %r, %r, %r, %b, %b, %b, %b, %c, %h)
              : (tensor<1x4xi16, scale=0.00048828125, zero_point=0>, tensor<1x4xu8, scale=0.0078125,
              zero_point=128>)
          return %0, %1
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, inputs]", UINT8, rank=2)
    input_to_input_weights: Value = operand("input gate, from the input [units, inputs]", UINT8, rank=2)
    input_to_forget_weights: Value = operand("forget gate, from the input [units, inputs]", UINT8, rank=2)
    input_to_cell_weights: Value = operand("candidate, from the input [units, inputs]", UINT8, rank=2)
    input_to_output_weights: Value = operand("output gate, from the input [units, inputs]", UINT8, rank=2)
    recurrent_to_input_weights: Value = operand("input gate, from the hidden state [units, units]", UINT8, rank=2)
    recurrent_to_forget_weights: Value = operand("forget gate, from the hidden state [units, units]", UINT8, rank=2)
    recurrent_to_cell_weights: Value = operand("candidate, from the hidden state [units, units]", UINT8, rank=2)
    recurrent_to_output_weights: Value = operand("output gate, from the hidden state [units, units]", UINT8, rank=2)
    input_bias: Value = operand("input gate [units]", INT32, rank=1)
    forget_bias: Value = operand("forget gate [units]", INT32, rank=1)
    cell_bias: Value = operand("candidate [units]", INT32, rank=1)
    output_bias: Value = operand("output gate [units]", INT32, rank=1)
    cell_state: Value = operand("[batch, units]", INT16, rank=2)
    hidden_state: Value = operand("[batch, units]", UINT8, rank=2)
    cell_state_out: Value = result("[batch, units]", like="cell_state", quantisation=QuantisationRule.SAME)
    output: Value = result("[batch, units]", like="hidden_state", quantisation=QuantisationRule.SAME)

    @constraint("Q1: input and hidden state have scale 1/128 and zero point 128", at="input")
    def data_in_128ths(self) -> bool:
        return all(_is(value.type, 1 / 128, 128) for value in (self.input, self.hidden_state))

    @constraint("Q2: the cell state has scale 2^-11 and zero point 0", at="cell_state")
    def state_in_2048ths(self) -> bool:
        return _is(self.cell_state.type, 2.0**-11, 0)

    @constraint("Q3: all weights have one scale and one zero point", at="input_to_input_weights")
    def weights_alike(self) -> bool:
        found = {value.type.quantisation for value in self.operands[1:9] if value is not None}
        first = next(iter(found))
        return len(found) == 1 and first is not None and not first.is_per_channel

    @constraint("Q4: biases have zero point 0 and the scale of the weights / 128", at="input_bias")
    def biases_on_their_scale(self) -> bool:
        scale = parameters(self.input_to_input_weights.type).scale / 128
        biases = [value.type.quantisation for value in self.operands[9:13] if value is not None]
        return all(
            q is not None and q.zero_points == (0,) and math.isclose(q.scale, scale, rel_tol=1e-5) for q in biases
        )

    def infer_shapes(self) -> Sequence[Shape]:
        batch, inputs = self.input.shape
        units = self.input_to_output_weights.shape[0]
        wanted: dict[str, Shape] = {"hidden_state": (batch, units), "cell_state": (batch, units)}
        for gate in GATES:
            wanted[f"input_to_{gate}_weights"] = (units, inputs)
            wanted[f"recurrent_to_{gate}_weights"] = (units, units)
            wanted[f"{gate}_bias"] = (units,)
        check_shapes(self, wanted)
        return [(batch, units), (batch, units)]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        arrays = named(self, operands)
        weights = parameters(self.input_to_input_weights.type)
        data = np.concatenate([arrays["input"], arrays["hidden_state"]], axis=1) - 128
        multiplier = quantised_multiplier(weights.scale / 128 * 2.0**12)

        def total(gate: str) -> Array:
            both = [arrays[f"recurrent_to_{gate}_weights"], arrays[f"input_to_{gate}_weights"]]
            products = data @ (np.concatenate(both, axis=1) - weights.zero_point).T + arrays[f"{gate}_bias"]
            return in_16_bits(multiply_double_rounding(products, *multiplier))

        kept = _product(logistic(total("input"), GATE_BITS), tanh(total("cell"), GATE_BITS))
        old = _product(arrays["cell_state"], logistic(total("forget"), GATE_BITS))
        state = in_16_bits(rounding_divide_by_power_of_two(kept, 4) + old)
        hidden = _product(logistic(total("output"), GATE_BITS), tanh(state, 4))
        output = np.clip(rounding_divide_by_power_of_two(hidden, 8), -128, 127) + 128
        return state.astype(np.int16), output.astype(np.uint8)

    def macs(self) -> int:
        return weight_macs(self)


def _is(type: TensorType, scale: float, zero_point: int) -> bool:
    found = type.quantisation
    return found is not None and not found.is_per_channel and (found.scale, found.zero_point) == (scale, zero_point)


def _product(left: Array, right: Array) -> Array:
    """Of int16 fixed-point numbers: halves upwards, saturated."""
    return np.minimum((left * right + 2**14) >> 15, 2**15 - 1)


class QuantizedLstm(Operation, name="quantized_lstm", nnapi=95):
    """One step of an LSTM cell with 8-bit data and weights, 16-bit gates and a 16-bit state.

    The cell's parts are those of `lstm`. Sums of a gate are rounded to 16 bits in units of its scale, the input's part
    and the hidden state's part each by itself. The biases count only with layer normalisation, in units of its
    weights' scale / 1024; without it gates' scales are 2^-12. The hidden value has a scale and zero point of its own
    before the projection; without a projection it is the output as it is. The projection's bound cuts stored values, as
    if their zero point were 0, which is what the kernels do.

        func @example(
            %x: tensor<1x2xi8, scale=0.0078125, zero_point=0>, %w: tensor<4x2xi8, scale=0.0078125, zero_point=0>,
            %r: tensor<4x4xi8, scale=0.0078125, zero_point=0>, %b: tensor<4xi32>,
            %h: tensor<1x4xi8, scale=0.0078125, zero_point=0>, %c: tensor<1x4xi16, scale=0.00048828125, zero_point=0>
        ) -> tensor<1x4xi8, scale=0.0078125, zero_point=0> {
          %0, %1, %2 = quantized_lstm(%x, none, %w, %w, %w, none, %r, %r, %r, none, none, none, none, %b, %b,
              %b, none, none, %h, %c)
              {input_gate_scale = 0.00024414062, forget_gate_scale = 0.00024414062, cell_gate_scale =
              0.00024414062, output_gate_scale = 0.00024414062, hidden_scale = 0.0078125}
              : (tensor<1x4xi8, scale=0.0078125, zero_point=0>, tensor<1x4xi16, scale=0.00048828125,
              zero_point=0>, tensor<1x4xi8, scale=0.0078125, zero_point=0>)
          return %2
        }
    """

    __slots__ = ()

    input: Value = operand("[batch, inputs]", INT8, rank=2)
    input_to_input_weights: Value | None = operand(
        "input gate, from the input [units, inputs]", INT8, rank=2, optional=True
    )
    input_to_forget_weights: Value = operand("forget gate, from the input [units, inputs]", INT8, rank=2)
    input_to_cell_weights: Value = operand("candidate, from the input [units, inputs]", INT8, rank=2)
    input_to_output_weights: Value = operand("output gate, from the input [units, inputs]", INT8, rank=2)
    recurrent_to_input_weights: Value | None = operand(
        "input gate, from the hidden state [units, outputs]", INT8, rank=2, optional=True
    )
    recurrent_to_forget_weights: Value = operand("forget gate, from the hidden state [units, outputs]", INT8, rank=2)
    recurrent_to_cell_weights: Value = operand("candidate, from the hidden state [units, outputs]", INT8, rank=2)
    recurrent_to_output_weights: Value = operand("output gate, from the hidden state [units, outputs]", INT8, rank=2)
    cell_to_input_weights: Value | None = operand(
        "input gate, from the cell (peephole) [units]", INT16, rank=1, optional=True
    )
    cell_to_forget_weights: Value | None = operand(
        "forget gate, from the cell (peephole) [units]", INT16, rank=1, optional=True
    )
    cell_to_output_weights: Value | None = operand(
        "output gate, from the cell (peephole) [units]", INT16, rank=1, optional=True
    )
    input_bias: Value | None = operand("input gate [units]", INT32, rank=1, optional=True)
    forget_bias: Value = operand("forget gate [units]", INT32, rank=1)
    cell_bias: Value = operand("candidate [units]", INT32, rank=1)
    output_bias: Value = operand("output gate [units]", INT32, rank=1)
    projection_weights: Value | None = operand("projection of the output [outputs, units]", INT8, rank=2, optional=True)
    projection_bias: Value | None = operand("projection of the output [outputs]", INT32, rank=1, optional=True)
    hidden_state: Value = operand("[batch, outputs]", INT8, rank=2)
    cell_state: Value = operand("[batch, units]; the scale is a power of two", INT16, rank=2)
    input_layer_norm_weights: Value | None = operand(
        "input gate, layer normalisation [units]", INT16, rank=1, optional=True
    )
    forget_layer_norm_weights: Value | None = operand(
        "forget gate, layer normalisation [units]", INT16, rank=1, optional=True
    )
    cell_layer_norm_weights: Value | None = operand(
        "candidate, layer normalisation [units]", INT16, rank=1, optional=True
    )
    output_layer_norm_weights: Value | None = operand(
        "output gate, layer normalisation [units]", INT16, rank=1, optional=True
    )
    cell_clip: float = attribute("bound of the cell state, a real value; 0: none", default=0.0)
    projection_clip: float = attribute("bound of the projected output, a real value; 0: none", default=0.0)
    input_gate_scale: float = attribute("of the input gate's sum")
    forget_gate_scale: float = attribute("of the forget gate's sum")
    cell_gate_scale: float = attribute("of the candidate's sum")
    output_gate_scale: float = attribute("of the output gate's sum")
    hidden_zero_point: int = attribute("of the hidden value before the projection", default=0)
    hidden_scale: float = attribute("of the hidden value before the projection")
    hidden_state_out: Value = result("[batch, outputs]", like="hidden_state", quantisation=QuantisationRule.SAME)
    cell_state_out: Value = result("[batch, units]", like="cell_state", quantisation=QuantisationRule.SAME)
    output: Value = result("[batch, outputs]", like="hidden_state", quantisation=QuantisationRule.SAME)

    @constraint("C1: weights and bias of the input gate are all there or all left out", at="input_to_input_weights")
    def input_gate_is_whole(self) -> bool:
        return input_gate_is_whole(self)

    @constraint("C2: there are peepholes for all gates that the cell has, or for none", at="cell_to_forget_weights")
    def peepholes_agree(self) -> bool:
        return gates_agree(self, "cell_to_{}_weights", ("input", "forget", "output"))

    @constraint("C3: only a projection has a projection bias", at="projection_bias")
    def bias_needs_projection(self) -> bool:
        return self.projection_bias is None or self.projection_weights is not None

    @constraint(
        "C4: there is layer normalisation of all gates that the cell has, or of none", at="forget_layer_norm_weights"
    )
    def normalisation_agrees(self) -> bool:
        return gates_agree(self, "{}_layer_norm_weights", GATES)

    @constraint("C5: bounds are not negative", at="cell_clip")
    def bounds_make_sense(self) -> bool:
        return min(self.cell_clip, self.projection_clip) >= 0

    @constraint("C6: scales of the gates' sums and of the hidden value are positive", at="hidden_scale")
    def scales_are_positive(self) -> bool:
        return min(self.hidden_scale, *(self.gate_scale(gate) for gate in GATES if self._has(gate))) > 0

    @constraint("C7: the hidden value's zero point can be stored in 8 bits", at="hidden_zero_point")
    def zero_point_fits(self) -> bool:
        return -128 <= self.hidden_zero_point <= 127

    @constraint("Q1: all operands but biases are quantised per tensor")
    def all_quantised(self) -> bool:
        values = [value for value in self.operands if value is not None and value.element not in INT32]
        return all(is_quantised(v.type) and not parameters(v.type).is_per_channel for v in values)

    @constraint("Q2: weights and the cell state have zero point 0", at="cell_state")
    def symmetric(self) -> bool:
        free = (self.input, self.hidden_state)
        values = [value for value in self.operands if value is not None and value not in free]
        return all(parameters(value.type).zero_point == 0 for value in values)

    @constraint("Q3: the cell state's scale is a power of two from 2^-15 to 2^-9", at="cell_state")
    def cell_scale_is_a_power_of_two(self) -> bool:
        exponent = math.log2(parameters(self.cell_state.type).scale)
        return abs(exponent - round(exponent)) < 1e-3 and -15 <= round(exponent) <= -9

    def gate_scale(self, gate: str) -> float:
        """The unit of a gate's sum."""
        scale: float = getattr(self, f"{gate}_gate_scale")
        return scale

    def _has(self, gate: str) -> bool:
        return getattr(self, f"input_to_{gate}_weights") is not None

    def infer_shapes(self) -> Sequence[Shape]:
        batch, inputs = self.input.shape
        sizes = check_cell(self, inputs)
        hidden, cell = (batch, sizes.outputs), (batch, sizes.units)
        check_shapes(self, {"hidden_state": hidden, "cell_state": cell})
        return [hidden, cell, hidden]

    def reference(self, profile: Profile, *operands: Array | None) -> tuple[Array, ...]:
        arrays = named(self, operands)
        point = -round(math.log2(parameters(self.cell_state.type).scale))  # bits behind the point of the cell state
        cell = arrays["cell_state"]
        forget = logistic(self._total("forget", arrays, cell), GATE_BITS)
        kept = logistic(self._total("input", arrays, cell), GATE_BITS) if self._has("input") else 2**15 - 1 - forget
        candidate = tanh(self._total("cell", arrays, cell), GATE_BITS)
        new = rounding_divide_by_power_of_two(kept * candidate, 30 - point)
        cell = in_16_bits(rounding_divide_by_power_of_two(forget * cell, 15) + new)
        cell = _clip(cell, self.cell_clip * 2.0**point, 2**15 - 1)
        gate = logistic(self._total("output", arrays, cell), GATE_BITS)
        multiplier = quantised_multiplier(2.0**-30 / self.hidden_scale)
        hidden = multiply_double_rounding(gate * tanh(cell, 15 - point), *multiplier)
        hidden = np.clip(hidden + self.hidden_zero_point, -128, 127)
        output = self._projected(hidden, arrays).astype(np.int8)
        return output, cell.astype(np.int16), output

    def _total(self, gate: str, arrays: Mapping[str, Array], cell: Array) -> Array:
        """A gate's sum in units of 2^-12: products, peephole and layer normalisation."""
        unit = self.gate_scale(gate)
        total = np.zeros((), np.int64)
        for data, source in (("input", "input"), ("hidden_state", "recurrent")):
            weights: Value = getattr(self, f"{source}_to_{gate}_weights")
            type = getattr(self, data).type
            products = centred(arrays[data], type) @ arrays[f"{source}_to_{gate}_weights"].T
            factor = parameters(type).scale * parameters(weights.type).scale / unit
            total = in_16_bits(multiply_double_rounding(products, *quantised_multiplier(factor)) + total)
        peephole = f"cell_to_{gate}_weights"
        if peephole in arrays:
            factor = parameters(getattr(self, peephole).type).scale * parameters(self.cell_state.type).scale / unit
            products = arrays[peephole] * cell
            total = in_16_bits(multiply_double_rounding(products, *quantised_multiplier(factor)) + total)
        norm = f"{gate}_layer_norm_weights"
        if norm not in arrays:
            return total
        return _normalised(total, arrays[norm], arrays[f"{gate}_bias"], parameters(getattr(self, norm).type).scale)

    def _projected(self, hidden: Array, arrays: Mapping[str, Array]) -> Array:
        if self.projection_weights is None:
            return hidden
        target = parameters(self.hidden_state.type)
        products = (hidden - self.hidden_zero_point) @ arrays["projection_weights"].T + arrays.get("projection_bias", 0)
        factor = parameters(self.projection_weights.type).scale * self.hidden_scale / target.scale
        scaled = multiply_double_rounding(products, *quantised_multiplier(factor))
        return _clip(np.clip(scaled + target.zero_point, -128, 127), self.projection_clip / target.scale, 127)

    def macs(self) -> int:
        return weight_macs(self)


def _clip(values: Array, bound: float, largest: int) -> Array:
    """Cut to a bound in steps, where there is one (0: none)."""
    if bound <= 0:
        return values
    steps = int(min(bound, largest))
    return np.clip(values, -steps, steps)


def _normalised(values: Array, weights: Array, bias: Array, scale: float) -> Array:
    """Layer normalisation of int16 values, in units of 2^-12 after weights (in units of `scale`) and bias.

    Ten bits are kept behind the point of deviations: their square is the 2^20 below.
    """
    count = values.shape[-1]
    # Divisions are C's: towards zero.
    mean = np.trunc(values.sum(axis=-1, keepdims=True) * 1024 / count).astype(np.int64)
    variance = (values * values).sum(axis=-1, keepdims=True) * (2**20 // count) - mean * mean
    variance = np.trunc(variance / 2**20).astype(np.int64)
    variance = np.where(variance < 1, max(1, int(10000 * scale)), variance)
    rescaled = multiply_double_rounding(1024 * values - mean, *inverse_square_root(variance))
    weighted = rescaled * weights + bias
    weighted = np.trunc((weighted + np.where(weighted > 0, 512, -512)) / 1024).astype(np.int64)
    return in_16_bits(multiply_double_rounding(weighted, *quantised_multiplier(scale * 2.0**12)))


OPERATORS: tuple[type[Operation], ...] = (Quantized16bitLstm, QuantizedLstm)
