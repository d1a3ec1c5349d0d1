"""The examples of docs/testing.md run, and fail as the page says."""

from __future__ import annotations

import re

import pytest
from data import REPOSITORY

import nir
from nir.testing import NotEquivalent

PAGE = (REPOSITORY / "docs" / "testing.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("code", "message"), BLOCKS, ids=[f"block {i}" for i in range(len(BLOCKS))])
def test_examples(code: str, message: str) -> None:
    names: dict[str, object] = {"__name__": "example"}
    compiled = compile(code, "testing.md", "exec", dont_inherit=True)
    if message:
        with pytest.raises(NotEquivalent) as caught:
            exec(compiled, names)
        assert str(caught.value).startswith(message.rstrip("\n"))
        return
    exec(compiled, names)
    for name, test in names.items():
        if name.startswith("test_"):
            assert callable(test)
            test()


def test_there_are_examples_that_fail() -> None:
    assert len(BLOCKS) >= 5
    assert sum(bool(message) for _, message in BLOCKS) == 2


def test_the_example_of_the_readme() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    code = next(
        block
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if "assert_equi" in block
    )
    names: dict[str, object] = {"__name__": "example", "nir": nir}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    test = names["test_layouts"]
    assert callable(test)
    test()
