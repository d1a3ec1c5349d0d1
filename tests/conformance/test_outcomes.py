"""What becomes of a case, and that processes give the same as one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from nnapi.samples import add_case, pool_case, record, write

from nir.conformance import Counts, Status, count_by_operator, examine, report, run_cases
from nir.errors import ParseError, RunError
from nir.nnapi import Record
from nir.nnapi.records import Line, read_lines


def test_a_right_answer_passes_and_a_wrong_one_fails() -> None:
    assert examine(record(add_case())).outcome.status is Status.PASSED
    wrong = add_case()
    (index,) = wrong["outputs"]
    wrong["outputs"][index][0] += 3
    outcome = examine(record(wrong)).outcome
    assert (outcome.status, outcome.largest, outcome.unit) == (Status.FAILED, 3.0, "steps")
    assert outcome.operators == ("ADD",)


def broken() -> dict[str, Any]:
    """The pool with a window that does not fit its declared result."""
    case = pool_case("broken")
    operation = case["operations"][0]
    window = next(i for i in operation["inputs"] if case["operands"][i]["name"] == "window")
    case["operands"][window]["value"] = [3]
    case["operands"][operation["outputs"][0]]["dims"] = [1, 2, 7, 1]
    return case


def test_what_must_be_rejected_passes_where_it_breaks_a_rule() -> None:
    outcome = examine(record({**broken(), "expect_failure": True})).outcome
    assert outcome.status is Status.PASSED
    assert "max_pool_2d" in str(outcome.message)
    outcome = examine(record(broken())).outcome
    assert outcome.status is Status.FAILED
    assert str(outcome.message).startswith("rejected, and it is valid: max_pool_2d")
    outcome = examine(record(pool_case(expect_failure=True))).outcome
    assert (outcome.status, outcome.message) == (Status.FAILED, "accepted, and it must be rejected")


def test_what_nir_cannot_express_is_refused() -> None:
    case = add_case()
    case["operations"][0]["op"] = "FROBNICATE"
    outcome = examine(record(case)).outcome
    assert (outcome.status, outcome.message) == (Status.REFUSED, "NNAPI has no operator 'FROBNICATE'")


def test_an_attribute_that_is_computed_is_refused_and_one_that_is_fed_is_not() -> None:
    case = pool_case()
    scheme = next(i for i, operand in enumerate(case["operands"]) if operand["name"] == "padding")
    fed = json.loads(json.dumps(case))
    fed["inputs"][str(scheme)] = fed["operands"][scheme]["value"]
    fed["operands"][scheme] |= {"value": None, "lifetime": "MODEL_INPUT"}
    fed["model_inputs"].append(scheme)
    assert examine(record(fed)).outcome.status is Status.PASSED
    case["operands"][scheme] |= {"value": None, "lifetime": "TEMPORARY"}
    outcome = examine(record(case)).outcome
    assert outcome.status is Status.REFUSED
    assert "computed when the model runs" in str(outcome.message)


def test_values_that_do_not_fit_are_an_error() -> None:
    case = add_case()
    case["inputs"]["0"] = [1]
    with pytest.raises(ParseError, match="here:1: operand 0"):
        examine(record(case))


def test_a_difference_that_is_no_number_is_a_string_in_json() -> None:
    case = pool_case()
    (index,) = case["outputs"]
    case["outputs"][index][0] = "Infinity"
    (result,) = report([examine(record(case)).outcome], "tflite")["results"]
    assert (result["status"], result["largest_difference"]) == ("failed", "Infinity")


def test_counts_are_by_operator_in_the_order_of_codes() -> None:
    outcomes = [examine(record(case)).outcome for case in (pool_case(), add_case(), broken())]
    assert count_by_operator(outcomes) == {"ADD": Counts(passed=1), "MAX_POOL_2D": Counts(passed=1, failed=1)}
    found = report(outcomes, "tflite")
    assert found["cases"] == {"passed": 2, "failed": 1, "refused": 0}
    assert [result["status"] for result in found["results"]] == ["passed", "passed", "failed"]
    json.dumps(found)


# --- processes; what is sent to them stands at the top level ---


class Work:
    def __call__(self, one: Record) -> str:
        if one.name == "deadly":
            os._exit(7)
        return f"{one.name}: {examine(one).outcome.status.value}"

    def died(self, one: Record) -> str:
        return f"{one.name}: died"


@pytest.fixture
def lines(tmp_path: Path) -> list[Line]:
    """More than two chunks."""
    cases = [add_case(f"case_{i}") for i in range(40)]
    return list(read_lines([write(tmp_path / "cases.jsonl.gz", cases)]))


def deadly(line: Line) -> Line:
    return Line(line.path, line.number, line.text.replace(b'"case_', b'"deadly", "was": "case_'))


def test_processes_give_the_same_in_the_same_order(lines: list[Line]) -> None:
    work = Work()
    assert list(run_cases(lines, work, work.died, 2)) == [f"case_{i}: passed" for i in range(40)]


def test_a_process_that_dies_costs_one_case(lines: list[Line]) -> None:
    work = Work()
    lines[17] = deadly(lines[17])
    found = list(run_cases(lines, work, work.died, 2))
    assert [line for line in found if "passed" not in line] == ["deadly: died"]
    assert found.index("deadly: died") == 17
    assert len(found) == 40


def test_a_damaged_line_ends_the_run(lines: list[Line]) -> None:
    work = Work()
    lines[20] = Line("somewhere", 21, b"{")
    with pytest.raises(ParseError, match="somewhere:21: not JSON"):
        list(run_cases(lines, work, work.died, 2))


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(RunError, match="did you mean 'tflite'"):
        examine(record(add_case()), "tflit")
