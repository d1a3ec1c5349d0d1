"""Building the partitioned Relax module: regions as functions with Codegen = "nir", and a main function that calls them.

Importing this module imports TVM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relax
from tvm.relax.utils import copy_with_new_vars

from nir.tvm.partitioning_atoms import AtomGraph
from nir.tvm.regions import CODEGEN

TARGET = "nir.target"
"""The attribute of a region that names its target."""


@dataclass
class Block:
    """Atoms that run one after the other: a region, or a part of the host's work, which has no name."""

    atoms: tuple[int, ...]
    name: str | None = None
    target: str = ""


class ModuleBuilder:
    """Builds the module; `blocks` are in an order in which they can run."""

    def __init__(self, module: tvm.IRModule, name: str, graph: AtomGraph, blocks: Sequence[Block]) -> None:
        self.module = module
        self.name = name
        self.graph = graph
        self.blocks = blocks
        self.inputs = [self._inputs(block) for block in blocks]
        self.wanted = {*graph.results, *(v for found in self.inputs for v in found)}
        self.bindings: list[relax.Binding] = []
        self.bound: set[Any] = set()

    def build(self) -> tvm.IRModule:
        """The partitioned module."""
        functions = dict(self.module.functions_items())
        for block, inputs in zip(self.blocks, self.inputs, strict=True):
            if block.name is None:
                self._host(block)
            else:
                function, outputs = self._region(block, inputs)
                symbol = _typed(tvm.ir.GlobalVar(block.name), function.ty)
                functions[symbol] = function
                self._call(symbol, function, inputs, outputs)
        symbol, main = self.module.get_global_var(self.name), self.module[self.name]
        body = _typed(relax.SeqExpr(self._blocks(), main.body.body), main.ret_ty)
        functions[symbol] = relax.Function(main.params, body, main.ret_ty, main.is_pure, main.attrs)
        return tvm.IRModule(functions, attrs=self.module.attrs, global_infos=self.module.global_infos)

    def _indices(self, block: Block) -> list[int]:
        return sorted({index for number in block.atoms for index in self.graph.atoms[number].bindings})

    def _inputs(self, block: Block) -> list[Any]:
        """The variables that a block takes from others and from the parameters."""
        own = {self.graph.bindings[index].var for index in self._indices(block)}
        taken = (variable for number in block.atoms for variable in self.graph.atoms[number].inputs)
        return [variable for variable in dict.fromkeys(taken) if variable not in own]

    def _host(self, block: Block) -> None:
        """The bindings of the host, each once, though several atoms may share it, or a region may have given it."""
        for binding in map(self.graph.bindings.__getitem__, self._indices(block)):
            if binding.var not in self.bound:
                self._bind(binding.var, binding.value, binding)

    def _bind(self, variable: Any, value: Any, binding: Any = None) -> None:
        self.bound.add(variable)
        self.bindings.append(binding or relax.VarBinding(variable, value))

    def _region(self, block: Block, inputs: Sequence[Any]) -> tuple[relax.Function, list[Any]]:
        """The function of a region, and the variables of main that its results are."""
        made = dict.fromkeys(v for number in block.atoms for v in self.graph.atoms[number].outputs if v in self.wanted)
        # The host may have done by itself what is cheap; a region of nothing else gives its results all the same.
        outputs = [variable for variable in made if variable not in self.bound] or list(made)
        result_type = outputs[0].ty if len(outputs) == 1 else relax.TupleType([v.ty for v in outputs])
        value = outputs[0] if len(outputs) == 1 else relax.Tuple(outputs)
        result = relax.Var("result", result_type)
        parameters = [relax.Var(variable.name, variable.ty) for variable in inputs]  # no parameter is a DataflowVar
        bindings = [relax.VarBinding(variable, p) for variable, p in zip(inputs, parameters, strict=True)]
        bindings += [self.graph.bindings[index] for index in self._indices(block)]
        whole = relax.DataflowBlock([*bindings, relax.VarBinding(result, value)])
        body = _typed(relax.SeqExpr([whole], result), result_type)
        function = _without_aliases(copy_with_new_vars(relax.Function(parameters, body, result_type, True)))
        attributes = {"Codegen": CODEGEN, "global_symbol": block.name, TARGET: block.target}
        return function.with_attrs(attributes), outputs

    def _call(self, symbol: Any, function: relax.Function, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        call = _typed(relax.Call(symbol, list(inputs)), function.ret_ty)
        if len(outputs) == 1 and outputs[0] not in self.bound:
            self._bind(outputs[0], call)
            return
        kind = relax.DataflowVar if self._has_dataflow() else relax.Var
        whole = kind(f"{symbol.name_hint}_results", function.ret_ty)
        self._bind(whole, call)
        for index, variable in enumerate(outputs):
            if variable not in self.bound:
                self._bind(variable, relax.TupleGetItem(whole, index))

    def _has_dataflow(self) -> bool:
        return any(isinstance(block, relax.DataflowBlock) for block in self.module[self.name].body.blocks)

    def _blocks(self) -> list[relax.BindingBlock]:
        """All bindings in one block: of dataflow, where any of them was in one."""
        return [(relax.DataflowBlock if self._has_dataflow() else relax.BindingBlock)(self.bindings)]


def _without_aliases(function: relax.Function) -> relax.Function:
    symbol = tvm.ir.GlobalVar("region")
    return relax.transform.CanonicalizeBindings()(tvm.IRModule({symbol: function}))[symbol]


def _typed(expr: Any, type: Any) -> Any:
    """`expr`, of which the type is known, and need not be inferred."""
    relax.expr._update_type(expr, type)
    return expr


def inline_relax_regions(module: tvm.IRModule) -> tvm.IRModule:
    """The module with calls of regions replaced by what stands in the regions, which are gone.

    The graph is that before partitioning; computations that went into several regions, such as a dequantize of a tensor
    that two of them take, are there as often, and the order of independent bindings can be another one.
    """
    functions = {}
    for symbol, function in module.functions_items():
        if isinstance(function, relax.Function) and function.attrs and function.attrs.get("Codegen") == CODEGEN:
            function = relax.Function(function.params, function.body, function.ret_ty, function.is_pure)
        functions[symbol] = function
    private = tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)
    return relax.transform.CanonicalizeBindings()(relax.transform.InlinePrivateFunctions()(private))


def names_after(prefix: str, taken: Iterable[str]) -> Any:
    """`prefix`_0, `prefix`_1, ... without those that are taken."""
    known = set(taken)
    number = 0
    while True:
        if f"{prefix}_{number}" not in known:
            yield f"{prefix}_{number}"
        number += 1
