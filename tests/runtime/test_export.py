"""Exported libraries: run by a fresh process, for this machine and for another one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tvm
from region_models import INPUT, close, images, on_tvm, one_region, programs, two_regions
from tvm import relax

import nir
import nir.tvm
from nir.errors import RunError
from nir.ops.builder import Builder
from nir.tvm.export import find_compiler
from nir.tvm.regions import lower_regions
from nir.tvm.runtime_loading import load_library

ANDROID = {"kind": "llvm", "mtriple": "aarch64-linux-android24"}
AARCH64 = {"kind": "llvm", "mtriple": "aarch64-linux-gnu"}
ZIG = [sys.executable, "-m", "ziglang", "cc"]
OWN_SYMBOLS = r"TVMFFI\w+|TVMBackend\w+|__tvm\w+"

needs_zig = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="the package ziglang is not installed"
)
needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf (binutils) is not installed")


def own_compiler() -> None:
    if find_compiler() is None:
        pytest.skip("there is no C compiler, and the package ziglang is not installed")


def offloaded() -> tvm.IRModule:
    """A module of which nothing is left on the host."""
    b = Builder("nir_0")
    x = b.parameter("x", nir.tensor((4,)))
    b.returns(b.add(x, x))
    return lower_regions(
        one_region(lambda x: relax.op.add(x, x), relax.TensorType((4,), "float32")), programs={"nir_0": b.module}
    )


@pytest.fixture(scope="module")
def lowered() -> tvm.IRModule:
    return lower_regions(two_regions(), programs=programs())


@pytest.fixture(scope="module")
def library(lowered: tvm.IRModule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own_compiler()
    path = tmp_path_factory.mktemp("export") / "model.so"
    nir.tvm.build(lowered).export(path)
    np.save(path.parent / "input.npy", INPUT)
    np.save(path.parent / "expected.npy", nir.tvm.run(on_tvm(two_regions()), {"image": INPUT})[0])
    return path


FULL = """
import sys, numpy as np, tvm, nir.tvm.runtime
library = tvm.runtime.load_module(sys.argv[1] + "/model.so")
machine = tvm.relax.VirtualMachine(library, tvm.cpu())
found = machine["main"](tvm.runtime.tensor(np.load(sys.argv[1] + "/input.npy"))).numpy()
np.save(sys.argv[1] + "/found.npy", found)
"""

SMALL = """
import sys, numpy as np
from nir.tvm.runtime_loading import load_library
found, = load_library(sys.argv[1] + "/model.so")(np.load(sys.argv[1] + "/input.npy"))
np.save(sys.argv[1] + "/found.npy", found)
heavy = {"tvm", "torch", "nir.relay", "nir.passes", "hypothesis"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("script", [FULL, SMALL], ids=["all of TVM", "its runtime"])
def test_a_fresh_process_gives_the_same_outputs(library: Path, script: str) -> None:
    """All that it imports of NIR is the runtime; the small one does not even load TVM's compiler."""
    (library.parent / "found.npy").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-c", script, str(library.parent)], check=True, timeout=120)
    assert close([np.load(library.parent / "found.npy")], [np.load(library.parent / "expected.npy")])


def test_a_process_without_the_runtime_is_told_what_is_missing(library: Path) -> None:
    script = FULL.replace(", nir.tvm.runtime", "")
    done = subprocess.run([sys.executable, "-c", script, str(library.parent)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "nir.runtime.invoke" in done.stderr


def test_a_library_is_loaded_in_this_process(library: Path) -> None:
    model = load_library(library)
    expected = [np.load(library.parent / "expected.npy")]
    assert close(model(INPUT), expected)
    frozen = INPUT.copy()
    frozen.flags.writeable = False
    assert close(model(frozen), expected)
    assert close(model(np.asfortranarray(INPUT)), expected)
    with pytest.raises(RunError, match="cannot run"):
        model(INPUT[:, :2])
    with pytest.raises(RunError, match="cannot run"):
        model()
    with pytest.raises(RunError, match="cannot be loaded"):
        load_library(library, "mian")


def test_what_is_no_library_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        load_library(tmp_path / "nothing.so")
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(RunError, match="cannot be loaded"):
        load_library(tmp_path / "text.so")


def test_a_model_that_is_all_region_is_exported_too(tmp_path: Path) -> None:
    own_compiler()
    nir.tvm.build(offloaded()).export(tmp_path / "model.so")
    assert close(
        load_library(tmp_path / "model.so")(np.arange(4, dtype=np.float32)), [np.arange(4, dtype=np.float32) * 2]
    )


@needs_zig
def test_zig_links_for_this_machine(lowered: tvm.IRModule, library: Path, tmp_path: Path) -> None:
    nir.tvm.build(lowered).export(tmp_path / "model.so", compiler=ZIG)
    assert close(load_library(tmp_path / "model.so")(INPUT), [np.load(library.parent / "expected.npy")])


def test_weights_are_stored_once(tmp_path: Path) -> None:
    """A weight that two regions and the host use takes its size once, in the file and in memory."""
    own_compiler()
    weight = images(256, 1024)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((1, 1024), "float32"))
    made = {}
    for name, operator in (("nir_0", "relu"), ("nir_1", "relu6")):
        inner = relax.Var("x", relax.TensorType((1, 1024), "float32"))
        with builder.function(name, [inner], attrs={"Codegen": "nir", "global_symbol": name}):
            builder.emit_func_output(builder.emit(relax.op.zeros((1, 256), "float32")))  # NIR has the meaning
        b = Builder(name)
        y = b.fully_connected(
            b.parameter("x", nir.tensor((1, 1024))),
            b.const(weight.copy(), name=f"w{name}"),
            b.const(np.zeros(256, "f4")),
        )
        b.returns(getattr(b, operator)(y))
        made[name] = b.module
    with builder.function("main", [x]):
        with builder.dataflow():
            parts = [builder.emit(relax.Call(builder.get().get_global_var(name), [x])) for name in made]
            host = builder.emit(relax.op.matmul(x, relax.op.permute_dims(relax.const(weight.copy()))))
            output = builder.emit_output(relax.op.add(relax.op.add(*parts), host))
        builder.emit_func_output(output)
    compiled = nir.tvm.build(lower_regions(builder.get(), programs=made))
    compiled.export(tmp_path / "model.so")
    size = (tmp_path / "model.so").stat().st_size
    assert weight.nbytes < size < 1.1 * weight.nbytes
    vector = images(1, 1024, seed=1)
    sums = vector @ weight.T
    nir.tvm.runtime.forget()
    found = load_library(tmp_path / "model.so")(vector)[0]
    np.testing.assert_allclose(found, np.maximum(sums, 0) + np.clip(sums, 0, 6) + sums, rtol=1e-4, atol=1e-3)
    constants = [
        op.attributes["value"].array
        for program in nir.tvm.runtime._RUNTIME.programs.values()
        for op in program.interpreter.module.functions[program.function.name]
        if op.name == "const" and op.attributes["value"].array.size > 1000
    ]
    assert len(constants) == 2
    assert np.shares_memory(*constants)


# --- other machines ---


def symbols(path: Path) -> dict[str, str]:
    """The global symbols of an object or library, with the section of each, "UND" for what it needs."""
    text = subprocess.run(["readelf", "-W", "--syms", path], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in text.splitlines() if re.match(r"\s*\d+:", line))
    return {row[7].split("@")[0]: row[6] for row in rows if len(row) > 7 and row[4] != "LOCAL"}


def header(path: Path) -> str:
    return subprocess.run(["readelf", "-h", path], check=True, capture_output=True, text=True).stdout


@needs_readelf
@pytest.mark.parametrize("everything", [False, True], ids=["some regions", "all one region"])
def test_objects_for_android(everything: bool, lowered: tvm.IRModule, tmp_path: Path) -> None:
    """Objects for 64-bit ARM, that define the model and need nothing but TVM's runtime, libm and libc."""
    nir.tvm.build(offloaded() if everything else lowered, ANDROID).export(tmp_path / "model.tar")
    with tarfile.open(tmp_path / "model.tar") as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert names == (["devc.o"] if everything else ["lib0.o", "devc.o"])
    defined, needed = set(), set()
    for name in names:
        assert re.search(r"Class:\s+ELF64", header(tmp_path / name))
        assert re.search(r"Machine:\s+AArch64", header(tmp_path / name))
        assert re.search(r"Type:\s+REL", header(tmp_path / name))
        for symbol, section in symbols(tmp_path / name).items():
            (needed if section == "UND" else defined).add(symbol)
    assert "__tvm_ffi__library_bin" in defined
    outside = {symbol for symbol in needed - defined if not re.fullmatch(OWN_SYMBOLS, symbol)}
    assert outside <= {"sinf", "tanhf", "expf", "memcpy", "memset"}


@needs_readelf
@pytest.mark.parametrize("everything", [False, True], ids=["some regions", "all one region"])
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_libraries_for_aarch64(compiler: str, everything: bool, lowered: tvm.IRModule, tmp_path: Path) -> None:
    if compiler == "gcc" and shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("aarch64-linux-gnu-gcc is not installed")
    if compiler == "zig" and importlib.util.find_spec("ziglang") is None:
        pytest.skip("the package ziglang is not installed")
    command = ["aarch64-linux-gnu-gcc"] if compiler == "gcc" else [*ZIG, "-target", "aarch64-linux-gnu"]
    path = tmp_path / "model.so"
    nir.tvm.build(offloaded() if everything else lowered, AARCH64).export(path, compiler=command)
    assert re.search(r"Type:\s+DYN", header(path))
    assert re.search(r"Machine:\s+AArch64", header(path))
    assert symbols(path)["__tvm_ffi__library_bin"] != "UND"


def test_a_library_for_another_machine_does_not_load_here(lowered: tvm.IRModule, tmp_path: Path) -> None:
    if find_compiler("aarch64-linux-gnu") is None:
        pytest.skip("there is no compiler for aarch64, and the package ziglang is not installed")
    nir.tvm.build(lowered, AARCH64).export(tmp_path / "model.so")
    with pytest.raises(RunError, match="cannot be loaded"):
        load_library(tmp_path / "model.so")


# --- what goes wrong ---


def test_a_missing_compiler_is_an_error(lowered: tvm.IRModule, tmp_path: Path) -> None:
    build = nir.tvm.build(lowered)
    with pytest.raises(RunError, match="no program 'no-such-compiler'"):
        build.export(tmp_path / "model.so", compiler="no-such-compiler")
    with pytest.raises(RunError, match="no C compiler that links for aarch64-linux-android24") as caught:
        nir.tvm.build(lowered, ANDROID).export(tmp_path / "model.so")
    assert ".tar" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_fails_is_an_error(lowered: tvm.IRModule, tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('ld: out of ideas')"]
    with pytest.raises(RunError, match="cannot link") as caught:
        nir.tvm.build(lowered).export(tmp_path / "model.so", compiler=failing)
    assert "out of ideas" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/model.so", "missing/model.tar"])
def test_a_path_that_cannot_be_written_is_an_error(lowered: tvm.IRModule, tmp_path: Path, name: str) -> None:
    own_compiler()
    with pytest.raises(RunError):
        nir.tvm.build(lowered).export(tmp_path / name)
