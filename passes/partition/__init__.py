"""Partitioning: which parts of a graph an accelerator runs, in as few calls as can be.

    split = nir.passes.partition(module, ["apu"])
    split.module; split.report

`regions.py` is the algorithm, on numbered nodes: `find_regions(Dag.from_edges(count, edges), supported)`. `assign` adds
targets to it, and what is known of each node. `nir_module.py` and `relay_module.py` apply it.
"""

from __future__ import annotations

from nir.passes.partition.assignment import Assignment, Weighed, Worth, assign
from nir.passes.partition.inlining import inline_regions
from nir.passes.partition.nir_module import Partition, chosen_targets, partition
from nir.passes.partition.regions import Dag, Region, execution_order, find_owned_regions, find_regions
from nir.passes.partition.relay_inlining import inline_relay_regions
from nir.passes.partition.relay_module import RelayPartition, partition_relay
from nir.passes.partition.relay_support import RelayOperators
from nir.passes.partition.report import Outside, RegionReport, Report

__all__ = [
    "Assignment",
    "Dag",
    "Outside",
    "Partition",
    "Region",
    "RegionReport",
    "RelayOperators",
    "RelayPartition",
    "Report",
    "Weighed",
    "Worth",
    "assign",
    "chosen_targets",
    "execution_order",
    "find_owned_regions",
    "find_regions",
    "inline_regions",
    "inline_relay_regions",
    "partition",
    "partition_relay",
]
