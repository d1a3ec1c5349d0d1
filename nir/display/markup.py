"""Pieces of HTML for notebooks: self-contained, without scripts, readable on light and dark ground."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pygments import highlight
from pygments.formatters import HtmlFormatter

from nir.text.highlighting import NirLexer

_FIXED = "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 13px; line-height: 1.35"
"""Notebooks set `pre` in the font of running text, where carets would point anywhere."""

_STYLE = "friendly"
"""The Pygments style; its colours keep a contrast of 4.5:1 on the ground that comes with them."""


def highlighted(text: str) -> str:
    """`.nir` text in colours, which stand in the markup itself."""
    formatter = HtmlFormatter(
        style=_STYLE, noclasses=True, prestyles=f"margin: 0; padding: .6em; color: #1a1a1a; {_FIXED}"
    )
    return str(highlight(text, NirLexer(), formatter))


def preformatted(text: str) -> str:
    """Text as it is, in a fixed width."""
    return f'<pre style="margin: 0; padding: .6em; white-space: pre; {_FIXED}">{html.escape(text)}</pre>'


def collapsed(title: str, content: str) -> str:
    """A line that opens and closes what is behind it."""
    inner = f'<div style="max-height: 30em; overflow: auto">{content}</div>'
    return f"<details><summary>{html.escape(title)}</summary>{inner}</details>"


def stacked(*parts: str) -> str:
    """Parts one below the other."""
    return "".join(f'<div style="margin: .4em 0">{part}</div>' for part in parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of texts; `numbers` are the columns that are set to the right."""

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align: {"right" if index in numbers else "left"}">{html.escape(text)}</{tag}>'
            for index, text in enumerate(texts)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"
