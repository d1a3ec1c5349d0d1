"""From Relax to NIR: what TVM's ONNX, TFLite and PyTorch front ends make becomes a NIR module.

    module = nir.passes.relax_to_nir(tvm.relax.frontend.tflite.from_tflite(model))

Nothing is said twice: Relax becomes Relay's syntax tree (nir.passes.relax_to_relay), which the handlers of
nir.passes.relay_to_nir turn into NIR; then passes on NIR finish the work: constants, biases and normalisations are
folded (nir.passes.folding), quantize / dequantize islands become quantised operators (nir.passes.qdq), and images become
NHWC (nir.passes.layout). Needs TVM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from nir.errors import ConvertError, Diagnostic, VerifyError
from nir.garbage import collector_paused
from nir.ir import Function, Module, Operation, Origin, Value, walk
from nir.ops.common import Rounding
from nir.passes.dead_code import eliminate_dead_code
from nir.passes.folding import fold_constants
from nir.passes.layout import to_nhwc
from nir.passes.qdq import fold_qdq
from nir.passes.relax_to_relay.converter import NO_ROW, RelaxConverter
from nir.passes.relay_to_nir import HANDLERS
from nir.passes.relay_to_nir.call import Handler, RelayCall, Result
from nir.passes.relay_to_nir.converter import ModuleConverter
from nir.passes.relay_to_nir.finishing import finish
from nir.passes.relay_to_nir.problems import Unsupported
from nir.passes.tvm_requirement import require_tvm
from nir.relay.ast import Expr
from nir.relay.ast import Module as RelayModule
from nir.verify import verify

_KEPT = frozenset({"qnn.dequantize"})
"""Weights stay integers, until an island around them is folded."""


class Binding(NamedTuple):
    """A variable of a Relax function: the variable itself, and its name."""

    variable: Any
    name: str


@dataclass(frozen=True)
class Conversion:
    """A NIR module, and what it was made of.

    `origins` says for values of the module which Relax variables stand for the same tensor, in order; a value inside
    of what was one operator, or one that a pass has made, is not there. `remarks` say why operators stayed foreign.
    """

    module: Module
    origins: Mapping[Value, tuple[Binding, ...]]
    remarks: tuple[Diagnostic, ...]


def relax_to_nir(
    relax_module: Any,
    params: Mapping[str, Any] | None = None,
    *,
    function: str = "main",
    foreign: bool = False,
    layout: Literal["nhwc", "keep"] = "nhwc",
    fold: bool = True,
) -> Module:
    """The NIR module of a Relax function, as `@main`, and of what it calls; parameters keep their names.

    `params` are arrays for parameters of the function, by name. `foreign` keeps operators that NIR does not have, as
    `foreign "relax.<name>"`. `layout` "keep" leaves images as they lie. Without `fold` every Relax operator is converted
    by itself: quantised networks stay floats between quantize and dequantize. 64-bit integers become 32-bit ones.

    Raises `ConvertError` with everything that cannot be converted, each with the operator and the Relax variable.
    """
    return convert_with_origins(
        relax_module, params, function=function, foreign=foreign, layout=layout, fold=fold
    ).module


def convert_with_origins(
    relax_module: Any,
    params: Mapping[str, Any] | None = None,
    *,
    function: str = "main",
    foreign: bool = False,
    layout: Literal["nhwc", "keep"] = "nhwc",
    fold: bool = True,
) -> Conversion:
    """`relax_to_nir`, with the Relax variables that the values of the module stand for, and why operators stayed."""
    require_tvm("converting Relax")
    if layout not in ("nhwc", "keep"):
        raise ConvertError(f"'{layout}' is no layout", expected="nhwc or keep")
    with collector_paused():
        source = RelaxConverter(relax_module, narrow=True)
        relay_module = source.convert(function)
        if params:
            relay_module = relay_module.bind(_narrow(params))
        converter = ModuleConverter(
            relay_module, _handlers(relay_module, source), foreign, Rounding.UPWARD, _KEPT, profile="tvm"
        )
        module = converter.convert()
        finish(module, converter, propagate=True)
        origins = _origins(source, converter)
        _note_averages(module)
        _finish(module, layout, fold)
    try:
        verify(module)
    except VerifyError as error:
        raise ConvertError(error.diagnostics) from error  # NIR's operators are narrower here; notes say where
    return Conversion(module, origins, tuple(_remarks(module, source)))


def _note_averages(module: Module) -> None:
    """Notes which averages Relax takes of integers as they are stored: those that fold from floats are taken of these."""
    for one in module:
        for op in one.operations:
            value = op.operands[0] if op.name == "average_pool_2d" else None
            if value is not None and value.element.is_integer and value.type.quantisation is not None:
                op.attributes["truncate"] = True


def _finish(module: Module, layout: str, fold: bool) -> None:
    if fold:
        fold_qdq(module)
        fold_constants(module)
        eliminate_dead_code(module)
    if layout == "nhwc":
        to_nhwc(module)
        if fold:
            fold_constants(module)
    for one in module:
        _name(one)


def _name(function: Function) -> None:
    """Names for values that passes have made: unique ones, after the operation that they came from."""
    taken = {value.name for value in function.values() if value.name is not None}
    seen: set[str] = set()
    number = 0
    for value in function.values():
        if value.name is not None and value.name not in seen:
            seen.add(value.name)
            continue
        while str(number) in taken:
            number += 1
        value.name = str(number)
        taken.add(value.name)
        seen.add(value.name)


def _narrow(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays with 64-bit integers as 32-bit ones, as the parameters are."""
    arrays = {name: np.asarray(value.numpy() if hasattr(value, "numpy") else value) for name, value in params.items()}
    narrow = {np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32}
    return {name: array.astype(narrow.get(array.dtype, array.dtype), copy=False) for name, array in arrays.items()}


