"""Reading what consists of blocks: sequences with `let` and `%0 = ...`, `if`, functions."""

from __future__ import annotations

import re

from nir.relay.expr import Attributes, Expr, Function, If, Let, Var
from nir.relay.text.expressions import ExpressionReader
from nir.relay.text.names import local_name
from nir.relay.text.types import parse_type
from nir.relay.types import Type

_GRAPH_BINDING = re.compile(r"(%\d{1,12})\s*=(?!=)")
_TYPE_NAME = re.compile(r"[A-Za-z_]\w*")
_UNSUPPORTED = {
    "match": "match expressions",
    "ref": "references",
    "ref_read": "references",
    "ref_write": "references",
    "type": "algebraic data types",
    "extern": "external types",
}


class Blocks:
    """Opens the constructs that words and braces begin."""

    def open_word(self, reader: ExpressionReader, start: int, word: str) -> bool:
        """Opens what `word`, at `start` and already read, begins; False when it begins nothing."""
        if word in ("let", "free_var"):
            reader.scanner.position = start
            self.open_sequence(reader, start)
        elif word == "if":
            reader.scanner.expect("(")
            reader.frames.append(IfFrame(start))
        elif word == "fn":
            open_function(reader, start, definition=False)
        elif word in _UNSUPPORTED and reader.scanner.peek() != "=":
            raise reader.scanner.error(
                f"{_UNSUPPORTED[word]} are not supported", start, start + len(word), hint="NIR has no counterpart"
            )
        else:
            return False
        return True

    def open_block(self, reader: ExpressionReader, start: int) -> None:
        """Opens a block, behind its opening brace."""
        SequenceFrame.open(reader, start, braces=True)

    def open_sequence(self, reader: ExpressionReader, start: int) -> None:
        """Opens statements that stand without braces."""
        SequenceFrame.open(reader, start, braces=False)


class SequenceFrame:
    """`let %x = e; %0 = e; e`, with or without braces around. The names bound in it end with it."""

    __slots__ = ("_braces", "_graph_name", "_lets", "_mark", "_variable", "complete", "start")

    def __init__(self, reader: ExpressionReader, start: int, braces: bool, complete: bool) -> None:
        self.start = start
        self.complete = complete
        self._braces = braces
        self._lets: list[tuple[Var, Expr, int]] = []
        self._variable: tuple[str, Var] | None = None
        self._graph_name: str | None = None
        self._mark = reader.scope.mark()

    @staticmethod
    def open(reader: ExpressionReader, start: int, braces: bool, complete: bool = False) -> None:
        """Puts a frame on the stack and reads up to the first expression in it."""
        frame = SequenceFrame(reader, start, braces, complete)
        reader.frames.append(frame)
        frame._begin_statement(reader)

    def _begin_statement(self, reader: ExpressionReader) -> None:
        """Reads `let %x =`, `%0 =`, or nothing, in front of the next expression."""
        scanner = reader.scanner
        self._variable = None
        self._graph_name = None
        while scanner.accept_word("free_var"):
            variable_name, variable = read_variable(reader)
            scanner.expect(";")
            reader.scope.bind(variable_name, variable)
        if scanner.accept_word("let"):
            self._variable = read_variable(reader)
            scanner.expect("=")
            if scanner.text.startswith("fn", scanner.skip()):
                reader.scope.bind(*self._variable)  # a local function may call itself
            return
        match = scanner.match(_GRAPH_BINDING)
        if match is not None:
            self._graph_name = match[1]

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        scanner = reader.scanner
        if self._graph_name is not None:
            scanner.expect(";")
            reader.scope.bind(self._graph_name, value)
        elif self._variable is not None:
            scanner.expect(";")
            reader.scope.bind(*self._variable)
            self._lets.append((self._variable[1], value, scanner.position))
        elif scanner.accept(";"):
            self._lets.append((Var("_", span=value.span), value, scanner.position))
        else:
            return self._finish(reader, value)
        self._begin_statement(reader)
        return None

    def _finish(self, reader: ExpressionReader, value: Expr) -> Expr:
        scanner = reader.scanner
        if self._braces and not scanner.accept("}"):
            raise scanner.error_here("the block is not closed", expected="';' or '}'")
        reader.scope.restore(self._mark)
        reader.frames.pop()
        for variable, bound, end in reversed(self._lets):
            start = variable.span.start if variable.span is not None else self.start
            value = Let(variable, bound, value, scanner.span(start, end))
        return value


