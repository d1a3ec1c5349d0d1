"""Profile `qdq`: a folded island has the integers that TVM has in floats between dequantize and quantize.

Sums of products are compared on networks (tests/partition_relax); these operators have no order of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

tvm = pytest.importorskip("tvm")

from tvm import relax  # noqa: E402
from tvm.relax import op  # noqa: E402

import nir  # noqa: E402
import nir.tvm  # noqa: E402
from nir.passes import relax_to_nir  # noqa: E402

SCALES = (0.0231, 0.0417), (0.03125, 0.0625)
"""Of two operands; powers of two make halves."""


def dequantised(x: Any, scale: float, point: int) -> Any:
    return op.dequantize(x, relax.const(np.float32(scale)), relax.const(np.int8(point)), out_dtype="float32")


def quantised(x: Any, scale: float, point: int) -> Any:
    return op.quantize(x, relax.const(np.float32(scale)), relax.const(np.int8(point)), out_dtype="int8")


def module(shapes: list[tuple[int, ...]], body: Callable[..., Any]) -> Any:
    builder = relax.BlockBuilder()
    parameters = [relax.Var(f"x{i}", relax.TensorType(shape, "int8")) for i, shape in enumerate(shapes)]
    with builder.function("main", parameters):
        with builder.dataflow():
            output = builder.emit_output(body(*parameters))
        builder.emit_func_output(output)
    return builder.get()


def island(function: Callable[..., Any], scale: float, point: int, scales: tuple[float, float]) -> Callable[..., Any]:
    """Operands of both scales and zero points 5 and -7."""
    return lambda *xs: quantised(
        function(*(dequantised(x, s, z) for x, s, z in zip(xs, scales, (5, -7), strict=False))), scale, point
    )


PAIRS, IMAGE = [(256, 1), (1, 256)], [(4, 8, 8, 8)]
ISLANDS: dict[str, tuple[list[tuple[int, ...]], Callable[..., Any], float | None]] = {
    "add": (PAIRS, op.add, 0.0625),
    "sub": (PAIRS, op.subtract, 0.0513),
    "mul": (PAIRS, op.multiply, 0.125),
    "mean": (IMAGE, lambda x: op.mean(x, axis=[1, 2]), 0.0078125),
    "leaky_relu": ([(16, 16)], lambda x: op.nn.leakyrelu(x, 0.3), 0.03),
    "concatenation": (PAIRS[:1] * 2, lambda x, y: op.concat([x, y], 1), 0.0513),
    "average_pool_2d": (IMAGE, lambda x: op.nn.avg_pool2d(x, (3, 3), layout="NHWC"), None),
}


def inputs(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        np.arange(-128, 128, dtype=np.int8).reshape(shape)
        if np.prod(shape) == 256
        else rng.integers(-128, 128, shape).astype(np.int8)
        for shape in shapes
    ]


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("name", ISLANDS)
def test_a_folded_island_has_the_integers_of_its_floats(name: str, scales: tuple[float, float]) -> None:
    shapes, function, scale = ISLANDS[name]
    result = (scales[0], 5) if scale is None else (scale, 3)
    graph = module(shapes, island(function, *result, scales))
    folded = relax_to_nir(graph)
    assert [operation.name for operation in folded.main] == [name]
    arrays = inputs(shapes)
    (expected,) = nir.tvm.run(graph, {f"x{i}": array for i, array in enumerate(arrays)})
    (found,) = nir.run(folded, arrays, profile="qdq").values()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("scale", [0.0231, 0.03125])
def test_averages_differ_at_halves_alone(scale: float) -> None:
    """Of an even number of cells many are halves, which TVM's order of summing decides, unless floats are exact."""

    def average(x: Any) -> Any:
        return op.nn.avg_pool2d(x, (2, 3), layout="NHWC")

    graph = module(IMAGE, island(average, scale, 5, (scale, scale)))
    folded = relax_to_nir(graph)
    (array,) = inputs(IMAGE)
    (expected,) = nir.tvm.run(graph, {"x0": array})
    (found,) = nir.run(folded, [array], profile="qdq").values()
    cells = np.lib.stride_tricks.sliding_window_view(array.astype(int) - 5, (2, 3), axis=(1, 2))
    is_half = cells.sum(axis=(-2, -1)) % 6 == 3
    differences = np.abs(found.astype(int) - expected.astype(int))
    assert is_half.mean() > 0.1
    assert differences.max(initial=0, where=~is_half) == 0
    assert differences.max() <= (1 if scale == 0.0231 else 0)


def test_an_average_of_stored_integers_stays_one() -> None:
    """TVM's reader of TFLite files pools integers, which are cut off; in floats they would round to even."""

    def pooled(x: Any) -> Any:
        average = op.nn.avg_pool2d(op.astype(x, "int32"), (2, 3), layout="NHWC")
        return dequantised(op.astype(average, "int8"), 0.0231, 5)

    graph = module(IMAGE, lambda x: pooled(quantised(dequantised(x, 0.0231, 5), 0.0231, 5)))
    folded = relax_to_nir(graph)
    pool = next(operation for operation in folded.main if operation.name == "average_pool_2d")
    assert pool.operands[0] is not None
    assert pool.operands[0].element.is_integer
    (array,) = inputs(IMAGE)
    (expected,) = nir.tvm.run(graph, {"x0": array})
    (found,) = nir.run(folded, [array], profile="qdq").values()
    np.testing.assert_array_equal(found, expected)
    assert pool.truncate == (pool.operands[0].type.quantisation is not None)
