"""The DOT language: a graph of nodes, edges and clusters, written as text that Graphviz reads.

Knows nothing of NIR. Attribute values are plain strings and are quoted here; a `Html` value is written as an
HTML-like label, whose pieces `text` has escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Attributes: TypeAlias = "dict[str, str | int | float]"


class Html(str):
    """An HTML-like label: markup, not text."""

    __slots__ = ()


def text(plain: str) -> str:
    """`plain` as it must stand inside an HTML-like label."""
    return html.escape(_admitted(plain), quote=False).replace("\n", "<br/>")


def _admitted(plain: str) -> str:
    """`plain` with a replacement for characters that XML does not admit or a reader cannot see."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in plain)


@dataclass
class Graph:
    """A directed graph, or a cluster in one. Nodes are named by the caller; a node belongs to one cluster."""

    name: str
    attributes: Attributes = field(default_factory=dict)
    nodes: dict[str, Attributes] = field(default_factory=dict)
    edges: list[tuple[str, str, Attributes]] = field(default_factory=list)
    clusters: list[Graph] = field(default_factory=list)
    node_defaults: Attributes = field(default_factory=dict)
    edge_defaults: Attributes = field(default_factory=dict)

    def node(self, name: str, **attributes: str | int | float) -> str:
        """Adds a node and returns its name."""
        self.nodes[name] = attributes
        return name

    def edge(self, tail: str, head: str, **attributes: str | int | float) -> None:
        """Adds an edge between two nodes of this graph or of any of its clusters."""
        self.edges.append((tail, head, attributes))

    def cluster(self, name: str, **attributes: str | int | float) -> Graph:
        """Adds an empty cluster: a box around the nodes that are then added to it."""
        inner = Graph(f"cluster_{name}", attributes)
        self.clusters.append(inner)
        return inner

    def to_dot(self) -> str:
        """The graph as DOT text."""
        return "\n".join(["digraph " + _quoted(self.name) + " {", *_body(self, "  "), "}", ""])


def _body(graph: Graph, indent: str) -> Iterator[str]:
    """Lines between the braces of `graph`; clusters nest two deep at most, so recursion is harmless."""
    if graph.attributes:
        yield f"{indent}graph {_listed(graph.attributes)}"
    if graph.node_defaults:
        yield f"{indent}node {_listed(graph.node_defaults)}"
    if graph.edge_defaults:
        yield f"{indent}edge {_listed(graph.edge_defaults)}"
    for cluster in graph.clusters:
        yield f"{indent}subgraph {_quoted(cluster.name)} {{"
        yield from _body(cluster, indent + "  ")
        yield f"{indent}}}"
    for name, attributes in graph.nodes.items():
        yield f"{indent}{_quoted(name)} {_listed(attributes)}"
    for tail, head, attributes in graph.edges:
        yield f"{indent}{_quoted(tail)} -> {_quoted(head)} {_listed(attributes)}"


def _listed(attributes: Attributes) -> str:
    return "[" + ", ".join(f"{key}={_value(value)}" for key, value in attributes.items()) + "]"


def _value(value: str | int | float) -> str:
    return f"<{value}>" if isinstance(value, Html) else _quoted(str(value))


def _quoted(plain: str) -> str:
    """A double-quoted DOT string that reads back as `plain`, line breaks included."""
    return '"' + _admitted(plain).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
