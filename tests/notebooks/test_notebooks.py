"""The notebooks run, end with a claim that holds, are kept without outputs, and are all in the list."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from data import REPOSITORY

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST = 300
"""Seconds that a cell may take on a machine that has other work as well; a notebook takes seconds by itself."""


def tool(name: str) -> ModuleType:
    """A script of the folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents() -> set[Path]:
    """The files of the folder, without the caches of Python, Jupyter and Hypothesis."""
    caches = {"__pycache__", ".ipynb_checkpoints", ".hypothesis"}
    return {each for each in FOLDER.rglob("*") if not caches & set(each.parts)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_first_to_last_cell(path: Path, tmp_path: Path) -> None:
    """In the repository's notebook folder, as Jupyter runs it; what it writes must not stay there."""
    before = contents()
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=LONGEST, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    assert contents() == before
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("text/html" in output.get("data", {}) for output in outputs), "it shows nothing"
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs_and_ends_with_a_claim(path: Path) -> None:
    text = path.read_text("utf-8")
    assert tool("strip").stripped(text) == text, "run python notebooks/strip.py"
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "assert " in code[-1].source
    assert not any(re.fullmatch(r"[0-9a-f]{8}", cell.id) for cell in notebook.cells), (
        "cells have names that mean something"
    )


def test_stripping_takes_out_what_differs_between_runs() -> None:
    notebook = nbformat.v4.new_notebook(metadata={"widgets": {}, "language_info": {"name": "python", "version": "3.9"}})
    output = nbformat.v4.new_output("stream", text="hello")
    notebook.cells.append(
        nbformat.v4.new_code_cell("1", outputs=[output], execution_count=3, metadata={"scrolled": True})
    )
    found = nbformat.reads(tool("strip").stripped(nbformat.writes(notebook)), as_version=4)
    (cell,) = found.cells
    assert (cell.source, cell.outputs, cell.execution_count, cell.metadata) == ("1", [], None, {})
    assert "version" not in found.metadata.language_info
    assert "widgets" not in found.metadata


def test_the_list_names_every_notebook_and_no_other() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"^\| \[([^\]]+)\]\(\1\) \| .{20,} \|$", text, re.MULTILINE) == [path.name for path in NOTEBOOKS]
