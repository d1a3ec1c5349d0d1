"""Reading expressions: an explicit stack of unfinished constructs, so that nesting costs memory and never recursion.

`ExpressionReader.read` alternates between two things. `_operand` reads something that stands alone (a name, a literal)
or opens a construct, whose frame goes onto the stack and which needs an expression next. A finished expression is
first continued (`.0`, `(...)`, infix operators), then handed to the innermost frame, which either asks for another
expression or is finished itself.
"""

from __future__ import annotations

import re
from typing import Protocol

import numpy as np

from nir.errors import ParseError, suggestion
from nir.relay import schema
from nir.relay.dialect import Dialect
from nir.relay.expr import (
    Attributes,
    Call,
    Constant,
    Expr,
    ExternalConstant,
    GlobalVar,
    Op,
    Tuple,
    TupleGetItem,
)
from nir.relay.metadata import MetadataTable
from nir.relay.text import literals
from nir.relay.text.frames import CallFrame, InfixFrame, ParenthesisFrame
from nir.relay.text.names import global_name, local_name
from nir.relay.text.scanner import Scanner
from nir.relay.text.scope import Scope
from nir.relay.text.types import parse_commented_type
from nir.relay.types import TensorType, Type
from nir.source import Span

_GRAPH_NAME = re.compile(r"%\d{1,12}(?![A-Za-z_])")
_OPERATOR_NAME = re.compile(r"[A-Za-z_/][\w/]*(?:\.[A-Za-z_]\w*)*")
_FIELD = re.compile(r"\.\s*(\d{1,9})(?!\w)")
_ANNOTATION = re.compile(r"\s*/\*\s*(?=ty=|span=)")
_INFIX = re.compile(r"==|!=|<=|>=|[*/+<>]|-(?!>)")
_INFIX_OPERATORS = {
    "*": ("multiply", 12),
    "/": ("divide", 12),
    "+": ("add", 10),
    "-": ("subtract", 10),
    "<": ("less", 8),
    "<=": ("less_equal", 8),
    ">": ("greater", 8),
    ">=": ("greater_equal", 8),
    "==": ("equal", 7),
    "!=": ("not_equal", 7),
}
_INT64 = TensorType((), "int64")
_SUPPORTED = "a variable, constant, call, tuple, fn, let or if"


class Frame(Protocol):
    """A construct that has been opened and is not finished.

    `complete` says of the finished construct that nothing behind it belongs to it: `{ %f }` as a body is not called by
    the parenthesis that follows.
    """

    start: int
    complete: bool

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        """Takes the expression asked for. Returns the finished construct, having left the stack, or None."""


class Opener(Protocol):
    """Opens the constructs that words begin; `nir.relay.text.blocks` has them."""

    def open_word(self, reader: ExpressionReader, start: int, word: str) -> bool:
        """Opens what `word` begins; False when no construct begins so."""

    def open_block(self, reader: ExpressionReader, start: int) -> None:
        """Opens a block, behind its brace."""

    def open_sequence(self, reader: ExpressionReader, start: int) -> None:
        """Opens statements without braces, at their beginning."""


