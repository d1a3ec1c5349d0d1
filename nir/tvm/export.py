"""Exporting: a compiled module to a shared library for this machine or another one, or to the objects for one.

TVM emits objects itself, for any target that its LLVM has; linking takes a C compiler for that target.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nir.errors import RunError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.execution import summary
from nir.tvm.noise import without_log_lines

Compiler = str | Sequence[str] | None
"""A command that compiles and links C, in one string or with its first arguments; None looks for one."""

_PROGRAMS = ("g++", "gcc", "clang++", "clang", "c++", "cc")


def export_library(executable: Any, target: Any, path: str | os.PathLike[str], compiler: Compiler = None) -> None:
    """Writes TVM's `executable`, built for `target`, to a shared library, or to a .tar of objects and C files.

    A shared library is linked by `compiler`; without one by the first found of g++, gcc and clang, for another machine
    with its triple before the name (aarch64-linux-gnu-gcc), and by the compiler in the package ziglang. The process
    that loads it needs TVM's runtime, and `nir.runtime.invoke` where it has regions. The file is replaced whole.

    Raises `RunError` where there is no compiler for the target, where it fails, and where nothing can be written.
    """
    destination = Path(path)
    triple = _triple(target)
    linker = _Packer(triple) if destination.suffix == ".tar" else _Linker(_command(triple, compiler), triple)
    temporary = destination.with_name(f".{secrets.token_hex(8)}.{destination.name[-100:]}")
    try:
        with without_log_lines():
            executable.export_library(str(temporary), fcompile=linker)
        os.replace(temporary, destination)
    except RunError:
        raise
    except OSError as error:
        raise RunError(f"{os.fspath(path)} cannot be written", found=error.strerror or str(error)) from None
    except Exception as error:  # TVM raises whatever its C++ code throws
        raise RunError("TVM cannot export this module", found=summary(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def find_compiler(triple: str | None = None) -> list[str] | None:
    """The command of a C compiler for `triple`, such as "aarch64-linux-gnu" (None: this machine), or None.

    >>> find_compiler("no-such-machine") is None
    True
    """
    prefix = "" if triple is None else f"{triple}-"
    for program in _PROGRAMS:
        found = shutil.which(prefix + program)
        if found is not None:
            return [found]
    if importlib.util.find_spec("ziglang") is None:
        return None
    zig = [sys.executable, "-m", "ziglang", "cc"]
    if triple is None:
        return zig
    return [*zig, "-target", triple] if triple.split("-")[-1].rstrip("0123456789.") in _ZIG_SYSTEMS else None


_ZIG_SYSTEMS = ("gnu", "gnueabi", "gnueabihf", "musl", "musleabi", "musleabihf")
"""Systems, by the end of their triple, whose C library comes with zig."""


def _triple(target: Any) -> str | None:
    """The machine that a target is for; None is this one, which TVM writes into targets that name none."""
    tvm = require_tvm("exporting a module")
    here, wanted = (str(t.attrs.get("mtriple", "")) for t in (tvm.target.Target("llvm"), target))
    return None if wanted in ("", here) else wanted


def _command(triple: str | None, compiler: Compiler) -> list[str]:
    if isinstance(compiler, str):
        compiler = [compiler]
    command = list(compiler) if compiler is not None else find_compiler(triple)
    if not command:
        raise RunError(
            f"there is no C compiler that links for {triple or 'this machine'}",
            hint="pip install ziglang, which links for any Linux; or name one: compiler='aarch64-linux-gnu-gcc'; "
            "or export to a .tar, and link the objects in it elsewhere",
        )
    if shutil.which(command[0]) is None:
        raise RunError(f"there is no program '{command[0]}' to link with")
    return command


class _Linker:
    """What TVM calls with the objects and C files of a library."""

    def __init__(self, command: Sequence[str], triple: str | None) -> None:
        self.command = command
        _tell_triple(self, triple)

    def __call__(self, library: str, files: Sequence[str], options: Sequence[str] = ()) -> None:
        command = [*self.command, "-shared", "-fPIC", "-o", library, *files, *options]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise RunError(
                f"{' '.join(self.command)} cannot link the library", found=(lines or ["no message"])[0][:300]
            )


class _Packer:
    """Puts the objects and C files of a library into an archive instead."""

    def __init__(self, triple: str | None) -> None:
        _tell_triple(self, triple)

    def __call__(self, archive: str, files: Sequence[str], options: Sequence[str] = ()) -> None:
        with tarfile.open(archive, "w") as tar:
            for file in files:
                if os.path.getsize(file) > 1:  # the C file of a module with no host operator is an empty line
                    tar.add(file, os.path.basename(file))


def _tell_triple(function: Any, triple: str | None) -> None:
    """Tells TVM the machine, which it asks of what it calls: it packs a module with no host operator for its own."""
    if triple is not None:
        function.get_target_triple = lambda: triple
