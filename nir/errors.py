"""What goes wrong, said to a person: diagnostics, and one exception class per phase.

Everything that a user can cause is a `NirError`. It carries one or more `Diagnostic`s, each with a span where
there is one; `str(error)` is the whole report as the command line prints it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nir.shown import Shown
from nir.source import Span, printable


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, and where.

    `rule` is the label of a violated constraint ("C1"); `expected` and `found` complete the sentences
    "expected: ..." and "found: ..."; `notes` are further lines, `hint` says what to try.
    """

    message: str
    span: Span | None = None
    expected: str | None = None
    found: str | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    rule: str | None = None

    def render(self) -> str:
        """The diagnostic as text: location, message, excerpt with caret, expected, found, hint. Safe for a terminal."""
        where = f"{self.span.location()}: " if self.span is not None else ""
        lines = [printable(f"{where}error: {self.message}")]
        if self.span is not None:
            lines += ["  " + line for line in self.span.excerpt().split("\n")]
        if self.expected is not None:
            lines.append(printable(f"  expected: {self.expected}"))
        if self.found is not None:
            lines.append(printable(f"  found: {self.found}"))
        lines += [printable(f"  note: {note}") for note in self.notes]
        if self.hint is not None:
            lines.append(printable(f"  hint: {self.hint}"))
        return "\n".join(lines)


class NirError(Shown, Exception):
    """Base of every failure that a user can cause. `diagnostics` holds all that was found, in source order."""

    phase = "run"

    def __init__(
        self,
        message: str | Diagnostic | Sequence[Diagnostic],
        span: Span | None = None,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        if isinstance(message, str):
            message = Diagnostic(message, span, expected, found, hint, tuple(notes))
        self.diagnostics: tuple[Diagnostic, ...] = (message,) if isinstance(message, Diagnostic) else tuple(message)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n".join(diagnostic.render() for diagnostic in self.diagnostics)

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback, which would say nothing about the user's file."""
        return str(self).split("\n")


class ParseError(NirError):
    """Text or a file that is not in the language it claims to be in."""

    phase = "parse"


class VerifyError(NirError):
    """A well-formed module that breaks rules of the IR; carries every violation found."""

    phase = "verify"


class ConvertError(NirError):
    """A model that cannot be converted as asked."""

    phase = "convert"


class PartitionError(NirError):
    """A graph that cannot be partitioned as asked."""

    phase = "partition"


class RunError(NirError):
    """A module that cannot run on the given inputs."""

    phase = "run"


class NirWarning(UserWarning):
    """What a user should know although nothing failed, such as precision that a file does not have."""


def require_type(value: object, types: type | tuple[type, ...], what: str, hint: str = "") -> None:
    """Raises `TypeError` where a program hands a public function something else than it takes: `what`."""
    if not isinstance(value, types):
        advice = f" ({hint})" if hint else ""
        raise TypeError(f"expected {what}, found a value of type {type(value).__name__}{advice}")


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """`did you mean 'x'?` for the known name nearest to `name`, or None when none is near."""
    choices = list(known)
    near = [
        *difflib.get_close_matches(name[:100], choices, n=1, cutoff=0.7),
        *difflib.get_close_matches(name[:100].lower(), choices, n=1, cutoff=0.7),
    ]
    return f"did you mean '{near[0]}'?" if near else None


def missing_extra(package: str, extra: str, purpose: str) -> RunError:
    """The error for an optional dependency that is not installed; names the extra that brings it."""
    return RunError(
        f"{purpose} needs the package '{package}', which is not installed",
        hint=f"pip install 'neuron-ir[{extra}]'",
    )
