"""Resizing, against the definition written out pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from evaluation import apply, floats, integers, make, results, seeds, typed
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir.errors import RunError
from nir.interp import random_inputs
from nir.ir import InferenceError, tensor
from nir.ops.profiles import PROFILES

MODES = [(False, False), (True, False), (False, True)]
drawn_images = st.tuples(
    st.tuples(*[st.integers(1, 5)] * 2), st.tuples(*[st.integers(1, 7)] * 2), st.sampled_from(MODES), seeds
)


def coordinate(i: int, size: int, resized: int, mode: tuple[bool, bool], centre: float) -> float:
    align, half = mode
    scale = (size - 1) / (resized - 1) if align and resized > 1 else size / resized
    return (i + 0.5) * scale - centre if half else i * scale


@given(drawn_images, st.sampled_from(["nhwc", "nchw"]))
def test_bilinear(drawn: Any, layout: str) -> None:
    (height, width), size, mode, seed = drawn
    x = floats(seed, 2, height, width, 3)
    exact = np.zeros((2, *size, 3))
    for i in range(size[0]):
        for j in range(size[1]):
            y, across = coordinate(i, height, size[0], mode, 0.5), coordinate(j, width, size[1], mode, 0.5)
            # The float32 coordinate decides on which side of a pixel a place lies.
            top, left = math.floor(y + 1e-6), math.floor(across + 1e-6)
            for dy, row in ((1 - (y - top), top), (y - top, top + 1)):
                for dx, column in ((1 - (across - left), left), (across - left, left + 1)):
                    pixel = x[:, min(max(row, 0), height - 1), min(max(column, 0), width - 1)].astype(float)
                    exact[:, i, j] += dy * dx * pixel
    order = (0, 1, 2, 3) if layout == "nhwc" else (0, 3, 1, 2)
    attributes = {"size": size, "align_corners": mode[0], "half_pixel_centers": mode[1], "layout": layout}
    found = apply("resize_bilinear", x.transpose(order), **attributes)
    assert np.abs(found - exact.transpose(order)).max() < 1e-5


@given(drawn_images, st.sampled_from(["i8", "u8"]))
def test_bilinear_of_stored_integers_is_near_the_real_one(drawn: Any, element: str) -> None:
    """Weights have 10 bits at least: within half a step, and 256 steps times what the weights are off."""
    (height, width), size, mode, seed = drawn
    stored = integers(seed, 1, height, width, 2, dtype=np.int8 if element == "i8" else np.uint8)
    attributes = {"size": size, "align_corners": mode[0], "half_pixel_centers": mode[1]}
    real = apply("resize_bilinear", stored.astype(np.float32), **attributes)
    for profile in PROFILES:
        [found] = results(make("resize_bilinear", typed(stored, 0.25, 7), **attributes), stored, profile=profile)
        assert np.abs(found - real).max() <= 0.5 + 256 * 7 * 2 / 1024, profile


@given(drawn_images)
def test_nearest_neighbor(drawn: Any) -> None:
    (height, width), size, mode, seed = drawn
    x = integers(seed, 1, height, width, 2)
    attributes = {"size": size, "align_corners": mode[0], "half_pixel_centers": mode[1]}
    found = apply("resize_nearest_neighbor", x, **attributes)
    rows, columns = (
        [min(math.floor(coordinate(i, n, m, mode, 0.0) + (0.5 if mode[0] else 0) + 1e-6), n - 1) for i in range(m)]
        for n, m in ((height, size[0]), (width, size[1]))
    )
    assert np.array_equal(found, x[:, rows][:, :, columns])


def test_factors_are_rounded_down() -> None:
    op = make("resize_nearest_neighbor", tensor((1, 5, 4, 1)), factors=(1.5, 0.3))
    assert op.results[0].shape == (1, 7, 1, 1)
    assert make("resize_bilinear", tensor((1, None, 4, 1)), factors=(2.0, 2.0)).results[0].shape == (1, None, 8, 1)


def test_size_of_the_result() -> None:
    with pytest.raises(AssertionError, match="C1"):
        make("resize_bilinear", tensor((1, 4, 4, 1)), size=(2, 2), factors=(2.0, 2.0))
    with pytest.raises(AssertionError, match="C2"):
        make("resize_bilinear", tensor((1, 4, 4, 1)), size=(2, 2), align_corners=True, half_pixel_centers=True)
    with pytest.raises(InferenceError, match="neither a size nor factors"):
        make("resize_bilinear", tensor((1, 4, 4, 1)))
    with pytest.raises(InferenceError, match="no size of an image"):
        make("resize_bilinear", tensor((1, 4, 4, 1)), factors=(0.2, 1e30))
    with pytest.raises(InferenceError, match="no pixel"):
        make("resize_bilinear", tensor((1, 0, 4, 1)), size=(2, 2))


@pytest.mark.parametrize("name", ["resize_bilinear", "resize_nearest_neighbor"])
@pytest.mark.parametrize("element", ["f32", "u8, scale=1, zero_point=0"])
@pytest.mark.parametrize("sizes", ["[9223372036854775807, 2]", "[2, 9223372036854775807]", "[1099511627776, 1]"])
def test_sizes_beyond_memory_are_refused(name: str, element: str, sizes: str) -> None:
    module = nir.parse(
        f"func @main(%x: tensor<1x4x4x1x{element}>) -> tensor<?x?x?x?x{element}> {{\n"
        f"  %y = {name}(%x) {{size = {sizes}}} : tensor<?x?x?x?x{element}>\n  return %y\n}}"
    )
    for profile in PROFILES:
        with pytest.raises(RunError, match="there is not enough memory"):
            nir.run(module, random_inputs(module.functions["main"]), profile=profile)
