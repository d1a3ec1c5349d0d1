"""Arrangements of one's own for notebooks: a table of plain values, and objects side by side."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nir.display.bundles import bundle, picture
from nir.display.markup import table

Cell = str | int | float


class Table:
    """Rows of texts and numbers: `Table(("network", "regions"), [("emotion", 1)])`.

    Whole numbers get commas between thousands, others three digits; columns that begin with a digit throughout are set to
    the right.
    """

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        self.head = tuple(head)
        self.rows = [tuple(map(_text, row)) for row in rows]

    def numbers(self) -> list[int]:
        """The columns of numbers."""
        columns = range(len(self.head))
        return [i for i in columns if all(row[i].lstrip("-")[:1].isdigit() for row in self.rows if row[i])]

    def _repr_html_(self) -> str:
        return table(self.head, self.rows, self.numbers())

    def __repr__(self) -> str:
        lines, right = [self.head, *self.rows], set(self.numbers())
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        padded = [
            [t.rjust(w) if i in right else t.ljust(w) for i, (t, w) in enumerate(zip(line, widths, strict=True))]
            for line in lines
        ]
        return "\n".join("  ".join(line).rstrip() for line in padded)


class SideBySide:
    """What `nir.display` shows, one beside the other under titles: `SideBySide({"before": one, "after": other})`.

    Options of `nir.draw.render` (`folded=True`) ask for the pictures alone, drawn so.
    """

    def __init__(self, things: Mapping[str, Any], **options: Any) -> None:
        self.things = dict(things)
        self.options = options

    def _page(self, thing: Any) -> str:
        return picture(thing, **self.options) if self.options else bundle(thing)["text/html"]

    def _repr_html_(self) -> str:
        parts = (
            f'<div style="flex: 1 1 0; min-width: 0"><b>{html.escape(title)}</b>{self._page(thing)}</div>'
            for title, thing in self.things.items()
        )
        return f'<div style="display: flex; gap: 1.5em">{"".join(parts)}</div>'

    def __repr__(self) -> str:
        parts = (f"{title}\n\n{bundle(thing)['text/plain']}" for title, thing in self.things.items())
        return "\n\n".join(parts)


def _text(cell: Cell) -> str:
    if isinstance(cell, (bool, str)):
        return str(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"
