"""The characters of a Relay text: where the reader stands, what comes next, and how that is shown in an error.

There is no list of tokens: each rule of the grammar looks for what it needs at the present position, since what a
character means depends on the place (`%x:0` is one name, `%x: int8` is a name and a type).
"""

from __future__ import annotations

import re

from nir.errors import ParseError
from nir.source import Source, Span

_SPACE = re.compile(r"\s*")
_LINE_END = re.compile(r"\n|\Z")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_TOKEN = re.compile(r"[%@]?[\w/.]+|[%@]\"[^\"\n]*\"|\"[^\"\n]*\"?|->|[<>=!]=|.", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LONGEST_FOUND = 40


class Scanner:
    """A position in `source`, of which `text` is the part that is read."""

    def __init__(self, source: Source, text: str | None = None) -> None:
        self.source = source
        self.text = source.text if text is None else text
        self.position = 0

    def skip(self) -> int:
        """Moves past white space and comments; returns the new position."""
        text = self.text
        if text[self.position : self.position + 1] == " ":
            self.position += 1
        character = text[self.position : self.position + 1]
        if character > " " and character != "/":
            return self.position  # nearly always
        while True:
            match = _SPACE.match(text, self.position)
            assert match is not None
            self.position = match.end()
            if text.startswith("//", self.position):
                line_end = _LINE_END.search(text, self.position)
                assert line_end is not None
                self.position = line_end.end()
            elif text.startswith("/*", self.position):
                self.position = self.comment_end(self.position)
            else:
                return self.position

    def comment_end(self, start: int) -> int:
        """Where the comment that begins at `start` ends; comments nest."""
        depth = 0
        for mark in _COMMENT_MARK.finditer(self.text, start):
            depth += 1 if mark[0] == "/*" else -1
            if depth == 0:
                return mark.end()
        raise self.error("this comment is not closed", start, start + 2, expected="'*/'", found="end of text")

    def peek(self) -> str:
        """The next character behind white space and comments, or the empty string at the end."""
        position = self.skip()
        return self.text[position : position + 1]

    def accept(self, piece: str) -> bool:
        """Moves past `piece` if it comes next; says whether it did."""
        position = self.skip()
        if self.text.startswith(piece, position):
            self.position = position + len(piece)
            return True
        return False

    def expect(self, piece: str) -> None:
        """Moves past `piece`. Raises ParseError when something else comes next."""
        if not self.accept(piece):
            raise self.error_here(expected=f"'{piece}'")

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Moves past `pattern` if it comes next."""
        match = pattern.match(self.text, self.skip())
        if match is not None:
            self.position = match.end()
        return match

    def accept_word(self, word: str) -> bool:
        """Moves past `word` if it comes next and is not the beginning of a longer word."""
        end = self.skip() + len(word)
        if self.text.startswith(word, self.position) and not _is_word_character(self.text[end : end + 1]):
            self.position = end
            return True
        return False

    def string(self) -> str:
        """The value of the string literal that comes next, with its escapes resolved."""
        match = self.match(_STRING)
        if match is None:
            if self.peek() == '"':
                raise self.error("this string is not closed", self.position, self.position + 1)
            raise self.error_here(expected="a string")
        return unescape(match[1])

    def span(self, start: int, end: int | None = None) -> Span:
        """The span from `start` to `end`, or to the present position."""
        return Span(self.source, start, self.position if end is None else end)

    def error(
        self,
        message: str,
        start: int,
        end: int | None = None,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> ParseError:
        """The error at the code points from `start` to `end`, or to the present position."""
        return ParseError(message, self.span(start, end), expected=expected, found=found, hint=hint)

    def error_here(self, message: str = "this is not Relay", *, expected: str, hint: str | None = None) -> ParseError:
        """The error at what comes next, which is shown."""
        position = self.skip()
        token = _TOKEN.match(self.text, position)
        if token is None:
            return self.error(message, position, position, expected=expected, found="end of text", hint=hint)
        found = token[0] if len(token[0]) <= _LONGEST_FOUND else token[0][:_LONGEST_FOUND] + "..."
        end = min(token.end(), position + _LONGEST_FOUND)
        return self.error(message, position, end, expected=expected, found=f"'{found}'", hint=hint)


def unescape(body: str) -> str:
    """The text of a string literal's body. A backslash before any other character stays, as in TVM's own reader."""
    if "\\" not in body:
        return body
    return _ESCAPE.sub(_unescaped, body)


def _unescaped(match: re.Match[str]) -> str:
    hexadecimal, octal, character = match.groups()
    if hexadecimal is not None:
        return chr(int(hexadecimal, 16))
    if octal is not None:
        return chr(int(octal, 8))
    if character in '"\\':
        return character
    return _ESCAPED.get(character, match[0])


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"
