"""The report of a partition, and the steps of a rounding, as tables."""

from __future__ import annotations

import html
from collections import Counter

from nir.display.markup import stacked, table
from nir.interp import Explanation
from nir.passes.partition import Report


def report_table(report: Report) -> str:
    """The regions, the operators outside with their reasons, and how much of the work is offloaded."""
    parts = [f"<p>{_summary(report)}</p>"]
    if report.regions:
        head = ("region", "target", "operators", "MACs", "bytes in", "bytes out", "constants", "most frequent")
        rows = [
            (
                f"@{region.name}",
                region.target,
                *(f"{n:,}" for n in (region.size, region.macs, region.bytes_in, region.bytes_out)),
                f"{region.constant_bytes:,}",
                ", ".join(f"{count} {name}" for name, count in Counter(region.operators).most_common(3)),
            )
            for region in report.regions
        ]
        parts.append(table(head, rows, numbers=range(2, 7)))
    if report.outside:
        rows_outside = [
            (", ".join(f"{count} {name}" for name, count in operators.most_common()), "; ".join(reasons))
            for reasons, operators in report.outside_by_reasons()
        ]
        parts.append(table(("outside", "why"), rows_outside))
    return stacked(*parts)


def _summary(report: Report) -> str:
    regions = f"{len(report.regions)} region{'' if len(report.regions) == 1 else 's'}"
    what = "multiply-accumulates" if report.macs else "operators"
    share = f"{100 * report.offloaded_share:.1f} % of the {what}"
    return f"{regions}, {report.offloaded_operators} of {report.operators} operators, {share}"


def explanation_table(explanation: Explanation) -> str:
    """One column per numeric profile, one row per step."""
    place = ", ".join(map(str, explanation.index))
    title = f"<p><code>%{html.escape(explanation.value)}[{place}]</code>, an element of <code>{explanation.operator}</code></p>"
    head = ("step", *(entry.profile for entry in explanation.profiles))
    return stacked(title, table(head, explanation.rows(), numbers=range(1, len(head))))
