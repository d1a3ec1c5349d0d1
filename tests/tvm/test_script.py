"""Relax modules as Python files: what stands in them, and that TVM reads them as what they were."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from data import data_folder

import nir.relay
from nir.errors import ConvertError
from nir.passes.relay_to_relax import relay_to_relax
from nir.relay import write_params
from nir.tvm.script import Script, identifier, to_script

HEADER = '#[version = "0.0.5"]\n'
QUICK = {"kind": "llvm", "opt-level": 0}

UNREADABLE = "def @main(%x: Tensor[(4, 5), float32]) { cumsum(%x, axis=0) }"
"""A program whose TVMScript names the offset of a buffer that it does not define."""
OTHERWISE_TYPED = ("gather_nd.236",)
"""Programs in which TVM reads an extent of 1 with another integer type; they compute the same."""


def script(text: str, params: dict[str, Any] | None = None) -> Script:
    module = nir.relay.load(HEADER + text, params)
    return to_script(relay_to_relax(module), "model", names=params)


def imported(made: Script, folder: Path) -> ModuleType:
    (folder / "model.py").write_text(made.source)
    (folder / "model.params").write_bytes(write_params(made.weights))
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model"] = module  # TVM looks for the source of the class through here
    spec.loader.exec_module(module)
    return module


def run(made: Script, folder: Path, *inputs: np.ndarray) -> np.ndarray:
    loaded = imported(made, folder).load(tvm.target.Target(QUICK))
    result: np.ndarray = loaded(*(tvm.runtime.tensor(array) for array in inputs)).numpy()
    return result


def test_weights_keep_their_names_and_leave_the_script(tmp_path: Path) -> None:
    weight = np.arange(4, dtype=np.float32) / 3
    made = script(
        "def @main(%x: Tensor[(4), float32], %block/w:0: Tensor[(4), float32]) {"
        " %0 = multiply(%x, %block/w:0); add(multiply(%0, %block/w:0), 0.1f) }",
        {"block/w:0": weight},
    )
    assert list(made.weights) == ["block_w_0"]
    assert "metadata" not in made.source
    assert "0.1" in made.source
    x = np.ones(4, np.float32)
    np.testing.assert_array_equal(run(made, tmp_path, x), x * weight * weight + np.float32(0.1))


def test_numbers_that_are_not_finite_are_weights(tmp_path: Path) -> None:
    made = script(
        "def @main(%x: Tensor[(3), float32]) { where(greater(minimum(%x, inff), nanf), %x, maximum(%x, -inff)) }"
    )
    assert sorted(str(array) for array in made.weights.values()) == ["-inf", "inf", "nan"]
    x = np.array([-np.inf, 1.5, np.inf], np.float32)
    np.testing.assert_array_equal(run(made, tmp_path, x), x)


def test_functions_are_inlined(tmp_path: Path) -> None:
    made = script(
        "def @main(%x: Tensor[(4), float32], %w: Tensor[(4), float32]) { @f(@f(%x, %w), %w) }\n"
        "def @f(%y: Tensor[(4), float32], %v: Tensor[(4), float32]) -> Tensor[(4), float32] { subtract(%y, %v) }",
        {"w": np.arange(4, dtype=np.float32)},
    )
    assert made.source.count("@R.function") == 1
    np.testing.assert_array_equal(run(made, tmp_path, np.zeros(4, np.float32)), -2 * np.arange(4, dtype=np.float32))


def test_functions_that_would_explode_are_refused() -> None:
    lines = ["def @main(%x: float32) -> float32 { @f0(%x) }"]
    lines += [f"def @f{i}(%x: float32) -> float32 {{ add(@f{i + 1}(%x), @f{i + 1}(%x)) }}" for i in range(40)]
    with pytest.raises(ConvertError, match="cannot be inlined"):
        script("\n".join([*lines, "def @f40(%x: float32) -> float32 { %x }"]))


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("x", (), "x"),
        ("x:0", (), "x_0"),
        ("x:0", ("x_0",), "x_0_1"),
        ("lambda", (), "lambda_"),
        ("R", (), "R_"),
        ("lv3", (), "lv3_"),
        ("1x", (), "p1x"),
        ("__import__('os')", (), "p__import____os__"),
        ("größe", (), "gr__e"),
        ("", (), "p"),
    ],
)
def test_names_become_identifiers(name: str, taken: tuple[str, ...], expected: str) -> None:
    assert identifier(name, taken) == expected
    assert expected.isidentifier()


def test_names_cannot_add_code(tmp_path: Path) -> None:
    name = "x\nraise SystemExit('"
    module = nir.relay.load(HEADER + "def @main(%x: Tensor[(4), float32]) { exp(%x) }")
    module.main.params[0].name_hint = name
    made = to_script(relay_to_relax(module), "model", origin="a\nraise SystemExit")
    imported(made, tmp_path)
    assert list(made.inputs.values()) == [name]
    assert not [node for node in ast.walk(ast.parse(made.source)) if isinstance(node, ast.Raise)]


def test_what_tvm_cannot_read_again_is_refused() -> None:
    with pytest.raises(ConvertError, match="TVM cannot read"):
        script(UNREADABLE)


def _programs() -> list[dict[str, Any]]:
    path = (data_folder() or Path("absent")) / "relay" / "ops.jsonl.gz"
    return [json.loads(line) for line in gzip.open(path, "rt")] if path.exists() else []


@pytest.mark.parametrize("program", _programs(), ids=lambda program: str(program["name"]))
def test_operator_programs_survive_as_text(program: dict[str, Any], tmp_path: Path) -> None:
    module = relay_to_relax(nir.relay.load(program["relay"]))
    made = to_script(module, "model")
    read = imported(made, tmp_path).Module
    if made.weights:
        assert len(read["main"].params) == len(made.inputs) + len(made.weights)
    else:
        renamed = all(name == original for name, original in made.inputs.items())
        assert not renamed or tvm_ffi.structural_equal(read, module) != (program["name"] in OTHERWISE_TYPED)
