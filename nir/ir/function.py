"""Functions and modules: the containers of operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nir.ir.operation import Comments, Operation
from nir.ir.types import TensorType
from nir.ir.values import Value
from nir.shown import Shown
from nir.source import Span

LANGUAGE_VERSION = (1, 0)
"""The version of the `.nir` language that this package writes; it reads 1.0 up to this one."""


class Function(Shown):
    """A named graph: parameters, operations in an order in which values are defined before use, results.

    `results` are the returned values. `result_types` are the declared types (from the signature); None where the
    function was built from Python, then they are the types of the returned values. `attributes` are free-form,
    such as `target = "apu"`.
    """

    __slots__ = (
        "attributes",
        "closing_comments",
        "comments",
        "declared_result_types",
        "location",
        "name",
        "operations",
        "parameters",
        "results",
        "return_comments",
    )

    def __init__(
        self,
        name: str,
        parameters: Sequence[Value] = (),
        operations: Iterable[Operation] = (),
        results: Sequence[Value] = (),
        attributes: Mapping[str, Any] | None = None,
        result_types: Sequence[TensorType] | None = None,
        location: Span | None = None,
    ) -> None:
        self.name = name
        self.parameters = list(parameters)
        self.operations = list(operations)
        self.results = list(results)
        self.attributes = dict(attributes or {})
        self.declared_result_types = None if result_types is None else tuple(result_types)
        self.location = location
        self.comments: Comments | None = None
        self.return_comments: Comments | None = None
        self.closing_comments: Comments | None = None

    def __repr__(self) -> str:
        return f"<func @{self.name}: {len(self.parameters)} parameters, {len(self.operations)} operations>"

    @property
    def result_types(self) -> tuple[TensorType, ...]:
        """The declared result types, or those of the returned values."""
        if self.declared_result_types is not None:
            return self.declared_result_types
        return tuple(value.type for value in self.results)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.operations)

    def values(self) -> Iterator[Value]:
        """Parameters first, then every operation's results, in order."""
        yield from self.parameters
        for op in self.operations:
            yield from op.results


class Module(Shown):
    """A set of functions, and where their large constants are kept.

    `weights_file` is the name of the safetensors file beside the text, as the text states it, or None.
    """

    __slots__ = ("closing_comments", "comments", "functions", "source_name", "version", "weights_file")

    def __init__(
        self,
        functions: Iterable[Function] = (),
        weights_file: str | None = None,
        version: tuple[int, int] = LANGUAGE_VERSION,
    ) -> None:
        self.functions: dict[str, Function] = {}
        for function in functions:
            self.add(function)
        self.weights_file = weights_file
        self.version = version
        self.source_name: str | None = None
        self.comments: Comments | None = None
        self.closing_comments: Comments | None = None

    def __repr__(self) -> str:
        return f"<module: {', '.join('@' + name for name in self.functions)}>"

    def __iter__(self) -> Iterator[Function]:
        return iter(self.functions.values())

    def __getitem__(self, name: str) -> Function:
        return self.functions[name]

    def add(self, function: Function) -> Function:
        """Adds a function. Raises `ValueError` where the name is taken."""
        if function.name in self.functions:
            raise ValueError(f"there is a function @{function.name} already")
        self.functions[function.name] = function
        return function

    @property
    def main(self) -> Function:
        """The function `@main`, or the only one there is. Raises `KeyError` where that is ambiguous."""
        if "main" in self.functions:
            return self.functions["main"]
        if len(self.functions) == 1:
            return next(iter(self.functions.values()))
        raise KeyError("main")
