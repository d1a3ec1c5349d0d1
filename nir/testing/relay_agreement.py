"""The property of the two ways from Relay: NIR in the interpreter computes what Relax computes on TVM.

Integers and booleans are equal. A float differs by no more than the bound that its program brings with it
(`Tensor.error`), which is summed up, operator by operator, from units in the last place: relay_draft.py says how. A
program that either way refuses is a disagreement too, since the strategy promises programs that both take.

Where the time of an example goes, measured on 64 programs of 17 operators, two cores shared with others:

    a program per module, compiled in memory at LLVM's level 2       0.31 s per program
    the same at level 0                                              0.21 s, of which 0.17 s are LLVM's just-in-time linker
    4, 16 or 64 programs per module, level 0, compiled in memory     0.13 s; the time goes by tensor programs, not modules
    16 programs per module, level 0, written as a shared library     0.06 s, of which 0.03 s are gcc's and TVM's export
    64 programs per module, the same                                 0.05 s

So a batch of 16 goes through a shared library. What runs before and after is small: drawing 0.02 s, both conversions
0.01 s, four runs on either side 0.02 s. Without a C compiler the module is compiled in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nir.passes
import nir.tvm
from nir import relay
from nir.errors import NirError
from nir.interp import Interpreter
from nir.ir import Module
from nir.passes.tvm_requirement import require_tvm
from nir.testing.relay_draft import Array, Tensor
from nir.testing.relay_programs import RelayProgram
from nir.tvm.export import find_compiler
from nir.tvm.noise import without_log_lines

SEEDS = (0, 1, 2, 3)
"""Inputs per program: the least integers, the greatest, and two at random."""

_TARGET = {"kind": "llvm", "opt-level": 0}
"""Compiles small programs fastest; numbers do not depend on it."""


@dataclass(frozen=True)
class Disagreement:
    """What went wrong with a program: at which stage, what was said, and which inputs showed it (None: no inputs)."""

    program: RelayProgram
    stage: str
    message: str
    seed: int | None = None

    def __str__(self) -> str:
        where = "" if self.seed is None else f" (program.arrays({self.seed}))"
        return f"{self.stage}{where}: {self.message}\n{self.program}"

    def save(self, folder: Path, name: str) -> None:
        """Writes `name`.relay, with the message as a comment, and the weights and inputs in `name`.npz."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"// {line}" for line in f"{self.stage}: {self.message}".splitlines()]
        header, body = self.program.text.split("\n", 1)
        (folder / f"{name}.relay").write_text("\n".join([header, *lines, body]), encoding="utf-8")
        inputs = {} if self.seed is None else self.program.arrays(self.seed)
        arrays: dict[str, Any] = {**self.program.weights, **inputs}
        np.savez(folder / f"{name}.npz", **arrays)


@dataclass
class _Example:
    """A program on its way through both conversions."""

    program: RelayProgram
    source: relay.Module = field(init=False)
    ours: Module = field(init=False)
    found: Disagreement | None = None

    def convert(self) -> None:
        """Reads the program and makes NIR of it; `found` says where that failed."""
        stage = "reader"
        try:
            self.source = self.program.load()
            stage = "relay_to_nir"
            self.ours = nir.passes.relay_to_nir(self.source)
        except Exception as error:  # an exception of any other kind is a finding as well
            self.fail(stage, error)

    def fail(self, stage: str, error: Exception, seed: int | None = None) -> None:
        """Takes down what was raised."""
        text = str(error) if isinstance(error, NirError) else f"{type(error).__name__}: {error}"
        self.found = Disagreement(self.program, stage, text, seed)


def disagreements(programs: Sequence[RelayProgram], seeds: Sequence[int] = SEEDS) -> list[Disagreement]:
    """What goes wrong with these programs, compiled as one module; at most one finding for each of them.

    Where TVM refuses the module as a whole, each program is compiled alone. Raises RunError when TVM is missing.
    """
    require_tvm("comparing with TVM")
    examples = [_Example(program) for program in programs]
    for example in examples:
        example.convert()
    _compare([example for example in examples if example.found is None], seeds)
    return [example.found for example in examples if example.found is not None]


