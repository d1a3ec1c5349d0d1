"""Relay can say the same in several forms: padding as one, two or four numbers, filters in any layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir import relay
from nir.ir import Module, same
from nir.passes import relay_to_nir

IMAGE = "%x: Tensor[(1, 2, 5, 6), float32]"
WINDOWS = {
    "conv2d": (f"{IMAGE}, %w: Tensor[(3, 2, 3, 4), float32]", "nn.conv2d(%x, %w, padding={}, kernel_size=[3, 4])"),
    "max_pool2d": (IMAGE, "nn.max_pool2d(%x, pool_size=[3, 4], padding={})"),
    "avg_pool2d": (IMAGE, "nn.avg_pool2d(%x, pool_size=[3, 4], padding={})"),
    "conv2d_transpose": (
        f"{IMAGE}, %w: Tensor[(2, 3, 3, 4), float32]",
        "nn.conv2d_transpose(%x, %w, padding={}, channels=3, kernel_size=[3, 4])",
    ),
}


def program(parameters: str, body: str) -> relay.Module:
    return relay.load(f'#[version = "0.0.5"]\ndef @main({parameters}) {{\n  {body}\n}}')


def padded(operator: str, padding: list[int]) -> relay.Module:
    parameters, body = WINDOWS[operator]
    return program(parameters, body.format(padding))


@pytest.mark.parametrize("operator", WINDOWS)
@given(height=st.integers(0, 2), width=st.integers(0, 2))
def test_two_numbers_of_padding_are_height_and_width(operator: str, height: int, width: int) -> None:
    whole = relay_to_nir(padded(operator, [height, width, height, width]))
    assert same(relay_to_nir(padded(operator, [height, width])), whole)
    window = next(op for op in whole.main if "padding" in op.attributes or not (height or width))
    assert window.attributes.get("padding", (0, 0, 0, 0)) == (height, height, width, width)
    if height == width:
        assert same(relay_to_nir(padded(operator, [height])), whole)


@pytest.mark.parametrize("operator", [name for name in WINDOWS if name != "conv2d_transpose"])
@pytest.mark.parametrize(("height", "width"), [(0, 1), (1, 0), (1, 2), (2, 1)])
def test_two_numbers_mean_the_same_on_the_way_to_relax(operator: str, height: int, width: int) -> None:
    tvm = pytest.importorskip("tvm", reason="TVM is not installed: pip install 'neuron-ir[tvm]'")
    short, whole = (
        nir.passes.relay_to_relax(padded(operator, padding))
        for padding in ([height, width], [height, width, height, width])
    )
    tvm.ir.assert_structural_equal(short, whole)


def ran(source: relay.Module, arrays: dict[str, Any]) -> np.ndarray:
    module: Module = relay_to_nir(source)
    (found,) = nir.run(module, list(arrays.values()), profile="relay").values()
    return found


@pytest.mark.parametrize("layout", ["OIHW", "HWIO", "HWOI", "OHWI"])
def test_a_depthwise_filter_has_channels_outside_and_multipliers_inside(layout: str) -> None:
    """With one pixel and a window of one: output c * multiplier + q is x[c] * w[O = c, I = q]."""
    sizes = {"O": 3, "I": 2, "H": 1, "W": 1}
    shape = tuple(sizes[letter] for letter in layout)
    x, w = np.float32([1, 10, 100]), np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    filter = w.reshape(3, 2, 1, 1).transpose(["OIHW".index(letter) for letter in layout])
    source = program(
        f"%x: Tensor[(1, 3, 1, 1), float32], %w: Tensor[{shape}, float32]",
        f'nn.conv2d(%x, %w, groups=3, channels=6, kernel_size=[1, 1], kernel_layout="{layout}")',
    )
    found = ran(source, {"x": x.reshape(1, 3, 1, 1), "w": np.ascontiguousarray(filter)})
    np.testing.assert_array_equal(found.ravel(), (x[:, np.newaxis] * w).ravel())


@pytest.mark.parametrize("operator", ["add", "subtract", "mul"])
def test_every_operand_of_quantised_arithmetic_has_its_own_parameters(operator: str) -> None:
    """Scales are powers of two and the result's step is fine enough: there is nothing to round."""
    source = program(
        "%x: Tensor[(4), int8], %y: Tensor[(4), int8]", f"qnn.{operator}(%x, %y, 0.5f, 3, 0.25f, -7, 0.125f, 11)"
    )
    x, y = np.int8([3, 4, 5, 2]), np.int8([-7, -6, -9, -3])
    left, right = (x.astype(int) - 3) * 0.5, (y.astype(int) + 7) * 0.25
    real = {"add": left + right, "subtract": left - right, "mul": left * right}[operator]
    np.testing.assert_array_equal(ran(source, {"x": x, "y": y}), real / 0.125 + 11)
