"""Relax modules to partition: drawn ones, and the form in which two of them are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
import tvm_ffi
from hypothesis import strategies as st
from tvm import relax

SHAPE = (1, 4, 6, 6)


def tensor(shape: tuple[int, ...] = SHAPE, element: str = "float32") -> relax.TensorType:
    return relax.TensorType(shape, element)


def module_of(make: Any, *types: relax.TensorType) -> tvm.IRModule:
    """A module whose main is one block of dataflow: `make(builder, *parameters)` gives its result."""
    builder = relax.BlockBuilder()
    parameters = [relax.Var(f"x{index}", type) for index, type in enumerate(types)]
    with builder.function("main", parameters):
        with builder.dataflow():
            output = builder.emit_output(make(builder, *parameters))
        builder.emit_func_output(output)
    return builder.get()


def constant(draw: Any, shape: tuple[int, ...]) -> relax.Expr:
    seed = draw(st.integers(0, 1000))
    return relax.const(np.random.default_rng(seed).normal(size=shape).astype(np.float32) / 4)


def quantised(value: relax.Expr, builder: relax.BlockBuilder, scale: float, point: int = 0) -> relax.Expr:
    parameters = (relax.const(np.float32(scale)), relax.const(np.int8(point)))
    return builder.emit(relax.op.quantize(value, *parameters, out_dtype="int8", axis=1))


def dequantised(
    value: relax.Expr, builder: relax.BlockBuilder, scale: float, point: int = 0, axis: int = 1
) -> relax.Expr:
    parameters = (relax.const(np.float32(scale)), relax.const(np.int8(point)))
    return builder.emit(relax.op.dequantize(value, *parameters, out_dtype="float32", axis=axis))


def _convolution(draw: Any, builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
    product = builder.emit(relax.op.nn.conv2d(x, constant(draw, (4, 4, 3, 3)), padding=(1, 1)))
    return builder.emit(relax.op.add(product, constant(draw, (1, 4, 1, 1))))


def _quantised_product(draw: Any, builder: relax.BlockBuilder, x: relax.Expr, y: relax.Expr) -> relax.Expr:
    """An island whose dequantize is also used outside of it.

    No product lies half way between two steps: TVM computes islands in floats and rounds halves to even there, where
    the profile `tvm` has Relay's integer arithmetic, which rounds them up.
    """
    left = dequantised(quantised(x, builder, 0.0517, 3), builder, 0.0517, 3)
    right = dequantised(quantised(y, builder, 0.0391), builder, 0.0391)
    product = quantised(relax.op.multiply(left, right), builder, 0.1037)
    return builder.emit(relax.op.add(dequantised(product, builder, 0.1037), left))


def _split(draw: Any, builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
    halves = builder.emit(relax.op.split(x, 2, axis=1))
    parts = [builder.emit(relax.TupleGetItem(halves, index)) for index in (1, 0)]
    return builder.emit(relax.op.concat([parts[0], builder.emit(relax.op.negative(parts[1]))], axis=1))


UNARY = (
    lambda draw, b, x: b.emit(relax.op.nn.relu(x)),
    lambda draw, b, x: b.emit(relax.op.sigmoid(x)),
    lambda draw, b, x: b.emit(relax.op.tanh(x)),
    lambda draw, b, x: b.emit(relax.op.erf(x)),  # NIR has none
    lambda draw, b, x: b.emit(relax.op.nn.max_pool2d(x, (3, 3), padding=(1, 1))),
    lambda draw, b, x: b.emit(relax.op.permute_dims(b.emit(relax.op.permute_dims(x, [0, 2, 3, 1])), [0, 3, 1, 2])),
    _convolution,
    _split,
)

BINARY = (
    lambda draw, b, x, y: b.emit(relax.op.add(x, y)),
    lambda draw, b, x, y: b.emit(relax.op.multiply(x, y)),
    lambda draw, b, x, y: b.emit(relax.op.maximum(x, y)),
    _quantised_product,
)

OPERATORS = (
    "add", "mul", "maximum", "relu", "logistic", "tanh", "max_pool_2d", "conv_2d", "split", "neg", "concatenation",
    "quantize", "dequantize", "transpose", "reshape",
)  # fmt: skip
"""What the NIR modules of drawn graphs consist of."""


@st.composite
def graphs(draw: Any, largest: int = 10) -> tvm.IRModule:
    """A graph of tensors of one shape, with sharing, several results, islands of quantisation, and host operators."""

    def make(builder: relax.BlockBuilder, *parameters: relax.Var) -> relax.Expr:
        values: list[relax.Expr] = list(parameters)
        for _ in range(draw(st.integers(1, largest))):
            pick = st.sampled_from(values[-4:])
            if draw(st.booleans()):
                values.append(draw(st.sampled_from(UNARY))(draw, builder, draw(pick)))
            else:
                values.append(draw(st.sampled_from(BINARY))(draw, builder, draw(pick), draw(pick)))
        results = values[-draw(st.integers(1, 2)) :]
        return results[0] if len(results) == 1 else relax.Tuple(results)

    return module_of(make, *[tensor()] * draw(st.integers(1, 2)))


def same_graph(left: tvm.IRModule, right: tvm.IRModule) -> bool:
    """Whether the two main functions are the same graph: equal expressions of their parameters.

    The order of independent bindings does not matter, nor how often the same is computed, nor what nothing needs.
    """
    table: dict[Any, int] = {}
    return _expression(left["main"], table) == _expression(right["main"], table)


def _expression(function: relax.Function, table: dict[Any, int]) -> int:
    """A number for what a function computes: equal for equal expressions, in functions that share the table."""
    numbers: dict[Any, int] = {}
    fields: dict[int, tuple[int, ...]] = {}

    def numbered(*key: Any) -> int:
        return table.setdefault(key, len(table))

    def visit(value: Any) -> int:
        """Nesting is flat: arguments of calls are variables, constants, and tuples of them."""
        if isinstance(value, tvm.ir.Var):
            return numbers[value]
        if isinstance(value, relax.Tuple):
            parts = tuple(map(visit, value.fields))
            number = numbered("tuple", parts)
            fields[number] = parts
            return number
        if isinstance(value, relax.TupleGetItem):
            whole = visit(value.tuple_value)
            return fields[whole][value.index] if whole in fields else numbered("field", whole, value.index)
        if isinstance(value, tvm.ir.Call):
            operator = value.op.name if isinstance(value.op, tvm.ir.Op) else value.op.name_hint
            attributes = None if value.attrs is None else tvm_ffi.structural_hash(value.attrs)
            return numbered("call", operator, attributes, tuple(map(visit, value.args)), str(value.ty))
        return numbered("leaf", type(value), tvm_ffi.structural_hash(value))

    for index, parameter in enumerate(function.params):
        numbers[parameter] = numbered("parameter", index, str(parameter.ty))
    for block in function.body.blocks:
        for binding in block.bindings:
            numbers[binding.var] = visit(binding.value)
    return visit(function.body.body)
