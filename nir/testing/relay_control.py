"""Steps around operators: conditions, local functions, tuples. What they do inside leaves types and bounds as they are."""

from __future__ import annotations

import math
from dataclasses import replace

from nir.testing.relay_draft import (
    LIMITS,
    Draft,
    Step,
    Tensor,
    is_exact,
    is_integer,
    is_number,
    is_quantised,
    is_truth,
    widest,
)

_HARMLESS = ("abs({})", "negative({})", "nn.relu({})")


def choice(draft: Draft) -> None:
    """An `if` on a number that is computed; its branches take tensors from outside, and give one or two."""
    x = draft.source(is_number)
    y = x and draft.source(lambda tensor: _same_kind(x, tensor))
    condition = None if x is None else _condition(draft)
    if x is None or y is None or condition is None:
        return
    bounds = widest(x, y)
    made = replace(x, magnitude=bounds["magnitude"], error=bounds["error"])
    branches = [_changed(draft, tensor, tensor.name) for tensor in (x, y)]
    if draft.choose(True, False):
        text = f"if ({condition}) {{ {branches[0]} }} else {{ {branches[1]} }}"
        draft.tensors.append(replace(made, name=draft.bind(text, x, y)))
        return
    text = f"if ({condition}) {{ ({branches[0]}, {y.name}) }} else {{ ({branches[1]}, {x.name}) }}"
    both = draft.bind(text, x, y)
    for index in draft.choose((0,), (1,), (0, 1)):
        draft.tensors.append(replace(made, name=f"{both}.{index}"))


def _same_kind(x: Tensor, y: Tensor) -> bool:
    return replace(x, name="", magnitude=0, error=0) == replace(y, name="", magnitude=0, error=0)


def _changed(draft: Draft, x: Tensor, name: str) -> str:
    """Up to two operators on what is called `name` and is like `x`."""
    text = name
    for _ in range(draft.integer(0, 2)):
        draft.operators += 1
        if is_quantised(x):
            low, high = LIMITS[x.dtype]
            text = draft.choose(f"clip({{}}, a_min={low + 20}f, a_max={high - 30}f)", "maximum({0}, {0})").format(text)
        else:
            text = draft.choose(*_HARMLESS).format(text)
    return text


def _condition(draft: Draft) -> str | None:
    """A boolean scalar: whether any truth, or all, of a tensor hold, or its greatest number is above a bound."""
    x = draft.source(lambda tensor: is_truth(tensor) or is_exact(tensor) or is_integer(tensor))
    if x is None:
        return None
    if is_truth(x):
        return draft.call(f"{draft.choose('any', 'all')}({x.name}, axis=None)", x)
    greatest = draft.call(f"max({x.name}, axis=None)", x)
    return draft.call(f"greater({greatest}, {draft.choose(0, 1)}{'f' if is_exact(x) else ''})")


def local_function(draft: Draft) -> None:
    """A function that is called once or twice, partitioned or not."""
    x = draft.source(is_number)
    if x is None:
        return
    body = _changed(draft, x, "%y")
    if body == "%y":
        return
    mark = draft.choose("", ', Composite="nir.part"', ', Compiler="nir", global_symbol="part"')
    name = draft.bind(f"fn (%y: {x.relay_type}{mark}) -> {x.relay_type} {{ {body} }}", let=True)
    for _ in range(draft.integer(1, 2)):
        argument = draft.source(lambda tensor: _same_kind(x, tensor)) or x
        draft.tensors.append(replace(argument, name=draft.bind(f"{name}({argument.name})", argument)))


def tuple_of_tuples(draft: Draft) -> None:
    """Two tensors of any kinds in a tuple, that in a tuple, and one of them taken out again."""
    x, y = draft.source(is_number), draft.source(is_number)
    if x is None or y is None:
        return
    inner = draft.bind(f"({x.name}, {y.name})", x, y)
    outer = draft.bind(f"({y.name}, {inner})", y)
    index = draft.integer(0, 1)
    taken = draft.bind(f"{outer}.1")
    made = (x, y)[index]
    draft.result(made, f"reshape({taken}.{index}, newshape=[-1])", shape=(math.prod(made.shape),))


STEPS = (
    Step(choice, 6, ("any", "all", "max", "greater", "abs", "negative", "nn.relu", "clip", "maximum")),
    Step(local_function, 2, ("abs", "negative", "nn.relu", "clip", "maximum")),
    Step(tuple_of_tuples, 1, ("reshape",)),
)
