"""Executes the notebooks and writes what they show as web pages: `python notebooks/to_html.py FOLDER [FILE ...]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

FOLDER = Path(__file__).resolve().parent


def main(output: Path, names: list[str]) -> None:
    """One page for each notebook, and a line with the seconds that it took."""
    output.mkdir(parents=True, exist_ok=True)
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
        page, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": path.stem}})
        target = output / f"{path.stem}.html"
        target.write_text(page, "utf-8")
        print(f"{time.perf_counter() - start:6.1f} s  {target}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
