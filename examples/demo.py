"""From Relay to a picture: an int8 MobileNet, converted to NIR, checked, run, compared with TVM, and drawn.

Run it with `make demo`. It reads examples/mobilenet_v1_int8/ and writes to build/demo/.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import nir

MODEL = Path(__file__).resolve().parent / "mobilenet_v1_int8"
OUTPUT = Path("build/demo")

console = Console()


def main() -> int:
    """The whole tour; every step says how long it took. Returns 1 where outputs differ from the recorded ones."""
    with step("Read the Relay module and its weights"):
        relay_module = nir.relay.load(MODEL / "model.relay", MODEL / "model.params")
    with step("Convert it to NIR, with a scale and a zero point on every tensor"):
        module = nir.passes.relay_to_nir(relay_module)
    with step("Verify it"):
        nir.verify.verify(module)

    samples = np.load(MODEL / "samples.npz")
    (parameter,) = module.main.parameters
    inputs = {parameter.name: samples["input_0"]}
    trace = nir.interp.Trace()
    with step("Run it in the interpreter, with Relay's arithmetic"):
        interpreted = nir.run(module, inputs, profile="relay", trace=trace)["output_0"]
    with step("Lower the Relay module to Relax and compile it with today's TVM"):
        compiled = nir.tvm.compile(nir.passes.relay_to_relax(relay_module))
    with step("Run that"):
        (executed,) = compiled.run(inputs)

    OUTPUT.mkdir(parents=True, exist_ok=True)
    with step("Write the text, the weights and the picture"):
        nir.save(module, OUTPUT / "mobilenet.nir")
        nir.draw.save(module, OUTPUT / "mobilenet.svg")

    expected = samples["output_0_0"]
    outputs = {"NIR interpreter": interpreted, f"TVM {version('apache-tvm')} through Relax": executed}
    console.print(operators(module, trace))
    console.print(agreement(expected, outputs))
    for path in sorted(OUTPUT.iterdir()):
        console.print(path)
    return 0 if all(np.array_equal(output, expected) for output in outputs.values()) else 1


@contextmanager
def step(title: str) -> Iterator[None]:
    """Prints a title, and behind it the seconds that the block takes."""
    start = time.perf_counter()
    yield
    console.print(f"{time.perf_counter() - start:6.2f} s  {title}")


def operators(module: nir.Module, trace: nir.interp.Trace) -> Table:
    """How many operations of each kind there are, the work they are, and the time it took."""
    seconds = trace.seconds_by_operator()
    macs: dict[str, int] = defaultdict(int)
    for op in module.main:
        macs[op.name] += op.macs()
    table = Table("operator", title="Operators", title_justify="left")
    for title in ("count", "million MACs", "ms"):
        table.add_column(title, justify="right")
    for name, (count, total) in seconds.items():
        if name == "const":
            continue
        table.add_row(name, str(count), f"{macs[name] / 1e6:.1f}", f"{total * 1e3:.1f}")
    return table


def agreement(expected: np.ndarray, outputs: dict[str, np.ndarray]) -> Table:
    """How many of each program's outputs differ from those that TVM 0.15 computed from the same Relay module."""
    table = Table("computed by", title="Outputs against those of TVM 0.15", title_justify="left")
    for title in ("elements", "differing", "largest class"):
        table.add_column(title, justify="right")
    for name, output in {"TVM 0.15": expected, **outputs}.items():
        differing = int(np.count_nonzero(output != expected))
        table.add_row(name, str(output.size), str(differing), str(int(output.argmax())))
    return table


if __name__ == "__main__":
    sys.exit(main())
