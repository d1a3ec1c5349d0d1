"""Layouts: NCHW networks become NHWC, and of the transposes in a network as few as possible are left.

    report = nir.passes.to_nhwc(module)

A tensor may be stored with its dimensions in another order than the program says, as long as every operation that
touches it knows. rules.py says which operators can work in any order, graph.py gathers who produces and who takes
what, choice.py chooses an order for each operation so that as few tensors as possible are needed in two orders (by
minimum cuts, cut.py), and rewriting.py writes the function anew. Constants are transposed in numpy, and a flattened
image is sorted by the weights of the fully connected layer behind it (products.py).
"""

from __future__ import annotations

from typing import NamedTuple

from nir.errors import require_type
from nir.garbage import collector_paused
from nir.ir import Function, Module, walk
from nir.ops.common import Layout
from nir.passes.layout.choice import choose_orders
from nir.passes.layout.constants import name_weights
from nir.passes.layout.graph import Graph
from nir.passes.layout.rewriting import rewrite


class LayoutReport(NamedTuple):
    """What a change of layout did to a module."""

    converted: int
    """Operators that were in NCHW and are in NHWC now."""
    transposes_before: int
    transposes_after: int


def to_nhwc(module: Module, *, keep_interface: bool = True) -> LayoutReport:
    """Brings every operator with `layout = nchw` into NHWC, in place, with as few transposes as can be.

    Parameters and results of functions keep their shapes: there is a transpose at the entrance and one at the exit of
    a network of images. With `keep_interface=False` those of `@main` that are images become NHWC themselves. Functions
    that others call keep theirs in any case. What is computed stays the same: integers are equal, floats up to the
    order in which sums over several dimensions are added.
    """
    require_type(module, Module, "a module", "nir.load reads a file")
    return _changed(module, convert=True, keep_interface=keep_interface)


def reduce_transposes(module: Module) -> LayoutReport:
    """Moves, merges and cancels transposes, in place, until as few as can be are left; every operator with a layout
    keeps its own, and the interface stays as it is.
    """
    require_type(module, Module, "a module", "nir.load reads a file")
    return _changed(module, convert=False, keep_interface=True)


def _changed(module: Module, convert: bool, keep_interface: bool) -> LayoutReport:
    before = count_transposes(module)
    converted = sum(op.attributes.get("layout") is Layout.NCHW for op in walk(module)) if convert else 0
    main = None if keep_interface else module.functions.get("main")
    if before or converted or main is not None:
        with collector_paused():
            for function in module:
                _change_function(function, convert, function is main)
            name_weights(module)
    return LayoutReport(converted, before, count_transposes(module))


def _change_function(function: Function, convert: bool, open_interface: bool) -> None:
    graph = Graph(function, convert, open_interface)
    if graph.is_settled:
        return
    rewrite(graph, choose_orders(graph))


def count_transposes(module: Module | Function) -> int:
    """How many `transpose` operations there are."""
    return sum(op.name == "transpose" for op in walk(module))


__all__ = ["LayoutReport", "count_transposes", "reduce_transposes", "to_nhwc"]
