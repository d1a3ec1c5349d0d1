"""The verifier: operations per second with all four layers, at 1,000 to 100,000 operations.

    python -m benchmarks.bench_verify

Two networks of quantised operations: blocks that repeat (as in models with shared shapes and in deep networks of equal
blocks), and one in which every tensor has a scale of its own, as in a model just quantised, where only shapes repeat.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from nir.ir import Module, Value, tensor
from nir.ops.builder import Builder
from nir.verify import verify

SIZES = (1_000, 10_000, 100_000)
REPETITIONS = 5
PEER = 280_000
"""Operations per second that xDSL's verifier was measured at; its checks are generic ones only."""


def network(operations: int, distinct_scales: bool) -> Module:
    """Blocks of convolution, addition, pooling, reshape and their constants, until there are enough operations."""
    b = Builder()
    x = b.parameter("image", tensor((1, 8, 8, 4), "u8", scale=0.5, zero_point=128))
    while len(b.function.operations) < operations:
        x = block(b, x, 0.5 + len(b.function.operations) / operations if distinct_scales else 0.5)
    b.returns(x)
    return b.module


WEIGHTS = np.zeros((4, 1, 1, 4), np.int8)
BIAS = np.zeros(4, np.int32)


def block(b: Builder, x: Value, scale: float) -> Value:
    """Eight operations; input and result have the same shape."""
    weights = b.const(WEIGHTS, scale=0.25)
    bias = b.const(BIAS)
    y = b.conv_2d(x, weights, bias, activation="relu6", element="u8", scale=scale, zero_point=0)
    y = b.max_pool_2d(y, window=(3, 3), padding=(1, 1, 1, 1))
    y = b.add(x, y, scale=scale, zero_point=128)
    y = b.reshape(y, shape=(1, 16, 16))
    y = b.concatenation(y, axis=-1, scale=scale, zero_point=128)
    return b.reshape(y, shape=(1, 8, 8, 4))


def seconds_per_operation(module: Module) -> float:
    """Median time of verifying the module, divided by its operations."""
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        verify(module)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / sum(len(function) for function in module)


def main() -> None:
    """Prints the table."""
    print("| operations | repeating blocks, op/s | every scale its own, op/s | times xDSL |\n|---:|---:|---:|---:|")
    for size in SIZES:
        repeating, distinct = (1 / seconds_per_operation(network(size, scales)) for scales in (False, True))
        print(f"| {size:,} | {repeating:,.0f} | {distinct:,.0f} | {repeating / PEER:.2f} |")


if __name__ == "__main__":
    main()
