"""`nir partition`: what of a model an accelerator runs, and why the rest stays outside."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nir.cli.convert import read_shapes
from nir.cli.files import STANDARD, read_module
from nir.ir import Module
from nir.passes.partition import Partition, Report, partition
from nir.passes.partition.writing import write_partition
from nir.targets import ALIASES, TARGETS
from nir.tvm.conversion import convert
from nir.verify import verify


@click.command(name="partition")
@click.argument("model", metavar="MODEL")
@click.option("--params", metavar="FILE", help="The weights of a Relay model, in TVM's parameter format (.params).")
@click.option(
    "--shape", "shapes", multiple=True, metavar="NAME=N,N,...", help="The shape of an input that the model leaves open."
)
@click.option(
    "--targets", default="apu", show_default=True, metavar="NAME,...", help="Targets, the preferred one first."
)
@click.option("-o", "--output", metavar="DIR", help="Write regions, report and picture to this folder.")
@click.option("--minimum-operators", default=1, show_default=True, metavar="N", help="Give up smaller regions.")
@click.option("--minimum-macs", default=0, show_default=True, metavar="N", help="Give up regions that compute less.")
@click.option("--connected", is_flag=True, help="Every region is of one piece, as those of TVM are.")
@click.option("--no-picture", is_flag=True, help="Draw nothing.")
def command(
    model: str,
    params: str | None,
    shapes: tuple[str, ...],
    targets: str,
    output: str | None,
    minimum_operators: int,
    minimum_macs: int,
    connected: bool,
    no_picture: bool,
) -> None:
    """Split MODEL between the host and accelerators; `-` is NIR text on standard input.

    MODEL is a .nir file, or what `nir convert` reads: operators that NIR does not have stay with the host. Each region
    is a function that the host calls once; there are as few as the order of the operators allows. Every operator
    outside has a reason. With -o, DIR gets partitioned.nir, a .nir file per region, report.json and partition.svg.

    \b
    Examples:
      nir partition model.nir
      nir partition model.tflite --targets apu,cpu -o split
      nir partition model.nir --targets nnapi-4 --minimum-macs 100000
    """
    names = [name.strip() for name in targets.split(",") if name.strip()]
    if not names:
        raise click.BadParameter(f"no target; there are {', '.join((*ALIASES, *TARGETS))}", param_hint="--targets")
    result = partition(
        _read(model, params, read_shapes(shapes)),
        names,
        connected=connected,
        minimum_operators=minimum_operators,
        minimum_macs=minimum_macs,
    )
    show(result.report, Console(highlight=False))
    if output is not None:
        for path in _written(result, output, not no_picture):
            click.echo(str(path))


def _read(model: str, params: str | None, shapes: dict[str, tuple[int, ...]]) -> Module:
    """The NIR module in a `.nir` file, or made of a model of another program; verified."""
    if model != STANDARD and Path(model).suffix != ".nir":
        return convert(model, params=params, shapes=shapes, foreign=True)
    module = read_module(model)
    verify(module)
    return module


def _written(result: Partition, output: str, picture: bool) -> list[Path]:
    return write_partition(result.module, result.report, output, picture=picture)


def show(report: Report, console: Console) -> None:
    """The report as two tables and a summary."""
    if report.regions:
        console.print(_regions(report))
    if report.outside:
        console.print(_outside(report))
    share = f"{100 * report.offloaded_share:.1f} % of {'multiply-accumulates' if report.macs else 'operators'}"
    regions = f"{len(report.regions)} region{'' if len(report.regions) == 1 else 's'}"
    console.print(f"{regions}, {report.offloaded_operators} of {report.operators} operators, {share}")


def _regions(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("region", "target"):
        table.add_column(name, no_wrap=True)
    for name in ("operators", "MACs", "bytes in", "bytes out", "constants"):
        table.add_column(name, justify="right")
    table.add_column("most frequent")
    for region in report.regions:
        numbers = (region.size, region.macs, region.bytes_in, region.bytes_out, region.constant_bytes)
        frequent = ", ".join(f"{count} {name}" for name, count in list(region.operators.items())[:3])
        table.add_row(Text(f"@{region.name}"), Text(region.target), *(f"{n:,}" for n in numbers), Text(frequent))
    return table


def _outside(report: Report) -> Table:
    """Operators outside, those with the same reasons in one row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("outside", ratio=1)
    table.add_column("why", ratio=2)
    for reasons, operators in report.outside_by_reasons():
        names = ", ".join(f"{count} {name}" for name, count in operators.most_common())
        table.add_row(Text(names), Text("\n".join(reasons)))
    return table
