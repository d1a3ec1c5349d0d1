"""The interpreter against ONNX Runtime and LiteRT, on one thread: milliseconds per image and ratios.

    python -m benchmarks.bench_interp

The programs run in turn within one process, so that a busy machine slows all of them; each figure is the median. The
networks are those of examples/networks, with drawn weights, the same in every program. What LiteRT runs is written by
nir.tflite; it is measured where the packages ai-edge-litert and tflite are installed. Where outputs are of integers
the number of elements that differ is given too.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import nir.tflite
from examples.networks import int8_module, nir_module, onnx_model
from nir.interp import Interpreter, random_inputs
from nir.ir import Module

Runs = dict[str, Callable[[], Any]]

PEERS = {"float32": "ONNX Runtime, float32", "int8": "LiteRT builtin kernels, int8"}
"""What the interpreter's time is divided by."""
NETWORKS = ("mobilenet_v2", "densenet121", "inception_v3")
INTEGER_PROFILES = ("tflite", "xnnpack", "relay")


class Row(NamedTuple):
    """What ran: its median, and how often that of the peer, None where there is none."""

    name: str
    milliseconds: float
    ratio: float | None


def interpreter_run(module: Module, profile: str) -> Callable[[], Any]:
    """A run of a module with weights prepared."""
    interpreter, inputs = Interpreter(module, profile), random_inputs(module.main)
    interpreter.run(inputs)
    return lambda: interpreter.run(inputs)


def onnx_runtime_run(network: str) -> Callable[[], Any]:
    """A run of the float network in ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415 - an optional dependency

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = onnx_model(network).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal(session.get_inputs()[0].shape).astype(np.float32)
    return lambda: session.run(None, {"image": image})


def evaluator_run(network: str) -> Callable[[], Any]:
    """A run of the float network in onnx's ReferenceEvaluator."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415 - an optional dependency

    evaluator = ReferenceEvaluator(onnx_model(network))
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
    return lambda: evaluator.run(None, {"image": image})


def litert_run(module: Module, resolver: str) -> Callable[[], Any]:
    """A run of a module in LiteRT, whose `resolver` chooses the kernels."""
    from ai_edge_litert.interpreter import Interpreter as LiteRT  # noqa: PLC0415 - an optional dependency
    from ai_edge_litert.interpreter import OpResolverType  # noqa: PLC0415

    interpreter = LiteRT(
        model_content=nir.tflite.to_bytes(module),
        num_threads=1,
        experimental_op_resolver_type=getattr(OpResolverType, resolver),
    )
    interpreter.allocate_tensors()
    inputs = random_inputs(module.main)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs["image"])
    output = interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return run


def medians(runs: Runs, rounds: int) -> dict[str, float]:
    """Median milliseconds of processor time of each, taken in turn; one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            if number:
                times[name].append(time.thread_time() - start)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}


def installed(*packages: str) -> bool:
    """Whether all of these packages are there."""
    return all(importlib.util.find_spec(package) for package in packages)


def float_runs(network: str) -> Runs:
    """The float network in every program that is installed."""
    runs: Runs = {}
    if installed("onnxruntime", "onnx"):
        runs[PEERS["float32"]] = onnx_runtime_run(network)
    runs["NIR, float32"] = interpreter_run(nir_module(network), "tflite")
    return runs


def integer_runs(module: Module) -> Runs:
    """The int8 network in every program that is installed."""
    runs: Runs = {}
    if installed("ai_edge_litert", "tflite"):
        runs[PEERS["int8"]] = litert_run(module, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
        runs["LiteRT with XNNPACK, int8"] = litert_run(module, "BUILTIN")
    return runs | {f"NIR, int8, {p} profile": interpreter_run(module, p) for p in INTEGER_PROFILES}


def differing(module: Module) -> str | None:
    """How many outputs differ from those of LiteRT's reference kernels, in words."""
    if not installed("ai_edge_litert", "tflite"):
        return None
    expected = litert_run(module, "BUILTIN_REF")()
    found = next(iter(Interpreter(module, "tflite").run(random_inputs(module.main)).values()))
    return f"{np.count_nonzero(found != expected)} of {expected.size} outputs differ from LiteRT's reference kernels"


def rows(runs: Runs, peer: str, rounds: int) -> list[Row]:
    """The medians of `runs`, divided by that of the peer."""
    taken = medians(runs, rounds)
    return [Row(name, ms, ms / taken[peer] if peer in taken else None) for name, ms in taken.items()]


def measure(network: str, rounds: int) -> None:
    """Prints the table of one network."""
    print(f"\n| {network}, batch 1, 1 thread | ms | times the peer |\n|---|---:|---:|")
    module = int8_module(network)
    found = rows(float_runs(network), PEERS["float32"], rounds)
    if network == NETWORKS[0] and installed("onnx"):
        slow = medians({"run": evaluator_run(network)}, 1)["run"]
        found.append(Row("onnx ReferenceEvaluator, float32", slow, slow / found[0].milliseconds))
    found += rows(integer_runs(module), PEERS["int8"], rounds)
    for name, milliseconds, ratio in found:
        print(f"| {name} | {milliseconds:.1f} | {'-' if ratio is None else f'{ratio:.2f}'} |", flush=True)
    print(f"\n{differing(module) or 'LiteRT is not installed'}")


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each network."""
    parser = argparse.ArgumentParser(description="Networks of examples/networks, batch 1, one thread")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"which (default: {', '.join(NETWORKS)})")
    parser.add_argument("--rounds", type=int, default=15, help="runs of each (default: 15)")
    options = parser.parse_args(arguments)
    for network in options.networks or NETWORKS:
        measure(network, options.rounds)


if __name__ == "__main__":
    main()
