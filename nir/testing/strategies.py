"""Hypothesis strategies for NIR: element types, shapes, quantisation, types, arrays, operations, modules, and inputs.

They are driven by the operator classes: an operator that is added to `nir.ops` is drawn without code here. Every drawn
module passes the verifier, and its `repr` is its `.nir` text, so that this is what Hypothesis prints of a failure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from nir.interp.plan import find_function
from nir.ir import ElementType, Function, Module, Operation, Value
from nir.ops import OPERATORS
from nir.ops.constant import Const
from nir.ops.control import Foreign
from nir.testing.choices import Choices
from nir.testing.control_drafts import ModuleDraft
from nir.testing.input_arrays import input_array
from nir.testing.module_draft import Limits, fresh_type, styles_within
from nir.testing.strategy_arguments import check_bounds, limits_of
from nir.testing.type_strategies import element_types, quantisations, shapes, tensor_types, tensors
from nir.text import print_module

__all__ = [
    "DrawnModule",
    "element_types",
    "inputs_for",
    "modules",
    "operations",
    "quantisations",
    "shapes",
    "tensor_types",
    "tensors",
]

Array: TypeAlias = "np.ndarray[Any, Any]"


class DrawnModule(Module):
    """A module whose `repr` is its text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return print_module(self)


def operations(
    *,
    name: str | None = None,
    elements: Collection[ElementType | str] | None = None,
    quantised: bool | None = None,
    max_side: int = 4,
) -> st.SearchStrategy[DrawnModule]:
    """Modules of a single operation, of the operator called `name` or of any that can be run.

    Its operands are parameters of `@main` and constants, its results what `@main` returns. Branches, loops and calls
    come with their functions. `elements` bounds the element types, `quantised` says whether integers are (None: both).
    """
    names = [op.name for op in OPERATORS if op is not Foreign] if name is None else [name]
    limits = limits_of(names, elements, quantised, max_side, 2000)
    return _operations(limits.operators, limits)


@st.composite
def _operations(draw: st.DrawFn, operators: tuple[type[Operation], ...], limits: Limits) -> DrawnModule:
    choices = Choices(draw)
    draft = ModuleDraft(choices, limits, DrawnModule())
    function = draft.main
    operator = choices.pick(operators)
    if operator is Const:
        made = function.constant(fresh_type(choices, limits))
        function.finish(draft.module, [made])
        return draft.module  # type: ignore[return-value]
    if operator in styles_within(limits):
        function.grow_with(operator)
    else:
        draft.grow_control(operator)
    results = function.operations[-1].results
    function.finish(draft.module, results)
    return _with_main_first(draft.module)


def modules(
    *,
    min_operators: int = 1,
    max_operators: int = 10,
    operators: Collection[str] | None = None,
    elements: Collection[ElementType | str] | None = None,
    quantised: bool | None = None,
    control_flow: bool = True,
    allow_foreign: bool = False,
    min_results: int = 1,
    max_results: int = 4,
    max_side: int = 4,
    max_elements: int = 2000,
) -> st.SearchStrategy[DrawnModule]:
    """Modules that the verifier accepts and the interpreter runs (but for foreign operators).

    They have `min_operators` to `max_operators` operations, constants not counted and those of called functions
    included, of all operators or of those named by `operators`. There are values that are read several times, dead
    ones, several results, constants, and with `control_flow` calls, branches and loops (which may add a few operations
    beyond `max_operators`). `elements` bounds the element types of values; `quantised` True leaves out raw integers of 8
    and 16 bits, False quantised ones. Sides of drawn shapes are at most `max_side`, tensors have at most
    `max_elements` elements.

    Raises `InvalidArgument` for bounds that contradict each other, and where nothing can be drawn.
    """
    check_bounds("operators", min_operators, max_operators)
    check_bounds("results", min_results, max_results, least=1)
    names = [op.name for op in OPERATORS if op is not Foreign or allow_foreign] if operators is None else operators
    limits = limits_of(names, elements, quantised, max_side, max_elements)
    if not styles_within(limits) and not (control_flow and limits.control()) and Foreign not in limits.operators:
        raise InvalidArgument("no operator can be drawn without control flow")
    return _modules(limits, (min_operators, max_operators), (min_results, max_results), control_flow)


@st.composite
def _modules(
    draw: st.DrawFn, limits: Limits, operators: tuple[int, int], results: tuple[int, int], control_flow: bool
) -> DrawnModule:
    choices = Choices(draw)
    draft = ModuleDraft(choices, limits, DrawnModule())
    control = limits.control() if control_flow else ()
    if Foreign in limits.operators:
        control = (*control, Foreign)
    plain = bool(styles_within(limits))
    wanted = choices.within(*operators)
    while draft.operators < wanted:
        draw(_steps(draft, control, plain))
    main = draft.main
    if not main.values and not main.open_values:
        main.source(fresh_type(choices, limits))
    main.finish(draft.module, _choose_results(draft, results))
    return _with_main_first(draft.module)


@st.composite
def _steps(draw: st.DrawFn, draft: ModuleDraft, control: tuple[type[Operation], ...], plain: bool) -> None:
    """One operation more. A strategy of its own, so that Hypothesis can leave it out as a whole when it shrinks."""
    choices = draft.choices
    if control and (not plain or choices.flag(10)):
        draft.grow_control(choices.pick(control))
    else:
        draft.main.grow()
    draw(_NOTHING)


_NOTHING = st.nothing() | st.just(None)


def _choose_results(draft: ModuleDraft, bounds: tuple[int, int]) -> list[Value]:
    """What `@main` returns: mostly values that nothing reads, the last first; others of those stay dead."""
    main, choices = draft.main, draft.choices
    made = [value for op in main.operations for value in op.results]
    unread = [value for value in reversed(made) if value not in main.read]
    ordered = unread + [value for value in reversed(made + main.parameters) if value in main.read]
    ordered = ordered or list(main.parameters)
    count = min(choices.within(*bounds), len(ordered))
    results = []
    for _ in range(max(count, 1)):
        results.append(ordered.pop(choices.below(min(len(ordered), 4))))
    return results + results[:1] * max(bounds[0] - len(results), 0)


def _with_main_first(module: Any) -> Any:
    """The module with `@main` before the functions that it calls."""
    functions = module.functions
    module.functions = {"main": functions.pop("main"), **functions}
    return module


# --- inputs ---


def inputs_for(
    module: Module, *, function: str | None = None, unknown: int = 1, allow_special: bool = False
) -> st.SearchStrategy[dict[str, Array]]:
    """Arguments for a function (`@main`): an array for each parameter, by name.

    Indices and boxes that operators read directly from a parameter are in their range. With `allow_special`, floats may
    be NaN, infinite, or at the ends of their range. Unknown dimensions have the size `unknown`.
    """
    return _inputs(find_function(module, function), unknown, allow_special)


@st.composite
def _inputs(draw: st.DrawFn, function: Function, unknown: int, allow_special: bool) -> dict[str, Array]:
    choices = Choices(draw)
    return {
        str(parameter.name): input_array(function, parameter, choices, unknown, allow_special)
        for parameter in function.parameters
    }
