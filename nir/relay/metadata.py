"""JSON text, and the metadata section of a Relay text: what `meta[key][index]` refers to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nir.errors import ParseError
from nir.relay.expr import Constant
from nir.relay.json_graph import JsonGraph
from nir.source import Span


def read_json(text: str, name: str, span_at: Callable[[int], Span] | None = None) -> Any:
    """`text` as JSON. Raises ParseError; `span_at` turns an offset in `text` into a span."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        span = span_at(error.pos) if span_at is not None else None
        where = "" if span is not None else f"{name}, line {error.lineno}, column {error.colno}: "
        raise ParseError(f"{where}this JSON is broken: {error.msg}", span) from None
    except (RecursionError, ValueError) as error:
        found = (
            "lists or objects nested too deeply" if isinstance(error, RecursionError) else "a number of too many digits"
        )
        raise ParseError(f"{name}: this JSON cannot be read", found=found) from None


class MetadataTable:
    """What `meta[key][index]` in a text refers to."""

    def __init__(self, graph: JsonGraph) -> None:
        self.graph = graph
        self._lists = {key: graph.items(value) for key, value in graph.entries(graph.root) if isinstance(key, str)}
        self._constants: dict[int, Constant] = {}

    def _node(self, key: str, index: int, span: Span) -> int:
        entries = self._lists.get(key, [])
        if index >= len(entries):
            raise ParseError(
                f"the metadata has no meta[{key}][{index}]", span, found=f"{len(entries)} entries under '{key}'"
            )
        return entries[index]

    def constant(self, key: str, index: int, span: Span) -> Constant | None:
        """The constant that is referred to, one object however often; None when it is something else."""
        node = self._node(key, index, span)
        if self.graph.type_key(node) != "relay.Constant":
            return None
        if node not in self._constants:
            self._constants[node] = self.graph.constant(node)
            self._constants[node].span = span
        return self._constants[node]

    def value(self, key: str, index: int, span: Span) -> Any:
        """The plain value or attributes that are referred to."""
        return self.graph.value(self._node(key, index, span))
