"""Collects what cannot be converted, so that one error says all of it."""

from __future__ import annotations

from nir.errors import ConvertError, Diagnostic
from nir.relay.ast import Expr
from nir.source import Span


class Unsupported(Exception):
    """Raised by a handler for a call that NIR cannot express; the converter turns it into a diagnostic."""

    def __init__(self, message: str, hint: str | None = None, span: Span | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.span = span


class Problems:
    """Diagnostics by message: each once, where it first occurs, with the number of occurrences."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[Span | None, str | None, list[str]]] = {}
        self._count: dict[str, int] = {}

    def add(self, message: str, expr: Expr, hint: str | None = None, notes: tuple[str, ...] = ()) -> None:
        """Takes down that `message` applies to `expr`."""
        if message not in self._first:
            origin = (f"it comes from '{expr.origin}'",) if expr.origin else ()
            self._first[message] = (expr.span, hint, [*origin, *notes])
        self._count[message] = self._count.get(message, 0) + 1

    def __bool__(self) -> bool:
        return bool(self._first)

    def error(self) -> ConvertError:
        """One error with all that was found, in the order in which it was found."""
        diagnostics = []
        for message, (span, hint, notes) in self._first.items():
            count = self._count[message]
            times = [f"{count} times in all; the first is shown"] if count > 1 else []
            diagnostics.append(Diagnostic(message, span, hint=hint, notes=(*times, *notes)))
        return ConvertError(diagnostics)
