"""What is prepared at the first run depends on constants alone: a later run with other inputs does not see the first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.interp import Interpreter, random_inputs, run
from nir.ir import Module, tensor
from nir.testing import modules
from nir.text import parse

SHAPES = {"x": (1, 3, 3, 2), "w": (2, 2, 2, 2), "b": (2,)}
ARGUMENTS = {name: str(tensor(shape)) for name, shape in SHAPES.items()}


def convolution(constants: tuple[str, ...]) -> Module:
    """A convolution of which some arguments are constants, the others inputs."""
    inputs = ", ".join(f"%{name}: {type}" for name, type in ARGUMENTS.items() if name not in constants)
    lines = [f"  %{name} = const dense<1.5> : {ARGUMENTS[name]}" for name in constants]
    lines += ["  %y = conv_2d(%x, %w, %b) : tensor<1x2x2x2xf32>", "  return %y"]
    return parse(f"func @main({inputs}) -> tensor<1x2x2x2xf32> {{\n" + "\n".join(lines) + "\n}\n")


@pytest.mark.parametrize("constants", [(), ("w",), ("b",), ("x",), ("w", "b"), ("x", "b"), ("x", "w"), ("x", "w", "b")])
def test_any_argument_may_be_an_input(constants: tuple[str, ...]) -> None:
    module = convolution(constants)
    interpreter = Interpreter(module)
    for seed in (1, 2, 1):
        inputs = random_inputs(module.main, seed)
        (found,), (fresh,) = interpreter.run(inputs).values(), run(module, inputs).values()
        np.testing.assert_array_equal(found, fresh)
        x, w, b = (np.broadcast_to(inputs.get(name, np.float32(1.5)), SHAPES[name]) for name in SHAPES)
        last = (x[0, 1:, 1:] * w).sum(axis=(1, 2, 3)) + b
        np.testing.assert_allclose(found[0, 1, 1], last, rtol=1e-5, atol=1e-5)


@given(module=modules(), seeds=st.lists(st.integers(0, 9), min_size=2, max_size=3))
def test_runs_do_not_depend_on_earlier_ones(module: Module, seeds: list[int]) -> None:
    interpreter = Interpreter(module)
    for seed in seeds:
        inputs = random_inputs(module.main, seed)
        fresh = run(module, inputs)
        for name, array in interpreter.run(inputs).items():
            np.testing.assert_array_equal(array, fresh[name])
