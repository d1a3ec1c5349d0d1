"""Pictures: `to_dot(module)`, `render(module, "svg")`, `save(module, "model.svg")`, and `show` in a notebook.

What can be drawn is a NIR module, a Relay module, or a diagram that was made elsewhere (`nir.draw.diagram`). Operator
families have colours, tensors stand on the edges with their shape and quantisation, constants are folded into the
labels of the operations that take them, functions with a target are frames, and what has no target says why on hover.
Large graphs are folded: into regions, into blocks that repeat, into stretches. A page (`page`, or the format `html`)
opens what is folded away.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from nir.draw import layout
from nir.draw.diagram import Diagram
from nir.draw.explorer import to_model_explorer
from nir.draw.folding import MOST, fold
from nir.draw.nir_views import Reasons, nir_diagram
from nir.draw.page import page_of
from nir.draw.painting import paint
from nir.draw.relay_views import relay_diagram
from nir.draw.style import THEMES
from nir.draw.svg import follow_the_screen
from nir.errors import RunError
from nir.files import write_bytes
from nir.ir import Function, Module
from nir.relay.ast import Module as RelayModule

__all__ = ["FORMATS", "Picture", "diagram_of", "page", "render", "save", "show", "to_dot"]

Drawable: TypeAlias = "Module | Function | RelayModule | Diagram"

FORMATS = (*layout.FORMATS, "html", "model-explorer")
"""What a picture can be written as: `html` is a page of its own, `model-explorer` a graph for that program."""

FLAT = 250
"""Operations that a picture shows without folding, unless told otherwise."""

_MOST_NODES = 4000
"""Nodes that a layout is tried for; DOT text is written for any number."""


def diagram_of(source: Drawable, function: str | None = None, reasons: Reasons | None = None) -> Diagram:
    """The diagram of what is to be drawn; `reasons` say of NIR operations why they run on no accelerator.

    Raises `RunError` for what cannot be drawn and for an unknown function.
    """
    if isinstance(source, Diagram):
        return source
    if isinstance(source, Function):
        return nir_diagram(Module([source]), source.name, reasons)
    if isinstance(source, Module):
        return nir_diagram(source, function, reasons)
    if isinstance(source, RelayModule):
        return relay_diagram(source, function)
    raise RunError(
        f"a {type(source).__name__} cannot be drawn", expected="a NIR module or function, a Relay module, or a diagram"
    )


def to_dot(
    source: Drawable,
    function: str | None = None,
    *,
    folded: bool = False,
    theme: str = "light",
    reasons: Reasons | None = None,
) -> str:
    """The picture as DOT text, of the whole module or of one function; `folded` brings it down to an overview.

    Raises `RunError` for an unknown function or theme.
    """
    diagram = diagram_of(source, function, reasons)
    return paint((fold(diagram) if folded else diagram).main, _theme(theme)).to_dot()


def render(
    source: Drawable,
    format: str = "svg",
    function: str | None = None,
    *,
    folded: bool | None = None,
    theme: str = "auto",
    reasons: Reasons | None = None,
) -> bytes:
    """The picture as `svg`, `png`, `pdf` or `dot`, a page (`html`), or a graph for Model Explorer.

    `folded` chooses between an overview and every operation; unless given, graphs of more than 250 operations are
    folded. `theme` is `light`, `dark`, or `auto`: an SVG then follows the reader's screen, and all else is light.
    Raises `RunError` for an unknown format, theme or function, without a layout engine (the extra `draw` brings one),
    and where the graph is too large to lay out.
    """
    if format not in FORMATS:
        raise RunError(f"cannot draw as '{format}'", expected="one of " + ", ".join(FORMATS), found=format)
    diagram = diagram_of(source, function, reasons)
    if format == "html":
        return page_of(diagram).encode()
    if format == "model-explorer":
        return to_model_explorer(diagram).encode()
    size = len(diagram.main.operations)
    if folded or (folded is None and size > FLAT and format != "dot"):
        diagram = fold(diagram)
    elif format != "dot" and size > _MOST_NODES:
        raise RunError(
            f"a picture of {size} operations cannot be laid out, the limit is {_MOST_NODES}",
            hint="draw one function, fold it, or write DOT text",
        )
    drawn = layout.render(paint(diagram.main, _theme(theme)).to_dot(), format)
    return follow_the_screen(drawn.decode()).encode() if format == "svg" and theme == "auto" else drawn


def _theme(name: str) -> Any:
    if name not in (*THEMES, "auto"):
        raise RunError(f"there is no theme '{name}'", expected=", ".join((*THEMES, "auto")))
    return THEMES["light" if name == "auto" else name]


def page(source: Drawable, function: str | None = None, *, reasons: Reasons | None = None) -> str:
    """A web page that shows the picture, with search, zoom, and all there is to tell about each operation.

    It needs no network and no other file. Raises `RunError` as `render` does.
    """
    return page_of(diagram_of(source, function, reasons))


def save(
    source: Drawable,
    path: str | os.PathLike[str],
    format: str | None = None,
    function: str | None = None,
    **options: Any,
) -> None:
    """Writes the picture to a file, in the format that the file's name ends with unless `format` says otherwise.

    `options` are those of `render`. Raises `RunError` as `render` does, `NirError` where the file cannot be written.
    """
    target = Path(path)
    chosen = format or target.suffix.removeprefix(".").lower()
    content = render(source, chosen, function, **options)
    write_bytes(target, content)


class Picture:
    """A picture that a notebook shows when it is the last value of a cell."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make

    def _repr_svg_(self) -> str:
        return self._make().decode()


def show(source: Drawable, function: str | None = None, **options: Any) -> Picture:
    """The picture as a notebook displays it; `options` are those of `render`."""
    return Picture(functools.partial(render, source, "svg", function, **options))


__all__ += ["MOST"]
