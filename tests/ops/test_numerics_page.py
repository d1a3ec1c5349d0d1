"""docs/numerics.md is true: every operator of its table, under every profile, gives what the rule in its cell says.

The rules are implemented a second time in numerics_rules.py; numerics_cases.py draws the operations.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from data import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics_cases import MAKERS, Draw
from numerics_rules import RULES

from nir.ir import ElementType, Operation
from nir.ops import OPERATORS, OPERATORS_BY_NAME
from nir.ops.profiles import PROFILES, get_profile

PAGE = (REPOSITORY / "docs" / "numerics.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE)]
HEADER, TABLE = ROWS[0], {row[0].strip("`"): dict(zip(ROWS[0][1:], row[1:], strict=True)) for row in ROWS[2:]}
for cells in TABLE.values():
    cells["relay-f64"] = cells["relay-f32"]

HELD_TO_RECORDINGS = {
    "Softmax in Q31": "recorded outputs of LiteRT",
    "Softmax in integers": "recorded outputs of TVM",
    "Inverse root": "recorded outputs of LiteRT",
    "Interpolated by ten bits": "recorded outputs of LiteRT",
    "Interpolated by eleven bits": "recorded outputs of LiteRT",
}
"""Rules that the page outlines but does not spell out."""

CELLS = [
    pytest.param(name, profile, rule, id=f"{name}-{profile}")
    for name, cells in TABLE.items()
    for profile, rule in cells.items()
    if name in MAKERS
]


@pytest.mark.parametrize(("name", "profile", "rule"), CELLS)
@settings(max_examples=6)
@given(data=st.data())
def test_the_operator_follows_the_rule_of_its_cell(name: str, profile: str, rule: str, data: st.DataObject) -> None:
    case = MAKERS[name](Draw(data), profile, name)
    result = np.asarray(case.op.reference(get_profile(profile), *case.arrays))
    expected = RULES[rule](case)
    assert result.size == len(expected)
    assert result.ravel().tolist() == [type(q)(e) for q, e in zip(result.ravel().tolist(), expected, strict=True)]


def test_the_table_has_every_profile_and_only_rules_that_the_page_explains() -> None:
    assert {*HEADER[1:], "relay-f64"} == set(PROFILES)
    titles = set(re.findall(r"^### (.*)$", PAGE, re.MULTILINE))
    named = {rule for cells in TABLE.values() for rule in cells.values()}
    assert named == titles
    assert named - set(RULES) == set(HELD_TO_RECORDINGS)
    assert set(MAKERS) | {"softmax", "l2_normalization", "resize_bilinear"} == set(TABLE)


def test_every_operator_that_can_be_quantised_is_on_the_page() -> None:
    listed = set(re.findall(r"`([a-z]\w+)`", PAGE[: PAGE.index("## Notation")]))
    integer = {
        operator.name
        for operator in OPERATORS
        if any(element.is_integer for field in operator.operand_fields for element in field.elements)
        and operator.name not in {"random_multinomial"}
    }
    lists_no_scale = {name for name in integer if not can_carry_a_scale(OPERATORS_BY_NAME[name])}
    assert integer - lists_no_scale <= listed
    assert set(TABLE) <= {operator.name for operator in OPERATORS}


def can_carry_a_scale(operator: type[Operation]) -> bool:
    """False where all integers are raw ones: indices, seeds, an optional bias of floats."""
    eight = {ElementType.I8, ElementType.U8}
    return any(eight & field.elements for field in operator.operand_fields)
