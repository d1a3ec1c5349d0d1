"""The runtime of compiled modules: the function `nir.runtime.invoke` that their regions call.

    import nir.tvm.runtime                      # registers the function, which is all that a process needs

    nir.tvm.runtime.set_threads(2)              # threads of matrix products inside a region; 1 unless told otherwise
    nir.tvm.runtime.forget()                    # frees the programs that have run so far

A program is parsed and prepared at its first call and kept for the next. Any number of threads may call; regions take
turns, as they would on one accelerator. Of TVM this module imports tvm_ffi alone, so that a process that only runs
models does without the compiler.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.errors import Diagnostic, NirError, RunError, missing_extra
from nir.interp.interpreter import Interpreter
from nir.tvm.runtime_program import decode

try:
    import tvm_ffi
except ModuleNotFoundError as missing:
    raise missing_extra("apache-tvm-ffi", "tvm", "running compiled modules") from missing

FUNCTION = "nir.runtime.invoke"
"""The name under which compiled modules look the function up."""

Array = np.ndarray[Any, Any]


class RegionError(RunError):
    """A region failed inside a compiled module. It comes through TVM as text, which is the whole report."""

    def __init__(self, text: str) -> None:
        lines = text.removeprefix("error: ").replace("\\n", "\n").splitlines() or ["a region failed"]
        super().__init__(Diagnostic(lines[0], notes=tuple(line.strip() for line in lines[1:])))
        self.text = "\n".join(lines)

    def __str__(self) -> str:
        return f"error: {self.text}"


class _Prepared:
    """A program that is ready to run."""

    def __init__(self, encoded: bytes, tensors: Sequence[Any], threads: int | None) -> None:
        header = decode(encoded)
        self.weights = len(header.weight_names)
        module = header.module([np.from_dlpack(tensor) for tensor in tensors[: self.weights]])
        self.function = module.functions[header.function]
        self.interpreter = Interpreter(module, header.profile, threads)

    def run(self, tensors: Sequence[Any]) -> None:
        """Computes the outputs, the last of `tensors`, from the inputs between them and the weights."""
        first, count = self.weights, len(self.function.parameters)
        inputs, outputs = tensors[first : first + count], tensors[first + count :]
        if len(inputs) != count or len(outputs) != len(self.function.results):
            raise RunError(
                f"region @{self.function.name} was called with another number of tensors than it has",
                expected=f"{self.weights} weights, {count} inputs, {len(self.function.results)} outputs",
                found=f"{len(tensors)} tensors",
            )
        results = self.interpreter.run([np.from_dlpack(tensor) for tensor in inputs], self.function.name)
        for index, (output, array) in enumerate(zip(outputs, results.values(), strict=True)):
            target = np.from_dlpack(output)
            if target.shape != array.shape or target.dtype != array.dtype:
                raise RunError(
                    f"output {index} of region @{self.function.name} is of another type than its caller expects",
                    expected=f"{target.dtype}{list(target.shape)}",
                    found=f"{array.dtype}{list(array.shape)}",
                )
            # Not target[...] = array: numpy before 2.1 takes every tensor of another library for read-only.
            ctypes.memmove(target.ctypes.data, np.ascontiguousarray(array).ctypes.data, array.nbytes)


class _Runtime:
    """The programs that have run, by their bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.programs: dict[bytes, _Prepared] = {}
        self.threads: int | None = 1

    def invoke(self, program: Any, *tensors: Any) -> None:
        encoded = np.from_dlpack(program).tobytes()
        with self.lock:
            prepared = self.programs.get(encoded)
            if prepared is None:
                prepared = self.programs[encoded] = _Prepared(encoded, tensors, self.threads)
            prepared.run(tensors)

    def change_threads(self, count: int | None) -> None:
        with self.lock:
            self.threads = count
            for prepared in self.programs.values():
                prepared.interpreter.threads = count

    def clear(self) -> None:
        with self.lock:
            self.programs.clear()


_RUNTIME = _Runtime()


def invoke(program: Any, *tensors: Any) -> None:
    """Runs a program (see `nir.tvm.runtime_program`) on weights, inputs and outputs, in this order, all tensors of TVM.

    Raises `RegionError`, whose text is the report of what went wrong.
    """
    try:
        _RUNTIME.invoke(program, *tensors)
    except NirError as error:
        raise RegionError(str(error)) from None


def set_threads(count: int | None) -> None:
    """How many threads matrix products inside of regions may use, from now on; None leaves it to them.

    Raises `RunError` for a count below 1.
    """
    if count is not None and count < 1:
        raise RunError("a region needs at least one thread", found=str(count))
    _RUNTIME.change_threads(count)


def forget() -> None:
    """Frees all programs with what was prepared for them. The next call of a region prepares it again."""
    _RUNTIME.clear()


tvm_ffi.register_error("RegionError", RegionError)
tvm_ffi.register_global_func(FUNCTION, invoke, override=True)
