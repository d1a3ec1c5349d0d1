"""`nir convert`: a model of another program as NIR."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.markup import escape

import nir.relay
import nir.text
from nir.cli.files import STANDARD, read_bytes, write_bytes
from nir.ir import ConstantData, Module, Quantisation, walk
from nir.tvm.conversion import convert, to_relay


@click.command(name="convert")
@click.argument("model", metavar="MODEL")
@click.option("--params", metavar="FILE", help="The weights, in TVM's parameter format (.params).")
@click.option("-o", "--output", metavar="OUT", help="Where to write; `-` is standard output. Default: MODEL's name.")
@click.option(
    "--shape", "shapes", multiple=True, metavar="NAME=N,N,...", help="The shape of an input that the model leaves open."
)
@click.option("--foreign", is_flag=True, help="Keep operators that NIR does not have as foreign ones.")
@click.option("--keep-layout", is_flag=True, help="Leave images in the order of dimensions that the model has.")
@click.option("--tvm-version", metavar="VERSION", help="The TVM that wrote a Relay MODEL that does not say it: 0.8.")
def command(
    model: str,
    params: str | None,
    output: str | None,
    shapes: tuple[str, ...],
    foreign: bool,
    keep_layout: bool,
    tvm_version: str | None,
) -> None:
    """Convert MODEL to NIR; `-` is standard input.

    MODEL is ONNX, TFLite, a PyTorch program (.pt2), a Relax module in TVMScript (.py) or JSON, which need TVM, or a
    Relay module (text, JSON or an archive of TVM 0.6 to 0.19), which does not. Its content says which, not its name.
    Where OUT ends in .relay, the model is written as Relay text instead.

    The quantisation parameters of its operators become those of every tensor. Networks in NCHW become NHWC, with a
    transpose at the entrance and one at the exit. Large weights go to a .safetensors file
    beside OUT; on standard output they stand in the text.

    \b
    Examples:
      nir convert model.onnx --shape image=1,3,224,224 -o model.nir
      nir convert model.tflite
      nir convert model.relay --params model.params -o model.nir
      nir convert model.json -o - | nir check -
    """
    source = read_bytes(STANDARD) if model == STANDARD else model
    given: dict[str, Any] = {"shapes": read_shapes(shapes), "params": params, "tvm_version": tvm_version}
    if output is None:
        output = STANDARD if model == STANDARD else str(Path(model).with_suffix(".nir"))
    with _progress() as progress:
        if output.endswith(".relay"):
            text = nir.relay.print_module(to_relay(source, progress=progress, **given))
        else:
            layout: Literal["nhwc", "keep"] = "keep" if keep_layout else "nhwc"
            module = convert(source, foreign=foreign, layout=layout, progress=progress, **given)
    if output.endswith(".relay"):
        write_bytes(output, text.encode())
        click.echo(output)
        return
    _write(module, output)


def _write(module: Module, output: str) -> None:
    if output == STANDARD or (
        os.path.exists(output) and not os.path.isfile(output)
    ):  # a pipe, a device; a folder fails
        write_inline(module)
        write_bytes(output, nir.text.print_module(module).encode())
        return
    nir.text.save(module, output)
    click.echo(output)
    weights_file = nir.text.load(output).weights_file  # proves, too, that what was written can be read
    if weights_file is not None:
        click.echo(str(Path(output).with_name(weights_file)))


def read_shapes(options: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes in `NAME=1,3,224,224`; a name may have an equals sign of its own."""
    shapes = {}
    for option in options:
        name, equals, extents = option.rpartition("=")
        try:
            shape = tuple(int(extent) for extent in extents.replace("x", ",").split(",")) if extents else ()
        except ValueError:
            shape = (0,)
        if not equals or not name or any(extent <= 0 for extent in shape):
            raise click.BadParameter(f"{option!r} is not NAME=N,N,... with whole numbers above 0", param_hint="--shape")
        shapes[name] = shape
    return shapes


@contextmanager
def _progress() -> Iterator[Callable[[str], object] | None]:
    """A line on standard error that tells what is being done and goes away; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Console(stderr=True).status("reading") as status:
        yield lambda line: status.update(escape(line))


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