class IfFrame:
    """`if (cond) { a } else { b }`, behind the first parenthesis."""

    __slots__ = ("_parts", "start")
    complete = False

    def __init__(self, start: int) -> None:
        self.start = start
        self._parts: list[Expr] = []

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        scanner = reader.scanner
        self._parts.append(value)
        if len(self._parts) == 3:
            reader.frames.pop()
            cond, when_true, when_false = self._parts
            return If(cond, when_true, when_false, scanner.span(self.start))
        if len(self._parts) == 1:
            scanner.expect(")")
        elif not scanner.accept_word("else"):
            raise scanner.error_here("an if without else", expected="'else'")
        start = scanner.skip()
        scanner.expect("{")
        SequenceFrame.open(reader, start, braces=True, complete=True)
        return None


class FunctionFrame:
    """A function, behind the opening brace of its body."""

    __slots__ = ("_attributes", "_mark", "_parameters", "_result", "_type_parameters", "complete", "start")

    def __init__(self, reader: ExpressionReader, start: int, complete: bool) -> None:
        self.start = start
        self.complete = complete
        self._mark = reader.scope.mark()
        self._type_parameters = _type_parameters(reader)
        self._parameters, self._attributes = _parameters(reader)
        self._result: Type | None = parse_type(reader.scanner) if reader.scanner.accept("->") else None

    def resume(self, reader: ExpressionReader, value: Expr) -> Expr | None:
        reader.scope.restore(self._mark)
        reader.frames.pop()
        return Function(
            self._parameters,
            value,
            self._result,
            self._attributes,
            self._type_parameters,
            reader.scanner.span(self.start),
        )


def open_function(reader: ExpressionReader, start: int, definition: bool) -> None:
    """Opens a function whose `fn` or `def @name` has been read; its body comes next. Only a `fn` can be called there."""
    frame = FunctionFrame(reader, start, complete=definition)
    reader.frames.append(frame)
    brace = reader.scanner.skip()
    reader.scanner.expect("{")
    SequenceFrame.open(reader, brace, braces=True, complete=True)


def read_variable(reader: ExpressionReader) -> tuple[str, Var]:
    """`%x` or `%x: Type`, with what the printer says about it in a comment."""
    scanner = reader.scanner
    start = scanner.skip()
    name = local_name(reader.scanner)
    variable = Var(name[1:], span=scanner.span(start))
    if scanner.accept("{"):  # {virtual_device=meta[VirtualDevice][0]}
        reader.attributes()
        scanner.expect("}")
    if scanner.accept(":"):
        variable.type_annotation = parse_type(scanner)
    reader.annotation(variable)
    return name, variable


def _parameters(reader: ExpressionReader) -> tuple[list[Var], Attributes]:
    """`(%x: T, %y: T, name=value, ...)`; binds the parameters."""
    scanner = reader.scanner
    scanner.expect("(")
    parameters: list[Var] = []
    attributes: Attributes = {}
    names: set[str] = set()
    while not scanner.accept(")"):
        start = scanner.skip()
        if reader.attributes_come():
            attributes, _ = reader.attributes()
            scanner.expect(")")
            break
        name, variable = read_variable(reader)
        if name in names:
            raise scanner.error(f"the parameter '{name}' stands twice", start, start + len(name))
        names.add(name)
        reader.scope.bind(name, variable)
        parameters.append(variable)
        if scanner.peek() != ")":
            scanner.expect(",")
    return parameters, attributes


def _type_parameters(reader: ExpressionReader) -> list[str]:
    scanner = reader.scanner
    names: list[str] = []
    if scanner.accept("["):
        while not scanner.accept("]"):
            match = scanner.match(_TYPE_NAME)
            if match is None:
                raise scanner.error_here("no type parameter here", expected="a name")
            names.append(match[0])
            scanner.accept(",")
    return names
