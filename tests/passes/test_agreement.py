"""Single Relay operators that NIR and TVM once computed differently, on the numbers that showed it.

Drawn programs are compared in tests/testing.
"""

from __future__ import annotations

import numpy as np
import pytest
from relay_cases import main, outputs

from nir.passes import relay_to_nir

pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")

import nir.tvm
from nir.passes import relay_to_relax

QUICK = {"kind": "llvm", "opt-level": 0}
"""Compiles small programs in half the time; numbers do not depend on it."""

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
