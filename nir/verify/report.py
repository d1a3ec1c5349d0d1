"""From findings to diagnostics: where each stands, and what it looks like.

What came from `.nir` text is shown where it stands, with carets under the part that a finding is about. What was
built in Python or converted is printed, long lists cut short, and the carets are drawn under that; its location
reads `@function:number:column`, the number that of the operation in its function, counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable

from nir.errors import Diagnostic
from nir.ir import Function, Operation, Origin, Value
from nir.source import Source, Span
from nir.text.lexical import brief
from nir.text.locate import locate, locate_parameter, locate_result_type, locate_return
from nir.verify.findings import Finding, Part, function_name, type_text, value_name, value_text


class Report:
    """Collects diagnostics in the order in which findings arrive; those beyond `limit` are only counted."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.diagnostics: list[Diagnostic] = []
        self.left_out = 0

    def module(self, findings: Iterable[Finding]) -> None:
        """Takes findings about the module itself."""
        for finding in findings:
            if self._has_room():
                self.diagnostics.append(_diagnostic(finding, None))

    def function(self, function: Function, findings: Iterable[Finding]) -> None:
        """Takes findings about a function's signature or what it returns."""
        for finding in findings:
            if self._has_room():
                self.diagnostics.append(_diagnostic(finding, _function_span(function, finding.at)))

    def operation(self, function: Function, number: int, op: Operation, findings: Iterable[Finding]) -> None:
        """Takes findings about operation `number` (from 0) of a function."""
        for finding in findings:
            if self._has_room():
                span = _operation_span(function, number, op, finding.at)
                self.diagnostics.append(_diagnostic(finding, span, _origin_notes(op)))

    def finish(self) -> list[Diagnostic]:
        """The diagnostics, and how many were left out."""
        if self.left_out:
            more = f"{self.left_out} more error{'s' if self.left_out > 1 else ''}"
            self.diagnostics.append(Diagnostic(f"... and {more}, not shown"))
            self.left_out = 0
        return self.diagnostics

    def _has_room(self) -> bool:
        if self.limit is None or len(self.diagnostics) < self.limit:
            return True
        self.left_out += 1
        return False


def _diagnostic(finding: Finding, span: Span | None, notes: tuple[str, ...] = ()) -> Diagnostic:
    return Diagnostic(
        finding.message, span, finding.expected, finding.found, finding.hint, notes=notes, rule=finding.rule
    )


def _origin_notes(op: Operation) -> tuple[str, ...]:
    origin = op.location
    if not isinstance(origin, Origin):
        return ()
    where = f" at {origin.span.location()}" if origin.span is not None else ""
    return (f"the operation was made from {origin.name}{where}",)


class PrintedLine(Source):
    """One line that was printed for a message, numbered by its place in the function that it is from."""

    def __init__(self, name: str, text: str, number: int) -> None:
        super().__init__(name, text)
        self.number = number

    def position(self, offset: int) -> tuple[int, int]:
        return self.number, offset + 1

    def line(self, number: int) -> str:
        return self.text


class _Line:
    """Text that is put together piece by piece and remembers where its parts stand."""

    def __init__(self) -> None:
        self.text = ""
        self.parts: dict[Part, tuple[int, int]] = {}

    def add(self, text: str, *parts: Part) -> None:
        start = len(self.text)
        self.text += text
        for part in parts:
            self.parts[part] = (start, len(self.text))

    def span(self, part: Part, name: str, number: int) -> Span:
        larger = part[:2] if len(part) == 3 else "name"
        start, end = self.parts.get(part) or self.parts.get(larger) or self.parts.get("name") or (0, len(self.text))
        return Span(PrintedLine(name, self.text, number), start, end)


def _operation_span(function: Function, number: int, op: Operation, part: Part) -> Span | None:
    if not isinstance(op.location, Span):
        return _printed_operation(op).span(part, function_name(function.name), number + 1)
    if isinstance(part, tuple) and len(part) == 3:
        what, index, detail = part
        return locate(op, (detail, index)) or locate(op, (what, index)) or op.location
    if part == "result":
        part = ("result", 0)
    return locate(op, part) or locate(op, "name") or op.location


def _printed_operation(op: Operation) -> _Line:
    """An operation in the generic form, whatever is wrong with it."""
    line = _Line()
    for index, value in enumerate(op.results):
        line.add(_value_name(value), ("result", index), *(["result"] if index == 0 else []))
        line.add(", " if index + 1 < len(op.results) else " = ")
    line.add(op.name or type(op).__name__, "name")
    subject = type(op).subject
    if subject is not None and subject.name in op.attributes:
        line.add(" ")
        line.add(value_text(op.attributes[subject.name]), "subject")
    if op.operands or op.operand_fields:
        line.add("(")
        for index, operand in enumerate(op.operands):
            line.add(", " if index else "")
            line.add(_value_name(operand), ("operand", index))
        line.add(")")
    others = [name for name in op.attributes if subject is None or name != subject.name]
    for position, name in enumerate(others):
        line.add(", " if position else " {")
        line.add(brief(str(name)), ("attribute", name))
        line.add(" = ")
        line.add(value_text(op.attributes[name]), ("attribute_value", name))
    line.add("}" if others else "")
    line.add(" : " if len(op.results) == 1 else " : (")
    for index, value in enumerate(op.results):
        line.add(", " if index else "")
        line.add(type_text(value.type), ("type", index))
    line.add("" if len(op.results) == 1 else ")")
    return line


def _value_name(value: Value | None) -> str:
    if value is None:
        return "none"
    if not isinstance(value, Value):
        return repr(value)
    return value_name(value) if value.name is not None else "%?"


def _function_span(function: Function, part: Part) -> Span | None:
    name = function_name(function.name)
    if isinstance(function.location, Span):
        return _located(function, part) or function.location
    if part == "return" or part[0] == "return":
        return _printed_return(function).span(part, name, len(function.operations) + 1)
    return _printed_signature(function).span(part, name, 0)


def _located(function: Function, part: Part) -> Span | None:
    """The span of a part of a function that came from text."""
    if part == "return":
        return locate_return(function)
    if isinstance(part, str):
        return None
    what, index, detail = part if len(part) == 3 else (*part, None)
    if not isinstance(index, int):
        return None
    if what == "return":
        return locate_return(function, index)
    if what == "parameter":
        found = locate_parameter(function, index, detail) if detail else None
        return found or (locate_parameter(function, index, "type") if detail else locate_parameter(function, index))
    return locate_result_type(function, index, detail or "type") or locate_result_type(function, index)


def _printed_signature(function: Function) -> _Line:
    line = _Line()
    line.add("func ")
    line.add(function_name(function.name), "name")
    line.add("(")
    for index, parameter in enumerate(function.parameters):
        line.add(", " if index else "")
        line.add(f"{_value_name(parameter)}: {type_text(parameter.type)}", ("parameter", index))
    types = function.result_types
    line.add(") -> " if len(types) == 1 else ") -> (")
    for index, type in enumerate(types):
        line.add(", " if index else "")
        line.add(type_text(type), ("result", index))
    line.add("" if len(types) == 1 else ")")
    return line


def _printed_return(function: Function) -> _Line:
    line = _Line()
    line.add("return", "return", "name")
    for index, value in enumerate(function.results):
        line.add(", " if index else " ")
        line.add(_value_name(value), ("return", index))
    return line
