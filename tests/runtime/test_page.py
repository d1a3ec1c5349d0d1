"""docs/runtime.md: its Python examples run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nir.tvm.export import find_compiler


def test_the_examples_of_the_page_run(repository: Path) -> None:
    if find_compiler() is None:
        pytest.skip("there is no C compiler, and the package ziglang is not installed")
    text = (repository / "docs" / "runtime.md").read_text("utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(code) == 6
    names: dict[str, object] = {}
    for block in code:
        exec(compile(block, "docs/runtime.md", "exec"), names)
