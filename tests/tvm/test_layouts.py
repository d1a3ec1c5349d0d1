"""Convolutions give the same in every layout of data and kernel; that NCHW is right is shown by recordings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nir.relay
import nir.tvm
from nir.passes.relay_to_relax import relay_to_relax

QUICK = {"kind": "llvm", "opt-level": 0}


def _transposed(name: str, source: str, target: str) -> str:
    return f"transpose(%{name}, axes=[{', '.join(str(source.index(axis)) for axis in target)}])"


def _program(operator: str, attributes: str, shape: str, kernel_layout: str) -> str:
    """All layouts at once: a tuple of results, each brought back to NCHW."""
    letters = ("OIHW", "HWIO", "OHWI", "HWOI", "IOHW")
    results = []
    for data, kernel in itertools.product(("NCHW", "NHWC"), letters):
        call = (
            f"{operator}({_transposed('x', 'NCHW', data)}, {_transposed('w', kernel_layout, kernel)}, {attributes},"
            f' kernel_size=[3, 2], data_layout="{data}", kernel_layout="{kernel}")'
        )
        results.append(f"transpose({call}, axes=[{', '.join(str(data.index(axis)) for axis in 'NCHW')}])")
    parameters = f"%x: Tensor[(1, 4, 7, 6), float32], %w: Tensor[{shape}, float32]"
    return f'#[version = "0.0.5"]\ndef @main({parameters}) {{ ({", ".join(results)}) }}'


@pytest.mark.parametrize(
    ("operator", "shape", "groups", "more"),
    [
        ("nn.conv2d", (8, 4, 3, 2), 1, "padding=[1, 0, 2, 1], dilation=[1, 2]"),
        ("nn.conv2d", (8, 2, 3, 2), 2, "strides=[2, 1]"),
        ("nn.conv2d", (8, 1, 3, 2), 4, "strides=[1, 2], padding=[0, 1]"),
        ("nn.conv2d_transpose", (4, 8, 3, 2), 1, "strides=[2, 2], padding=[1, 0, 0, 1], output_padding=[1, 0]"),
        ("nn.conv2d_transpose", (4, 4, 3, 2), 2, "strides=[1, 2], output_padding=[0, 1]"),
    ],
)
def test_layouts_agree(operator: str, shape: tuple[int, ...], groups: int, more: str) -> None:
    layout = "IOHW" if operator.endswith("transpose") else "OIHW"
    text = _program(operator, f"channels=8, groups={groups}, {more}", str(shape), layout)
    rng = np.random.default_rng(groups)
    inputs = {
        name: rng.uniform(-1, 1, extents).astype(np.float32) for name, extents in (("x", (1, 4, 7, 6)), ("w", shape))
    }
    first, *others = nir.tvm.run(relay_to_relax(nir.relay.load(text)), inputs, QUICK)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5, atol=1e-5)
    assert np.abs(first).max() > 0.5


def test_a_depthwise_kernel_of_several_outputs_per_channel_is_one_row_of_outputs() -> None:
    """Relay writes it as (channels, outputs per channel, ...) or as (all outputs, 1, ...)."""
    text = """#[version = "0.0.5"]
    def @main(%x: Tensor[(1, 3, 5, 5), float32], %w: Tensor[(3, 2, 2, 2), float32]) {
        (nn.conv2d(%x, %w, groups=3, channels=6, kernel_size=[2, 2]),
         nn.conv2d(%x, reshape(%w, newshape=[6, 1, 2, 2]), groups=3, channels=6, kernel_size=[2, 2])) }"""
    rng = np.random.default_rng(0)
    x, w = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((1, 3, 5, 5), (3, 2, 2, 2)))
    both = nir.tvm.run(relay_to_relax(nir.relay.load(text)), {"x": x, "w": w}, QUICK)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), (2, 3))
    expected = np.einsum("nchwkl,cmkl->ncmhw", windows, w).reshape(1, 6, 4, 4)
    for found in both:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
