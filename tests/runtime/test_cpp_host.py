"""examples/cpp_host: a compiled model run from C++, here and, by emulation, on 64-bit ARM."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tvm
import tvm_ffi
from region_models import INPUT, close, on_tvm, one_region, programs, two_regions
from tvm import relax

import nir
import nir.tvm
from nir.ops.builder import Builder
from nir.tvm.regions import lower_regions

ARM_COMPILER = "aarch64-linux-gnu-g++"
ARM_SYSTEM = Path("/usr/aarch64-linux-gnu")
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")


def make_host(repository: Path, output: Path, compiler: str, libraries: Sequence[Path]) -> Path:
    """Compiles the example with the command of docs/runtime.md."""
    sources = sorted((repository / "examples" / "cpp_host").glob("*.cpp"))
    headers = Path(tvm_ffi.__file__).parent / "include"
    flags = ["-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", "-isystem", headers]
    links = [f"-L{folder}" for folder in libraries] + [f"-Wl,-rpath,{folder}" for folder in libraries]
    command = [compiler, *flags, "-o", output, *sources, *links, "-Wl,--no-as-needed", "-ltvm_runtime", "-ltvm_ffi"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def host(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    libraries = [Path(package.__file__).parent / "lib" for package in (tvm, tvm_ffi)]
    return make_host(repository, tmp_path_factory.mktemp("host") / "host", compiler, libraries)


def run_host(
    command: Sequence[str | Path], library: Path, inputs: Sequence[np.ndarray]
) -> tuple[np.ndarray, subprocess.CompletedProcess[str]]:
    """What the host writes, and what it says."""
    arguments: list[str | Path] = [library, library.parent / "output.bin"]
    for index, array in enumerate(inputs):
        array.tofile(library.parent / f"input{index}.bin")
        arguments += [library.parent / f"input{index}.bin", "x".join(map(str, array.shape))]
    (library.parent / "output.bin").unlink(missing_ok=True)
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
    if done.returncode:
        return np.empty(0, np.float32), done
    return np.fromfile(library.parent / "output.bin", np.float32), done


def test_a_model_runs_without_python(host: Path, tmp_path: Path) -> None:
    """Host operators by TVM's code, two regions by the example's executor: what TVM computes alone."""
    nir.tvm.build(lower_regions(two_regions(), programs=programs())).export(tmp_path / "model.so")
    found, done = run_host([host], tmp_path / "model.so", [INPUT])
    expected = nir.tvm.run(on_tvm(two_regions()), {"image": INPUT})
    assert done.returncode == 0, done.stderr
    assert close([found.reshape(expected[0].shape)], expected)
    assert done.stdout.splitlines() == [
        "@nir_0: 3 operations, 1 weights, profile qdq",
        "@nir_1: 3 operations, 0 weights, profile qdq",
    ]


def test_odd_names_and_several_inputs(host: Path, tmp_path: Path) -> None:
    b = Builder("nir_0")
    x, y = (b.parameter(name, nir.tensor((2, 40))) for name in ('in/0:"x"', "in\\1"))
    weight = np.linspace(-1, 1, 80, dtype=np.float32).reshape(2, 40)
    b.returns(b.relu(b.add(b.mul(x, b.const(weight, name="model/w")), y)))
    types = [relax.TensorType((2, 40), "float32")] * 2
    body = lambda x, y: relax.op.nn.relu(relax.op.add(relax.op.multiply(x, relax.const(weight)), y))  # noqa: E731
    low = lower_regions(one_region(body, *types), programs={"nir_0": b.module})
    nir.tvm.build(low).export(tmp_path / "model.so")
    inputs = [np.full((2, 40), value, np.float32) for value in (3.0, 0.25)]
    found, done = run_host([host], tmp_path / "model.so", inputs)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(found, np.maximum(3 * weight + 0.25, 0).ravel(), rtol=1e-6)


def test_what_the_example_does_not_have_is_an_error(host: Path, tmp_path: Path) -> None:
    b = Builder("nir_0")
    b.returns(b.tanh(b.parameter("x", nir.tensor((4,)))))
    low = lower_regions(one_region(relax.op.tanh, relax.TensorType((4,), "float32")), programs={"nir_0": b.module})
    nir.tvm.build(low).export(tmp_path / "model.so")
    _, done = run_host([host], tmp_path / "model.so", [np.zeros(4, np.float32)])
    assert done.returncode == 1
    assert "there is no operator tanh" in done.stderr
    assert subprocess.run([host], capture_output=True).returncode == 2


@pytest.fixture(scope="module")
def arm(repository: Path) -> list[Path]:
    """The folders with TVM's runtime for 64-bit ARM; skips the test where anything to run it is missing."""
    if not any(map(shutil.which, EMULATORS)):
        pytest.skip("qemu-aarch64 is not installed: apt-get install qemu-user-static")
    if shutil.which(ARM_COMPILER) is None:
        pytest.skip(f"{ARM_COMPILER} is not installed: apt-get install g++-aarch64-linux-gnu")
    folder = Path(os.environ.get("NIR_AARCH64") or repository / "build" / "aarch64")
    libraries = [folder / "tvm" / "lib", folder / "tvm_ffi" / "lib"]
    if not all(library.is_dir() for library in libraries):
        pytest.skip(f"no TVM runtime for aarch64 in {folder}: docs/runtime.md says how to get it")
    return libraries


def test_a_model_runs_on_aarch64(arm: list[Path], repository: Path, tmp_path: Path) -> None:
    """Cross-compiled here, run by qemu: host operators by TVM's code, regions by the example's executor."""
    emulator = next(filter(None, map(shutil.which, EMULATORS)))
    host = make_host(repository, tmp_path / "host", ARM_COMPILER, arm)
    low = lower_regions(two_regions(), programs=programs())
    nir.tvm.build(low, {"kind": "llvm", "mtriple": "aarch64-linux-gnu"}).export(tmp_path / "model.so")
    search = ":".join(str(folder) for folder in (*arm, ARM_SYSTEM / "lib"))
    command = [emulator, "-L", str(ARM_SYSTEM), "-E", f"LD_LIBRARY_PATH={search}", host]
    found, done = run_host(command, tmp_path / "model.so", [INPUT])
    expected = nir.tvm.run(on_tvm(two_regions()), {"image": INPUT})
    assert done.returncode == 0, done.stderr
    assert close([found.reshape(expected[0].shape)], expected)
