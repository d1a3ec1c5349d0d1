"""How many regions the light models have, and how many TVM's own passes make of the same operators."""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax
from tvm.relax.dpl.pattern import DFPattern, is_op, wildcard

from nir.tvm.partitioning import RelaxPartition, partition_relax

TARGETS = ("apu", "mtk-litert")


def row(name: str, module: tvm.IRModule) -> tuple[str, list[tuple[int, int]]]:
    """A line of the table in docs/partition.md, and for each target how many regions there are: ours, TVM's."""
    counts, cells = [], []
    for target in TARGETS:
        split = partition_relax(module, targets=[target])
        theirs, outside = merged_by_tvm(split.source, bindings_in_regions(split))
        assert outside == len(_calls_of_operators(split.module))
        counts.append((len(split.report.regions), theirs))
        cells += [f"{counts[-1][0]} / {theirs}", str(outside)]
    return f"| {name} | {' | '.join(cells)} |", counts


def bindings_in_regions(split: RelaxPartition) -> set[Any]:
    """The variables of the source that regions compute: those that main does not bind to the same as before."""
    kept = {binding.var: binding.value for binding in _bindings(split.module)}
    return {b.var for b in _bindings(split.source) if b.var not in kept or not b.value.same_as(kept[b.var])}


def merged_by_tvm(module: tvm.IRModule, chosen: set[Any]) -> tuple[int, int]:
    """Calls of regions that FuseOpsByPattern and MergeCompositeFunctions leave in main, given which bindings are to be
    in regions; and calls of operators outside of them.
    """
    arities = sorted({(call.op.name, len(call.args)) for call in _calls_of_operators(module)})
    patterns: list[DFPattern] = [is_op(name)(*(wildcard() for _ in range(arity))) for name, arity in arities]
    anything = patterns[0]
    for pattern in patterns[1:]:
        anything = anything | pattern

    def is_chosen(context: Any) -> bool:
        return all(variable in chosen for variable in context.matched_bindings)

    operator = relax.transform.FusionPattern("nir.operator", anything, {}, is_chosen)
    fused = relax.transform.FuseOpsByPattern([operator], bind_constants=True)(module)
    merged = relax.transform.MergeCompositeFunctions()(fused)
    called = [b.value.op for b in _bindings(merged) if isinstance(getattr(b.value, "op", None), tvm.ir.GlobalVar)]
    regions = [symbol for symbol in called if "Codegen" in (merged[symbol].attrs or {})]  # equal ones are one function
    return len(regions), len(_calls_of_operators(merged))


def _bindings(module: tvm.IRModule) -> list[Any]:
    return [binding for block in module["main"].body.blocks for binding in block.bindings]


def _calls_of_operators(module: tvm.IRModule) -> list[Any]:
    values = (binding.value for binding in _bindings(module))
    return [value for value in values if isinstance(value, tvm.ir.Call) and isinstance(value.op, tvm.ir.Op)]
