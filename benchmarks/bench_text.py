"""Reading and writing text: operations per second and bytes per operation, at 1,000 to 100,000 operations.

    python -m benchmarks.bench_text

Two texts of lines of about 100 bytes: blocks that repeat, and the same with a scale of its own for every tensor. The
peers get the same text: Lark with the grammar without its shortcuts, tree only, and `json.loads` of a JSON document that
says the same. Times are processor time, since other programs may run beside.
"""

from __future__ import annotations

import functools
import gc
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from nir.ir import Module
from nir.text import parse, print_module
from nir.text.lexical import language

SIZES = (1_000, 10_000, 100_000)
LARGEST_FOR_LARK = 1_000
REPETITIONS = 3


def network(operations: int, distinct_scales: bool) -> str:
    """Blocks of seven operations: two constants, convolution, pooling, addition, reshape, concatenation."""
    lines = ["nir 1.0", "", f"func @main(%x0: {type_of('1x8x8x4', 0, False)}) -> {type_of('1x8x8x4', 0, False)} {{"]
    count = 0
    while len(lines) < operations + 3:
        count += 1
        old, new = f"%x{count - 1}", f"%x{count}"
        image, flat = (type_of(shape, len(lines), distinct_scales) for shape in ("1x8x8x4", "1x16x16"))
        lines += [
            f"  {new}.w = const dense<[[[[3]]], [[[1]]], [[[2]]], [[[1]]]]> : tensor<4x1x1x1xi8, scale=0.25, zero_point=0>",
            f"  {new}.b = const dense<[12, -7, 100, 4]> : tensor<4xi32>",
            f"  {new}.c = conv_2d({old}, {new}.w, {new}.b) {{activation = relu6, padding = same}} : {image}",
            f"  {new}.p = max_pool_2d({new}.c) {{window = [3, 3], padding = [1, 1, 1, 1]}} : {image}",
            f"  {new}.a = add({old}, {new}.p) {{activation = relu}} : {image}",
            f"  {new}.r = reshape({new}.a) {{shape = [1, 16, 16]}} : {flat}",
            f"  {new} = reshape({new}.r) {{shape = [1, 8, 8, 4]}} : {image}",
        ]
    return "\n".join([*lines, f"  return %x{count}", "}", ""])


def type_of(shape: str, number: int, distinct: bool) -> str:
    scale = 0.5 + number * 1e-6 if distinct else 0.5
    return f"tensor<{shape}xu8, scale={scale:.7g}, zero_point=128>"


def as_json(module: Module) -> str:
    """The same as a JSON document, one object for each operation."""
    return json.dumps(
        [
            {
                "results": [value.name for value in op.results],
                "operator": op.name,
                "operands": [value.name for value in op.operands if value is not None],
                "attributes": {name: str(value) for name, value in op.attributes.items()},
                "types": [str(value.type) for value in op.results],
            }
            for op in module.main
        ]
    )


def rate(work: Callable[[], Any], operations: int) -> float:
    """Operations per second, the best of several runs."""
    times = []
    for _ in range(REPETITIONS):
        gc.collect()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return operations / min(times)


def bytes_per_operation(text: str, operations: int) -> tuple[float, float]:
    """Bytes that a module keeps, and that reading it takes at most, both without the text itself."""
    gc.collect()
    tracemalloc.start()
    module = parse(text)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del module
    return kept / operations, peak / operations


def main() -> None:
    """Prints the table."""
    parse(network(10, False))
    print(
        "| text | operations | bytes a line | read, op/s | written, op/s | plain Lark, op/s | json.loads, op/s |",
        end="",
    )
    print(" kept, B/op | at most, B/op |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for distinct in (False, True):
        for size in SIZES:
            text = network(size, distinct)
            module = parse(text)
            operations = len(module.main)
            document = as_json(module)
            read = rate(functools.partial(parse, text), operations)
            written = rate(functools.partial(print_module, module), operations)
            loads = rate(functools.partial(json.loads, document), operations)
            plain = "-"
            if size <= LARGEST_FOR_LARK:
                tree_only = functools.partial(language(shortcuts=False).parse, text, start="module")
                plain = f"{rate(tree_only, operations):,.0f}"
            kept, peak = bytes_per_operation(text, operations)
            print(
                f"| {'every scale its own' if distinct else 'repeating blocks'} | {operations:,} | {len(text) / operations:.0f} "
                f"| {read:,.0f} | {written:,.0f} | {plain} | {loads:,.0f} | {kept:,.0f} | {peak:,.0f} |"
            )


if __name__ == "__main__":
    main()
