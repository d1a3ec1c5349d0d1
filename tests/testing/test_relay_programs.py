"""The strategy of Relay programs: its options, and that what it draws is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis.errors import InvalidArgument

from nir.relay import Call, Op, TupleType, post_order
from nir.relay.types import TensorType
from nir.testing import RelayProgram, relay_programs


def calls(program: RelayProgram) -> list[str]:
    found = [expr.op.name for expr in post_order(program.load().main) if isinstance(expr, Call) and _is_op(expr)]
    return [name for name in found if name is not None]


def _is_op(call: Call) -> bool:
    return isinstance(call.op, Op)


@settings(max_examples=60)
@given(program=relay_programs(min_operators=3, max_operators=8))
def test_programs_have_the_types_and_sizes_that_they_state(program: RelayProgram) -> None:
    kind = program.load().main.body.checked_type
    assert 3 <= program.operators <= 8
    assert len(calls(program)) <= program.operators
    results = kind.fields if isinstance(kind, TupleType) else (kind,)
    stated = [TensorType(tensor.shape, tensor.dtype) for tensor in program.outputs]
    assert list(results) == stated
    for tensor in program.inputs:
        array = program.arrays(0)[tensor.name.removeprefix("%")]
        assert (array.shape, array.dtype.name) == (tensor.shape, tensor.dtype)


@settings(max_examples=60)
@given(program=relay_programs(allow_float=False, min_inputs=2))
def test_programs_without_floats(program: RelayProgram) -> None:
    assert not {"qnn.quantize", "nn.conv2d"} & set(calls(program))
    assert {tensor.dtype for tensor in program.inputs} <= {"int8", "uint8"}
    assert len(program.inputs) == 2


@given(program=relay_programs(allow_quantised=False, max_inputs=1))
def test_programs_without_integers(program: RelayProgram) -> None:
    assert not [name for name in calls(program) if name.startswith("qnn.")]
    assert [tensor.dtype for tensor in program.inputs] == ["float32"]


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
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        relay_programs(**options)
