"""Constructs inside expressions that have been opened and are not finished: parentheses, calls, infix operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nir.relay.expr import Attributes, Call, Expr, Op, Tuple

if TYPE_CHECKING:
    from nir.relay.text.expressions import ExpressionReader


class ParenthesisFrame:
    """`(a)` or `(a, b)`, behind the opening parenthesis."""

    __slots__ = ("fields", "start")
    complete = False

    def __init__(self, start: int) -> None:
        self.start = start
        self.fields: list[Expr] = []

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        scanner = reader.scanner
        if scanner.accept(","):
            self.fields.append(value)
            if not scanner.accept(")"):
                return None
        elif scanner.accept(":="):
            raise scanner.error("references are not supported", self.start, hint="NIR has no counterpart")
        elif not scanner.accept(")"):
            raise scanner.error_here("the parenthesis is not closed", expected="',' or ')'")
        elif not self.fields:
            reader.frames.pop()
            return value
        else:
            self.fields.append(value)
        reader.frames.pop()
        return Tuple(self.fields, scanner.span(self.start))


class CallFrame:
    """A call, behind the opening parenthesis."""

    __slots__ = ("arguments", "callee", "start")
    complete = False

    def __init__(self, start: int, callee: Expr) -> None:
        self.start = start
        self.callee = callee
        self.arguments: list[Expr] = []

    @staticmethod
    def open(reader: ExpressionReader, start: int, callee: Expr) -> Call | None:
        """The call itself if it has no arguments, else None, and its frame is on the stack."""
        frame = CallFrame(start, callee)
        if reader.scanner.peek() == ")" or reader.attributes_come():
            return frame.finish(reader)
        reader.frames.append(frame)
        return None

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        self.arguments.append(value)
        scanner = reader.scanner
        if scanner.accept(","):
            if not reader.attributes_come():
                return None
        elif scanner.peek() != ")":
            raise scanner.error_here("the call is not closed", expected="',' or ')'")
        reader.frames.pop()
        return self.finish(reader)

    def finish(self, reader: ExpressionReader) -> Call:
        """The call, once all its arguments are read."""
        written: Attributes = {}
        places: dict[str, int] = {}
        if reader.scanner.peek() != ")":
            written, places = reader.attributes()
        return reader.call(self.start, self.callee, self.arguments, written, places)


class InfixFrame:
    """The left side of an infix operator, and the operator."""

    __slots__ = ("binding", "left", "op", "start")
    complete = False

    def __init__(self, start: int, left: Expr, op: Op, binding: int) -> None:
        self.start = start
        self.left = left
        self.op = op
        self.binding = binding

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        raise AssertionError("infix operators are combined before a value is handed on")
