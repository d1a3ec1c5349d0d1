"""Pictures of modules: `to_dot(module)`, `render(module, "svg")`, `save(module, "model.svg")`, and `show` in a notebook.

Operator families have colours, tensors stand on the edges with their shape and quantisation, constants are folded into
the labels of the operations that take them, and functions with a target are boxes.
"""

from __future__ import annotations

import os
from pathlib import Path

from nir.draw.layout import FORMATS
from nir.draw.layout import render as render_dot
from nir.draw.picture import picture
from nir.errors import RunError
from nir.ir import Module

__all__ = ["FORMATS", "Picture", "render", "save", "show", "to_dot"]

_MOST_NODES = 4000
"""Nodes that a layout is tried for; DOT text is written for any number."""


def to_dot(module: Module, function: str | None = None) -> str:
    """The picture as DOT text, of the whole module or of one function. Raises `RunError` for an unknown function."""
    return picture(module, function).to_dot()


def render(module: Module, format: str = "svg", function: str | None = None) -> bytes:
    """The picture as `svg`, `png`, `pdf` or `dot`.

    Raises `RunError` for an unknown format or function, without a layout engine (the extra `draw` brings one), and
    where the graph is too large to lay out.
    """
    operations = sum(len(f) for f in module if function in (None, f.name))
    if format != "dot" and operations > _MOST_NODES:
        raise RunError(
            f"a picture of {operations} operations cannot be laid out, the limit is {_MOST_NODES}",
            hint="draw one function, or write DOT text",
        )
    return render_dot(to_dot(module, function), format)


def save(module: Module, path: str | os.PathLike[str], format: str | None = None, function: str | None = None) -> None:
    """Writes the picture to a file, in the format that the file's name ends with unless `format` says otherwise.

    Raises `RunError` as `render` does.
    """
    target = Path(path)
    chosen = format or target.suffix.removeprefix(".").lower()
    picture_bytes = render(module, chosen, function)
    target.write_bytes(picture_bytes)


class Picture:
    """A picture that a notebook shows when it is the last value of a cell."""

    def __init__(self, module: Module, function: str | None = None) -> None:
        self.module = module
        self.function = function

    def _repr_svg_(self) -> str:
        return render(self.module, "svg", self.function).decode()


def show(module: Module, function: str | None = None) -> Picture:
    """The picture as a notebook displays it."""
    return Picture(module, function)
