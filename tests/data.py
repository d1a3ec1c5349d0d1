"""Where recorded data from other programs lies: results of genuine TVM, NNAPI's test cases, TFLite files.

The folder is large and not part of the repository. The environment variable NIR_DATA names it; without that it is
looked for in shared/data beside the repository. Tests that need it are skipped where it is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def data_folder() -> Path | None:
    """The folder, or None where there is none. For use when tests are collected."""
    folder = Path(os.environ.get("NIR_DATA") or REPOSITORY.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def data_root() -> Path:
    """The folder; skips the calling test where there is none."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no recorded data: set NIR_DATA to its folder")
    return folder


def data_path(*parts: str) -> Path:
    """A file or folder of the recorded data; skips the calling test where it is absent."""
    path = data_root().joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recorded data at {path}")
    return path