# --- what NIR does not have ---


def _handlers(module: RelayModule, source: RelaxConverter) -> dict[str, Handler]:
    """The handlers of Relay's operators, and one that says why for each operator of Relax with calls that are left."""

    def refuse(call: RelayCall) -> Result:
        reason = source.reasons[call.expr]
        raise Unsupported(f"'{call.name}' cannot be converted: {reason}")

    left = {getattr(expr, "op_name", None) or "" for expr, reason in source.reasons.items() if reason != NO_ROW}
    return {**HANDLERS, **dict.fromkeys(left, refuse)}


def _remarks(module: Module, source: RelaxConverter) -> Iterator[Diagnostic]:
    """One remark per foreign operation, with the reason that is known."""
    reasons = {expr.origin: reason for expr, reason in source.reasons.items()}
    for op in walk(module):
        if op.name == "foreign":
            name = _origin_name(op)
            reason = reasons.get(name, "NIR has no operators for it")
            yield Diagnostic(f"'{op.attributes['operator']}' stays foreign in '{name}': {reason}")


def _origin_name(op: Operation) -> str:
    return op.location.name if isinstance(op.location, Origin) else "?"


# --- where values came from ---


def _origins(source: RelaxConverter, converter: ModuleConverter) -> dict[Value, tuple[Binding, ...]]:
    """The variables that each value stands for."""
    found: dict[Value, list[Binding]] = {}
    memo: dict[Expr, Any] = {}
    for entries in converter.memos:
        memo.update(entries)
    for variable, expr in source.bindings:
        entry = memo.get(expr)
        if entry is None or entry.failed or entry.fields is not None or len(entry.outputs) != 1:
            continue
        found.setdefault(entry.outputs[0], []).append(Binding(variable, str(variable.name)))
    return {value: tuple(bindings) for value, bindings in found.items()}


__all__ = ["Binding", "Conversion", "convert_with_origins", "relax_to_nir"]
