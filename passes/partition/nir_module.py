"""Partitioning a NIR module: regions become functions with a target, which the main function calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nir.errors import PartitionError, require_type
from nir.garbage import collector_paused
from nir.ir import Function, Module, Operation, Trait, copy_function, copy_module
from nir.passes.partition.assignment import Assignment, Weighed, Worth, assign
from nir.passes.partition.graph import Dag, execution_order
from nir.passes.partition.inlining import TARGET, inline_regions
from nir.passes.partition.outlining import Outliner
from nir.passes.partition.report import Outside, RegionReport, Report
from nir.shown import Shown
from nir.targets import Target, get_target

Targets = Sequence["str | Target"]


@dataclass(frozen=True)
class Partition(Shown):
    """A partitioned NIR module and its report. `source` is the module that was partitioned, untouched."""

    module: Module
    report: Report
    source: Module

    def drawable(self) -> Module:
        """What `nir.draw` and notebooks draw."""
        return self.module

    def regions(self) -> list[Function]:
        """The functions that are regions, in the order in which they run."""
        return [self.module[region.name] for region in self.report.regions]

    def inlined(self) -> Module:
        """The graph with the regions put back, operations in the order of the source: equal to it."""
        module = inline_regions(self.module)
        name = _main_name(self.source)
        order = {value.name: i for i, op in enumerate(self._named_source().operations) for value in op.results}
        # An operation without results has no name; the order that they have is the order they had.
        module[name].operations.sort(key=lambda op: order.get(op.results[0].name, 0) if op.results else len(order))
        return module

    def _named_source(self) -> Function:
        function = copy_function(self.source[_main_name(self.source)])
        Outliner(function)
        return function


def partition(
    module: Module,
    targets: Targets = ("apu",),
    *,
    connected: bool = False,
    minimum_operators: int = 1,
    minimum_macs: int = 0,
    prefix: str = "nir",
) -> Partition:
    """Splits `@main` (or the only function) between the host and `targets`, in order of preference.

    An operation goes to the first target that supports it. Regions are as few as can be (see `find_regions`, also for
    `connected`), are called `nir_0`, `nir_1`, ... after `prefix`, and have the attribute `target`. A region of fewer
    than `minimum_operators` operators or `minimum_macs` multiply-accumulates is given up, and its operators go to the
    next target or stay outside. The module given is not changed.

    Raises `PartitionError` for an unknown target, and where a function has a target already. The module has to be
    well-formed (`nir.verify`).
    """
    require_type(module, Module, "a NIR module")
    chosen = chosen_targets(targets)
    name = _main_name(module)
    split_already = [function.name for function in module if TARGET in function.attributes]
    if split_already:
        raise PartitionError(
            f"the module is partitioned already: @{split_already[0]} has a target",
            hint="nir.passes.inline_regions puts the regions back",
        )
    with collector_paused():
        result = copy_module(module)
        operations = [op for op in result[name].operations if Trait.CONSTANT not in op.traits]
        weighed = _weighed(operations, chosen)
        worth = Worth(minimum_operators, minimum_macs)
        assignment = assign(weighed, [target.name for target in chosen], worth, connected)
        functions = _split(result, name, operations, weighed.graph, assignment, chosen, prefix)
    outside = tuple(
        Outside(_name_of(operations[node]), operator_name(operations[node]), weighed.macs[node], reasons)
        for node, reasons in sorted(assignment.reasons.items())
    )
    report = Report(tuple(target.name for target in chosen), tuple(map(region_report, functions)), outside)
    return Partition(result, report, module)


def chosen_targets(targets: Sequence[Any], *others: type) -> list[Any]:
    """The targets of names; objects, which are targets or of the types `others`, are taken as they are.

    Raises `PartitionError` where there is none, an unknown or a repeated one.
    """
    if isinstance(targets, (str, Target, *others)):
        targets = [targets]
    require_type(targets, Iterable, "names of targets", 'such as ["apu", "cpu"]')
    chosen: list[Any] = [target if isinstance(target, others) else get_target(target) for target in targets]
    names = [target.name for target in chosen]
    if not chosen:
        raise PartitionError("there is no target to partition for")
    if len(set(names)) < len(names):
        raise PartitionError("a target is named twice", found=", ".join(names))
    return chosen


def _main_name(module: Module) -> str:
    try:
        return module.main.name
    except KeyError:
        known = ", ".join(f"@{name}" for name in module.functions) or "no function at all"
        raise PartitionError("the module has no function @main", found=known) from None


def _weighed(operations: list[Operation], targets: Sequence[Target]) -> Weighed:
    number = {op: index for index, op in enumerate(operations)}
    before = [[number[v.producer] for v in op.operands if v is not None and v.producer in number] for op in operations]
    try:
        graph = Dag(before)
    except ValueError:
        raise PartitionError("operations wait for one another", hint="nir.check says where") from None
    objections = [[target.reasons(op) for target in targets] for op in operations]
    given = [sum(value.type.nbytes for value in op.results) for op in operations]
    return Weighed(graph, objections, [1] * len(operations), [op.macs() for op in operations], given)


def _split(
    module: Module,
    name: str,
    operations: list[Operation],
    graph: Dag,
    assignment: Assignment,
    targets: Sequence[Target],
    prefix: str,
) -> list[Function]:
    """Takes the regions out of the function and adds them to the module, in the order in which they run."""
    blocks = execution_order(graph, [region.nodes for region in assignment.regions])
    owners = {region.nodes[0]: region.owner for region in assignment.regions}
    names: dict[int, tuple[str, str]] = {}
    number = 0
    for index, block in enumerate(blocks):
        if block[0] in owners:
            while f"{prefix}_{number}" in module.functions:
                number += 1
            names[index] = (f"{prefix}_{number}", targets[owners[block[0]]].name)
            number += 1
    functions = Outliner(module[name]).split([[operations[node] for node in block] for block in blocks], names)
    for function in functions:
        module.add(function)
    return functions


def region_report(function: Function) -> RegionReport:
    """What a region consists of."""
    inside = [op for op in function.operations if Trait.CONSTANT not in op.traits]
    constants = [op for op in function.operations if Trait.CONSTANT in op.traits]
    return RegionReport(
        function.name,
        str(function.attributes[TARGET]),
        dict(Counter(operator_name(op) for op in inside).most_common()),
        sum(op.macs() for op in inside),
        sum(value.type.nbytes for value in function.parameters),
        sum(value.type.nbytes for value in function.results),
        sum(value.type.nbytes for op in constants for value in op.results),
    )


def operator_name(op: Operation) -> str:
    """The operator, or for a foreign one its name where it came from."""
    return str(op.attributes.get("operator")) if op.name == "foreign" else op.name


def _name_of(op: Operation) -> str:
    return str(op.results[0].name) if op.results else op.name
