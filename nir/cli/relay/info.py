"""`nir relay info`: what is in a Relay file, and what would become of it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import warnings
from typing import Any

import click

import nir.relay
from nir.errors import NirError, NirWarning
from nir.passes.relay_to_nir import HANDLERS, relay_to_nir
from nir.relay.survey import survey

_SHOWN = 20


@click.command(name="info")
@click.argument("model", metavar="FILE")
@click.option("--params", metavar="FILE", help="The weights, in TVM's parameter format (.params).")
@click.option("--tvm-version", metavar="VERSION", help="The TVM that wrote FILE, such as 0.8, where FILE does not say.")
@click.option("--module-name", metavar="NAME", help="Which module of an archive of several.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, params: str | None, tvm_version: str | None, module_name: str | None, as_json: bool) -> None:
    """Say what FILE is: its format and version, operators, inputs, constants, and what would convert.

    FILE is Relay text, JSON, or a Model Library Format archive of TVM 0.6 to 0.19, or one of them in gzip.

    \b
    Examples:
      nir relay info model.relay --params model.params
      nir relay info library.tar --json
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirWarning)  # what it says stands among the notes
        module = nir.relay.load(model, params, tvm_version=tvm_version, module_name=module_name)
    found = information(module)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(model, found)))


def information(module: nir.relay.Module) -> dict[str, Any]:
    """All that is told, as plain values."""
    counted = survey(module)
    provenance = module.provenance
    return {
        "source": dataclasses.asdict(provenance) if provenance is not None else None,
        **dataclasses.asdict(counted),
        "nir": _to_nir(module, counted.operators),
        "relax": _to_relax(counted.operators),
    }


def _to_nir(module: nir.relay.Module, operators: dict[str, int]) -> dict[str, Any]:
    """Which operators have no handler, and what converting the whole runs into."""
    problems: list[str] = []
    try:
        relay_to_nir(module)
    except NirError as error:
        problems = [diagnostic.message for diagnostic in error.diagnostics]
    without = {name: count for name, count in operators.items() if name not in HANDLERS}
    return {"converts": not problems, "operators_without_handler": without, "problems": problems}


def _to_relax(operators: dict[str, int]) -> dict[str, Any]:
    """Which operators have no lowering; None for all where TVM is not installed."""
    try:
        lowerings = importlib.import_module("nir.passes.relay_to_relax.lowerings").LOWERINGS
    except NirError as error:
        return {"converts": None, "operators_without_lowering": None, "problems": [error.diagnostics[0].message]}
    without = {name: count for name, count in operators.items() if name not in lowerings}
    return {"converts": not without, "operators_without_lowering": without, "problems": []}


def _lines(model: str, found: dict[str, Any]) -> list[str]:
    source = found["source"]
    lines = [f"file:       {model}"]
    if source is not None:
        lines += [
            f"format:     {source['format']}",
            f"written by: TVM {source['tvm_version']}" if source["tvm_version"] else "written by: not stated",
            f"read as:    TVM {source['read_as']} ({source['evidence']})",
        ]
    lines += [f"input:      %{name}: {kind}" for name, kind in found["inputs"][:_SHOWN]]
    if len(found["inputs"]) > _SHOWN:
        lines.append(f"            and {len(found['inputs']) - _SHOWN} more")
    lines += [
        f"result:     {found['result']}",
        f"functions:  {found['functions']} global, {found['local_functions']} local, {found['lets']} lets",
        f"constants:  {found['constants']} ({found['constant_bytes']} bytes), {found['external_constants']} missing",
    ]
    lines += [f"compiler:   {name}: {count} functions" for name, count in found["compilers"].items()]
    lines.append(f"operators:  {sum(found['operators'].values())} calls of {len(found['operators'])}")
    lines += [f"  {count:6d}  {name}" for name, count in found["operators"].items()]
    if found["unknown_operators"]:
        lines.append(f"unknown:    {', '.join(found['unknown_operators'])}")
    lines += _verdict("to NIR:", found["nir"], "operators_without_handler")
    lines += _verdict("to Relax:", found["relax"], "operators_without_lowering")
    return lines + [f"note: {note}" for note in (source["notes"] if source is not None else ())]


def _verdict(label: str, found: dict[str, Any], key: str) -> list[str]:
    said = {True: "converts", False: "does not convert", None: "not known"}[found["converts"]]
    if label == "to Relax:" and found["converts"]:
        said = "every operator has a lowering"
    missing = found[key]
    lines = [f"{label:<11} {said}"]
    if missing:
        lines.append(f"            nothing for: {', '.join(f'{name} ({count})' for name, count in missing.items())}")
    lines += [f"            {problem}" for problem in found["problems"][:_SHOWN]]
    if len(found["problems"]) > _SHOWN:
        lines.append(f"            and {len(found['problems']) - _SHOWN} more")
    return lines
