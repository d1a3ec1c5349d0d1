"""The commands of file tests: each takes a test and says what came of it. They are listed in COMMANDS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nir
from nir.errors import Diagnostic, NirError
from nir.ir import Module, float32_text
from nir.text import format_text, parse
from nir.verify import check as check_module
from nir.verify import verify

from .expectations import FileTest, Outcome


def parse_only(test: FileTest) -> Outcome:
    """`// test: parse`: the file is read; the output is `ok`, or the errors."""
    try:
        _module(test)
    except NirError as error:
        return _errors(error.diagnostics)
    return Outcome("ok")


def check(test: FileTest) -> Outcome:
    """`// test: check`: the file is read and verified; the output is `ok`, or the errors."""
    try:
        diagnostics = check_module(_module(test))
    except NirError as error:
        return _errors(error.diagnostics)
    return _errors(diagnostics) if diagnostics else Outcome("ok")


def fmt(test: FileTest) -> Outcome:
    """`// test: fmt`: the output is the rest of the file in canonical form."""
    _, _, rest = test.text.partition("\n")
    try:
        return Outcome(format_text(rest, test.path.name).rstrip("\n"))
    except NirError as error:
        return _errors(error.diagnostics)


_CALL = re.compile(r"(?:@(?P<function>[\w.]+))?\((?P<arguments>.*)\)(?: *profile=(?P<profile>[\w-]+))?")


def run(test: FileTest) -> Outcome:
    """`// test: run`: every line `// run: @function(argument, ...) profile=name` is run; arguments and results are
    JSON, function and profile may be left out.
    """
    try:
        module = _module(test)
        verify(module)
        return Outcome("ok", gives=[_run(module, call) for call, _ in test.runs])
    except NirError as error:
        return _errors(error.diagnostics)


def _run(module: Module, call: str) -> list[str]:
    parts = _CALL.fullmatch(call.strip())
    if parts is None:
        raise NirError(f"not a call: {call}")
    function = module[parts["function"]] if parts["function"] else module.main
    given = json.loads(f"[{parts['arguments']}]")
    inputs = [
        np.array(value, parameter.type.element.numpy)
        for parameter, value in zip(function.parameters, given, strict=True)
    ]
    outputs = nir.run(module, inputs, profile=parts["profile"] or "tflite", function=function.name)
    return [_json(value.tolist(), value.dtype) for value in outputs.values()]


def _json(value: Any, dtype: np.dtype[Any]) -> str:
    """A result on one line; floats in the shortest form that reads back to the same float32."""
    if isinstance(value, list):
        return f"[{', '.join(_json(item, dtype) for item in value)}]"
    return float32_text(value) if dtype.kind == "f" else json.dumps(value)


def _module(test: FileTest) -> Module:
    return parse(test.source, test.path.name, directory=test.path.parent)


def _errors(diagnostics: Sequence[Diagnostic]) -> Outcome:
    lines = "\n".join(diagnostic.render() for diagnostic in diagnostics).split("\n")
    outcome = Outcome("\n".join(line.rstrip() for line in lines))  # as a block in a file can hold it
    for diagnostic in diagnostics:
        line = diagnostic.span.line if diagnostic.span is not None else 0
        outcome.errors.setdefault(line, []).append(diagnostic.message)
    return outcome


COMMANDS: dict[str, Callable[[FileTest], Outcome]] = {"check": check, "fmt": fmt, "parse": parse_only, "run": run}
