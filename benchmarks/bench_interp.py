"""The interpreter against ONNX Runtime and LiteRT, on one thread: milliseconds per image and ratios.

    python -m benchmarks.bench_interp

The programs run in turn within one process, so that a busy machine slows all of them; each figure is the median. The
networks have MobileNetV2's shapes and drawn weights (benchmarks/mobilenet.py). LiteRT is measured where the package
ai-edge-litert is installed and a quantised MobileNetV2 in its format is given: --tflite FILE.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mobilenet import float_module, onnx_model, quantised_module
from nir.interp import Interpreter, random_inputs
from nir.ir import Module

Runs = dict[str, Callable[[], Any]]

PEER = "ONNX Runtime, float32"


def interpreter_run(module: Module, profile: str) -> Callable[[], Any]:
    """A run of a module with weights prepared."""
    interpreter, inputs = Interpreter(module, profile), random_inputs(module.main)
    interpreter.run(inputs)
    return lambda: interpreter.run(inputs)


def onnx_runtime_run() -> Callable[[], Any]:
    """A run of the float network in ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415 - an optional dependency

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_model(), options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    return lambda: session.run(None, {"image": image})


def evaluator_run() -> Callable[[], Any]:
    """A run of the float network in onnx's ReferenceEvaluator."""
    import onnx  # noqa: PLC0415 - an optional dependency
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415

    evaluator = ReferenceEvaluator(onnx.load_from_string(onnx_model()))
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    return lambda: evaluator.run(None, {"image": image})


def litert_run(path: Path) -> Callable[[], Any]:
    """A run of a .tflite file by LiteRT's builtin kernels, without the XNNPACK delegate."""
    from ai_edge_litert.interpreter import Interpreter as LiteRT  # noqa: PLC0415 - an optional dependency
    from ai_edge_litert.interpreter import OpResolverType  # noqa: PLC0415

    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = LiteRT(str(path), num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter.invoke


def medians(runs: Runs, rounds: int) -> dict[str, float]:
    """Median milliseconds of each, taken in turn; one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}


def rows(rounds: int = 20, tflite: Path | None = None) -> list[tuple[str, float, float | None]]:
    """(what ran, milliseconds, times ONNX Runtime's float32 or None where that is not installed)."""
    runs: Runs = {}
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        runs[PEER] = onnx_runtime_run()
    if tflite is not None:
        runs["LiteRT builtin kernels, int8"] = litert_run(tflite)
    runs["NIR, float32"] = interpreter_run(float_module(), "tflite")
    quantised = quantised_module()
    for profile in ("tflite", "xnnpack", "relay"):
        runs[f"NIR, int8, {profile} profile"] = interpreter_run(quantised, profile)
    taken = medians(runs, rounds)
    if PEER in runs:
        taken["onnx ReferenceEvaluator, float32"] = medians({"evaluator": evaluator_run()}, 2)["evaluator"]
    return [(name, ms, ms / taken[PEER] if PEER in taken else None) for name, ms in taken.items()]


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="MobileNetV2 at 224, batch 1, one thread")
    parser.add_argument("--rounds", type=int, default=20, help="runs of each (default: 20)")
    parser.add_argument("--tflite", type=Path, help="an int8 MobileNetV2 for LiteRT to run")
    options = parser.parse_args(arguments)
    print("| MobileNetV2, 224, batch 1, 1 thread | ms | times ONNX Runtime |\n|---|---:|---:|")
    for name, milliseconds, ratio in rows(options.rounds, options.tflite):
        print(f"| {name} | {milliseconds:.1f} | {'-' if ratio is None else f'{ratio:.2f}'} |")


if __name__ == "__main__":
    main()
