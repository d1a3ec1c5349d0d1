"""From the tree of a whole text to a module: functions, their statements in order, and the comments between them."""

from __future__ import annotations

import re
from typing import Any

from lark import Token, Tree

from nir.errors import ParseError
from nir.ir import ElementType, Function, Module, Operation, TensorType, Value
from nir.text.attributes import named_values, read_value
from nir.text.comments import add_trailing, comments, inner_comments, split_gap, stripped
from nir.text.lexical import brief, language, read_name, terminal, unquote, write_name
from nir.text.operations import (
    Undefined,
    read_operation,
    read_plain_operation,
    redefinition,
    result_names,
    undefined,
)
from nir.text.reader import Reader
from nir.text.types import extent, read_type

_COMMENT_ON_LINE = re.compile(rf"[ \t\r]*({terminal('COMMENT')})")
_UNKNOWN = Value(TensorType(ElementType.F32, ()))
"""Stands for a value whose definition was wrong, so that its uses are not reported too."""


class ModuleBuilder:
    """Builds one module; `position` is the offset behind the last thing that was read."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.text = reader.source.text
        self.module = Module()
        self.position = 0

    def build(self, tree: Tree[Token]) -> Module:
        """The module. Raises `ParseError` with all errors found."""
        header = [child for child in tree.children if isinstance(child, Tree) and child.data != "function"]
        self._header(header)
        last: Function | None = None
        for child in tree.children[len(header) :]:
            assert isinstance(child, Tree)
            last = self._function(child, last)
        trailing, lines = split_gap(self.text[self.position :])
        if last is not None:
            last.closing_comments = add_trailing(last.closing_comments, trailing)
        elif trailing is not None:
            lines.insert(0, trailing)
        self.module.closing_comments = comments(stripped(lines), None)
        self.reader.finish()
        return self.module

    def _header(self, parts: list[Tree[Token]]) -> None:
        """Version and weights file. All comments of the header but the one behind the version go before it."""
        lines: list[str] = []
        trailing = None
        for part in parts:
            start, end = extent(part)
            behind, before = split_gap(self.text[self.position : start])
            lines += ([behind] if behind else []) + before + inner_comments(self.text[start:end])
            same_line = _COMMENT_ON_LINE.match(self.text, end)
            self.position = same_line.end() if same_line else end
            if part.data == "weights":
                name = part.children[1]
                assert isinstance(name, Token)
                self.module.weights_file = unquote(name, self.reader.source, name.start_pos or 0)
                lines += [same_line[1].strip()] if same_line else []
            elif same_line:
                trailing = same_line[1].strip()
        self.module.comments = comments(stripped(lines), trailing)

    def _function(self, tree: Tree[Token], previous: Function | None) -> Function:
        """Reads one function; `previous` gets the comment that stands behind its closing brace."""
        start, _ = extent(tree)
        trailing, leading = split_gap(self.text[self.position : start])
        if previous is not None:
            previous.closing_comments = add_trailing(previous.closing_comments, trailing)
        elif trailing is not None:
            leading.insert(0, trailing)
        name = tree.children[1]
        assert isinstance(name, Token)
        function = Function(read_name(name, self.reader.source, name.start_pos or 0))
        function.location = self.reader.span(*extent(name))
        self.reader.scope = {}
        for child in tree.children:
            if isinstance(child, Tree) and child.data != "body":
                try:
                    self._signature_part(function, child)
                except ParseError as error:
                    self.reader.report(error)
        body = tree.children[-1]
        assert isinstance(body, Tree)
        self.position = extent(body)[0] + 1
        while leading and not leading[0]:
            leading.pop(0)
        leading += inner_comments(self.text[start : self.position])
        function.comments = comments(leading, None)
        self._body(function, body)
        if function.name in self.module.functions:
            self.reader.report(
                ParseError(f"there is a function {brief(write_name('@', function.name))} already", function.location)
            )
        else:
            self.module.add(function)
        return function

    def _signature_part(self, function: Function, tree: Tree[Token]) -> None:
        reader = self.reader
        if tree.data == "types":
            types = [child for child in tree.children if isinstance(child, Tree)]
            function.declared_result_types = tuple([read_type(reader, child) for child in types])
        elif tree.data == "attributes":
            for name, span, value in named_values(reader, tree):
                if name in function.attributes:
                    raise ParseError(f"the attribute '{brief(name)}' is given twice", span)
                function.attributes[name] = read_value(reader, value, single=False)
        else:
            token, _, type = tree.children
            assert isinstance(token, Token)
            assert isinstance(type, Tree)
            name = read_name(token, reader.source, token.start_pos or 0)
            if name in reader.scope:
                raise redefinition(reader, name, reader.span(*extent(token)))
            reader.scope[name] = _UNKNOWN
            parameter = Value(read_type(reader, type), name, None, len(function.parameters))
            reader.scope[name] = parameter
            function.parameters.append(parameter)

    def _body(self, function: Function, tree: Tree[Token]) -> None:
        """The statements between the braces, with the comments that belong to each."""
        owner: Any = function  # what a comment at the end of the line belongs to
        deferred: list[Token] = []
        text, operations = self.text, function.operations
        for child in tree.children[1:-2]:
            if isinstance(child, Token):
                start, end = child.start_pos or 0, child.end_pos or 0
                op = read_plain_operation(self.reader, child, start)
                if op is None:
                    op = self._operation(_as_tree(child), deferred)
            else:
                start, end = extent(child)
                op = self._operation(child, deferred)
            gap = text[self.position : start]
            if gap != "\n  " or isinstance(child, Tree) or "dense" in child:
                self._attach(owner, op, gap, inner_comments(text[start:end]))
            if op is not None:
                operations.append(op)
                owner = op
            self.position = end
        returned, brace = tree.children[-2:]
        assert isinstance(returned, Tree)
        assert isinstance(brace, Token)
        self._return(function, returned, owner, deferred)
        self._close(function, brace.start_pos or 0)
        for token in deferred:
            self.reader.report(ParseError(undefined(self.reader, token)))

    def _attach(self, owner: Any, op: Operation | None, gap: str, inner: list[str]) -> None:
        """Gives the comments in the gap before a statement to it and to the statement (or brace) before the gap."""
        trailing, leading = split_gap(gap)
        owner.comments = add_trailing(owner.comments, trailing)
        if isinstance(owner, Function):
            while leading and not leading[0]:
                leading.pop(0)
        if op is not None:
            op.comments = comments(leading + inner, None)

    def _operation(self, tree: Tree[Token], deferred: list[Token]) -> Operation | None:
        """Reads one operation the exact way; None where it is wrong, which is then reported."""
        reader = self.reader
        try:
            op = read_operation(reader, tree)
        except (ParseError, Undefined) as error:
            if isinstance(error, ParseError):
                reader.report(error)
            else:
                deferred += error.tokens
            for name in result_names(reader, tree):
                reader.scope.setdefault(name, _UNKNOWN)
            return None
        reader.scope.update((str(result.name), result) for result in op.results)
        return op

    def _return(self, function: Function, tree: Tree[Token], owner: Any, deferred: list[Token]) -> None:
        start, end = extent(tree)
        trailing, leading = split_gap(self.text[self.position : start])
        owner.comments = add_trailing(owner.comments, trailing)
        if owner is function:
            leading = stripped(leading)
        function.return_comments = comments(leading + inner_comments(self.text[start:end]), None)
        for token in tree.children[1::2]:
            assert isinstance(token, Token)
            value = self.reader.scope.get(read_name(token, self.reader.source, token.start_pos or 0))
            if value is None:
                deferred.append(token)
            else:
                function.results.append(value)
        self.position = end

    def _close(self, function: Function, close: int) -> None:
        """The comments between the return statement and the closing brace at offset `close`."""
        trailing, leading = split_gap(self.text[self.position : close])
        function.return_comments = add_trailing(function.return_comments, trailing)
        function.closing_comments = comments(stripped(leading), None)
        self.position = close + 1


def _as_tree(token: Token) -> Tree[Token]:
    """The tree of an operation that the grammar's shortcut took as one token."""
    tree = language().parse(token, start="operation")
    offset = token.start_pos or 0
    for part in tree.scan_values(lambda part: isinstance(part, Token)):
        assert isinstance(part, Token)
        part.start_pos = (part.start_pos or 0) + offset
        part.end_pos = (part.end_pos or 0) + offset
    return tree
