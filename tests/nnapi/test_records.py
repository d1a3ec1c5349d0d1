"""Files of cases: what is read, and what is told of a damaged one."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nir.conformance import examine
from nir.errors import NirError, ParseError
from nir.nnapi import Record, read
from nir.nnapi import records as records_module
from nir.nnapi.records import Line, parse
from nnapi.samples import add_case, pool_case, write


def names(*paths: Path) -> list[str]:
    return [record.name for record in read(paths)]


def test_packed_and_plain_files_and_folders_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl.gz", [add_case(), pool_case()])
    plain = write(tmp_path / "a.jsonl", [pool_case(name="first")])
    (tmp_path / "notes.txt").write_text("not a case")
    assert names(tmp_path) == ["first", "add_here", "pool_here"]
    assert names(tmp_path / "b.jsonl.gz", plain) == ["add_here", "pool_here", "first"]


def test_a_case_knows_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [add_case(), pool_case()])
    assert [record.location for record in read([path])] == [f"{path}:1", f"{path}:2"]


def error(*paths: Path) -> str:
    with pytest.raises(ParseError) as raised:
        list(read(paths))
    return str(raised.value)


def test_a_truncated_archive_is_told_with_the_line(tmp_path: Path) -> None:
    # Cases that do not compress to nothing, so that the first lines are whole when the end is gone.
    noise = np.random.default_rng(1).random((40, 300)).tolist()
    whole = write(tmp_path / "a.jsonl.gz", [add_case(noise=row) for row in noise]).read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    message = error(tmp_path / "a.jsonl.gz")
    number = int(message.split("a.jsonl.gz:")[1].split(":")[0])
    assert 2 < number < 40
    assert "end-of-stream" in message


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(json.dumps(add_case()).encode()))
    whole[20:40] = b"\xff" * 20
    (tmp_path / "a.jsonl.gz").write_bytes(whole)
    assert "a.jsonl.gz:1: the file cannot be read" in error(tmp_path / "a.jsonl.gz")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"name": 1' + "0" * 5000 + "}", "not JSON"),
        ("\N{SNOWMAN}", "not JSON"),
        ("[]", "it is not an object"),
        ('{"name": "x"}', "the key 'operands' is missing"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(add_case()) + "\n\n" + line + "\n", encoding="utf-8")
    message = error(path)
    assert f"{path}:3: " in message
    assert words in message


def test_files_that_are_not_there_and_folders_without_cases_are_told(tmp_path: Path) -> None:
    assert "No such file" in error(tmp_path / "missing.jsonl")
    assert "no file of cases" in error(tmp_path)


def test_a_line_without_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "LONGEST_LINE", 1000)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"[" * 5000))
    assert ":1: the line is too long" in error(tmp_path / "a.jsonl.gz")


def damaged(data: st.DataObject, value: Any) -> Any:
    """`value` with something in it replaced or taken away."""
    junk = st.sampled_from([None, -1, 10**30, 1.5, "x", "TENSOR_INT32", [], {}, True, [[1]], float("nan")])
    while isinstance(value, (dict, list)) and value and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if not data.draw(st.integers(0, 9)):
            del value[key]
            return
        inner = value[key]
        if not isinstance(inner, (dict, list)) or not inner:
            value[key] = data.draw(junk)
            return
        value = inner
    if isinstance(value, list):
        value.append(data.draw(junk))


@given(st.data())
def test_a_damaged_case_is_an_error_or_an_outcome(data: st.DataObject) -> None:
    case = copy.deepcopy(data.draw(st.sampled_from([ADD, POOL])))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged(data, case)
    try:
        record = parse(Line("here", 1, json.dumps(case).encode()))
        outcome = examine(record).outcome
    except NirError as error:
        assert "here:1" in str(error) or "case" in str(error)
    else:
        assert not (outcome.message or "").startswith("internal error"), outcome


ADD, POOL = add_case(), pool_case()


def test_arrays_are_of_the_operands_type() -> None:
    record = Record(add_case())
    array = record.array(0, [1, 2, 3, 255])
    assert (array.dtype, array.tolist()) == (np.uint8, [[1, 2], [3, 255]])
    for wrong in ([1, 2, 3], [1, 2, 3, 256], [1, 2, 3, "x"], [1, 2, 3, None], [[1], 2, 3, 4]):
        with pytest.raises(ParseError, match="operand 0"):
            record.array(0, wrong)
