"""Runs the file tests below tests/filetests, and tests the harness that runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.expectations import Outcome, differences, read, updated
from harness.runner import failures, find, outcome_of, update

FILETESTS = Path(__file__).resolve().parent / "filetests"
FILES = find(FILETESTS)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FILETESTS)) for path in FILES])
def test_file(path: Path) -> None:
    wrong = failures(path)
    assert not wrong, "\n".join(
        [f"{path}:", *wrong, "(python -m tests.harness.update writes what came into the files)"]
    )
