"""What notebooks show of each class: modules as pictures with their text, partitions as tables, errors with a caret.

`bundle(thing)` is what the classes hand to a notebook. Where no layout can be made (the extra `draw` is missing) the text
is shown alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir.draw
import nir.relay.printer
from nir.display.markup import collapsed, highlighted, preformatted, stacked
from nir.display.tables import explanation_table, report_table
from nir.errors import NirError, RunError
from nir.interp import Comparison, Explanation
from nir.ir import Function, Module, walk
from nir.passes.partition import Partition, Report
from nir.relay.ast import Module as RelayModule
from nir.text.files import text_and_weights

LONGEST = 400
"""Lines of text that a notebook shows at most."""


def bundle(thing: Any) -> dict[str, str]:
    """MIME type -> content of `thing`, for a notebook: `text/html`, and `text/plain` for where there are no pages.

    Raises `TypeError` for what is not one of NIR's classes.
    """
    for kind, (page, plain) in SHOWN.items():
        if isinstance(thing, kind):
            return {"text/plain": plain(thing), "text/html": page(thing)}
    if isinstance(getattr(thing, "report", None), Report):  # a partition of a Relax or Relay module
        return {"text/plain": _report_text(thing.report), "text/html": partition_page(thing)}
    raise TypeError(f"a {type(thing).__name__} is nothing that NIR shows")


def shortened(text: str) -> str:
    """A text of at most `LONGEST` lines."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) <= LONGEST:
        return "\n".join(lines)
    left = len(lines) - LONGEST
    return "\n".join([*lines[:LONGEST], f"// ... {left:,} lines more"])


def picture(drawable: Any, **options: Any) -> str:
    """The picture as markup; the reason in its place where none can be made."""
    try:
        drawn = nir.draw.render(drawable, "svg", **options).decode()
    except RunError as error:
        return preformatted(str(error))
    return f'<div style="max-height: 60em; overflow: auto">{drawn[drawn.index("<svg") :]}</div>'


def module_page(module: Module) -> str:
    """The picture, and the text behind a line that opens it."""
    operations = sum(1 for _ in walk(module))
    title = f"{len(module.functions)} functions, {operations:,} operations" if len(module.functions) != 1 else ""
    title = title or f"{operations:,} operations"
    return stacked(picture(module), collapsed(f".nir, {title}", highlighted(_module_text(module))))


def function_page(function: Function) -> str:
    """The picture of one function, and its text."""
    text = highlighted(_function_text(function))
    return stacked(picture(function), collapsed(f"@{function.name}, {len(function.operations):,} operations", text))


def partition_page(partition: Any) -> str:
    """The report, and the picture: regions in their target's colour, reasons on hover."""
    drawn = picture(partition.drawable(), reasons=reasons_of(partition.report))
    if not isinstance(partition.module, Module):
        return stacked(report_table(partition.report), drawn)
    text = highlighted(_module_text(partition.module))
    return stacked(report_table(partition.report), drawn, collapsed(".nir", text))


def reasons_of(report: Report) -> dict[str, list[str]]:
    """For each operator outside, by the name of its result, why it is there."""
    return {each.name: [str(reason) for reason in each.reasons] for each in report.outside}


def relay_page(module: RelayModule) -> str:
    """The picture of a Relay module, and its text."""
    text = preformatted(shortened(nir.relay.printer.print_module(module)))
    return stacked(picture(module), collapsed("Relay", text))


def _module_text(module: Module) -> str:
    """The text without large weights, for which their names stand: nobody reads a million numbers."""
    text, _ = text_and_weights(module)
    return shortened(text)


def _function_text(function: Function) -> str:
    _, _, text = _module_text(Module([function])).partition("\n\n")
    return text


def _relay_text(module: RelayModule) -> str:
    return shortened(nir.relay.printer.print_module(module))


def _report_text(report: Report) -> str:
    regions = [f"@{r.name} on {r.target}: {r.size} operators, {r.macs:,} MACs" for r in report.regions]
    outside = [f"%{o.name} = {o.operator}: {'; '.join(str(r) for r in o.reasons)}" for o in report.outside]
    return shortened("\n".join([*regions, "outside:", *outside] if outside else regions))


SHOWN: dict[type, tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    Module: (module_page, _module_text),
    Function: (function_page, _function_text),
    Partition: (partition_page, lambda partition: _report_text(partition.report)),
    Report: (report_table, _report_text),
    RelayModule: (relay_page, _relay_text),
    Explanation: (explanation_table, lambda found: "\n".join("\t".join(row) for row in found.rows())),
    Comparison: (lambda comparison: preformatted(str(comparison)), str),
    NirError: (lambda error: preformatted(str(error)), str),
}
"""Class -> what is shown of it: as markup, and as text."""
