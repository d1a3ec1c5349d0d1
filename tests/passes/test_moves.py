"""Folding of reshapes and transposes: operators are found again in what importers write for them, and nothing else changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nir
from nir.interp import random_inputs
from nir.ir import ElementType, Module, Quantisation, TensorType, copy_module
from nir.ops.builder import Builder
from nir.passes import fold_constants, to_nhwc
from nir.passes.folding.moves import shortest
from nir.verify import verify

QUANTISED = (ElementType.U8, Quantisation.per_tensor(0.25, 128))
FLOAT = (ElementType.F32, None)


def moving(
    source: Sequence[int], sizes: Sequence[int], order: Sequence[int], result: Sequence[int], quantised: bool = False
) -> Module:
    """A reshape to `sizes`, a transpose, and a reshape to `result`."""
    element, quantisation = QUANTISED if quantised else FLOAT
    b = Builder("main")
    x = b.parameter("x", TensorType(element, tuple(source), quantisation))
    split = b.reshape(x, shape=tuple(sizes))
    b.returns(b.reshape(b.transpose(split, permutation=tuple(order)), shape=tuple(result)))
    return b.module


def folded(module: Module) -> Module:
    """The folded module, which computes the same."""
    verify(module)
    changed = copy_module(module)
    fold_constants(changed)
    verify(changed)
    same_numbers(module, changed)
    return changed


def same_numbers(left: Module, right: Module) -> None:
    inputs = random_inputs(left.main)
    for old, new in zip(nir.run(left, inputs).values(), nir.run(right, inputs).values(), strict=True):
        np.testing.assert_array_equal(new, old)


def steps(module: Module) -> list[tuple[str, dict[str, Any]]]:
    return [(op.name, {name: getattr(v, "value", v) for name, v in op.attributes.items()}) for op in module.main]


# Shapes have no two equal sizes, so that an operator on another dimension would not be found.
NAMED = {
    "shuffle_nchw": ((2, 12, 3, 7), (2, 4, 3, 3, 7), (0, 2, 1, 3, 4), (2, 12, 3, 7), [("channel_shuffle", 4, 1)]),
    "shuffle_nhwc": ((2, 3, 7, 12), (2, 3, 7, 4, 3), (0, 1, 2, 4, 3), (2, 3, 7, 12), [("channel_shuffle", 4, 3)]),
    "shuffle_flat": ((1, 12, 5, 7), (4, 3, 35), (1, 0, 2), (1, 12, 5, 7), [("channel_shuffle", 4, 1)]),
    "shuffle_of_a_vector": ((12,), (4, 3), (1, 0), (12,), [("channel_shuffle", 4, 0)]),
    "depth_nhwc": ((2, 3, 7, 20), (2, 3, 7, 2, 2, 5), (0, 1, 3, 2, 4, 5), (2, 6, 14, 5), [("depth_to_space", 2, "nhwc")]),
    "depth_nchw": ((2, 20, 3, 7), (2, 2, 2, 5, 3, 7), (0, 3, 4, 1, 5, 2), (2, 5, 6, 14), [("depth_to_space", 2, "nchw")]),
    "pixel_shuffle": (
        (2, 20, 3, 7), (2, 5, 2, 2, 3, 7), (0, 1, 4, 2, 5, 3), (2, 5, 6, 14),
        [("channel_shuffle", 5, 1), ("depth_to_space", 2, "nchw")],
    ),
    "pixel_shuffle_to_one_channel": (
        (1, 9, 4, 5), (1, 1, 3, 3, 4, 5), (0, 1, 4, 2, 5, 3), (1, 1, 12, 15), [("depth_to_space", 3, "nchw")]
    ),
    "space_nhwc": ((2, 6, 14, 5), (2, 3, 2, 7, 2, 5), (0, 1, 3, 2, 4, 5), (2, 3, 7, 20), [("space_to_depth", 2, "nhwc")]),
    "space_nchw": ((2, 5, 6, 14), (2, 5, 3, 2, 7, 2), (0, 3, 5, 1, 2, 4), (2, 20, 3, 7), [("space_to_depth", 2, "nchw")]),
    "pixel_unshuffle": (
        (2, 5, 6, 14), (2, 5, 3, 2, 7, 2), (0, 1, 3, 5, 2, 4), (2, 20, 3, 7),
        [("space_to_depth", 2, "nchw"), ("channel_shuffle", 4, 1)],
    ),
    "no_movement": ((2, 3, 4), (2, 1, 3, 2, 1, 2), (1, 0, 2, 3, 5, 4), (6, 4), [("reshape", (6, 4))]),
    "windows": (
        (1, 14, 21, 5), (1, 2, 7, 3, 7, 5), (0, 1, 3, 2, 4, 5), (6, 49, 5),
        [("reshape", (2, 7, 3, 35)), ("transpose", (0, 2, 1, 3)), ("reshape", (6, 49, 5))],
    ),
}  # fmt: skip
"""Source, sizes, order, result, and what they become: operators with the values of their attributes."""


@pytest.mark.parametrize("quantised", [False, True], ids=["float", "quantised"])
@pytest.mark.parametrize("name", NAMED)
def test_an_operator_is_found(name: str, quantised: bool) -> None:
    *given, expected = NAMED[name]
    module = folded(moving(*given, quantised=quantised))
    found = [(operator, *attributes.values()) for operator, attributes in steps(module)]
    with_layout = [step if step[-1] != "nhwc" else step[:-1] for step in expected]
    assert [tuple(v for v in step if v != "nhwc") for step in found] == with_layout
    nhwc = copy_module(module)
    to_nhwc(nhwc)
    same_numbers(module, nhwc)


@given(st.data())
def test_whatever_is_moved_stays_the_same(data: st.DataObject) -> None:
    """Bit for bit; and tensors of more than four dimensions are left only where the movement has as many runs."""
    sizes = data.draw(st.lists(st.sampled_from([1, 2, 2, 3]), min_size=1, max_size=6))
    order = data.draw(st.permutations(range(len(sizes))))
    source, result = (data.draw(regrouped(part)) for part in (sizes, [sizes[d] for d in order]))
    module = folded(moving(source, sizes, order, result, data.draw(st.booleans())))
    movement = shortest(sizes, order)
    largest = max(value.type.rank for value in module.main.values())
    assert largest <= max(4, len(movement.sizes), len(source), len(result))
    assert len(list(module.main)) <= 3


@st.composite
def regrouped(draw: Any, sizes: Sequence[int]) -> tuple[int, ...]:
    """A shape whose dimensions are runs of `sizes` multiplied, with ones in between."""
    shape = [1] if draw(st.booleans()) else []
    run: list[int] = []
    for size in sizes:
        run.append(size)
        if draw(st.booleans()):
            shape.append(math.prod(run))
            run = []
    return tuple([*shape, math.prod(run)] if run or not shape else shape)


@given(st.lists(st.sampled_from([1, 2, 3]), max_size=5), st.data())
def test_the_shortest_form_moves_in_the_same_way(sizes: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(sizes))))
    movement = shortest(sizes, order)
    numbers = np.arange(math.prod(sizes))
    long, short = (numbers.reshape(s).transpose(o).reshape(-1) for s, o in ((sizes, order), movement))
    np.testing.assert_array_equal(short, long)
    assert shortest(*movement) == movement
    assert 1 not in movement.sizes
    assert all(right != left + 1 for left, right in zip(movement.order, movement.order[1:], strict=False))


# --- chains ---


def test_reshapes_in_a_row_are_one_and_those_that_change_nothing_none() -> None:
    b = Builder("main")
    x = b.parameter("x", TensorType(ElementType.F32, (2, 6), None))
    wide = b.expand_dims(b.squeeze(b.reshape(x, shape=(2, 1, 6)), axes=(1,)), axis=0)
    y = b.relu(b.reshape(wide, shape=(3, 4)))
    same = b.reshape(b.squeeze(b.expand_dims(y, axis=0), axes=(0,)), shape=(3, 4))
    b.returns(b.logistic(same))
    module = folded(b.module)
    assert [op.name for op in module.main] == ["reshape", "relu", "logistic"]


def test_what_somebody_else_takes_stays() -> None:
    b = Builder("main")
    x = b.parameter("x", TensorType(ElementType.F32, (1, 6, 2, 2), None))
    split = b.reshape(x, shape=(1, 2, 3, 2, 2))
    joined = b.reshape(b.transpose(split, permutation=(0, 2, 1, 3, 4)), shape=(1, 6, 2, 2))
    b.returns(b.relu(joined), b.neg(split))
    assert [op.name for op in folded(b.module).main] == ["reshape", "transpose", "reshape", "relu", "neg"]


def test_a_result_keeps_its_own_value() -> None:
    b = Builder("main")
    x = b.parameter("x", TensorType(ElementType.F32, (2, 3), None))
    b.returns(b.reshape(x, shape=(2, 3)))
    module = folded(b.module)
    assert module.main.results[0] is not module.main.parameters[0]
