"""The same random Relay program converted to NIR and interpreted, and converted to Relax and run on TVM.

Integers are equal. Floats differ by no more than the bound that the program brings, which counts roundings.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, note, settings
from relay_cases import main, outputs

from nir.passes import relay_to_nir
from nir.testing import RelayProgram, relay_programs

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

import nir.tvm
from nir.passes import relay_to_relax

QUICK = {"kind": "llvm", "opt-level": 0}
"""Compiles small programs in half the time; numbers do not depend on it."""

SEEDS = (0, 1, 2, 3)
"""Inputs per program: the least integers, the greatest, and two at random. Compiling takes far longer than running."""


def check(program: RelayProgram) -> None:
    note(str(program))
    source = program.load()
    ours = relay_to_nir(source)
    theirs = nir.tvm.compile(relay_to_relax(source), QUICK)
    for seed in SEEDS:
        arrays = program.arrays(seed)
        results = zip(program.outputs, outputs(ours, arrays), theirs.run(arrays), strict=True)
        for tensor, found, expected in results:
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape == tensor.shape
            if tensor.error:
                np.testing.assert_allclose(found, expected, rtol=0, atol=tensor.error, err_msg=tensor.name)
            else:
                np.testing.assert_array_equal(found, expected, err_msg=tensor.name)


@settings(max_examples=20)
@given(program=relay_programs(max_operators=10, allow_float=False))
def test_nir_and_tvm_compute_the_same_integers(program: RelayProgram) -> None:
    check(program)


@settings(max_examples=10)
@given(program=relay_programs(max_operators=10, allow_quantised=False))
def test_nir_and_tvm_compute_the_same_floats(program: RelayProgram) -> None:
    check(program)


@settings(max_examples=10)
@given(program=relay_programs())
def test_nir_and_tvm_agree_on_mixed_programs(program: RelayProgram) -> None:
    check(program)


BYTES = np.arange(256, dtype=np.uint8).view(np.int8).reshape(1, 256)


@pytest.mark.parametrize(
    ("line", "array"),
    [
        ("qnn.leaky_relu(%x, 0.1234f, 20, 0.1234f, 19, alpha=0.1f)", BYTES),  # alpha is a float64
        ("argmax(%x, axis=[1])", np.full((1, 4), -128, np.int8)),  # all elements are the least of their type
        ("argmin(%x, axis=[1])", np.full((1, 4), 255, np.uint8)),
        (
            'qnn.requantize(mean(cast(%x, dtype="int32"), axis=[1]), 0.5f, 3, 0.25f, 2, out_dtype="uint8")',
            BYTES,
        ),  # into another type than that of the mean, whose operand nothing else states a scale for
    ],
)
def test_single_operators_that_once_differed(line: str, array: np.ndarray) -> None:
    shape = ", ".join(map(str, array.shape))
    source = main(f"%x: Tensor[({shape}), {array.dtype}]", line)
    (found,) = outputs(relay_to_nir(source), {"x": array})
    (expected,) = nir.tvm.run(relay_to_relax(source), {"x": array}, QUICK)
    np.testing.assert_array_equal(found, expected)
