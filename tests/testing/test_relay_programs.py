"""The strategy of Relay programs: its options, and that what it draws is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import InvalidArgument

from nir.passes.relay_to_nir import HANDLERS
from nir.relay import Function, If, Let, TupleType, post_order
from nir.relay.types import TensorType
from nir.testing import RelayProgram, relay_programs
from nir.testing.relay_draft import Step
from nir.testing.relay_programs import (
    ALWAYS,
    CROSSING,
    FLOATING,
    QUANTISED,
    drawable_operators,
    operators_of,
    programs_of_steps,
)

NOT_DRAWN: dict[str, str] = {}
"""Operators that `relay_to_nir` converts and that are not drawn, each with the reason."""


@settings(max_examples=60)
@given(program=relay_programs(min_operators=3, max_operators=8))
def test_programs_have_the_types_and_sizes_that_they_state(program: RelayProgram) -> None:
    kind = program.load().main.body.checked_type
    assert 3 <= program.operators <= 8
    assert len(operators_of(program)) <= program.operators  # of equal calls in the text one may be left
    results = kind.fields if isinstance(kind, TupleType) else (kind,)
    stated = [TensorType(tensor.shape, tensor.dtype) for tensor in program.outputs]
    assert list(results) == stated
    for tensor in program.inputs:
        array = program.arrays(0)[tensor.name.removeprefix("%")]
        assert (array.shape, array.dtype.name) == (tensor.shape, tensor.dtype)


@settings(max_examples=60)
@given(program=relay_programs(allow_float=False, min_inputs=2))
def test_programs_without_floats(program: RelayProgram) -> None:
    assert not {"qnn.quantize", "nn.conv2d"} & set(operators_of(program))
    assert {tensor.dtype for tensor in program.inputs} <= {"int8", "uint8"}
    assert len(program.inputs) == 2


@given(program=relay_programs(allow_quantised=False, max_inputs=1))
def test_programs_without_integers(program: RelayProgram) -> None:
    assert not [name for name in operators_of(program) if name.startswith("qnn.")]
    assert [tensor.dtype for tensor in program.inputs] == ["float32"]


def test_every_operator_that_converts_is_drawn() -> None:
    assert drawable_operators() == set(HANDLERS) - set(NOT_DRAWN)


@pytest.mark.parametrize("step", [*ALWAYS, *QUANTISED, *FLOATING, *CROSSING], ids=lambda step: step.grow.__name__)
def test_steps_draw_the_operators_that_they_name(step: Step) -> None:
    """All of them, and no others but those that bring tensors into form."""
    drawn: set[str] = set()

    def complete(program: RelayProgram) -> bool:
        drawn.update(operators_of(program))
        return drawn >= set(step.operators)

    find(
        programs_of_steps([step] * 3 + FORMING, operators=(3, 14)),
        complete,
        settings=settings(max_examples=500, phases=[Phase.generate], derandomize=True, database=None),
    )
    forming = {name for other in FORMING for name in other.operators} | {"reshape", "nn.batch_flatten"}
    assert drawn <= set(step.operators) | forming


FORMING = [step for step in ALWAYS if step.grow.__name__ in ("creation", "position", "threshold", "squeeze", "tile")]
"""Steps that make tensors of a kind or shape that others ask for."""


def test_operators_can_be_chosen() -> None:
    wanted = {"nn.lrn", "nn.relu"}

    @settings(max_examples=20)
    @given(program=relay_programs(operators=wanted, allow_quantised=False))
    def check(program: RelayProgram) -> None:
        steps = [step for step in (*ALWAYS, *FLOATING) if wanted & set(step.operators)]
        allowed = {name for step in steps for name in step.operators} | {"reshape", "nn.batch_flatten"}
        assert set(operators_of(program)) <= allowed

    check()


@pytest.mark.parametrize(("written", "kind"), [("if (", If), ("let %", Let), ("fn (", Function)])
def test_programs_have_more_than_calls(written: str, kind: type) -> None:
    program = find(
        relay_programs(),
        lambda program: written in program.text,
        settings=settings(max_examples=500, phases=[Phase.generate], derandomize=True, database=None),
    )
    assert any(isinstance(expr, kind) for expr in post_order(program.load().main.body))


def test_inputs_reach_the_ends_of_their_types() -> None:
    program = find(relay_programs(), lambda program: program.inputs[0].dtype == "int8")
    assert [np.unique(program.arrays(seed)["x0"]).tolist() for seed in (0, 1)] == [[-128], [127]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_operators": 0}, "min_operators=0"),
        ({"min_operators": 5, "max_operators": 4}, "max_operators=4"),
        ({"min_inputs": 3}, "max_inputs=2"),
        ({"max_side": 2}, "max_side=2"),
        ({"max_elements": 20}, "max_elements=20"),
        ({"allow_quantised": False, "allow_float": False}, "cannot both be False"),
        ({"operators": ["nn.lnr"]}, "'nn.lnr' is not drawn.*nn.lrn"),
        ({"operators": ["qnn.add"], "allow_quantised": False}, "'qnn.add' is not drawn with these options"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        relay_programs(**options)
