"""`nir compile`: a NIR file as a library, as objects, or as a Python file of TVMScript."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

import nir.tvm
from nir.cli.files import read_module, write_bytes
from nir.errors import NirError
from nir.interp import DEFAULT_PROFILE, PROFILES
from nir.ir import Module, walk
from nir.ops import OPERATORS
from nir.ops.constant import Const
from nir.passes.nir_to_relax import nir_to_relax
from nir.passes.nir_to_relax.refusals import PARTLY, REFUSED
from nir.relay import write_params
from nir.tvm.script import to_script
from nir.verify import verify

_OPENING = """\
# Which operators compile

`nir run --engine tvm`, `nir compile`, `nir.tvm.compile` and `nir.passes.nir_to_relax` turn a NIR module into Relax, which TVM
compiles. Integers equal the interpreter's under the same numeric profile; what cannot be exact is refused with an error
that names the operator and the reason. Sizes known only at run time are refused everywhere, and so are tensors without
elements. This page is the output of `nir compile --operators`.
"""


def _print_page(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(page(), nl=False)
        context.exit()


@click.command(name="compile")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="OUT", required=True, help="OUT.so, OUT.tar or OUT.py: where to write.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="How real values become integers: whose integers the results shall equal.",
)
@click.option("--function", metavar="NAME", help="The function to compile. Default: @main, or the only one.")
@click.option("--target", metavar="TRIPLE", help="The machine, such as aarch64-linux-gnu. Default: this one.")
@click.option(
    "--operators",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_page,
    help="Print which operators compile, as Markdown, and exit.",
)
def command(file: str, output: str, profile: str, function: str | None, target: str | None) -> None:
    """Verify FILE and compile it by TVM; `-` is standard input.

    OUT.so is a shared library for TVM's runtime, whose function `main` takes and gives stored elements; OUT.tar holds
    the objects for one. OUT.py is the module in TVMScript, which a plain TVM 0.27 runs, with its weights in a file of
    the same name that ends in .params.

    \b
    Examples:
      nir compile model.nir -o model.so
      nir compile model.nir -o model.py --profile relay
      nir compile model.nir -o model.tar --target aarch64-linux-gnu
    """
    suffix = Path(output).suffix
    if suffix not in (".so", ".tar", ".py"):
        raise NirError(f"'{output}' does not say what to write", expected="a name that ends in .so, .tar or .py")
    if suffix == ".py" and target is not None:
        raise click.UsageError("--target is for libraries: TVMScript is compiled where it runs.")
    module = read_module(file)
    verify(module)
    if suffix == ".py":
        _write_script(module, file, Path(output), profile, function)
        return
    machine: Any = "llvm" if target is None else {"kind": "llvm", "mtriple": target}
    progress = (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else None
    built = nir.tvm.build(module, machine, function=function or "main", profile=profile, progress=progress)
    built.export(output)
    click.echo(output)


def _write_script(module: Module, file: str, target: Path, profile: str, function: str | None) -> None:
    """TVMScript, and the weights beside it under the names that they have in the weights file."""
    weights = target.with_suffix(".params")
    constants = (op.value for op in walk(module) if isinstance(op, Const))
    names = {constant.name: constant.array for constant in constants if constant.name is not None}
    relax = nir_to_relax(module, profile=profile, function=function)
    script = to_script(relax, target.stem, origin=Path(file).name, names=names)
    write_bytes(str(weights), write_params(script.weights))
    write_bytes(str(target), script.source.encode())
    click.echo(str(target))
    click.echo(str(weights))


def page() -> str:
    """The table of operators, as Markdown."""
    count = sum(operator not in REFUSED for operator in OPERATORS)
    rows = [
        f"| `{operator.name}` | {'no' if operator in REFUSED else 'yes'} | "
        f"{REFUSED.get(operator) or PARTLY.get(operator, '')} |"
        for operator in sorted(OPERATORS, key=lambda operator: operator.name)
    ]
    opening = [_OPENING, f"{count} of {len(OPERATORS)} operators compile.", ""]
    return "\n".join([*opening, "| operator | compiles | remarks |", "|---|---|---|", *rows]) + "\n"
