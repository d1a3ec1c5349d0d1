"""What a picture shows, before it has colours or places: views of nodes and edges. Knows no IR and no Graphviz.

A diagram has one main view and views that nodes of others open: the body of a function, of a region, of a block that
was folded away. Whatever can be drawn is first made a diagram; painting, pages and exports start from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

INPUT, OUTPUT, OPERATION, CONSTANT, FOLDED = "input", "output", "operation", "constant", "folded"
"""Kinds of nodes: terminals, operators, constants that stand alone, and nodes that stand for several."""

Facts = dict[str, "str | list[str]"]
"""Titles and what is told under each: a text, or a list of them."""


@dataclass
class Node:
    """One box of a picture.

    `words` are short texts about it (attributes), `faint` less important ones (its constants). `family` chooses the
    colour. `target` names the accelerator that runs it, `reasons` say why none does. `group` is the frame that it
    stands in, `opens` the view with what is inside. `facts` gives what a page tells about it.
    """

    name: str
    kind: str
    title: str
    words: tuple[str, ...] = ()
    faint: tuple[str, ...] = ()
    family: str = ""
    tooltip: str = ""
    target: str | None = None
    reasons: tuple[str, ...] = ()
    group: str | None = None
    opens: str | None = None
    facts: Callable[[], Facts] = dict
    key: str = ""
    """Equal for nodes that are alike but for sizes and names: what makes blocks repeat."""
    inside: tuple[str, ...] = ()
    """Titles of the operators that it stands for, where it stands for others."""

    @property
    def size(self) -> int:
        """Operators that it stands for."""
        return len(self.inside) or 1


@dataclass
class Edge:
    """A tensor that one node hands to another. `value` identifies the tensor: its first edge carries the label."""

    tail: str
    head: str
    value: str
    label: str
    tooltip: str = ""


@dataclass
class Group:
    """A frame around nodes: a function, or a region that runs on `target`."""

    name: str
    label: str
    target: str | None = None
    tooltip: str = ""


@dataclass
class View:
    """Nodes in an order in which tensors are made before they are used, and the edges between them."""

    name: str
    title: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    target: str | None = None

    def add(self, node: Node) -> Node:
        """Adds a node."""
        self.nodes[node.name] = node
        return node

    @property
    def operations(self) -> list[Node]:
        """The nodes that are neither inputs nor outputs."""
        return [node for node in self.nodes.values() if node.kind not in (INPUT, OUTPUT)]


@dataclass
class Diagram:
    """Views by name; the first is the one that is shown first."""

    views: dict[str, View]

    @property
    def main(self) -> View:
        """The view that is shown first."""
        return next(iter(self.views.values()))

    def nodes(self) -> Iterator[tuple[View, Node]]:
        """All nodes of all views."""
        for view in self.views.values():
            for node in view.nodes.values():
                yield view, node


LONGEST = 44
"""Characters of a name or list that a label shows at most; the tooltip has all of it."""


def short(name: str) -> str:
    """`name` cut to what a label can show, keeping both ends."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}...{name[-(LONGEST // 2) :]}"


def cut_out(view: View, names: Iterable[str], name: str, title: str) -> View:
    """A view of some nodes of another one: what comes in from outside becomes inputs, what goes out outputs."""
    chosen = set(names)
    part = View(name, title, {n: replace(node, group=None) for n, node in view.nodes.items() if n in chosen})
    arriving: dict[str, str] = {}
    leaving: set[tuple[str, str]] = set()
    for edge in view.edges:
        if edge.head in chosen and edge.tail in chosen:
            part.edges.append(edge)
        elif edge.head in chosen:
            if edge.value not in arriving:
                arriving[edge.value] = f"in{len(arriving)}"
                part.add(Node(arriving[edge.value], INPUT, "from", (_title(view, edge.tail),), tooltip=edge.tooltip))
            part.edges.append(replace(edge, tail=arriving[edge.value]))
        elif edge.tail in chosen and (edge.value, edge.head) not in leaving:
            leaving.add((edge.value, edge.head))
            end = part.add(Node(f"out{len(leaving)}", OUTPUT, "to", (_title(view, edge.head),), tooltip=edge.tooltip))
            part.edges.append(replace(edge, head=end.name))
    inputs = {n: part.nodes.pop(n) for n in arriving.values()}
    part.nodes = {**inputs, **part.nodes}
    return part


def _title(view: View, name: str) -> str:
    node = view.nodes[name]
    return " ".join((node.title, *node.words[:1])) if node.kind in (INPUT, OUTPUT) else node.title


def contracted(view: View, folds: list[tuple[Node, set[str]]]) -> View:
    """The view with each set of nodes replaced by one node, which stands where the first of them stood."""
    owner = {name: node for node, names in folds for name in names}
    result = View(view.name, view.title, groups=view.groups, target=view.target)
    for name, node in view.nodes.items():
        kept = owner.get(name, node)
        if kept.name not in result.nodes:
            result.add(kept)
    seen = set()
    for edge in view.edges:
        tail, head = (owner[end].name if end in owner else end for end in (edge.tail, edge.head))
        if tail != head and (tail, head, edge.value) not in seen:
            seen.add((tail, head, edge.value))
            result.edges.append(replace(edge, tail=tail, head=head))
    return result
