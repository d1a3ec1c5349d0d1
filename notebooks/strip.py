"""Takes outputs out of notebooks before they are committed: `python notebooks/strip.py [FILE ...]`, by default all here.

Besides outputs it removes what differs from one machine to the next (execution counts, metadata of the editor and of the
kernel), so that a difference between two versions of a notebook is one that its author made.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

FOLDER = Path(__file__).resolve().parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stripped(text: str) -> str:
    """The notebook in `text` as it is committed."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def main(names: list[str]) -> None:
    """Rewrites the files that are not as they should be, and says which."""
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        text = path.read_text("utf-8")
        if (short := stripped(text)) != text:
            path.write_text(short, "utf-8")
            print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
