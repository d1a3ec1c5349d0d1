"""From a view to a graph for Graphviz: labels, colours, frames. The only place that joins diagrams and DOT."""

from __future__ import annotations

from nir.draw import style
from nir.draw.columns import columns
from nir.draw.diagram import FOLDED, INPUT, LONGEST, OUTPUT, Edge, Node, View, short
from nir.draw.dot import Attributes, Graph, Html, text
from nir.draw.style import LIGHT, Theme

LARGE = 300
"""Nodes from which on edges have no labels, only tooltips: nobody could read them, and the layout takes seven times as
long with them.
"""


def paint(view: View, theme: Theme = LIGHT) -> Graph:
    """The view as a graph for Graphviz."""
    return _Painter(view, theme).paint()


class _Painter:
    """State while painting: the frames, the columns, and which tensors have their label."""

    def __init__(self, view: View, theme: Theme) -> None:
        self.view = view
        self.theme = theme
        settings = {**style.GRAPH, "fontcolor": theme.text, "bgcolor": theme.background}
        nodes: Attributes = {**style.NODE, "fontcolor": theme.text}
        edges: Attributes = {**style.EDGE, "fontcolor": theme.faint, "color": theme.line}
        self.graph = Graph("nir", settings, node_defaults=nodes, edge_defaults=edges)
        self.targets: dict[str, str] = {}
        self.labelled: set[tuple[str, str]] = set()
        self.large = len(view.nodes) > LARGE
        if self.large:
            self.graph.attributes |= {"nslimit": 3, "nslimit1": 3}

    def paint(self) -> Graph:
        homes = {name: self._frame(name) for name in self.view.groups}
        placed = columns(self.view)
        for node in self.view.nodes.values():
            home = self.graph if node.group is None else homes[node.group]
            home.node(node.name, label=self._label(node), **self._look(node))
        for edge in self.view.edges:
            self._edge(edge, placed)
        return self.graph

    def _colour(self, target: str) -> str:
        """The colour of a target, by order of first appearance."""
        return self.targets.setdefault(target, style.TARGETS[len(self.targets) % len(style.TARGETS)])

    def _frame(self, name: str) -> Graph:
        group = self.view.groups[name]
        if group.target is None:
            return self.graph.cluster(
                name, label=group.label, color=self.theme.line, style="rounded", fontcolor=self.theme.text
            )
        colour = self._colour(group.target)
        return self.graph.cluster(
            name,
            label=group.label,
            labeljust="l",
            color=colour,
            fontcolor=self.theme.text,
            bgcolor=self.theme.tinted(colour, style.FRAME),
            style="rounded",
            penwidth=1.6,
            tooltip=group.tooltip,
        )

    def _look(self, node: Node) -> Attributes:
        look: Attributes = {"tooltip": _tip(node), "id": node.name}
        if node.kind in (INPUT, OUTPUT):
            return {**look, "style": "filled", "fillcolor": self.theme.background, "color": self.theme.text}
        colour = style.FAMILIES.get(node.family)
        if node.kind == FOLDED:
            look |= {"penwidth": 1.6, "peripheries": 2}
            colour = colour if node.target is None else self._colour(node.target)
        look["fillcolor"] = self.theme.background if colour is None else self.theme.tinted(colour, style.NODE_TINT)
        look["color"] = self.theme.line if colour is None else colour
        if node.reasons:
            look["style"] = "rounded,filled,dashed"
        return look

    def _label(self, node: Node) -> Html:
        """The title, the words about it, then the fainter ones; each line about as long as the longest name."""
        lines = [f"<b>{text(short(node.title))}</b>"]
        terminal = node.kind in (INPUT, OUTPUT)
        for words, colour in ((node.words, self.theme.text), (node.faint, self.theme.faint)):
            shade = self.theme.faint if terminal else colour
            lines += [_small(line, shade) for line in _wrapped([short(word) for word in words])]
        rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
        return Html(f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>')

    def _edge(self, edge: Edge, placed: dict[str, int]) -> None:
        """An edge for one use of a tensor; only the first use carries the label, all of them the tooltip."""
        look: Attributes = {"tooltip": edge.tooltip}
        if not self.large and (edge.tail, edge.value) not in self.labelled:
            self.labelled.add((edge.tail, edge.value))
            look["label"] = edge.label
        if placed.get(edge.tail) != placed.get(edge.head):
            look["constraint"] = "false"
        self.graph.edge(edge.tail, edge.head, **look)


def _tip(node: Node) -> str:
    lines = [node.tooltip or node.title, *(f"not offloaded: {reason}" for reason in node.reasons)]
    return "\n".join(lines)


def _wrapped(words: list[str]) -> list[str]:
    """Words joined into lines of about the longest label's width."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= LONGEST:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def _small(plain: str, colour: str) -> str:
    return f'<font point-size="{style.SMALL}" color="{colour}">{text(plain)}</font>'
