"""How pictures look: one colour per operator family, one font, one way to write a tensor. All choices stand here.

Colours are those of Okabe and Ito, which people with any common kind of colour blindness can tell apart; nodes are
filled with a light tint of them, or a dark one, so that text keeps its contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

from nir.draw.dot import Attributes

FONT = "Helvetica, Arial, sans-serif"
SMALL = 9

GRAPH: Attributes = {"fontname": FONT, "fontsize": 10, "nodesep": 0.3, "ranksep": 0.2, "tooltip": " "}
NODE: Attributes = {
    "shape": "box",
    "style": "rounded,filled",
    "fontname": FONT,
    "fontsize": 11,
    "margin": "0.1,0.03",
    "height": 0.3,
    "penwidth": 1.2,
}
EDGE: Attributes = {"fontname": FONT, "fontsize": 8.5, "arrowsize": 0.6}

NODE_TINT, FRAME = 0.28, 0.08
"""How much of a colour fills a node, and a frame."""

_BLUE = "#0072B2"
_SKY = "#56B4E9"
_GREEN = "#009E73"
_YELLOW = "#F0E442"
_ORANGE = "#E69F00"
_VERMILION = "#D55E00"
_PURPLE = "#CC79A7"
_GREY = "#999999"


@dataclass(frozen=True)
class Theme:
    """What changes between light and dark: all colours are `#rrggbb`."""

    background: str
    text: str
    faint: str
    line: str

    def tinted(self, colour: str, strength: float) -> str:
        """`colour` mixed with the background; strength 1 keeps it, 0 gives the background."""
        parts = zip(_parts(self.background), _parts(colour), strict=True)
        return "#" + "".join(f"{round(ground + (part - ground) * strength):02x}" for ground, part in parts)


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


LIGHT = Theme(background="#ffffff", text="#1a1a1a", faint="#53575c", line="#8a8f98")
DARK = Theme(background="#16181d", text="#f0f1f3", faint="#c6cad1", line="#7d838d")
THEMES = {"light": LIGHT, "dark": DARK}

FAMILIES = {
    "convolution": _BLUE,
    "matmul": _SKY,
    "recurrent": _SKY,
    "lstm": _SKY,
    "bidirectional_lstm": _SKY,
    "quantised_lstm": _SKY,
    "pooling": _GREEN,
    "resize": _GREEN,
    "regions": _GREEN,
    "reduction": _YELLOW,
    "search": _YELLOW,
    "lookup": _YELLOW,
    "detection": _YELLOW,
    "postprocessing": _YELLOW,
    "elementwise": _ORANGE,
    "unary": _ORANGE,
    "comparison": _ORANGE,
    "activation": _VERMILION,
    "softmax": _VERMILION,
    "normalisation": _VERMILION,
    "quantise": _PURPLE,
    "shape": _GREY,
    "blocks": _GREY,
    "joining": _GREY,
    "padding": _GREY,
    "slicing": _GREY,
    "creation": _GREY,
    "constant": _GREY,
}
"""Colours by operator family: the name of the module in nir.ops that defines the operator. Calls, branches, loops and
foreign operators, which are of no family, have the background's."""

TARGETS = (_BLUE, _ORANGE, _GREEN, _PURPLE, _VERMILION, _SKY)
"""Outlines of the regions that run on a target, by order of first appearance."""


def dark_colours() -> dict[str, str]:
    """Every colour of a light picture, and what it is in a dark one."""
    own = {getattr(LIGHT, name): getattr(DARK, name) for name in ("background", "text", "faint", "line")}
    for strength in (NODE_TINT, FRAME):
        for colour in (*FAMILIES.values(), *TARGETS):
            own[LIGHT.tinted(colour, strength)] = DARK.tinted(colour, strength)
    return {**own, "white": DARK.background, "black": DARK.text}  # Graphviz writes two by their names
