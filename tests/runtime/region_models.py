"""Small Relax modules with regions, and the NIR programs for these, both written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tvm
from tvm import relax

import nir
from nir.ir import Module
from nir.ops.builder import Builder

Bodies = dict[str, Callable[..., object]]


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


WEIGHTS = images(3, 3, 4, 8, seed=1)
BIAS = images(8, seed=2)
INPUT = images(1, 6, 6, 4, seed=3)


def convolved(x: relax.Expr) -> relax.Expr:
    """Relax: a convolution of NHWC data with a bias and relu."""
    sums = relax.op.nn.conv2d(
        x, relax.const(WEIGHTS), padding=(1, 1), data_layout="NHWC", kernel_layout="HWIO", out_dtype="float32"
    )
    return relax.op.nn.relu(relax.op.add(sums, relax.const(BIAS)))


def split(x: relax.Expr) -> relax.Expr:
    """Relax: two results."""
    return relax.Tuple([relax.op.add(x, x), relax.op.maximum(x, relax.const(np.float32(0.5)))])


def convolution_program(name: str = "nir_0") -> Module:
    """`convolved` in NIR, whose filters are OHWI."""
    b = Builder(name)
    x = b.parameter("x", nir.tensor(INPUT.shape))
    w = b.const(np.ascontiguousarray(WEIGHTS.transpose(3, 0, 1, 2)), name="filter")
    b.returns(b.conv_2d(x, w, b.const(BIAS, name="bias"), padding=(1, 1, 1, 1), activation="relu"))
    return b.module


def split_program(name: str = "nir_1") -> Module:
    """`split` in NIR."""
    b = Builder(name)
    x = b.parameter("x", nir.tensor((1, 6, 6, 8)))
    b.returns(b.add(x, x), b.maximum(x, b.const(0.5)))
    return b.module


def region(
    builder: relax.BlockBuilder, name: str, body: Callable[..., relax.Expr], *types: relax.TensorType, **attributes: str
) -> tvm.ir.GlobalVar:
    """Adds a region to a module."""
    parameters = [relax.Var(f"x{index}", type) for index, type in enumerate(types)]
    with builder.function(name, parameters, attrs={"Codegen": "nir", "global_symbol": name, **attributes}):
        with builder.dataflow():
            output = builder.emit_output(body(*parameters))
        builder.emit_func_output(output)
    return builder.get().get_global_var(name)


def two_regions() -> tvm.IRModule:
    """sin on the host, a convolution in a region, tanh on the host, a region with two results, their difference."""
    builder = relax.BlockBuilder()
    first = region(builder, "nir_0", convolved, relax.TensorType(INPUT.shape, "float32"))
    second = region(builder, "nir_1", split, relax.TensorType((1, 6, 6, 8), "float32"))
    image = relax.Var("image", relax.TensorType(INPUT.shape, "float32"))
    with builder.function("main", [image]):
        with builder.dataflow():
            features = builder.emit(relax.Call(first, [builder.emit(relax.op.sin(image))]))
            both = builder.emit(relax.Call(second, [builder.emit(relax.op.tanh(features))]))
            output = builder.emit_output(relax.op.subtract(relax.TupleGetItem(both, 0), relax.TupleGetItem(both, 1)))
        builder.emit_func_output(output)
    return builder.get()


PROGRAMS = {"nir_0": convolution_program, "nir_1": split_program}


def programs() -> dict[str, Module]:
    return {name: make() for name, make in PROGRAMS.items()}


def one_region(
    body: Callable[..., relax.Expr], *types: relax.TensorType, calls: int = 1, **attributes: str
) -> tvm.IRModule:
    """A module whose main calls one region that takes all its parameters, so many times, and returns a tuple."""
    builder = relax.BlockBuilder()
    symbol = region(builder, "nir_0", body, *types, **attributes)
    parameters = [relax.Var(f"p{index}", type) for index, type in enumerate(types)]
    with builder.function("main", parameters):
        with builder.dataflow():
            results = [builder.emit(relax.Call(symbol, parameters)) for _ in range(calls)]
            output = builder.emit_output(relax.Tuple(results))
        builder.emit_func_output(output)
    return builder.get()


def on_tvm(module: tvm.IRModule) -> tvm.IRModule:
    """The same module with its regions left to TVM."""
    functions = {}
    for symbol, function in module.functions_items():
        if symbol.name_hint != "main":
            function = relax.Function(function.params, function.body, function.ret_ty, function.is_pure)
        functions[symbol] = function
    return relax.transform.InlinePrivateFunctions()(tvm.IRModule(functions))


def close(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> bool:
    """Within 1e-5 of the largest magnitude for floats, equal for all else."""
    return len(found) == len(expected) and all(
        left.dtype == right.dtype
        and left.shape == right.shape
        and (
            np.abs(left - right).max(initial=0) <= 1e-5 * np.abs(right).max(initial=0)
            if left.dtype.kind == "f"
            else np.array_equal(left, right)
        )
        for left, right in zip(found, expected, strict=True)
    )
