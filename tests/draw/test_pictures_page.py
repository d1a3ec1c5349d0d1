"""The pictures in the documentation are those that its commands make, and every one of them is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from data import REPOSITORY

pytest.importorskip("pygraphviz")

IMAGES = REPOSITORY / "docs" / "images"
SCRIPT = (IMAGES / "draw.sh").read_text("utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
MOST_BYTES = 150_000


def drawn() -> list[str]:
    """The pictures that the script makes."""
    return sorted(set(re.findall(r"docs/images/(\w+\.svg)", SCRIPT)))


def said(path: Path) -> list[str]:
    """All that a picture says, in its order: labels, tooltips and colours. Where things lie may differ between engines."""
    text = path.read_text("utf-8")
    return re.findall(r">([^<\n]+)</text>|xlink:title=\"([^\"]*)\"|fill=\"(#\w+)\"", text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the script has been run."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "docs" / "images").mkdir(parents=True)
    (folder / "examples").symlink_to(REPOSITORY / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    script = IMAGES / "draw.sh"
    subprocess.run(["sh", str(script)], cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    return folder / "docs" / "images"


@pytest.mark.parametrize("name", drawn())
def test_a_picture_is_what_its_command_makes(name: str, made: Path) -> None:
    assert said(made / name) == said(IMAGES / name), "run make docs"


def test_every_picture_is_made_and_shown() -> None:
    kept = sorted(path.name for path in IMAGES.glob("*.svg"))
    assert kept == drawn()
    shots = [path.name for path in IMAGES.glob("*.png")]
    assert shots
    shown = {name for page in PAGES for name in re.findall(r"\]\((?:docs/)?images/([\w.]+)\)", page.read_text("utf-8"))}
    assert shown == {*kept, *shots}
    assert all(f'"{name}"' in (IMAGES / "screenshots.py").read_text("utf-8") for name in shots)
    assert all((IMAGES / name).stat().st_size < MOST_BYTES for name in shots)


def test_the_page_names_the_commands_that_are_run() -> None:
    """Those that are run by a script without a browser."""
    text = (REPOSITORY / "docs" / "pictures.md").read_text("utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = line.partition("    #")[0].strip()
            assert command in SCRIPT or "mobilenet.html" in command