class ExpressionReader:
    """Reads expressions from a scanner; knows names, metadata, and the functions that were referred to."""

    def __init__(self, scanner: Scanner, metadata: MetadataTable | None, opener: Opener, dialect: Dialect) -> None:
        self.scanner = scanner
        self.dialect = dialect
        self.metadata = metadata
        self.opener = opener
        self.scope = Scope()
        self.frames: list[Frame] = []
        self.references: list[GlobalVar] = []
        self._external: dict[int, ExternalConstant] = {}
        self._operators = dialect.operators
        self._annotations: dict[str, tuple[Type | None, str | None]] = {}
        self._start = 0

    def read(self) -> Expr:
        """The expression that comes next; frames that were opened before are finished too."""
        while True:
            value = self._operand()
            complete = False
            while value is not None:
                if not complete:
                    value = self._continued(value)
                    if value is None:
                        break
                if not self.frames:
                    return value
                frame = self.frames[-1]
                value = frame.resume(self, value)
                complete = frame.complete
                self._start = frame.start

    # Operands

    def _operand(self) -> Expr | None:
        """Something that stands alone, or None when a construct was opened."""
        scanner = self.scanner
        start = self._start = scanner.skip()
        character = scanner.text[start : start + 1]
        if character == "%":
            return self._local()
        if character == "(":
            return self._parenthesis(start)
        if character == "@":
            return self.global_reference()
        if character == "{":
            scanner.position = start + 1
            self.opener.open_block(self, start)
            return None
        if character.isdigit() or character in "-in":
            match = scanner.match(literals.NUMBER)
            if match is not None:
                return literals.constant(scanner, match)
        return self._word(start)

    def _local(self) -> Expr | None:
        scanner = self.scanner
        start = scanner.position
        match = _GRAPH_NAME.match(scanner.text, start)
        if match is not None:
            name = match[0]
            if scanner.text.startswith("=", _after_space(scanner.text, match.end())) and not scanner.text.startswith(
                "==", _after_space(scanner.text, match.end())
            ):
                self.opener.open_sequence(self, start)
                return None
            scanner.position = match.end()
        else:
            name = local_name(scanner)
        found = self.scope.find(name)
        if found is None:
            shorter = self.scope.longest(name) if scanner.text[start + 1] != '"' else None
            found = self.scope.find(shorter) if shorter is not None else None
            if found is None or shorter is None:
                raise scanner.error(f"'{name}' is not defined here", start, hint=self.scope.suggestion(name))
            scanner.position = start + len(shorter)
        return found

    def global_reference(self) -> GlobalVar:
        """A mention of a function; whether there is such a function is found out when all are read."""
        start = self.scanner.position
        reference = GlobalVar(global_name(self.scanner), self.scanner.span(start))
        self.references.append(reference)
        return reference

    def _parenthesis(self, start: int) -> Expr | None:
        self.scanner.position = start + 1
        if self.scanner.accept(")"):
            return Tuple((), self.scanner.span(start))
        self.frames.append(ParenthesisFrame(start))
        return None

    def _word(self, start: int) -> Expr | None:
        scanner = self.scanner
        meta = scanner.match(literals.META)
        if meta is not None:
            return self._meta(meta)
        match = scanner.match(_OPERATOR_NAME)
        if match is None:
            raise scanner.error_here("no expression here", expected=_SUPPORTED)
        word = match[0]
        if word in ("True", "False"):
            return Constant(np.array(word == "True"), "bool", span=scanner.span(start))
        if self.opener.open_word(self, start, word):
            return None
        if scanner.peek() != "(":
            known = [*self._operators, "let", "fn", "if", "True", "False"]
            raise scanner.error(
                f"'{word[:60]}' is no expression", start, match.end(), expected=_SUPPORTED, hint=suggestion(word, known)
            )
        return Op(word, scanner.span(start, match.end()))

    def _meta(self, match: re.Match[str]) -> Expr:
        key, index = match[1], int(match[2])
        span = self.scanner.span(match.start(), match.end())
        if self.metadata is not None:
            constant = self.metadata.constant(key, index, span)
            if constant is not None:
                return constant
        if key != "relay.Constant":
            raise ParseError(f"meta[{key}] is no expression", span, expected="meta[relay.Constant][...]")
        if index not in self._external:
            self._external[index] = ExternalConstant(index, span=span)
        return self._external[index]

    # What follows an operand

    def _continued(self, value: Expr) -> Expr | None:
        """`value` with all that is written behind it; None when a call or an infix operator needs an operand."""
        scanner = self.scanner
        text = scanner.text
        while True:
            annotation = _ANNOTATION.match(text, scanner.position)
            if annotation is not None:
                self.annotate(value, annotation.end())
            position = scanner.skip()
            character = text[position : position + 1]
            if character == "(":
                scanner.position = position + 1
                called = CallFrame.open(self, self._start, value)
                if called is None:
                    return None
                value = called
            elif character == ".":
                field = scanner.match(_FIELD)
                if field is None:
                    raise scanner.error_here("no field here", expected="a field's number behind the '.'")
                value = TupleGetItem(value, int(field[1]), scanner.span(self._start))
            elif character == "^":
                raise scanner.error("references are not supported", position, hint="NIR has no counterpart")
            else:
                break
        if character and character in "*/+-<>=!":
            return self._infix(value)
        if self.frames and type(self.frames[-1]) is InfixFrame:
            return self._combined(value, 0)
        return value

    def _infix(self, value: Expr) -> Expr | None:
        scanner = self.scanner
        match = scanner.match(_INFIX)
        if match is None:
            return self._combined(value, 0)
        name, binding = _INFIX_OPERATORS[match[0]]
        value = self._combined(value, binding)
        self.frames.append(InfixFrame(self._start, value, Op(name, scanner.span(match.start(), match.end())), binding))
        return None

    def _combined(self, value: Expr, binding: int) -> Expr:
        """`value` as the right side of the infix operators before it that bind at least as tightly as `binding`."""
        while self.frames:
            frame = self.frames[-1]
            if not isinstance(frame, InfixFrame) or frame.binding < binding:
                break
            self.frames.pop()
            self._start = frame.start
            value = Call(frame.op, (frame.left, value), span=self.scanner.span(frame.start))
        return value

    # What the printer says in comments

    def annotate(self, expr: Expr, start: int) -> None:
        """Reads the comment whose content begins at `start`: `ty=...`, the type, and `span=...`, the origin."""
        scanner = self.scanner
        end = scanner.text.find("*/", start)
        if end < 0:
            raise scanner.error("this comment is not closed", start, expected="'*/'", found="end of text")
        content = scanner.text[start:end]
        scanner.position = end + 2
        found = self._annotations.get(content)
        if found is None:
            found = self._annotations[content] = _annotation(content)
        stated, origin = found
        if expr.checked_type is None:
            expr.checked_type = stated
        if expr.origin is None:
            expr.origin = origin
        if isinstance(expr, ExternalConstant):
            expr.type_annotation = stated
        if stated == _INT64 and isinstance(expr, Constant) and expr.dtype == "int32" and expr.data.ndim == 0:
            expr.data, expr.dtype = expr.data.astype(np.int64), "int64"  # TVM 0.6 to 0.8 leave the suffix out

    def annotation(self, expr: Expr) -> None:
        """Reads the printer's comment if one comes next."""
        match = _ANNOTATION.match(self.scanner.text, self.scanner.position)
        if match is not None:
            self.annotate(expr, match.end())

    # Attributes of calls

    def attributes_come(self) -> bool:
        """Whether `name=` or a reference to all attributes comes next."""
        position = self.scanner.skip()
        text = self.scanner.text
        if text.startswith("meta", position):
            match = literals.META.match(text, position)
            return match is not None and match[1].startswith(literals.ATTRIBUTES_KEY)
        return literals.ATTRIBUTE_NAME.match(text, position) is not None

    def attributes(self) -> tuple[Attributes, dict[str, int]]:
        """The attributes that come next, and where each of them stands."""
        match = self.scanner.match(literals.META)
        if match is None:
            return literals.attributes(self.scanner, self.metadata)
        span = self.scanner.span(match.start(), match.end())
        if self.metadata is None:
            raise ParseError("the text does not bring the metadata that this refers to", span)
        found = self.metadata.value(match[1], int(match[2]), span)
        if not isinstance(found, dict):
            raise ParseError("these are no attributes", span)
        return found, {}

    def call(
        self, start: int, callee: Expr, arguments: list[Expr], written: Attributes, places: dict[str, int]
    ) -> Call:
        """The call whose closing parenthesis comes next."""
        scanner = self.scanner
        scanner.expect(")")
        span = scanner.span(start)
        if not isinstance(callee, Op):
            return Call(callee, arguments, written, span=span)
        operator = self._operators.get(callee.name)
        if operator is None:
            if _ANNOTATION.match(scanner.text, scanner.position) is None:
                raise ParseError(
                    f"unknown operator '{callee.name[:80]}'",
                    callee.span,
                    hint=suggestion(callee.name, self._operators)
                    or "an operator that Relay does not have needs its type in a comment: /* ty=... */",
                )
            return Call(callee, arguments, written, span=span)
        call = self.dialect.call(callee, arguments, written, self._place(callee, places), strict=True)
        call.span = span
        return call

    def _place(self, callee: Op, places: dict[str, int]) -> schema.Place:
        def place(name: str | None) -> Span | None:
            if name is not None and name in places:
                return self.scanner.span(places[name], places[name] + len(name))
            return callee.span

        return place


def _annotation(content: str) -> tuple[Type | None, str | None]:
    content = content.strip()
    stated: Type | None = None
    origin: str | None = None
    if content.startswith("ty="):
        type_text, _, origin_text = content[3:].partition(" span=")
        stated = parse_commented_type(type_text)
    else:
        origin_text = content[len("span=") :]
    if origin_text:
        origin = origin_text.removesuffix(":0:0")
    return stated, origin


def _after_space(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position
