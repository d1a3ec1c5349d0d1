"""`nir convert`: a model of another program as NIR."""

from __future__ import annotations

from pathlib import Path

import click

import nir.passes
import nir.relay
import nir.text
from nir.cli.files import STANDARD, display_name, read_bytes, write_bytes
from nir.errors import ParseError
from nir.ir import ConstantData, Module, Quantisation, walk
from nir.verify import verify


@click.command(name="convert")
@click.argument("model", metavar="MODEL")
@click.option("--params", metavar="FILE", help="The weights, in TVM's parameter format (.params).")
@click.option("-o", "--output", metavar="OUT", help="Where to write; `-` is standard output. Default: MODEL's name.")
@click.option("--foreign", is_flag=True, help="Keep operators that NIR does not have as foreign ones.")
def command(model: str, params: str | None, output: str | None, foreign: bool) -> None:
    """Convert MODEL, a Relay module (text, JSON or an archive of TVM 0.6 to 0.19), to NIR; `-` is standard
    input.

    The quantisation parameters of its qnn operators become those of every tensor. Large weights go to a
    .safetensors file beside OUT; on standard output they stand in the text.

    \b
    Examples:
      nir convert model.relay --params model.params -o model.nir
      nir convert model.json -o - | nir check -
    """
    source = nir.relay.load(_read_text() if model == STANDARD else model, params)
    module = nir.passes.relay_to_nir(source, foreign=foreign)
    verify(module)
    if output is None:
        output = STANDARD if model == STANDARD else str(Path(model).with_suffix(".nir"))
    if output == STANDARD:
        write_inline(module)
        write_bytes(STANDARD, nir.text.print_module(module).encode())
        return
    nir.text.save(module, output)
    click.echo(output)
    weights_file = nir.text.load(output).weights_file  # proves, too, that what was written can be read
    if weights_file is not None:
        click.echo(str(Path(output).with_name(weights_file)))


def _read_text() -> str:
    """Relay text or JSON from standard input. The line end makes sure that it is not taken for a path."""
    try:
        return read_bytes(STANDARD).decode("utf-8-sig") + "\n"
    except UnicodeDecodeError as error:
        name = display_name(STANDARD)
        message = f"{name}: byte {error.start} is not UTF-8, so this is neither Relay text nor JSON"
        raise ParseError(message) from None


def write_inline(module: Module) -> None:
    """Takes the names off all constants and scales, so that the text needs no weights file."""
    for op in walk(module):
        for name, value in op.attributes.items():
            if isinstance(value, ConstantData):
                op.attributes[name] = ConstantData(value.array)
    for function in module:
        for tensor in function.values():
            parameters = tensor.type.quantisation
            if parameters is not None and parameters.scales_name is not None:
                unnamed = Quantisation(parameters.scales, parameters.zero_points, parameters.axis)
                tensor.type = tensor.type.with_quantisation(unnamed)
