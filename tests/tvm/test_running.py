"""nir.tvm: compiling and running, and what is said when inputs or TVM are not what is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import relax

import nir.tvm
from nir.errors import RunError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.noise import without_log_lines

ONE = np.arange(4, dtype=np.float32)


def relax_module(name: str = "main") -> tvm.IRModule:
    builder = relax.BlockBuilder()
    x, y = (relax.Var(variable, relax.TensorType((4,), "float32")) for variable in ("data", "weight"))
    with builder.function(name, [x, y]):
        with builder.dataflow():
            total = builder.emit(relax.op.add(x, y))
            output = builder.emit_output(relax.Tuple([total, relax.Tuple([x])]))
        builder.emit_func_output(output)
    return builder.get()


@pytest.fixture(scope="module")
def compiled() -> nir.tvm.Compiled:
    return nir.tvm.compile(relax_module())


def test_results_come_in_order(compiled: nir.tvm.Compiled) -> None:
    for found in (
        compiled.run({"weight": ONE * 2, "data": ONE}),
        compiled(data=ONE, weight=ONE * 2),
        compiled.run([ONE, ONE * 2]),
    ):
        np.testing.assert_array_equal(found, [ONE * 3, ONE])


def test_run_takes_a_module_or_what_was_compiled(compiled: nir.tvm.Compiled) -> None:
    inputs = {"data": ONE, "weight": ONE}
    np.testing.assert_array_equal(nir.tvm.run(relax_module(), inputs), nir.tvm.run(compiled, inputs))


def test_arrays_need_not_be_contiguous(compiled: nir.tvm.Compiled) -> None:
    reversed_array = np.arange(8, dtype=np.float32)[::-2]
    np.testing.assert_array_equal(compiled.run({"data": reversed_array, "weight": ONE})[0], reversed_array + ONE)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"data": ONE}, "parameter 'weight' has no input"),
        ({"data": ONE, "wieght": ONE}, "there is no parameter 'wieght'"),
        ({"data": ONE, "weight": ONE[:3]}, "the input for 'weight' does not fit"),
        ({"data": ONE, "weight": ONE.astype(np.float64)}, "the input for 'weight' does not fit"),
        ({"data": ONE, "weight": "abc"}, "the input for 'weight' does not fit"),
    ],
)
def test_wrong_inputs_are_named(compiled: nir.tvm.Compiled, inputs: dict[str, object], message: str) -> None:
    with pytest.raises(RunError, match=message):
        compiled.run(inputs)


def test_near_names_are_suggested(compiled: nir.tvm.Compiled) -> None:
    with pytest.raises(RunError) as caught:
        compiled.run({"wieght": ONE})
    assert caught.value.diagnostics[0].hint == "did you mean 'weight'?"


def test_another_function_can_be_compiled() -> None:
    compiled = nir.tvm.compile(relax_module("other"), function="other")
    np.testing.assert_array_equal(compiled.run({"data": ONE, "weight": ONE})[0], ONE * 2)
    with pytest.raises(RunError, match="no function 'main'"):
        nir.tvm.compile(relax_module("other"))


def test_progress_says_what_takes_long() -> None:
    lines: list[str] = []
    nir.tvm.compile(relax_module(), progress=lines.append)
    assert len(lines) == 2
    assert f"TVM {tvm.__version__} compiles 1 operator" in lines[0]
    assert lines[1].startswith("compiled in ")


def test_other_objects_and_targets_are_refused() -> None:
    with pytest.raises(RunError, match="no Relax module"):
        nir.tvm.compile(object())
    with pytest.raises(RunError, match="TVM cannot compile"):
        nir.tvm.compile(relax_module(), "no_such_target")


def test_log_lines_of_tvm_are_held_back_and_others_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    with without_log_lines():
        os.write(2, b"[12:00:00] /project/src/x.cc:67: Warning: noise\nkept\n")
    assert capfd.readouterr().err == "kept\n"


def test_nothing_is_held_back_where_there_is_no_terminal(tmp_path: Path) -> None:
    code = "import os\nfrom nir.tvm.noise import without_log_lines\nos.close(2)\nwith without_log_lines():\n    print('ran')"
    assert run_python(code, tmp_path).stdout == "ran\n"


def test_tuples_are_checked_field_by_field() -> None:
    builder = relax.BlockBuilder()
    pair = relax.Var("pair", relax.TupleType([relax.TensorType((4,), "float32"), relax.TensorType((), "int32")]))
    with builder.function("main", [pair]):
        builder.emit_func_output(builder.emit(relax.TupleGetItem(pair, 0)))
    compiled = nir.tvm.compile(builder.get())
    np.testing.assert_array_equal(compiled.run({"pair": (ONE, np.int32(1))}), [ONE])
    for wrong, name in ((ONE, "pair"), ((ONE,), "pair"), ((ONE, ONE), r"pair\.1")):
        with pytest.raises(RunError, match=f"the input for '{name}' does not fit"):
            compiled.run({"pair": wrong})


# --- without TVM, or with another one ---


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        ("raise ModuleNotFoundError('no tvm', name='tvm')", "needs the package 'apache-tvm', which is not installed"),
        ("__version__ = '0.19.0'", "needs another version of TVM"),
        ("raise OSError('libtvm.so: no such file')", "needs TVM, which cannot be imported here"),
    ],
)
def test_a_tvm_that_does_not_serve(tmp_path: Path, fake: str, message: str) -> None:
    (tmp_path / "tvm.py").write_text(fake)
    for use in ("nir.tvm.compile(None)", "nir.passes.relay_to_relax"):
        code = f"import nir.tvm, nir.passes\nfrom nir.errors import RunError\ntry:\n    {use}\nexcept RunError as error:\n    print(error)"
        result = run_python(code, tmp_path)
        assert result.returncode == 0, result.stderr
        assert message in result.stdout
        assert "neuron-ir[tvm]" in result.stdout


def test_importing_the_package_does_not_import_tvm() -> None:
    code = "import sys, nir.tvm\nassert 'tvm' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_installed_tvm_serves() -> None:
    assert require_tvm("this test") is tvm


def test_arrays_in_order_are_counted(compiled: nir.tvm.Compiled) -> None:
    with pytest.raises(RunError, match="2 arrays are needed: data, weight"):
        compiled.run([ONE])
    with pytest.raises(TypeError, match="arrays by name, or a list of them"):
        compiled.run(3)  # type: ignore[arg-type]
