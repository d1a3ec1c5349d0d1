"""Every operator, compiled, gives what the interpreter gives: its example, drawn operations, drawn modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest
from agreement import disagreement
from batches import compiled_results, interpreted
from hypothesis import given, settings
from hypothesis import strategies as st

import nir
from nir.errors import ConvertError
from nir.interp import random_inputs
from nir.ir import Module, Operation, copy_function
from nir.ops import OPERATORS
from nir.ops.profiles import PROFILES
from nir.passes.nir_to_relax import nir_to_relax
from nir.passes.nir_to_relax.converter import STRUCTURE
from nir.passes.nir_to_relax.lowerings import LOWERINGS
from nir.passes.nir_to_relax.refusals import PARTLY, REFUSED
from nir.testing.strategies import inputs_for, modules, operations
from nir.text import print_module

Array: TypeAlias = "np.ndarray[Any, Any]"

COMPILED = [op for op in OPERATORS if op not in REFUSED]
INTEGERS = ("i8", "u8", "i16", "u16", "i32", "u32", "bool")
REASONS = ("does not compile through Relax", "known only at run time", "has no elements")


def refused(module: Module, profile: str) -> bool:
    """Whether the conversion refuses the module, for a reason that it names."""
    try:
        nir_to_relax(module, profile=profile)
    except ConvertError as error:
        message = error.diagnostics[0].message
        assert any(reason in message for reason in REASONS), message
        return True
    return False


def check(cases: Sequence[tuple[Module, Mapping[str, Array]]], profile: str) -> int:
    """Holds compiled results to the interpreter's; returns how many modules were compiled."""
    taken = [(module, inputs) for module, inputs in cases if not refused(module, profile)]
    if not taken:
        return 0
    found = compiled_results([module for module, _ in taken], [inputs for _, inputs in taken], profile)
    for (module, inputs), results in zip(taken, found, strict=True):
        difference = disagreement(module, inputs, interpreted(module, inputs, profile), results)
        assert not difference, f"{difference} ({profile})\n{print_module(module)}\n{dict(inputs)}"
    return len(taken)


def test_every_operator_compiles_or_has_a_reason() -> None:
    tables = (LOWERINGS, REFUSED, STRUCTURE)
    assert {op.name: sum(op in table for table in tables) for op in OPERATORS} == {op.name: 1 for op in OPERATORS}
    assert PARTLY.keys() <= LOWERINGS.keys()


def example(op: type[Operation]) -> Module:
    """The example in an operator's documentation, as `main`."""
    first, *others = nir.parse(op.example())
    return Module([copy_function(first, "main"), *others])


def test_examples() -> None:
    examples = [example(op) for op in COMPILED]
    assert check([(module, random_inputs(module.main, 1)) for module in examples], "tflite") == len(COMPILED)


@pytest.mark.parametrize("op", sorted(REFUSED, key=lambda op: op.name), ids=lambda op: op.name)
def test_a_refusal_names_operator_and_reason(op: type[Operation]) -> None:
    with pytest.raises(ConvertError) as caught:
        nir_to_relax(example(op))
    (diagnostic,) = [d for d in caught.value.diagnostics if "run time" not in d.message or op.name in d.message]
    assert diagnostic.message == f"'{op.name}' does not compile through Relax: {REFUSED[op]}"
    assert diagnostic.span is not None


@st.composite
def cases(draw: st.DrawFn, strategy: Any, special: bool = False) -> tuple[Module, dict[str, Array]]:
    module = draw(strategy)
    return module, draw(inputs_for(module, allow_special=special))


@settings(max_examples=6)
@given(st.data(), st.sampled_from(list(PROFILES)))
def test_drawn_operations(data: st.DataObject, profile: str) -> None:
    names = data.draw(st.lists(st.sampled_from([op.name for op in COMPILED]), min_size=8, max_size=8, unique=True))
    check([data.draw(cases(operations(name=name))) for name in names], profile)


@settings(max_examples=6)
@given(
    st.lists(cases(modules(operators=[op.name for op in COMPILED], elements=INTEGERS, max_operators=6)), max_size=4),
    st.sampled_from(list(PROFILES)),
)
def test_drawn_modules_of_integers(drawn: list[tuple[Module, dict[str, Array]]], profile: str) -> None:
    check(drawn, profile)
