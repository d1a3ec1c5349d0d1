"""A diagram as one web page: every view's picture, what there is to tell of each node, and a script to move about.

The page holds all it needs and asks for nothing: its policy forbids the browser any connection. page.html is the
page without content; it is filled here.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import zlib
from importlib import resources
from typing import Any

from nir.draw import layout, style
from nir.draw.diagram import Diagram, Node
from nir.draw.folding import fold
from nir.draw.painting import paint

_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_SIZE = re.compile(r'<svg width="[^"]*" height="[^"]*"')


def page_of(diagram: Diagram, title: str = "NIR") -> str:
    """The page of a diagram, large views folded. Raises `RunError` where Graphviz fails or is missing."""
    folded = fold(diagram)
    pictures = layout.render_many([paint(view).to_dot() for view in folded.views.values()], "svg")
    views = [
        {
            "name": view.name,
            "title": view.title,
            "target": view.target,
            "svg": _bare(picture.decode()),
            "nodes": {node.name: _told(node) for node in view.nodes.values()},
        }
        for view, picture in zip(folded.views.values(), pictures, strict=True)
    ]
    content = {"views": views, "legend": legend(diagram)}
    page = _template().replace("$title", html.escape(title)).replace("$dark", json.dumps(style.dark_colours()))
    return page.replace('"$content"', _script_safe(content))


@functools.cache
def _template() -> str:
    return resources.files("nir.draw").joinpath("page.html").read_text("utf-8")


def _bare(svg: str) -> str:
    """The picture without what stands before it and without a size of its own, so that it fills its place."""
    return _SIZE.sub("<svg", _PROLOGUE.sub("", svg), count=1)


def _script_safe(content: Any) -> str:
    """The content, packed, as a string that cannot end the script it stands in."""
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
    return f'"{base64.b64encode(packed).decode()}"'


def _told(node: Node) -> dict[str, Any]:
    told: dict[str, Any] = {"title": node.title, "kind": node.kind, "size": node.size}
    told["words"] = [*node.words, *node.faint]
    for name in ("target", "opens"):
        if getattr(node, name) is not None:
            told[name] = getattr(node, name)
    if node.reasons:
        told["reasons"] = list(node.reasons)
    facts = node.facts()
    if facts:
        told["facts"] = facts
    return told


def legend(diagram: Diagram) -> list[dict[str, str]]:
    """The families and targets of the main view, with their colours and how many operators they have."""
    families: dict[str, int] = {}
    targets: dict[str, int] = {}
    for node in diagram.main.nodes.values():
        if node.family in style.FAMILIES:
            families[node.family] = families.get(node.family, 0) + 1
        if node.target is not None and node.opens is None:
            targets[node.target] = targets.get(node.target, 0) + 1
    found = [
        {"name": name.replace("_", " "), "colour": style.FAMILIES[name], "count": str(count), "kind": "family"}
        for name, count in sorted(families.items(), key=lambda item: -item[1])
    ]
    return found + [
        {"name": f"on {name}", "colour": style.TARGETS[i % len(style.TARGETS)], "count": str(count), "kind": "target"}
        for i, (name, count) in enumerate(targets.items())
    ]
