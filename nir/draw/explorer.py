"""Diagrams as graphs for Model Explorer (google-ai-edge/model-explorer), in the JSON that its file loader reads.

Its form: `{"label": ..., "graphs": [{"id": ..., "nodes": [...]}]}`, with the fields of the package's GraphNode. Frames
become namespaces, which the program folds and opens; calls lead to the graph of what they call.
"""

from __future__ import annotations

import json
from typing import Any

from nir.draw import style
from nir.draw.diagram import Diagram, Edge, Node, View


def to_model_explorer(diagram: Diagram, label: str = "NIR") -> str:
    """The JSON text of a diagram; every view is a graph."""
    graphs = [_graph(view) for view in diagram.views.values()]
    return json.dumps({"label": label, "graphs": graphs})


def _graph(view: View) -> dict[str, Any]:
    incoming: dict[str, list[Edge]] = {}
    labels: dict[str, dict[str, str]] = {}
    for edge in view.edges:
        incoming.setdefault(edge.head, []).append(edge)
        labels.setdefault(edge.tail, {})[edge.value] = " ".join(edge.label.split())
    outputs = {name: list(values) for name, values in labels.items()}
    nodes = []
    for node in view.nodes.values():
        made = _node(node, view)
        made["incomingEdges"] = [
            {
                "sourceNodeId": edge.tail,
                "sourceNodeOutputId": str(outputs[edge.tail].index(edge.value)),
                "targetNodeInputId": str(index),
            }
            for index, edge in enumerate(incoming.get(node.name, []))
        ]
        made["outputsMetadata"] = [
            {"id": str(index), "attrs": [_pair("shape", labels[node.name][value]), _pair("__tensor_tag", value)]}
            for index, value in enumerate(outputs.get(node.name, []))
        ]
        nodes.append(made)
    return {"id": view.title, "nodes": nodes}


def _node(node: Node, view: View) -> dict[str, Any]:
    told = dict(node.facts())
    if node.target is not None:
        told["target"] = node.target
    if node.reasons:
        told["not offloaded"] = list(node.reasons)
    attributes = [
        _pair(key if isinstance(value, str) else f"{key} {index}", text)
        for key, value in told.items()
        for index, text in enumerate([value] if isinstance(value, str) else value)
    ]
    made: dict[str, Any] = {
        "id": node.name,
        "label": node.title,
        "namespace": "" if node.group is None else view.groups[node.group].label.replace("/", "_"),
        "attrs": attributes,
    }
    colour = style.FAMILIES.get(node.family)
    if colour is not None:
        made["style"] = {"backgroundColor": style.LIGHT.tinted(colour, style.NODE_TINT), "borderColor": colour}
    if node.opens is not None:
        made["subgraphIds"] = [f"@{node.opens}"]
    return made


def _pair(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}
