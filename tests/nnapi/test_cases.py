"""Every conformance case whose operators NIR has: shapes inferred, verified, run, within the case's tolerance."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest
from data import data_folder, data_path

from nir.errors import NirError
from nir.ir import InferenceError
from nir.ops import OPERATORS
from nir.verify import verify
from nnapi.conversion import Unsupported, WrongShape, build_name, convert, evaluate, inputs_of
from nnapi.mapping import IRREGULAR, REGULAR
from nnapi.records import Record, disagreement, read, signed


@functools.cache
def records() -> dict[str, list[Record]]:
    """Cases by the operators in them, joined by `+` where a case has several."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in read(data_path("nnapi")):
        found["+".join(sorted(set(record.operators)))].append(record)
    return found


def operator_groups() -> Iterable[str]:
    """Groups of cases all of whose operators NIR has and mapping.py knows, found when tests are collected."""
    if data_folder() is None:
        return ["ADD"]  # one test, which says why it is skipped
    known = {operator for operator in REGULAR.keys() | IRREGULAR.keys() if build_name(operator) is not None}
    return sorted(group for group in records() if set(group.split("+")) <= known)


def problem(record: Record) -> str | None:
    """What is wrong with NIR's answer to a case, or None. A case that must be rejected must be."""
    try:
        module = convert(record)
        verify(module)
        outputs = evaluate(module, inputs_of(record))
    except WrongShape as error:
        return str(error)
    except (NirError, InferenceError, ValueError, TypeError) as error:
        return None if record.json["expect_failure"] else f"{type(error).__name__}: {error}"
    if record.json["expect_failure"]:
        return "accepted, though it must be rejected"
    pairs = zip(record.json["model_outputs"], outputs, strict=True)
    return next((text for index, array in pairs if (text := disagreement(record, index, array))), None)


def problems(cases: Iterable[Record]) -> dict[str, str]:
    found = {}
    for record in cases:
        try:
            text = problem(record)
        except Unsupported:
            continue
        if text is not None:
            found[record.name] = text
    return found


@pytest.mark.parametrize("group", operator_groups())
def test_cases(group: str) -> None:
    cases = records()[group]
    assert cases
    assert problems(cases) == {}


@pytest.mark.parametrize("group", operator_groups())
def test_cases_in_signed_storage(group: str) -> None:
    """The same numbers stored as i8 instead of u8: values and zero points are 128 less."""
    derived = [record for case in records()[group] if (record := signed(case)) is not None]
    assert problems(derived) == {}


def test_a_wrong_answer_is_noticed() -> None:
    record = next(case for case in records()["ADD"] if case.name == "add_quant8")
    [index] = record.json["model_outputs"]
    [output] = evaluate(convert(record), inputs_of(record))
    assert disagreement(record, index, output) is None
    assert disagreement(record, index, output + 2) is not None


def test_operators_carry_the_code_of_their_name() -> None:
    """NNAPI's names and codes: an operator with a code has an entry in the mapping."""
    mapped = {form.split()[0] for form in REGULAR.values()} | {name.lower() for name in IRREGULAR}
    assert {op.name for op in OPERATORS if op.nnapi_code is not None} - mapped == set()


def test_nothing_is_left_out() -> None:
    """Cases of mapped operators are refused only where NIR has an attribute for what the case computes."""
    refused = []
    for group in operator_groups():
        for record in records()[group]:
            try:
                convert(record)
            except Unsupported:
                refused.append(record.name)
            except (WrongShape, InferenceError, ValueError, TypeError):
                pass
    assert refused == []


def test_drawn_classes_are_compared_by_their_shares() -> None:
    operand = {"type": "TENSOR_INT32", "dims": [1, 8]}
    drawn = Record(
        {
            "operands": [operand],
            "outputs": {"0": [0, 0, 0, 0, 1, 1, 1, 1]},
            "tolerance": {"quant_lsb": 1},
            "multinomial_tolerance": 0.13,
        }
    )
    assert disagreement(drawn, 0, np.array([[1, 0, 1, 0, 1, 0, 1, 1]])) is None
    assert disagreement(drawn, 0, np.array([[1, 1, 1, 0, 1, 0, 1, 1]])) is not None
