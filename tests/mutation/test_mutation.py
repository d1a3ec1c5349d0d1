"""The table of faults stays true, and one fault goes through the check from end to end; the whole takes half an hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.checking import Verdict, run_tests
from tests.mutation.copies import throw_away_copy
from tests.mutation.fault import Fault, StaleFault
from tests.mutation.faults import FAULTS, UNSEEN_BEFORE

BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.mark.parametrize("name", BY_NAME)
def test_what_a_fault_replaces_is_there(name: str, repository: Path) -> None:
    fault = BY_NAME[name]
    before = (repository / fault.file).read_text(encoding="utf-8")
    assert fault.planted(before) != before
    if fault.file.endswith(".py"):
        compile(fault.planted(before), fault.file, "exec")
    assert [test for test in fault.tests if not (repository / test.partition("::")[0]).exists()] == []


def test_the_page_has_all_faults_and_all_are_caught(repository: Path) -> None:
    assert len(BY_NAME) == len(FAULTS) >= 40
    assert set(UNSEEN_BEFORE) <= BY_NAME.keys()
    lines = (repository / "docs" / "mutation.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [fault.name for fault in FAULTS]
    assert [row for row in rows if "no test" in row] == []


def test_a_stale_fault_says_so(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("a = 1\na = 1\n", encoding="utf-8")
    with pytest.raises(StaleFault, match=r"stands 2 times in file\.py"):
        Fault("twice", "file.py", "a = 1", "a = 2", "", ()).plant(tmp_path)


def test_a_fault_is_caught_in_a_copy(repository: Path) -> None:
    fault = BY_NAME["double_rounding_of_literals"]
    before = (repository / fault.file).read_bytes()
    verdict = Verdict(fault.name)
    with throw_away_copy() as copy:
        run_tests(copy, fault, verdict, wider=False)
        assert (copy.root / fault.file).read_bytes() == before
    assert (repository / fault.file).read_bytes() == before
    assert verdict.test is not None
    assert verdict.test.startswith("tests/text/test_literals.py::")
