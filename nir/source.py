"""Sources and spans: where a piece of text stands, and how to show it to a person.

A `Source` is a named text (a file, or a string from Python). A `Span` is a half-open range of code points in
one source. Neither knows what language the text is in.
"""

from __future__ import annotations

import bisect
import unicodedata
from dataclasses import dataclass, field

_EXCERPT_WIDTH = 120
"""Columns of a source line that an excerpt shows at most; a longer line is cut around the span."""


@dataclass(eq=False)
class Source:
    """A named text. Compared by identity: the same file read twice is two sources."""

    name: str
    text: str
    _line_starts: list[int] = field(default_factory=list, repr=False)

    def line_starts(self) -> list[int]:
        """Offsets at which lines begin, found on first use (errors are rare, parsing is not)."""
        if not self._line_starts:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both counted from 1, columns in code points."""
        starts = self.line_starts()
        line = bisect.bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line end."""
        starts = self.line_starts()
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")

    def span(self, start: int, end: int | None = None) -> Span:
        """The span from `start` up to `end` (one code point when left out)."""
        return Span(self, start, start + 1 if end is None else end)

    def end(self) -> Span:
        """The empty span behind the last code point."""
        return Span(self, len(self.text), len(self.text))


class Span:
    """The code points `start` <= offset < `end` of one source."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"Span({self.location()})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Span):
            return NotImplemented
        return (self.source, self.start, self.end) == (other.source, other.start, other.end)

    def __hash__(self) -> int:
        return hash((id(self.source), self.start, self.end))

    @property
    def line(self) -> int:
        """Line number, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column in code points, from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The text that the span covers."""
        return self.source.text[self.start : self.end]

    def location(self) -> str:
        """`file:line:column`, as editors and terminals understand it."""
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def excerpt(self) -> str:
        """The span's first line with its number, and carets under the part that the span covers."""
        number, column = self.source.position(self.start)
        line = self.source.line(number)
        start = column - 1
        end = max(start + 1, min(start + (self.end - self.start), len(line)))
        shown, start, end = _clip(line, start, end)
        gutter = str(number)
        carets = " " * _columns(shown[:start]) + "^" * max(1, _columns(shown[start:end]))
        return f"{gutter} | {_visible(shown)}\n{' ' * len(gutter)} | {carets}"


_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of control, formatting (such as reversed direction) and surrogate characters, and line ends."""


def _clip(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Cuts a long line down to a window around [start, end); returns the window and the range within it."""
    if len(line) <= _EXCERPT_WIDTH:
        return line, start, end
    left = max(0, min(start - _EXCERPT_WIDTH // 3, len(line) - _EXCERPT_WIDTH))
    right = min(len(line), left + _EXCERPT_WIDTH)
    head = "..." if left else ""
    tail = "..." if right < len(line) else ""
    shift = len(head) - left
    return head + line[left:right] + tail, start + shift, min(end, right) + shift


def printable(text: str) -> str:
    """`text` on one line, with what cannot be seen as the escapes of the language: safe for a terminal.

    For names in messages, which come from files: they must not move the cursor, reverse what follows, or look like
    further lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\\n" if c == "\n" else f"\\u{{{ord(c):x}}}" for c in text)


def _visible(text: str) -> str:
    """`text` with tabs and invisible characters replaced, so that columns line up and a terminal is safe."""
    if text.isprintable():
        return text
    return "".join(
        " " if c == "\t" else c if unicodedata.category(c) not in _INVISIBLE else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def _columns(text: str) -> int:
    """Terminal columns that `text` takes: wide East Asian characters count two, combining marks none."""
    total = 0
    for c in text:
        if unicodedata.combining(c):
            continue
        total += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return total
