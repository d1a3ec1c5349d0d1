"""From DOT text to a picture: by the `dot` program where there is one, else by the engine in the pygraphviz wheel.

Either runs as a process of its own, so that a layout that takes for ever or crashes ends in an error.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence

from nir.errors import RunError, missing_extra

FORMATS = ("svg", "png", "pdf", "dot")
"""What a picture can be written as; `dot` is the text itself, without a layout."""

_TIME_LIMIT = 120
"""Seconds that a layout may take. MobileNet takes a fraction of one; a graph that needs more cannot be read anyway."""

_WHEEL = """
import json, sys, pygraphviz
for dot in json.load(sys.stdin):
    picture = pygraphviz.AGraph(string=dot).draw(format=sys.argv[1], prog="dot")
    sys.stdout.buffer.write(len(picture).to_bytes(8, "big") + picture)
"""
"""Draws a list of graphs; each picture stands behind its length."""


def render(dot: str, format: str = "svg") -> bytes:
    """The picture that DOT text describes, in one of `FORMATS`.

    Raises `RunError` for another format, where no layout engine is installed, and where the engine fails.
    """
    if format not in FORMATS:
        raise RunError(f"cannot draw as '{format}'", expected="one of " + ", ".join(FORMATS), found=format)
    if format == "dot":
        return dot.encode()
    return render_many([dot], format)[0]


def render_many(dots: Sequence[str], format: str = "svg") -> list[bytes]:
    """The pictures of several graphs, by one process where that can be. Raises as `render` does."""
    program = shutil.which("dot")
    if program is not None:
        return [_run([program, f"-T{format}"], dot.encode()) for dot in dots]
    if importlib.util.find_spec("pygraphviz") is None:
        raise missing_extra("pygraphviz", "draw", "drawing without Graphviz's `dot` program")
    pictures = _run([sys.executable, "-c", _WHEEL, format], json.dumps(list(dots)).encode())
    found, start = [], 0
    while start < len(pictures):
        begin = start + 8
        start = begin + int.from_bytes(pictures[start:begin], "big")
        found.append(pictures[begin:start])
    return found


def _run(command: list[str], content: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        hint = "draw one function of the module, fold it, or write a .dot file and lay it out with another program"
        raise RunError(f"Graphviz found no layout within {_TIME_LIMIT} seconds", hint=hint) from None
    if done.returncode != 0 or not done.stdout:
        notes = done.stderr.decode(errors="replace").splitlines()[-5:]
        raise RunError("Graphviz could not lay out the picture", notes=notes)
    return done.stdout
