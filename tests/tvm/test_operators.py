"""Operators that no recording covers, run on TVM and held against numpy; the tables are in tvm_cases_*.py."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from tvm_cases_elementwise import ELEMENTWISE, REDUCTIONS, Case
from tvm_cases_shape import CREATION, INDEXING, SHAPES
from tvm_cases_windows import IMAGES, MATRICES, WINDOWS

import nir.relay
import nir.tvm
from nir.passes.relay_to_relax import relay_to_relax
from nir.relay.types import TensorType, numpy_dtype

QUICK = {"kind": "llvm", "opt-level": 0}
"""Compiles small programs in half the time; numbers do not depend on it."""

CASES: dict[str, Case] = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **SHAPES,
    **INDEXING,
    **CREATION,
    **WINDOWS,
    **MATRICES,
    **IMAGES,
}


def drawn(name: str, stated: TensorType) -> np.ndarray:
    """An array of a parameter's type: the same in every run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    dtype = numpy_dtype(stated.dtype)
    assert dtype is not None
    if dtype.kind == "f":
        return rng.uniform(-2, 2, stated.shape).astype(dtype)
    return (
        rng.integers(0, 2, stated.shape).astype(bool) if dtype.kind == "b" else rng.integers(-4, 5, stated.shape, dtype)
    )


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    parameters, expression, answer = CASES[name]
    module = nir.relay.load(f'#[version = "0.0.5"]\ndef @main({parameters}) {{ {expression} }}')
    inputs = {var.name_hint: drawn(var.name_hint, var.checked_type) for var in module.main.params}
    (found,) = nir.tvm.run(relay_to_relax(module), inputs, QUICK)
    expected = np.asarray(answer(*inputs.values()))
    assert found.shape == expected.shape
    if found.dtype.kind in "iub":
        np.testing.assert_array_equal(found, expected.astype(found.dtype))
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
