"""Comments and blank lines: what stands between two statements, and what of it is kept.

A comment is kept with its slashes. In `Comments.leading` an empty string stands for a blank line; several blank lines
count as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nir.ir import Comments
from nir.text.lexical import terminal

_STRING_OR_COMMENT = re.compile(rf"{terminal('STRING')}|({terminal('COMMENT')})")


def split_gap(gap: str) -> tuple[str | None, list[str]]:
    """What a stretch of space and comments between two statements says.

    The comment behind the first statement on its line, or None; and the lines before the second one.
    """
    first, *lines = [line.strip(" \t\r") for line in gap.split("\n")]
    if lines and not lines[-1]:
        lines.pop()  # the indentation of the second statement
    return first or None, squeezed(lines)


def squeezed(lines: Iterable[str]) -> list[str]:
    """`lines` with one blank line where there were several."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]) or not kept:
            kept.append(line)
    return kept


def stripped(lines: Sequence[str]) -> list[str]:
    """`lines` without blank ones at both ends."""
    kept = list(lines)
    while kept and not kept[0]:
        kept.pop(0)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def inner_comments(text: str) -> list[str]:
    """The comments inside of a statement's own text."""
    if "//" not in text:
        return []
    return [match[1].strip(" \t\r") for match in _STRING_OR_COMMENT.finditer(text) if match[1]]


def comments(leading: Sequence[str], trailing: str | None) -> Comments | None:
    """A `Comments`, or None where there is nothing to say."""
    return Comments(squeezed(leading), trailing) if leading or trailing else None


def add_trailing(known: Comments | None, trailing: str | None) -> Comments | None:
    """`known` with a comment on the same line."""
    return known if trailing is None else Comments(known.leading if known else (), trailing)