def _compare(examples: Sequence[_Example], seeds: Sequence[int]) -> None:
    if not examples:
        return
    try:
        machine = _machine(_joined([example.source for example in examples]))
        theirs = [_run(machine, examples, seed) for seed in seeds]
    except Exception as error:  # TVM may raise anything
        if len(examples) == 1:
            examples[0].fail("relay_to_relax or TVM", error)
            return
        for example in examples:
            _compare([example], seeds)
        return
    for index, example in enumerate(examples):
        _compare_one(example, [results[index] for results in theirs], seeds)


def _joined(sources: Sequence[relay.Module]) -> relay.Module:
    """One module whose `@main` calls the others' on parameters of their own, and returns a tuple of their results."""
    functions: dict[str, relay.Function] = {}
    parameters: list[relay.Var] = []
    calls: list[relay.Expr] = []
    for index, source in enumerate(sources):
        own = [relay.Var(f"p{index}_{var.name_hint}", var.checked_type) for var in source.main.params]
        functions[f"program_{index}"] = source.main
        parameters += own
        calls.append(relay.Call(relay.GlobalVar(f"program_{index}"), own))
    module = relay.Module({"main": relay.Function(parameters, relay.Tuple(calls)), **functions})
    relay.infer_types(module)
    return module


def _machine(module: relay.Module) -> nir.tvm.Compiled:
    built = nir.tvm.build(nir.passes.relay_to_relax(module), _TARGET)
    if find_compiler() is None:
        return built.load()
    tvm = require_tvm("comparing with TVM")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "batch.so"
        built.export(library)
        with without_log_lines():
            machine = tvm.relax.VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
    return nir.tvm.Compiled(machine, built.parameters, built.function)


def _run(machine: nir.tvm.Compiled, examples: Sequence[_Example], seed: int) -> list[list[Array]]:
    """The results of every program."""
    inputs = {
        f"p{index}_{name}": array
        for index, example in enumerate(examples)
        for name, array in example.program.arrays(seed).items()
    }
    results = iter(machine.run(inputs))
    return [[next(results) for _ in example.program.outputs] for example in examples]


def _compare_one(example: _Example, theirs: Sequence[Sequence[Array]], seeds: Sequence[int]) -> None:
    interpreter = Interpreter(example.ours, "relay")
    for seed, expected in zip(seeds, theirs, strict=True):
        try:
            found = list(interpreter.run(example.program.arrays(seed)).values())
        except Exception as error:  # any exception is a finding
            example.fail("interpreter", error, seed)
            return
        for index, tensor in enumerate(example.program.outputs):
            message = difference(tensor, found[index], expected[index])
            if message is not None:
                example.found = Disagreement(
                    example.program, "results", f"result {index}, {tensor.name}: {message}", seed
                )
                return


def difference(tensor: Tensor, found: Array, expected: Array) -> str | None:
    """How two arrays for `tensor` differ by more than it allows, or None. NaN and infinities must be the same."""
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return f"NIR gives {found.dtype}{found.shape}, TVM {expected.dtype}{expected.shape}"
    if found.dtype.kind != "f":
        wrong = found != expected
    else:
        with np.errstate(invalid="ignore"):
            near = np.abs(found.astype(np.float64) - expected) <= tensor.error
        wrong = ~(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))
    if not np.any(wrong):
        return None
    first = tuple(int(index) for index in np.argwhere(wrong)[0])
    bound = f", more than {tensor.error:.3g} apart" if tensor.error else ""
    return f"{np.count_nonzero(wrong)} of {wrong.size} differ, at {first} NIR gives {found[first]}, TVM {expected[first]}{bound}"
