"""`nir relay operators`: which of Relay's operators convert to NIR, and which run on today's TVM, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import click

from nir.passes.relay_to_nir import HANDLERS
from nir.passes.relay_to_relax.lowerings import LOWERINGS
from nir.relay.schema import operators

PARTLY = {
    "argmax": "not the last of several positions, nor along several dimensions",
    "argmin": "not the last of several positions, nor along several dimensions",
    "image.resize2d": "not cubic interpolation",
    "mod": "not of floats",
    "variance": "not the unbiased one",
}
"""What NIR refuses of operators that it has otherwise."""

_KINDS = (
    ("annotation.", "marks for compilers, no computation"),
    ("memory.", "part of TVM's own lowering"),
    ("vm.", "part of TVM's own lowering"),
    ("vision.", "detection operator of its own kind"),
    ("random.", "random numbers, which no two implementations share"),
    ("contrib.", "made for one accelerator"),
    ("dyn.", "shapes known only at run time"),
    ("nn.contrib_", "weights in a layout of one compiler's own"),
    ("qnn.simulated_", "simulation for training"),
)
_REASONS = {
    "atan": "NIR has no such function",
    "bitwise_and": "NIR has no operators on bits",
    "bitwise_not": "NIR has no operators on bits",
    "bitwise_or": "NIR has no operators on bits",
    "bitwise_xor": "NIR has no operators on bits",
    "left_shift": "NIR has no operators on bits",
    "right_shift": "NIR has no operators on bits",
    "scatter_elements": "NIR has no scattering operator",
}
"""Why an operator does not convert to NIR, by the beginning of its name or by name."""

_OPENING = """\
# Operators of Relay

`yes` under NIR: `nir convert` turns calls of the operator into NIR, with what the last column excepts. `yes` under TVM:
`nir relay upgrade` turns them into Relax, which TVM 0.27 runs. Every refusal is an error that names the operator and
where it stands. This page is the output of `nir relay operators`.
"""


@click.command(name="operators")
def command() -> None:
    """List Relay's operators: which convert to NIR, which run on today's TVM, and why the others do not.

    \b
    Example:
      nir relay operators > relay_operators.md
    """
    click.echo(page(), nl=False)


def page() -> str:
    """The whole page."""
    names = sorted(operators())
    counts = (
        f"{len(names)} operators: {sum(name in HANDLERS for name in names)} convert to NIR, "
        f"{sum(name in LOWERINGS for name in names)} run on TVM."
    )
    return (
        "\n".join([_OPENING, counts, "", "| operator | NIR | TVM | remarks |", "|---|---|---|---|", *_rows(names)])
        + "\n"
    )


def _rows(names: list[str]) -> Iterator[str]:
    for name in names:
        converts, runs = ("yes" if name in table else "no" for table in (HANDLERS, LOWERINGS))
        yield f"| `{name}` | {converts} | {runs} | {remark(name)} |"


def remark(name: str) -> str:
    """What NIR refuses of an operator and why; empty where it takes all of it."""
    if name in HANDLERS:
        return PARTLY.get(name, "")
    if name in _REASONS:
        return _REASONS[name]
    if name.endswith(("_grad", "_backward")):
        return "gradients are for training"
    if "1d" in name or "3d" in name:
        return "NIR's images have two dimensions"
    return next((reason for start, reason in _KINDS if name.startswith(start)), "no counterpart in NIR")
