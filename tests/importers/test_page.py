"""The page on front ends has the table of rewrites, as it stands in the code."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("tvm")

from nir.tvm.importers.onnx_rewrites import REWRITES


def test_every_rewrite_is_on_the_page_with_its_reason(repository: Path) -> None:
    page = (repository / "docs" / "frontends.md").read_text("utf-8")
    rows = [f"| `{row.operator}` | {row.reason} |" for row in REWRITES]
    assert [row for row in rows if row not in page] == []
    assert page.count("| `") == len(rows) + 4  # the formats' extras
    assert len({row.operator for row in REWRITES}) == len(REWRITES)
