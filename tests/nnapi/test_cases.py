"""Every recorded conformance case: converted, verified, run, within its tolerance; must be rejected, rejected."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from data import data_folder, data_path

from nir.conformance import Outcome, Status, examine
from nir.nnapi import Record, read
from nir.nnapi.case_counts import case_count, count_cases
from nir.nnapi.mapping import OPERATORS
from nir.ops import OPERATORS_BY_NAME
from nnapi.storage import signed


def files() -> list[str]:
    """Names of the files of cases, found when tests are collected; one where there are none, which says so."""
    folder = data_folder()
    return sorted(path.name for path in (folder / "nnapi").glob("*.jsonl.gz")) if folder else ["V1_0.jsonl.gz"]


def problems(outcomes: list[Outcome]) -> dict[str, str | None]:
    return {outcome.name: outcome.message for outcome in outcomes if outcome.status is not Status.PASSED}


@pytest.mark.parametrize("file", files())
def test_every_case_passes(file: str) -> None:
    outcomes = [examine(record).outcome for record in read([data_path("nnapi", file)])]
    assert len(outcomes) > 100
    assert problems(outcomes) == {}


@pytest.mark.parametrize("file", files())
def test_every_case_passes_in_signed_storage(file: str) -> None:
    """The same numbers stored as i8 instead of u8: values and zero points are 128 less."""
    derived = [found for record in read([data_path("nnapi", file)]) if (found := signed(record)) is not None]
    assert problems([examine(record).outcome for record in derived]) == {}


def test_what_must_be_rejected_breaks_a_rule_that_is_named() -> None:
    rejected = [record for record in read([data_path("nnapi")]) if record.json["expect_failure"]]
    messages = {record.name: examine(record).outcome.message or "" for record in rejected}
    assert len(messages) >= 8
    for name, message in messages.items():
        rule = {"depthwise": "C1 does not hold", "if_no_value": "cannot be left out", "while_inf": "does not end"}
        assert next(words for start, words in rule.items() if name.startswith(start)) in message


def test_a_wrong_answer_is_noticed() -> None:
    record = next(one for one in read([data_path("nnapi")]) if one.name == "add_quant8")
    changed = json.loads(json.dumps(record.json))
    (index,) = changed["model_outputs"]
    changed["outputs"][str(index)][1] += 2
    outcome = examine(Record(changed)).outcome
    assert (outcome.status, outcome.largest, outcome.unit) == (Status.FAILED, 2.0, "steps")


def test_the_table_of_counts_is_fresh() -> None:
    counts = count_cases(read([data_path("nnapi")]))
    is_fresh = {name: case_count(operator) for name, operator in OPERATORS.items()} == counts
    assert is_fresh, "run `python -m nir.nnapi.case_counts FOLDER > nir/nnapi/case_counts.json`, then `make docs`"


def test_every_operator_of_nnapi_is_mapped_by_its_code() -> None:
    codes = [OPERATORS_BY_NAME[operator].nnapi_code for operator in OPERATORS.values()]
    assert codes == list(range(106))


def test_no_case_has_two_names() -> None:
    names = Counter(record.name for record in read([data_path("nnapi")]))
    assert [name for name, count in names.items() if count > 1] == []
