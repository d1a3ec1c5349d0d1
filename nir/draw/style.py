"""How pictures look: one colour per operator family, one font, one way to write a tensor. All choices stand here.

Colours are those of Okabe and Ito, which people with any common kind of colour blindness can tell apart; nodes are
filled with a light tint, so that black text on them keeps its contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

from nir.draw.dot import Attributes

FONT = "Helvetica, Arial, sans-serif"
TEXT = "#1a1a1a"
FAINT = "#53575c"
LINE = "#8a8f98"
SMALL = 9

GRAPH: Attributes = {
    "fontname": FONT,
    "fontsize": 10,
    "fontcolor": TEXT,
    "bgcolor": "white",
    "nodesep": 0.3,
    "ranksep": 0.2,
    "tooltip": " ",
}
NODE: Attributes = {
    "shape": "box",
    "style": "rounded,filled",
    "fontname": FONT,
    "fontsize": 11,
    "fontcolor": TEXT,
    "margin": "0.1,0.03",
    "height": 0.3,
    "penwidth": 1.2,
}
EDGE: Attributes = {"fontname": FONT, "fontsize": 8.5, "fontcolor": FAINT, "color": LINE, "arrowsize": 0.6}

_BLUE = "#0072B2"
_SKY = "#56B4E9"
_GREEN = "#009E73"
_YELLOW = "#F0E442"
_ORANGE = "#E69F00"
_VERMILION = "#D55E00"
_PURPLE = "#CC79A7"
_GREY = "#999999"


@dataclass(frozen=True)
class Colours:
    """Fill and border of a node."""

    fill: str
    border: str


def tint(colour: str, strength: float) -> str:
    """`colour` (`#rrggbb`) mixed with white; strength 1 keeps it, 0 gives white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * strength):02x}" for part in parts)


def _colours(colour: str) -> Colours:
    return Colours(tint(colour, 0.28), colour)


FAMILIES = {
    "convolution": _colours(_BLUE),
    "matmul": _colours(_SKY),
    "recurrent": _colours(_SKY),
    "lstm": _colours(_SKY),
    "bidirectional_lstm": _colours(_SKY),
    "quantised_lstm": _colours(_SKY),
    "pooling": _colours(_GREEN),
    "resize": _colours(_GREEN),
    "regions": _colours(_GREEN),
    "reduction": _colours(_YELLOW),
    "search": _colours(_YELLOW),
    "lookup": _colours(_YELLOW),
    "detection": _colours(_YELLOW),
    "postprocessing": _colours(_YELLOW),
    "elementwise": _colours(_ORANGE),
    "unary": _colours(_ORANGE),
    "comparison": _colours(_ORANGE),
    "activation": _colours(_VERMILION),
    "softmax": _colours(_VERMILION),
    "normalisation": _colours(_VERMILION),
    "quantise": _colours(_PURPLE),
    "shape": _colours(_GREY),
    "blocks": _colours(_GREY),
    "joining": _colours(_GREY),
    "padding": _colours(_GREY),
    "slicing": _colours(_GREY),
    "creation": _colours(_GREY),
    "constant": _colours(_GREY),
}
"""Colours by operator family: the name of the module in nir.ops that defines the operator."""

OTHER = Colours("#ffffff", "#444444")
"""Calls, branches, loops and foreign operators, which are of no family, and operators of a family that is not listed."""

TERMINAL = Colours("#ffffff", "#1a1a1a")
"""Inputs and outputs."""

TARGETS = (_BLUE, _ORANGE, _GREEN, _PURPLE, _VERMILION, _SKY)
"""Outlines of the regions that run on a target, by order of first appearance."""
