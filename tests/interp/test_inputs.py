"""Random inputs: of the right types, repeatable, and independent of other parameters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import check_inputs, random_inputs
from nir.ir import ElementType, Function, Value, tensor

TYPES = st.builds(
    lambda element, shape, scale: tensor(shape, element, scale=scale if ElementType(element).is_integer else None),
    st.sampled_from([e.value for e in ElementType]),
    st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=3),
    st.sampled_from([None, 0.5]),
)


@given(st.lists(TYPES, max_size=4), st.integers(0, 2**31))
def test_random_inputs_fit_their_parameters(types, seed: int):
    function = Function("main", [Value(t, f"p{i}") for i, t in enumerate(types)])
    inputs = random_inputs(function, seed, unknown=2)
    assert len(check_inputs(function, inputs)) == len(types)
    again = random_inputs(function, seed, unknown=2)
    assert all(np.array_equal(inputs[name], again[name]) for name in inputs)


def test_an_input_depends_on_its_name_and_the_seed_alone():
    x, y = Value(tensor(100), "x"), Value(tensor(100), "y")
    alone = random_inputs(Function("f", [x]), 5)["x"]
    both = random_inputs(Function("f", [y, x]), 5)
    assert np.array_equal(alone, both["x"])
    assert not np.array_equal(both["x"], both["y"])
    assert not np.array_equal(alone, random_inputs(Function("f", [x]), 6)["x"])


def test_quantised_inputs_use_the_whole_range():
    x = Value(tensor(10_000, "i8", scale=0.1), "x")
    drawn = random_inputs(Function("f", [x]))["x"]
    assert (drawn.min(), drawn.max()) == (-128, 127)
    raw = random_inputs(Function("f", [Value(tensor(10_000, "i32"), "x")]))["x"]
    assert (raw.min(), raw.max()) == (0, 99)
