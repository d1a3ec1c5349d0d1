"""Post-training quantisation to int8, as TensorFlow Lite's converter does it: a float network and sample images in,
a network with a scale and a zero point on every tensor out.

Activations are int8 with one scale and zero point from the range they took on the samples; filters are int8 with a
scale per output channel (per tensor for dense layers); biases are int32 in the accumulator's scale. It knows the
operators that the networks of this folder are made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nir.interp import Interpreter, Trace
from nir.ir import Function, Module, Operation, Quantisation, QuantisationRule, Trait, Value, tensor
from nir.ops.builder import Builder

Array = np.ndarray[Any, Any]
Ranges = dict[str, tuple[float, float]]

CHANNEL_AXIS = {"conv_2d": 0, "depthwise_conv_2d": 3}
"""The dimension of a filter that counts output channels."""
WEIGHTED = (*CHANNEL_AXIS, "fully_connected")
"""Operators whose second and third operands are weights and a bias."""
OWN_RANGE = {QuantisationRule.FREE, QuantisationRule.SAME_BY_DEFAULT}
"""Results whose scale follows from the range of their elements; that of others follows from the operator."""
INT8_STEPS, INT8_LARGEST = 255, 127


def quantised(module: Module, samples: Sequence[Mapping[str, Array]]) -> Module:
    """`@main` of a float module in int8. `samples` are inputs to take the ranges of all tensors from."""
    return _Quantiser(module.main, unify_concatenations(module.main, ranges_of(module, samples))).run()


def ranges_of(module: Module, samples: Sequence[Mapping[str, Array]]) -> Ranges:
    """Smallest and largest element of every tensor over the samples, by name."""
    interpreter, found = Interpreter(module), Ranges()
    for sample in samples:
        trace = Trace()
        interpreter.run(sample, trace=trace)
        for record in trace.records:
            if record.minimum is not None and record.maximum is not None:
                low, high = found.get(record.name, (record.minimum, record.maximum))
                found[record.name] = min(low, record.minimum), max(high, record.maximum)
    return found


def activation_quantisation(low: float, high: float) -> Quantisation:
    """int8 for elements from `low` to `high`; 0 is always one of the values that can be stored."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / INT8_STEPS or 1.0
    zero_point = int(np.clip(round(-INT8_LARGEST - 1 - low / scale), -INT8_LARGEST - 1, INT8_LARGEST))
    return Quantisation.per_tensor(scale, zero_point)


def unify_concatenations(function: Function, ranges: Ranges) -> Ranges:
    """Ranges in which what is joined has that of the joined tensor, so that joining is copying.

    A tensor that has the scale of another one, such as a pooled one, passes the wish on to that.
    """
    found = dict(ranges)
    for op in reversed(function.operations):
        if op.name == "concatenation":
            for value in op.operands:
                while value is not None and value.producer is not None and not _has_own_range(value.producer):
                    value = value.producer.operands[0]
                if value is not None:
                    found[str(value.name)] = found[str(op.results[0].name)]
    return found


def _has_own_range(op: Operation) -> bool:
    return not op.result_fields or op.result_fields[0].quantisation is not QuantisationRule.SAME


class _Quantiser:
    """Rebuilds a function operation by operation."""

    def __init__(self, function: Function, ranges: Ranges) -> None:
        self.function = function
        self.ranges = ranges
        self.builder = Builder(function.name)
        self.made: dict[Value, Value] = {}

    def run(self) -> Module:
        for parameter in self.function.parameters:
            quantisation = activation_quantisation(*self.ranges[str(parameter.name)])
            type = tensor(parameter.shape, "i8").with_quantisation(quantisation)
            self.made[parameter] = self.builder.parameter(str(parameter.name), type)
        for op in self.function.operations:
            if Trait.CONSTANT not in op.traits:
                self.add(op)
        self.builder.returns(*(self.made[value] for value in self.function.results))
        return self.builder.module

    def add(self, op: Operation) -> None:
        """The operation on int8."""
        operands = self.weighted(op) if op.name in WEIGHTED else [self.operand(value) for value in op.operands]
        fields: dict[str, Any] = dict(op.attributes)
        result = op.results[0]
        if op.name == "concatenation":
            operands = [self.rescaled(value, str(result.name)) for value in operands]
        if op.result_fields[0].quantisation in OWN_RANGE:
            fields["quantisation"] = activation_quantisation(*self.ranges[str(result.name)])
        if op.name in WEIGHTED:
            fields["element"] = "i8"
        self.made[result] = self.builder.emit(type(op), *operands, name=result.name, **fields)

    def rescaled(self, value: Value | None, name: str) -> Value | None:
        """`value` with the scale of the tensor called `name`."""
        wanted = activation_quantisation(*self.ranges[name])
        if value is None or value.type.quantisation == wanted:
            return value
        made: Value = self.builder.requantize(value, element="i8", quantisation=wanted)
        return made

    def operand(self, value: Value | None) -> Value | None:
        """What stands for an operand; constants become int8 like everything else."""
        array = _elements(value)
        if value is None or array is None:
            return None if value is None else self.made[value]
        if value not in self.made:
            quantisation = activation_quantisation(float(array.min()), float(array.max()))
            self.made[value] = self.constant(array, quantisation, quantisation.zero_point, "i8", value.name)
        return self.made[value]

    def weighted(self, op: Operation) -> list[Value | None]:
        """Data, weights and bias of a sum of products, the bias in the scale of the products."""
        data = self.operand(op.operands[0])
        weights = _elements(op.operands[1])
        if data is None or weights is None or data.type.quantisation is None:
            raise ValueError(f"{op.name}: weights that are computed cannot be quantised here")
        axis = CHANNEL_AXIS.get(op.name)
        others = None if axis is None else tuple(d for d in range(weights.ndim) if d != axis)
        scales = np.abs(weights).max(others).astype(np.float32) / np.float32(INT8_LARGEST)
        scales = np.where(scales == 0, np.float32(1), scales)
        found = _quantisation(scales, axis)
        operands: list[Value | None] = [data, self.constant(weights, found, 0, "i8", op.operands[1].name)]  # type: ignore[union-attr]
        bias = _elements(op.operands[2]) if len(op.operands) > 2 else None
        if bias is not None:
            in_sums = _quantisation(np.float32(data.type.quantisation.scale) * scales, None if axis is None else 0)
            operands.append(self.constant(bias, in_sums, 0, "i32", op.operands[2].name))  # type: ignore[union-attr]
        return operands

    def constant(
        self, array: Array, quantisation: Quantisation, zero_point: int, element: str, name: str | None
    ) -> Value:
        """A constant of stored integers for real elements."""
        scaled = np.rint(array.astype(np.float64) / quantisation.broadcast_scales(array.ndim)) + zero_point
        type = tensor(array.shape, element).with_quantisation(quantisation)
        stored = scaled.clip(type.element.minimum, type.element.maximum).astype(type.element.numpy)
        return self.builder.const(stored, type, name=name)


def _quantisation(scales: Array, axis: int | None) -> Quantisation:
    return Quantisation.per_tensor(scales.item()) if axis is None else Quantisation.per_channel(scales, axis)


def _elements(value: Value | None) -> Array | None:
    """The elements of a constant; None for what is computed, given or left off."""
    if value is None or value.producer is None or Trait.CONSTANT not in value.producer.traits:
        return None
    return np.asarray(value.producer.reference(None))
