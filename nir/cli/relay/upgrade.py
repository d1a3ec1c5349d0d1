"""`nir relay upgrade`: a Relay module as a Python file for today's TVM."""

from __future__ import annotations

from pathlib import Path

import click

import nir.relay
from nir.cli.files import write_bytes
from nir.errors import NirError
from nir.passes.relay_to_relax import relay_to_relax
from nir.relay import Constant, post_order, write_params
from nir.tvm.script import to_script


@click.command(name="upgrade")
@click.argument("model", metavar="MODEL")
@click.option("--params", metavar="FILE", help="The weights, in TVM's parameter format (.params).")
@click.option("-o", "--output", metavar="OUT.py", required=True, help="Where to write. The weights go beside it.")
@click.option("--tvm-version", metavar="VERSION", help="The TVM that wrote MODEL, such as 0.8, where it does not say.")
def command(model: str, params: str | None, output: str, tvm_version: str | None) -> None:
    """Write MODEL, a Relay module, as a module of Relax that a plain TVM 0.27 runs.

    OUT.py holds TVMScript and a function that loads it; its opening comment says how to use it. The weights go to
    a file of the same name that ends in .params. NIR is not needed to run them.

    \b
    Example:
      nir relay upgrade model.relay --params model.params -o upgraded.py
    """
    target = Path(output)
    weights_path = target.with_suffix(".params")
    if target.suffix != ".py":
        raise NirError(f"{output} is no name for a Python file", expected="a name that ends in .py")
    taken = [name for name in (model, params) if name is not None and Path(name).resolve() == weights_path.resolve()]
    if taken:
        raise NirError(f"{weights_path} would be overwritten, and is an input", hint="choose another name for OUT.py")
    source = nir.relay.load(model, params, tvm_version=tvm_version)
    constants = (expr for expr in post_order(source.main) if isinstance(expr, Constant))
    names = {constant.name: constant.data for constant in constants if constant.name is not None}
    script = to_script(relay_to_relax(source), target.stem, origin=Path(model).name, names=names)
    write_bytes(str(weights_path), write_params(script.weights))
    write_bytes(output, script.source.encode())
    click.echo(output)
    click.echo(str(weights_path))
