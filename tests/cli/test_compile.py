"""nir compile, and nir run --engine tvm: what they write and say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

import tvm

import nir
from nir.cli import run_command
from nir.cli.compile import command, page
from nir.interp import random_inputs, run

TEXT = """nir 1.0

func @main(%x: tensor<2x3xi8, scale=0.5, zero_point=-1>) -> tensor<2x2xi8, scale=1.0, zero_point=3> {
  %w = const dense<[[1, -2, 3], [-4, 5, 127]]> : tensor<2x3xi8, scale=0.25, zero_point=0>
  %0 = fully_connected(%x, %w) : tensor<2x2xi8, scale=1.0, zero_point=3>
  return %0
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.nir"
    path.write_text(TEXT, encoding="utf-8")
    return path


def expected(profile: str = "tflite") -> np.ndarray:
    module = nir.parse(TEXT)
    return run(module, random_inputs(module.main, 5), profile)["output_0"]


@pytest.mark.parametrize("profile", ["tflite", "relay"])
def test_run_compiled(file: Path, profile: str) -> None:
    out = file.with_name("out.npz")
    arguments = ["run", str(file), "--seed", "5", "--engine", "tvm", "--profile", profile, "--outputs", str(out)]
    assert run_command(arguments) == 0
    assert np.array_equal(np.load(out)["output_0"], expected(profile))


def test_a_trace_needs_the_interpreter(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", str(file), "--seed", "5", "--engine", "tvm", "--trace"]) == 2
    assert "--trace" in capsys.readouterr().err


def test_a_library(file: Path) -> None:
    library = file.with_name("model.so")
    assert run_command(["compile", str(file), "-o", str(library)]) == 0
    machine = tvm.relax.VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())
    (given,) = random_inputs(nir.parse(TEXT).main, 5).values()
    assert np.array_equal(machine["main"](tvm.runtime.tensor(given)).numpy(), expected())


def test_a_python_file(file: Path) -> None:
    script = file.with_name("compiled.py")
    assert run_command(["compile", str(file), "-o", str(script)]) == 0
    (given,) = random_inputs(nir.parse(TEXT).main, 5).values()
    main = runpy.run_path(str(script))["load"]()
    assert np.array_equal(main(tvm.runtime.tensor(given)).numpy(), expected())
    assert script.with_suffix(".params").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-o", "model.exe"], 1, "ends in .so, .tar or .py"),
        (["-o", "model.py", "--target", "aarch64-linux-gnu"], 2, "--target is for libraries"),
        (["-o", "model.so", "--function", "mian"], 1, "no function @mian"),
    ],
)
def test_wrong_arguments(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert run_command(["compile", str(file), *arguments]) == status
    assert message in capsys.readouterr().err


def test_the_page_of_operators_is_fresh(repository: Path) -> None:
    assert CliRunner().invoke(command, ["--operators"]).output == page()
    is_fresh = (repository / "docs" / "compiled_operators.md").read_text("utf-8") == page()
    assert is_fresh, "run `nir compile --operators > docs/compiled_operators.md`"
