"""The commands of file tests: each takes a test and says what came of it. They are listed in COMMANDS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nir.passes
from nir.errors import Diagnostic, NirError, ParseError, suggestion
from nir.filetests.expectations import FileTest, Outcome
from nir.interp import DEFAULT_PROFILE
from nir.interp import run as interpret
from nir.ir import Module, Value, float32_text
from nir.text import format_text, parse, print_module
from nir.verify import check as check_module
from nir.verify import verify


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


PASSES: dict[str, Callable[[Module], Any]] = {
    "eliminate_dead_code": nir.passes.eliminate_dead_code,
    "fold_constants": nir.passes.fold_constants,
    "fold_qdq": nir.passes.fold_qdq,
    "inline_regions": nir.passes.inline_regions,
    "propagate_quantisation": nir.passes.propagate_quantisation,
    "reduce_transposes": nir.passes.reduce_transposes,
    "to_nhwc": nir.passes.to_nhwc,
}
"""Passes that a file test may name; those of a user's own come from a module that is named beside the files."""


def run_passes(test: FileTest) -> Outcome:
    """`// test: pass NAME, ...`: the output is the module after these passes, verified."""
    try:
        module = _module(test)
        verify(module)
        for name in filter(None, re.split(r"[ ,]+", test.arguments)):
            module = _after(_pass(test, name), name, module)
        verify(module)
        return Outcome(print_module(module).rstrip("\n"))
    except NirError as error:
        return _errors(error.diagnostics)


def _after(function: Callable[[Module], Any], name: str, module: Module) -> Module:
    try:
        result = function(module)
    except NirError:
        raise
    except Exception as error:  # a user's pass may fail in any way
        raise NirError(f"the pass '{name}' failed", found=f"{type(error).__name__}: {error}") from None
    return result if isinstance(result, Module) else module  # others change it in place


def _pass(test: FileTest, name: str) -> Callable[[Module], Any]:
    found: Any = getattr(test.user_passes, name, None) or PASSES.get(name)
    if not callable(found):
        own = dir(test.user_passes) if test.user_passes else []
        known = [*PASSES, *(n for n in own if not n.startswith("_"))]
        message = f"{test.path}: there is no pass '{name}'"
        raise ParseError(message, expected=", ".join(PASSES), hint=suggestion(name, known))
    function: Callable[[Module], Any] = found
    return function


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
    name = parts["function"] or "main"
    if name not in module.functions:
        raise NirError(f"there is no function @{name}", expected=", ".join(f"@{known}" for known in module.functions))
    parameters = module[name].parameters
    given = _arguments(parts["arguments"])
    if len(given) != len(parameters):
        raise NirError(f"@{name} takes {len(parameters)} arguments", found=f"{len(given)} in: {call}")
    inputs = [_array(value, parameter) for parameter, value in zip(parameters, given, strict=True)]
    outputs = interpret(module, inputs, profile=parts["profile"] or DEFAULT_PROFILE, function=name)
    return [_json(value.tolist(), value.dtype) for value in outputs.values()]


def _arguments(text: str) -> list[Any]:
    try:
        given: list[Any] = json.loads(f"[{text}]")
    except (ValueError, RecursionError) as error:
        raise NirError("the arguments are not JSON", found=f"{text[:60]} ({error})") from None
    return given


def _array(value: Any, parameter: Value) -> np.ndarray[Any, Any]:
    try:
        return np.array(value, parameter.type.element.numpy)
    except (TypeError, ValueError, OverflowError) as error:
        raise NirError(f"an argument for %{parameter.name} is no {parameter.type}", found=str(error)) from None


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


COMMANDS: dict[str, Callable[[FileTest], Outcome]] = {
    "check": check,
    "fmt": fmt,
    "parse": parse_only,
    "pass": run_passes,
    "run": run,
}
