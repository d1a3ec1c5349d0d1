"""Partitioning a Relay module: regions become functions with a compiler, as TVM's PartitionGraph makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nir.errors import PartitionError, require_type
from nir.garbage import collector_paused
from nir.ir import Operation
from nir.passes.partition.assignment import Weighed, Worth, assign
from nir.passes.partition.nir_module import chosen_targets
from nir.passes.partition.regions import Region
from nir.passes.partition.relay_building import Group, build, composite, keys_of, region, type_of
from nir.passes.partition.relay_graph import RelayGraph
from nir.passes.partition.relay_support import (
    AnyTarget,
    Converted,
    Groups,
    RelayOperators,
    alone,
    objections,
    operator_of,
)
from nir.passes.partition.report import Outside, RegionReport, Report
from nir.relay import infer_types
from nir.relay.ast import Constant, Function, Module
from nir.relay.types import TensorType, Type, numpy_dtype
from nir.relay.visitor import post_order
from nir.shown import Shown
from nir.targets import Reason, Target


@dataclass(frozen=True)
class RelayPartition(Shown):
    """A partitioned Relay module and its report. `source` is the module that was partitioned."""

    module: Module
    report: Report
    source: Module

    def drawable(self) -> Module:
        """What `nir.draw` and notebooks draw."""
        return self.module


def partition_relay(
    module: Module,
    params: Mapping[str, Any] | None = None,
    targets: Sequence[AnyTarget | str] = ("apu",),
    *,
    connected: bool = False,
    minimum_operators: int = 1,
    minimum_macs: int = 0,
) -> RelayPartition:
    """Splits `@main` of a Relay module between TVM and `targets`, in order of preference.

    What a target supports is found by converting the module to NIR; calls that make one NIR operation stay together.
    A `RelayOperators` among the targets decides by the names of Relay's operators alone. `params` become constants.
    Lets of values are replaced with what they bind. For the other options see `partition`.

    Raises `PartitionError` for an unknown target and where a function has a compiler already, and `ConvertError` where
    the module holds what NIR cannot.
    """
    require_type(module, Module, "a Relay module", "nir.relay.load reads a file")
    chosen = _chosen(targets)
    source = module.bind(params) if params else module
    split = next((name for name, function in source.functions.items() if "Compiler" in function.attrs), None)
    if split is not None:
        hint = "nir.passes.partition.inline_relay_regions puts the regions back"
        raise PartitionError(f"the module is partitioned already: @{split} has a compiler", hint=hint)
    if source.main.body.checked_type is None:
        infer_types(source)
    with collector_paused():
        if all(isinstance(target, RelayOperators) for target in chosen):
            graph = RelayGraph(source.main)
            groups = alone(graph)
        else:
            converted = Converted(source)
            graph = RelayGraph(source.main, converted.is_constant)
            groups = converted.groups(graph)
        names = [target.name for target in chosen]
        weighed = _weighed(graph, groups, chosen)
        assignment = assign(weighed, names, Worth(minimum_operators, minimum_macs), connected)
        regions = _regions(graph, groups, assignment.regions, names, source)
        main, functions = build(graph, [group for group, _ in regions])
    result = Module({**source.functions, "main": main, **functions}, source.source, source.attrs, source.provenance)
    infer_types(result)
    outside = tuple(_outside(graph, groups, weighed.macs, assignment.reasons))
    reports = tuple(
        _region_report(group, functions, sum(weighed.macs[node] for node in found.nodes), names[found.owner])
        for group, found in regions
    )
    return RelayPartition(result, Report(tuple(names), reports, outside), source)


def _chosen(targets: Sequence[AnyTarget | str]) -> list[AnyTarget]:
    """The targets, names looked up. Raises `PartitionError` as `chosen_targets` does."""
    if isinstance(targets, (str, Target, RelayOperators)):
        targets = [targets]
    return chosen_targets(targets, RelayOperators)


def _weighed(graph: RelayGraph, groups: Groups, targets: Sequence[AnyTarget]) -> Weighed:
    by_name = all(isinstance(target, RelayOperators) for target in targets)
    sizes = [
        len(members) if by_name or made else 0 for members, made in zip(groups.members, groups.operations, strict=True)
    ]
    macs = [sum(op.macs() for op in made) for made in groups.operations]
    given = [sum(_bytes(type_of(key)) for key in keys_of(graph.nodes[members[-1]])) for members in groups.members]
    return Weighed(groups.dag, objections(graph, groups, targets), sizes, macs, given)


def _regions(
    graph: RelayGraph, groups: Groups, found: Sequence[Region], names: Sequence[str], module: Module
) -> list[tuple[Group, Region]]:
    """Regions to build, in the order in which they run; composites for groups that make one operation of several calls."""
    made = []
    number = 0
    for each in found:
        nodes = sorted(node for group in each.nodes for node in groups.members[group])
        inner = [
            composite([graph.nodes[node] for node in groups.members[group]], _chief(groups.operations[group]))
            for group in each.nodes
            if len(groups.members[group]) > 1 and groups.operations[group]
        ]
        while (name := f"tvmgen_default_nir_main_{number}") in module.functions:
            number += 1
        number += 1
        made.append((region(name, names[each.owner], [graph.nodes[node] for node in nodes], inner), each))
    return made


def _chief(operations: Sequence[Operation]) -> str:
    """The operator that does the work: others only bring filters in order."""
    return max(operations, key=lambda op: (op.macs(), operations.index(op))).name


def _outside(
    graph: RelayGraph, groups: Groups, macs: Sequence[int], reasons: Mapping[int, tuple[Reason, ...]]
) -> Iterator[Outside]:
    """The calls outside; the multiply-accumulates of several that make one operation count for the first."""
    for group, why in sorted(reasons.items()):
        for index, node in enumerate(groups.members[group]):
            operator = operator_of(graph.nodes[node])
            name = graph.nodes[node].origin or f"{operator} {node}"
            yield Outside(name, operator, 0 if index else macs[group], why)


def _region_report(group: Group, functions: Mapping[str, Function], macs: int, target: str) -> RegionReport:
    assert group.name is not None, "regions have names"
    function = functions[group.name]
    constants = [expr for expr in post_order(function.body) if isinstance(expr, Constant)]
    return RegionReport(
        group.name,
        target,
        dict(Counter(operator_of(node) for node in group.nodes).most_common()),
        macs,
        sum(_bytes(type_of(key)) for key in group.inputs),
        sum(_bytes(type_of(key)) for key in group.outputs),
        sum(constant.data.nbytes for constant in constants),
    )


def _bytes(type: Type) -> int:
    """Bytes of a tensor, unknown dimensions counted as one; 0 for what is no tensor."""
    dtype = numpy_dtype(type.dtype) if isinstance(type, TensorType) else None
    if dtype is None or not isinstance(type, TensorType):
        return 0
    count = dtype.itemsize
    for size in type.shape:
        count *= 1 if size is None else size
    return count


__all__ = ["RelayOperators", "RelayPartition", "partition_relay"]
