"""A target tells all rules that an operation breaks, in order, up to a decisive one."""

from __future__ import annotations

import itertools

import pytest

from nir.ir import Value, tensor
from nir.ops import OPERATORS_BY_NAME
from nir.targets.target import Rule, Target

ANY_THREE = list(itertools.product([True, False], repeat=3))


@pytest.mark.parametrize("holds", ANY_THREE)
@pytest.mark.parametrize("decisive", ANY_THREE)
def test_reasons(holds: tuple[bool, ...], decisive: tuple[bool, ...]) -> None:
    rules = tuple(
        Rule(f"r{number}", "A sentence", lambda op, outcome=outcome: outcome, decisive=decides)
        for number, (outcome, decides) in enumerate(zip(holds, decisive, strict=True))
    )
    op = OPERATORS_BY_NAME["exp"].create(Value(tensor((2,))))
    found = [reason.rule for reason in Target("t", "", rules).reasons(op)]
    broken = [number for number in range(3) if not holds[number]]
    last = next((number for number in broken if decisive[number]), 3)
    assert found == [f"r{number}" for number in broken if number <= last]
