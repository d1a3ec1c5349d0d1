"""Running an exported library in a process that does without TVM's compiler: of TVM it loads the small runtime.

    from nir.tvm.runtime_loading import load_library

    model = load_library("model.so")
    outputs = model(image)

A process that has TVM in full can as well use tvm.runtime.load_module and tvm.relax.VirtualMachine, after
`import nir.tvm.runtime`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from nir.errors import NirError, RunError, missing_extra
from nir.tvm.runtime import tvm_ffi

Array = np.ndarray[Any, Any]

_CPU, _POOLED = 1, 2
"""What the virtual machine calls the kind of device, and the kind of its allocator."""


class Library:
    """A function of an exported library, ready to run. Threads that share one take turns."""

    def __init__(self, machine: Any, function: str) -> None:
        self.function = function
        self._machine = machine  # holds what the function refers to
        self._call = machine[function]
        self._lock = threading.Lock()

    def __call__(self, *inputs: Any) -> list[Array]:
        """Runs the function on its inputs, in the order of its parameters; the fields of tuples one after the other.

        Raises `RunError` for inputs that the function does not take, and for failures inside.
        """
        try:
            tensors = [tvm_ffi.from_dlpack(np.require(array, requirements=["C", "W"])) for array in inputs]
            with self._lock:  # TVM's machine keeps its state between instructions, and crashes otherwise
                return _arrays(self._call(*tensors))
        except NirError:  # from a region
            raise
        except Exception as error:  # the virtual machine raises whatever its C++ code throws
            raise RunError(f"function '{self.function}' cannot run", found=_first_line(error)) from error


def load_library(path: str | os.PathLike[str], function: str = "main") -> Library:
    """The function called `function` of a library that `nir.tvm.build(...).export(path)` wrote.

    Raises `RunError` where TVM's runtime is not installed, where the file is no such library, for this machine, and
    where it has no such function.
    """
    _load_runtime()
    file = Path(path).absolute()
    if not file.is_file():
        raise RunError(f"{os.fspath(path)} cannot be read", found="there is no such file")
    try:
        machine = tvm_ffi.load_module(str(file))["vm_load_executable"]()
        machine["vm_initialization"](_CPU, 0, _POOLED)
        return Library(machine, function)
    except Exception as error:  # the runtime raises whatever its C++ code throws
        raise RunError(f"{os.fspath(path)} cannot be loaded", found=_first_line(error)) from error


@functools.cache
def _load_runtime() -> None:
    """Loads libtvm_runtime, without which tvm_ffi knows no virtual machine, and without importing the package tvm."""
    found = importlib.util.find_spec("tvm")
    if found is None or found.origin is None:
        raise missing_extra("apache-tvm", "tvm", "running compiled modules")
    folder = Path(found.origin).parent / "lib"
    for name in ("libtvm_runtime.so", "libtvm_runtime.dylib", "tvm_runtime.dll"):
        if (folder / name).exists():
            try:
                ctypes.CDLL(str(folder / name), ctypes.RTLD_GLOBAL)
            except OSError as error:
                raise RunError("TVM's runtime cannot be loaded", found=str(error)) from error
            return
    raise RunError("TVM's runtime is not where it is expected", expected=str(folder / "libtvm_runtime.so"))


def _arrays(result: Any) -> list[Array]:
    """The tensors in `result`, a tensor or nested sequence of them, as arrays of their own."""
    if isinstance(result, tvm_ffi.Tensor):
        return [np.array(np.from_dlpack(result))]
    return [array for part in result for array in _arrays(part)]


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
