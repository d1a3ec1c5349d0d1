"""From model files to NIR and to partitions: seconds beside those of TVM's own import, and what comes of it.

    python -m benchmarks.bench_convert [NETWORK ...] [--run]

The networks are those of examples/networks, as ONNX (float, NCHW) and as TensorFlow Lite files (float and int8). Imported
and converted in one process, each step once after a warm-up with a small network. `--run` compiles every model with TVM,
too, and compares the outputs, which takes minutes. TVM's regions are those of its MergeCompositeFunctions, given every
operator that ours have in regions as a pattern of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import nir.passes
import nir.tflite
import nir.tvm
from examples.networks import NETWORKS, int8_module, nir_module, onnx_model
from nir.interp import Interpreter, random_inputs
from nir.ir import Module, walk
from nir.tvm.building import count_operators
from nir.tvm.importers.loading import load_model
from nir.tvm.noise import without_log_lines
from nir.tvm.partitioning import partition_relax


class Row(NamedTuple):
    """One model in one format."""

    model: str
    relax_operators: int
    nir_operators: int
    regions: str
    offloaded: str
    difference: str
    import_seconds: float
    convert_seconds: float
    partition_seconds: float


def models(name: str) -> Iterator[tuple[str, bytes]]:
    """A network in every format."""
    yield f"{name}, ONNX", onnx_model(name).SerializeToString()
    yield f"{name}, TFLite", nir.tflite.to_bytes(nir_module(name))
    yield f"{name}, TFLite int8", nir.tflite.to_bytes(int8_module(name))


def measure(label: str, content: bytes, run: bool) -> Row:
    """Imports, converts and partitions one model."""
    import tvm  # noqa: PLC0415 - an optional dependency

    loaded = load_model(content)
    start = time.perf_counter()
    module = nir.passes.relax_to_nir(loaded.module)
    converted = time.perf_counter()
    split = partition_relax(loaded.module)
    end = time.perf_counter()
    report = split.report
    difference = compare(loaded.module, module) if run else "-"
    operators = sum(1 for op in walk(module) if op.name != "const")
    return Row(
        label,
        count_operators(tvm, loaded.module),
        operators,
        f"{len(report.regions)} / {tvm_regions(loaded.module)}",
        f"{100 * report.offloaded_share:.1f} %",
        difference,
        loaded.import_seconds,
        converted - start,
        end - converted,
    )


def tvm_regions(module: Any) -> int:
    """Regions that TVM's own passes make where every operator of the module is supported."""
    import tvm  # noqa: PLC0415 - an optional dependency
    from tvm import relax  # noqa: PLC0415
    from tvm.relax.dpl.pattern import is_op, wildcard  # noqa: PLC0415

    arities = set()

    def note(expr: Any) -> None:
        if isinstance(expr, tvm.ir.Call) and isinstance(expr.op, tvm.ir.Op):
            arities.add((expr.op.name, len(expr.args)))

    relax.analysis.post_order_visit(module["main"], note)
    patterns = [(f"nir.{name}", is_op(name)(*(wildcard() for _ in range(arity)))) for name, arity in sorted(arities)]
    fused = relax.transform.FuseOpsByPattern(patterns, bind_constants=True)(module)
    merged = relax.transform.MergeCompositeFunctions()(fused)
    return sum(
        1
        for _, function in merged.functions_items()
        if isinstance(function, relax.Function) and function.attrs and "Codegen" in function.attrs
    )


def compare(relax_module: Any, module: Module) -> str:
    """The largest difference of the interpreter from TVM: in steps, or relative to the largest magnitude."""
    inputs = random_inputs(module.main)
    found = list(Interpreter(module, "tvm").run(inputs).values())
    with without_log_lines():
        outputs = nir.tvm.compile(relax_module).run(inputs)
    expected = outputs.values() if isinstance(outputs, dict) else outputs
    worst = ""
    for left, right in zip(found, expected, strict=True):
        distance = np.abs(left.astype(np.float64) - np.asarray(right).astype(np.float64))
        if left.dtype.kind == "f":
            worst = f"{distance.max() / np.abs(right).max():.1e}"
        else:
            worst = f"{int(distance.max())} steps, {np.count_nonzero(distance)} of {distance.size}"
    return worst


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Seconds from model files to NIR and to partitions")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="which (default: all)")
    parser.add_argument("--run", action="store_true", help="compile with TVM and compare outputs")
    options = parser.parse_args(arguments)
    for _, content in models("emotion"):
        measure("warm-up", content, False)
    print(
        "| model | Relax operators | NIR operators | regions, ours / TVM's | MACs offloaded | largest difference from TVM "
        "| TVM's import, s | to NIR, s | partition, s |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name in options.networks or NETWORKS:
        for label, content in models(name):
            row = measure(label, content, options.run)
            seconds = " | ".join(f"{number:.2f}" for number in row[6:])
            print("| " + " | ".join(map(str, row[:6])) + f" | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
