"""The strategy of whole Relay programs, and what it draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from nir import relay
from nir.testing import relay_floating, relay_moves, relay_quantised
from nir.testing.relay_draft import LIMITS, Array, Draft, Tensor, tensor_type

INPUT_MAGNITUDE = 4.0
"""Floating-point inputs lie between minus this and this."""


@dataclass(frozen=True)
class RelayProgram:
    """A Relay module as text, with its weights. `str()` of it is the text; it has one function, `@main`.

    `inputs` are the parameters that are no weights. `outputs` are the results in order, each with the greatest
    difference (`error`) that two correct implementations may show for inputs of `arrays`.
    """

    text: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: int
    weights: dict[str, Array] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    def load(self) -> relay.Module:
        """The module with its weights as constants."""
        return relay.load(self.text, self.weights)

    def arrays(self, seed: int) -> dict[str, Array]:
        """Inputs by name. Seed 0 gives the least integers everywhere, 1 the greatest, all others random numbers."""
        rng = np.random.default_rng(seed)
        return {tensor.name.removeprefix("%"): _array(tensor, seed, rng) for tensor in self.inputs}


def _array(tensor: Tensor, seed: int, rng: np.random.Generator) -> Array:
    if tensor.dtype == "float32":
        return rng.uniform(-INPUT_MAGNITUDE, INPUT_MAGNITUDE, tensor.shape).astype(np.float32)
    least, greatest = LIMITS[tensor.dtype]
    if seed in (0, 1):
        return np.full(tensor.shape, (least, greatest)[seed], tensor.dtype)
    return rng.integers(least, greatest + 1, tensor.shape).astype(tensor.dtype)


def relay_programs(
    *,
    min_operators: int = 1,
    max_operators: int = 30,
    min_inputs: int = 1,
    max_inputs: int = 2,
    max_side: int = 6,
    max_elements: int = 600,
    allow_quantised: bool = True,
    allow_float: bool = True,
) -> st.SearchStrategy[RelayProgram]:
    """Well-typed Relay programs over the operators that both `relay_to_nir` and `relay_to_relax` know.

    They have `min_operators` to `max_operators` calls of operators, `min_inputs` to `max_inputs` inputs (images with
    extents up to `max_side`, quantised or float), nodes that are read several times, tuples, and every tensor that
    nothing reads is a result. No tensor has more than `max_elements` elements.

    Raises `hypothesis.errors.InvalidArgument` for bounds that contradict each other.
    """
    _check_bounds("operators", min_operators, max_operators)
    _check_bounds("inputs", min_inputs, max_inputs)
    if max_side < 3:
        raise InvalidArgument(f"max_side={max_side!r} must be at least 3: the size of a window")
    if max_elements < max_side**3:
        raise InvalidArgument(f"max_elements={max_elements!r} must be at least max_side cubed, {max_side**3}")
    if not (allow_quantised or allow_float):
        raise InvalidArgument("allow_quantised and allow_float cannot both be False")
    steps: dict[Callable[[Draft], None], int] = dict(relay_moves.STEPS)
    if allow_quantised:
        steps |= relay_quantised.STEPS
    if allow_float:
        steps |= relay_floating.STEPS
    if allow_quantised and allow_float:
        steps |= relay_quantised.CROSSING
    kinds = ("int8", "uint8") * allow_quantised + ("float32",) * allow_float
    return _programs((min_operators, max_operators), (min_inputs, max_inputs), max_side, max_elements, steps, kinds)


def _check_bounds(what: str, least: int, greatest: int) -> None:
    if least < 1:
        raise InvalidArgument(f"min_{what}={least!r} must be at least 1")
    if greatest < least:
        raise InvalidArgument(f"max_{what}={greatest!r} must not be less than min_{what}={least!r}")


@st.composite
def _programs(
    draw: st.DrawFn,
    operators: tuple[int, int],
    inputs: tuple[int, int],
    max_side: int,
    max_elements: int,
    steps: dict[Callable[[Draft], None], int],
    kinds: tuple[str, ...],
) -> RelayProgram:
    draft = Draft(draw, max_elements)
    for index in range(draw(st.integers(*inputs))):
        _add_input(draft, f"%x{index}", max_side, kinds)
    wanted = draw(st.integers(*operators))
    while draft.operators < wanted:
        before = draft.operators
        draw(st.sampled_from([step for step, cost in steps.items() if before + cost <= operators[1]]))(draft)
        if draft.operators == before:  # nothing fitted; this always does
            relay_moves.reshape(draft)
    return _finished(draft)


def _add_input(draft: Draft, name: str, max_side: int, kinds: tuple[str, ...]) -> None:
    shape = (1, *(draft.integer(1, max_side) for _ in range(3)))
    dtype = draft.choose(*kinds)
    if dtype == "float32":
        made = Tensor(name, shape, dtype, magnitude=INPUT_MAGNITUDE)
    else:
        stated = draft.parameters(shape, dtype)
        made = Tensor(name, shape, dtype, stated.scale, stated.zero_point)
    draft.inputs.append(made)
    draft.tensors.append(made)


def _finished(draft: Draft) -> RelayProgram:
    """The program whose results are all that nothing has read."""
    made = [tensor for tensor in draft.tensors if tensor not in draft.inputs]
    outputs = [tensor for tensor in (*made, *draft.finals) if tensor.name not in draft.used]
    signature = [f"{tensor.name}: {tensor.relay_type}" for tensor in draft.inputs]
    signature += [f"%{name}: {tensor_type(array.shape, array.dtype.name)}" for name, array in draft.weights.items()]
    names = ", ".join(tensor.name for tensor in outputs)
    result = names if len(outputs) == 1 else f"({names})"
    body = "\n".join(f"  {line}" for line in [*draft.lines, result])
    text = f'#[version = "0.0.5"]\ndef @main({", ".join(signature)}) {{\n{body}\n}}\n'
    return RelayProgram(text, tuple(draft.inputs), tuple(outputs), draft.operators, draft.weights)
