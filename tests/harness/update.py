"""`python -m tests.harness.update [FILE or FOLDER ...]`: writes what comes of file tests into them.

Read the difference afterwards (`git diff tests/filetests`): it is what the tests will hold the code to.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .runner import find, update

FILETESTS = Path(__file__).resolve().parent.parent / "filetests"


def main(arguments: list[str]) -> None:
    """Updates all file tests, or those in the files and folders named."""
    for place in [Path(argument) for argument in arguments] or [FILETESTS]:
        for path in find(place) if place.is_dir() else [place]:
            if update(path):
                print(f"updated {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
