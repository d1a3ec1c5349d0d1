"""The strategy of whole Relay programs, and what it draws."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from nir import relay
from nir.errors import suggestion
from nir.relay.visitor import post_order
from nir.testing import (
    relay_control,
    relay_floating,
    relay_images,
    relay_integers,
    relay_moves,
    relay_normalising,
    relay_products,
    relay_quantised,
    relay_quantised_products,
    relay_selections,
)
from nir.testing.relay_draft import LIMITS, Array, Draft, Step, Tensor, tensor_type

INPUT_MAGNITUDE = 4.0
"""Floating-point inputs lie between minus this and this."""

INPUT_INTEGER = 100
"""And so do integers that stand for themselves."""

_ATTEMPTS = 4
"""How many steps are drawn, before a reshape is taken, for which there is always a tensor."""

ALWAYS = (
    *relay_moves.STEPS,
    *relay_selections.STEPS,
    *relay_images.STEPS,
    *relay_integers.STEPS,
    *relay_control.STEPS,
)
QUANTISED = (*relay_quantised.STEPS, *relay_quantised_products.STEPS)
FLOATING = (*relay_floating.STEPS, *relay_products.STEPS, *relay_normalising.STEPS)
CROSSING = relay_quantised.CROSSING
"""Steps that every program may have, that need quantised tensors, floats, and both."""


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


def operators_of(program: RelayProgram) -> list[str]:
    """The operators that a program calls, once for each call."""
    found = (expr.op_name for expr in post_order(program.load().main) if isinstance(expr, relay.Call))
    return [name for name in found if name is not None]


def _array(tensor: Tensor, seed: int, rng: np.random.Generator) -> Array:
    if tensor.dtype == "float32":
        return rng.uniform(-INPUT_MAGNITUDE, INPUT_MAGNITUDE, tensor.shape).astype(np.float32)
    least, greatest = LIMITS.get(tensor.dtype, (-INPUT_INTEGER, INPUT_INTEGER))
    if seed in (0, 1):
        return np.full(tensor.shape, (least, greatest)[seed], tensor.dtype)
    return rng.integers(least, greatest + 1, tensor.shape).astype(tensor.dtype)


def drawable_operators() -> frozenset[str]:
    """The names of all Relay operators that `relay_programs` can draw."""
    return frozenset(name for step in (*ALWAYS, *QUANTISED, *FLOATING, *CROSSING) for name in step.operators)


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
    operators: Collection[str] | None = None,
) -> st.SearchStrategy[RelayProgram]:
    """Well-typed Relay programs over the operators that both `relay_to_nir` and `relay_to_relax` know.

    They have `min_operators` to `max_operators` calls of operators, `min_inputs` to `max_inputs` inputs (images with
    extents up to `max_side`, quantised, float, or plain integers), nodes that are read several times, lets, conditions,
    local functions, tuples, and every tensor that nothing reads is a result. No tensor has more than `max_elements`
    elements. `operators` are the only ones to draw, besides those that bring a tensor into the form that they need.

    Raises `hypothesis.errors.InvalidArgument` for bounds that contradict each other, and operators that are not among
    `drawable_operators()`.
    """
    _check_bounds("operators", min_operators, max_operators)
    _check_bounds("inputs", min_inputs, max_inputs)
    if max_side < 3:
        raise InvalidArgument(f"max_side={max_side!r} must be at least 3: the size of a window")
    if max_elements < max_side**3:
        raise InvalidArgument(f"max_elements={max_elements!r} must be at least max_side cubed, {max_side**3}")
    if not (allow_quantised or allow_float):
        raise InvalidArgument("allow_quantised and allow_float cannot both be False")
    steps = [*ALWAYS, *QUANTISED * allow_quantised, *FLOATING * allow_float]
    steps += CROSSING * (allow_quantised and allow_float)
    if operators is not None:
        steps = _steps_of(operators, steps)
    kinds = ("int8", "uint8") * allow_quantised + ("float32",) * allow_float
    kinds += ("int32",) * (allow_quantised and allow_float)
    return programs_of_steps(
        steps, (min_operators, max_operators), (min_inputs, max_inputs), max_side, max_elements, kinds
    )


def _steps_of(operators: Collection[str], steps: Sequence[Step]) -> list[Step]:
    known = {name for step in steps for name in step.operators}
    for name in operators:
        if name not in known:
            hint = suggestion(name, known)
            raise InvalidArgument(
                f"operators: {name!r} is not drawn with these options" + (f"; {hint}" if hint else "")
            )
    return [step for step in steps if set(operators) & set(step.operators)]


def _check_bounds(what: str, least: int, greatest: int) -> None:
    if least < 1:
        raise InvalidArgument(f"min_{what}={least!r} must be at least 1")
    if greatest < least:
        raise InvalidArgument(f"max_{what}={greatest!r} must not be less than min_{what}={least!r}")


def programs_of_steps(
    steps: Sequence[Step],
    operators: tuple[int, int] = (1, 30),
    inputs: tuple[int, int] = (1, 2),
    max_side: int = 6,
    max_elements: int = 600,
    kinds: tuple[str, ...] = ("int8", "uint8", "float32", "int32"),
) -> st.SearchStrategy[RelayProgram]:
    """Programs that grow by these steps alone, besides reshapes; `kinds` are the element types of inputs."""
    return _programs(tuple(steps), operators, inputs, max_side, max_elements, kinds)


@st.composite
def _programs(
    draw: st.DrawFn,
    steps: tuple[Step, ...],
    operators: tuple[int, int],
    inputs: tuple[int, int],
    max_side: int,
    max_elements: int,
    kinds: tuple[str, ...],
) -> RelayProgram:
    draft = Draft(draw, max_elements)
    for index in range(draw(st.integers(*inputs))):
        _add_input(draft, f"%x{index}", max_side, kinds)
    wanted = draw(st.integers(*operators))
    while draft.operators < wanted:
        room = operators[1] - draft.operators
        _grow(draft, [step for step in steps if step.cost <= room for _ in range(step.weight)])
    return _finished(draft)


def _grow(draft: Draft, steps: Sequence[Step]) -> None:
    """Takes one step, or more of those that add no operators."""
    before = draft.operators
    for _ in range(_ATTEMPTS if steps else 0):
        draft.draw(st.sampled_from(steps)).grow(draft)
        if draft.operators > before:
            return
    relay_moves.reshape(draft)


def _add_input(draft: Draft, name: str, max_side: int, kinds: tuple[str, ...]) -> None:
    shape = (1, *(draft.integer(1, max_side) for _ in range(3)))
    dtype = draft.choose(*kinds)
    if dtype in ("float32", "int32"):
        made = Tensor(name, shape, dtype, magnitude=INPUT_MAGNITUDE if dtype == "float32" else INPUT_INTEGER)
    else:
        stated = draft.parameters(shape, dtype)
        made = Tensor(name, shape, dtype, stated.scale, stated.zero_point)
    draft.inputs.append(made)
    draft.tensors.append(made)


def _finished(draft: Draft) -> RelayProgram:
    """The program whose results are all that nothing has read."""
    read = draft.used | {tensor.name for tensor in draft.inputs}
    outputs = [tensor for tensor in draft.tensors if tensor.name not in read]
    signature = [f"{tensor.name}: {tensor.relay_type}" for tensor in draft.inputs]
    signature += [f"%{name}: {tensor_type(array.shape, array.dtype.name)}" for name, array in draft.weights.items()]
    names = ", ".join(tensor.name for tensor in outputs)
    result = names if len(outputs) == 1 else f"({names})"
    body = "\n".join(f"  {line}" for line in [*draft.lines, result])
    text = f'#[version = "0.0.5"]\ndef @main({", ".join(signature)}) {{\n{body}\n}}\n'
    return RelayProgram(text, tuple(draft.inputs), tuple(outputs), draft.operators, draft.weights)
