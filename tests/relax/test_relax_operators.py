"""Every row of the table against TVM: the same Relax function converted to NIR and interpreted, and compiled by TVM."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
from relax_cases import CASES, Case
from tvm import relax

import nir
from nir.passes import relax_to_nir
from nir.passes.relax_to_relay import ROWS
from nir.tvm.noise import without_log_lines

WITHOUT_CASES = {"builtin.stop_lift_params", "hint_on_device", "to_vdevice", "wrap_param"}
"""Operators that concern devices or training: TVM has no code for them on its own."""


def build(case: Case, builder: relax.BlockBuilder, name: str) -> None:
    """Adds the case's function to a module."""
    params = [relax.Var(f"p{i}", relax.TensorType(given.shape, given.dtype)) for i, given in enumerate(case.inputs)]
    with builder.function(name, params):
        with builder.dataflow():
            result = builder.emit_output(case.build(*params))
        builder.emit_func_output(result)


def module_of(case: Case) -> Any:
    builder = relax.BlockBuilder()
    build(case, builder, "main")
    return builder.get()


@pytest.fixture(scope="module")
def machine() -> Any:
    """All cases compiled as functions of one module: that takes a few seconds, one by one a minute."""
    builder = relax.BlockBuilder()
    for number, case in enumerate(CASES):
        if case.expected is None:
            build(case, builder, f"f{number}")
    with without_log_lines():
        executable = tvm.compile(builder.get(), tvm.target.Target({"kind": "llvm", "opt-level": 0}))
    return relax.VirtualMachine(executable, tvm.cpu())


def flat(result: Any) -> list[np.ndarray]:
    return [result.numpy()] if hasattr(result, "numpy") else [array for part in result for array in flat(part)]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_nir_and_tvm_agree(machine: Any, number: int) -> None:
    case = CASES[number]
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    arrays = [given.draw(rng) for given in case.inputs]
    if case.expected is not None:
        expected = [case.expected(*arrays)]
    else:
        expected = flat(machine[f"f{number}"](*(tvm.runtime.tensor(array) for array in arrays)))
    module = relax_to_nir(module_of(case))
    found = list(
        nir.run(
            module, dict(zip((p.name for p in module.main.parameters), arrays, strict=True)), profile="tvm"
        ).values()
    )
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        if theirs.dtype.kind == "f":
            assert ours.dtype == theirs.dtype
            largest = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=case.tolerance * largest)
        else:
            assert ours.dtype.kind == theirs.dtype.kind
            np.testing.assert_array_equal(ours, theirs)


def test_every_row_has_a_case() -> None:
    covered = {name for case in CASES for name in case.covers}
    assert covered >= set(ROWS) - WITHOUT_CASES
    assert not covered & WITHOUT_CASES
    assert covered <= set(ROWS) | {"shape_of"}


def test_the_page_lists_every_row(repository: Path) -> None:
    """docs/relax.md has a table of families; between them they name the rows of the table, and nothing else."""
    text = (repository / "docs" / "relax.md").read_text("utf-8")
    table = text.split("| family | operators |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`([^`]+)`", table)) == sorted(ROWS)
