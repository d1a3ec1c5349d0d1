"""The examples of docs/fuzzing.md print what the page says."""

from __future__ import annotations

import re

import pytest
from data import REPOSITORY

from nir.testing.fuzzing import ORACLES

PAGE = (REPOSITORY / "docs" / "fuzzing.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```\n\n```(?:nir|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("code", "printed"), BLOCKS, ids=[f"block {i}" for i in range(len(BLOCKS))])
def test_examples(code: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "fuzzing.md", "exec", dont_inherit=True), {"__name__": "example"})
    assert capsys.readouterr().out.rstrip("\n") == printed.rstrip("\n")


def test_there_are_examples_and_all_oracles() -> None:
    assert len(BLOCKS) == 2
    table = PAGE[PAGE.index("| oracle |") : PAGE.index("The first failure of each kind")]
    assert set(re.findall(r"`([\w-]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line))) == set(
        ORACLES
    )
