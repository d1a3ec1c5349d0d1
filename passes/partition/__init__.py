"""Partitioning: which parts of a graph an accelerator runs, in as few calls as can be.

`regions.py` is the algorithm, on numbered nodes: `find_regions(Dag.from_edges(count, edges), supported)`.
"""

from __future__ import annotations

from nir.passes.partition.regions import Dag, Region, execution_order, find_owned_regions, find_regions

__all__ = ["Dag", "Region", "execution_order", "find_owned_regions", "find_regions"]
