"""Partitioning a Relax module: what a target runs goes into regions, functions with the attribute Codegen = "nir".

    split = nir.tvm.partition_relax(module, targets=["apu"])
    compiled = nir.tvm.compile(split.module)          # regions run on NIR, the rest on LLVM
    split.report                                      # what went where, and why

What a target supports is decided on the NIR module that the whole function is converted to (`partitioning_support`);
`partitioning_atoms` says how its operations are found again in Relax, `nir.passes.partition` which of them make regions.
Importing this module imports TVM.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from tvm import relax

from nir.draw.diagram import Diagram
from nir.errors import PartitionError, require_type
from nir.garbage import collector_paused
from nir.ir import Operation
from nir.passes.partition import Outside, RegionReport, Report, Worth, assign, chosen_targets, execution_order
from nir.passes.partition.writing import write_partition
from nir.passes.relax_to_nir import convert_with_origins, relax_to_nir
from nir.shown import Shown
from nir.targets import Target
from nir.tvm.drawing import diagram
from nir.tvm.partitioning_atoms import Atom, AtomBuilder, AtomGraph
from nir.tvm.partitioning_building import Block, ModuleBuilder, inline_relax_regions, names_after
from nir.tvm.partitioning_support import weigh
from nir.tvm.regions import region_functions

DEBUG_FOLDER = "nir_debug"
"""Where `nir_debug=True` writes, in the current folder."""


@dataclass(frozen=True)
class RelaxPartition(Shown):
    """A partitioned Relax module and its report. `source` is the module that was partitioned, parameters bound."""

    module: tvm.IRModule
    report: Report
    source: tvm.IRModule

    def drawable(self) -> Diagram:
        """What `nir.draw` and notebooks draw."""
        return diagram(self.module)

    def inlined(self) -> tvm.IRModule:
        """The module with the regions put back."""
        return inline_relax_regions(self.module)


def partition_for_nir(
    mod: tvm.IRModule,
    params: Mapping[str, Any] | None = None,
    nir_targets: Sequence[str | Target] = ("apu",),
    nir_debug: bool | str | os.PathLike[str] = False,
    **options: Any,
) -> tvm.IRModule:
    """`nir.partition_for_nir` for a Relax module: the partitioned module.

    `nir_debug` writes the regions as `.nir` files, the report and the picture to a folder, `nir_debug` or the one named.
    """
    result = partition_relax(mod, params, nir_targets, **options)
    if nir_debug:
        write_relax_partition(result, DEBUG_FOLDER if isinstance(nir_debug, bool) else nir_debug)
    return result.module


def partition_relax(
    module: tvm.IRModule,
    params: Mapping[str, Any] | None = None,
    targets: Sequence[str | Target] = ("apu",),
    *,
    connected: bool = False,
    minimum_operators: int = 1,
    minimum_macs: int = 0,
    prefix: str = "nir",
) -> RelaxPartition:
    """Splits `main` of a Relax module between TVM and `targets`, in order of preference.

    `params` are arrays for parameters of `main`, which become constants. Regions are called `nir_0`, `nir_1`, ... after
    `prefix`; their attribute "nir.target" names the target. They hold the constants that they need. The other options
    are those of `nir.passes.partition`. Bindings that nothing needs are dropped.

    Raises `PartitionError` for an unknown target, a module that is partitioned already, and one whose `main` branches;
    `ConvertError` where the module holds what NIR cannot; `RunError` without TVM.
    """
    source = _prepared(module, params)
    chosen: list[Target] = chosen_targets(targets)
    names = [target.name for target in chosen]
    conversion = convert_with_origins(source, layout="keep", foreign=True)
    with collector_paused():
        graph = AtomBuilder(source["main"], conversion).build()
        weighed = weigh(graph, conversion.module, chosen)
        assignment = assign(weighed, names, Worth(minimum_operators, minimum_macs), connected)
        owners = {region.nodes[0]: names[region.owner] for region in assignment.regions}
        free = names_after(prefix, (symbol.name_hint for symbol in source.get_global_vars()))
        blocks = [
            Block(atoms, next(free), owners[atoms[0]]) if atoms[0] in owners else Block(atoms)
            for atoms in execution_order(graph.dag, [region.nodes for region in assignment.regions])
        ]
        builder = ModuleBuilder(source, "main", graph, blocks)
        result = builder.build()
    reports = tuple(_region_report(graph, block, result[block.name]) for block in blocks if block.name is not None)
    outside = tuple(
        Outside(_name(graph.atoms[node]), _operator(graph, graph.atoms[node]), weighed.macs[node], reasons)
        for node, reasons in sorted(assignment.reasons.items())
        if weighed.operators[node]
    )
    return RelaxPartition(result, Report(tuple(names), reports, outside), source)


def write_relax_partition(result: RelaxPartition, folder: str | os.PathLike[str]) -> list[Path]:
    """Writes the regions as `.nir` files, the report and the picture to `folder`, and `partitioned.txt`, TVMScript without constants."""
    module = relax_to_nir(result.module, foreign=True)
    for report in result.report.regions:
        module[report.name].attributes["target"] = report.target
    written = write_partition(module, result.report, folder)
    text = Path(folder) / "partitioned.txt"
    text.write_text(result.module.script(show_meta=False), "utf-8")
    return [*written, text]


def _prepared(module: Any, params: Mapping[str, Any] | None) -> tvm.IRModule:
    """The module with `params` bound. Raises `PartitionError` for what cannot be partitioned."""
    require_type(params, (Mapping, type(None)), "parameters by name", "targets are the argument behind them")
    if not isinstance(module, tvm.IRModule) or "main" not in {v.name_hint for v in module.get_global_vars()}:
        raise PartitionError("this is no Relax module with a function 'main'", found=type(module).__name__)
    regions = region_functions(module)
    if regions:
        raise PartitionError(
            f"the module is partitioned already: '{next(iter(regions))}' is a region",
            hint="nir.tvm.inline_relax_regions puts the regions back",
        )
    if params:
        arrays = {name: np.asarray(v.numpy() if hasattr(v, "numpy") else v) for name, v in params.items()}
        known = [variable.name for variable in module["main"].params]
        unknown = [name for name in arrays if name not in known]
        if unknown:
            raise PartitionError(f"'main' has no parameter '{unknown[0]}'", found=", ".join(known))
        module = relax.transform.BindParams("main", arrays)(module)
    main = module["main"]
    if not isinstance(main, relax.Function) or not isinstance(main.body, relax.SeqExpr):
        raise PartitionError("'main' is no Relax function whose body is a sequence of bindings")
    if any(isinstance(binding.value, relax.If) for block in main.body.blocks for binding in block.bindings):
        raise PartitionError("'main' branches, and cannot be partitioned as one graph")
    return module


# --- the report ---


def _operator(graph: AtomGraph, atom: Atom) -> str:
    """The NIR operator that an atom stands for, the last where there are several; Relax's where there is none."""
    if atom.operations:
        return _operator_name(atom.operations[-1])
    value = graph.bindings[atom.bindings[-1]].value
    return value.op.name if isinstance(getattr(value, "op", None), tvm.ir.Op) else type(value).__name__.lower()


def _operator_name(op: Operation) -> str:
    return str(op.attributes["operator"]) if op.name == "foreign" else op.name


def _name(atom: Atom) -> str:
    return str(atom.outputs[-1].name)


def _region_report(graph: AtomGraph, block: Block, function: relax.Function) -> RegionReport:
    operations = [op for number in block.atoms for op in graph.atoms[number].operations]
    constants: dict[Any, int] = {}

    def look(part: Any) -> None:
        if isinstance(part, tvm.ir.GenericConst):
            constants[part] = _bytes(part.ty)

    relax.analysis.post_order_visit(function, look)
    return RegionReport(
        str(block.name),
        block.target,
        dict(Counter(map(_operator_name, operations)).most_common()),
        sum(op.macs() for op in operations),
        sum(_bytes(parameter.ty) for parameter in function.params),
        _bytes(function.ret_ty),
        sum(constants.values()),
    )


def _bytes(type: Any) -> int:
    if isinstance(type, relax.TupleType):
        return sum(map(_bytes, type.fields))
    return int(np.prod([int(extent) for extent in type.shape], dtype=np.int64)) * np.dtype(str(type.dtype)).itemsize
