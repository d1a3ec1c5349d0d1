"""The graph that a Relax function is partitioned on: its nodes are atoms, what one NIR operation covers.

The whole function is converted to NIR. A Relax variable that stands for the same tensor as a value of the NIR module is a
place where the graph can be cut; an atom is what is computed between cuts: the bindings from the results of one NIR
operation back to the cuts before it. So a quantised convolution, spread over dequantize, conv2d, add and quantize, stays
whole. A binding that several atoms need (a dequantize with two consumers, a computation from constants) belongs to each;
what is costly is done once, by joining the atoms. Importing this module imports TVM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import tvm
from tvm import relax

from nir.errors import PartitionError
from nir.ir import Operation, Trait, Value
from nir.passes.partition import Dag
from nir.passes.relax_to_nir import Conversion

CHEAP = frozenset(
    {"relax.dequantize", "relax.reshape", "relax.expand_dims", "relax.squeeze", "relax.permute_dims", "relax.astype"}
)
"""Operators that are computed again for each atom that needs them; anything else that atoms share joins them."""


@dataclass
class Atom:
    """A node: indices of bindings in their order, the NIR operations that they stand for, and the variables that it
    takes from other atoms or from the parameters, and that others can take from it.

    `operations` is empty for bindings that the host has to run whatever they are; `host_only` then says why.
    """

    bindings: tuple[int, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    host_only: str | None = None


@dataclass
class AtomGraph:
    """The atoms of a function, in an order in which they can run, and how they depend on each other."""

    bindings: list[Any]
    results: list[Any]
    atoms: list[Atom]
    dag: Dag
    made_by: dict[Any, int] = field(repr=False)
    """The atom of each variable that is a cut."""


class AtomBuilder:
    """Finds the atoms of one function."""

    def __init__(self, function: relax.Function, conversion: Conversion) -> None:
        self.bindings = list(bindings_of(function))
        self.index = {binding.var: index for index, binding in enumerate(self.bindings)}
        self.uses = [self._variables(binding.value) for binding in self.bindings]
        self.results = self._variables(function.body.body)
        self.cuts: set[Any] = set()
        self.slices: dict[Operation, list[Any]] = {}
        self.variables_of: dict[Value | None, list[Any]] = {}
        self._find_cuts(conversion)
        self.constant = self._constants()

    def build(self) -> AtomGraph:
        """The graph."""
        pieces = [self._atom(variables, op) for op, variables in self.slices.items()]
        atoms = self._joined([piece for piece in pieces if piece.bindings])
        atoms += [self._left_over(index) for index in self._live(atoms)]
        atoms.sort(key=lambda atom: atom.bindings[-1])
        made_by = {variable: number for number, atom in enumerate(atoms) for variable in atom.outputs}
        before = [[made_by[v] for v in atom.inputs if v in made_by and made_by[v] != i] for i, atom in enumerate(atoms)]
        return AtomGraph(self.bindings, self.results, atoms, Dag(before), made_by)

    # --- cuts ---

    def _find_cuts(self, conversion: Conversion) -> None:
        """Which variables are cuts, and the variables that each operation of the NIR module makes."""
        for value in conversion.module["main"].values():
            op = value.producer
            if op is None or Trait.CONSTANT in op.traits:
                continue
            variables = [b.variable for b in conversion.origins.get(value, ()) if b.variable in self.index]
            for variable in self._same_place(variables):
                self.cuts.add(variable)
                self.slices.setdefault(op, []).append(variable)
                self.variables_of.setdefault(value, []).append(variable)

    def _same_place(self, variables: list[Any]) -> Iterator[Any]:
        """Of variables for one tensor, the first and those that only repeat it: the others are made in other ways."""
        if not variables:
            return
        first, *others = sorted(variables, key=self.index.__getitem__)
        yield first
        near = {first}
        for variable in others:
            if all(used in near or used not in self.index for used in self.uses[self.index[variable]]):
                near.add(variable)
                yield variable

    def _constants(self) -> set[int]:
        """Bindings that depend on no parameter."""
        found: set[int] = set()
        for index, used in enumerate(self.uses):
            if all(variable in self.index and self.index[variable] in found for variable in used):
                found.add(index)
        return found

    # --- atoms ---

    def _atom(self, variables: list[Any], op: Operation) -> Atom:
        """What makes `variables`, results of `op`, back to its operands.

        On the way lie other cuts: a dequantize that another operation needs as a value of its own, too, while this one
        computes on what is dequantized. What is cheap is done again, so that the operation stays what it is.
        """
        mine = set(variables)
        operations = self._operations(op)
        taken = {v for each in operations for value in each.operands for v in self.variables_of.get(value, ())}
        inside: set[int] = set()
        inputs: dict[Any, None] = {}
        stack = list(variables)

        def again(variable: Any) -> bool:
            return variable not in taken and self._is_cheap(self.index[variable])

        while stack:
            variable = stack.pop()
            if variable not in self.index or (variable in self.cuts and variable not in mine and not again(variable)):
                inputs[variable] = None
            elif self.index[variable] not in inside:
                inside.add(self.index[variable])
                stack.extend(self.uses[self.index[variable]])
        return Atom(tuple(sorted(inside)), operations, tuple(inputs), tuple(variables))

    def _operations(self, op: Operation) -> tuple[Operation, ...]:
        """`op`, and those before it whose results are no cuts."""
        found = {op: None}
        stack = [op]
        while stack:
            for operand in stack.pop().operands:
                producer = None if operand is None else operand.producer
                if producer is None or producer in found or producer in self.slices:
                    continue
                if Trait.CONSTANT not in producer.traits:
                    found[producer] = None
                    stack.append(producer)
        return tuple(reversed(found))

    def _joined(self, atoms: list[Atom]) -> list[Atom]:
        """The atoms, those that share a costly binding as one; all by themselves where that makes a cycle."""
        group = list(range(len(atoms)))

        def find(number: int) -> int:
            while group[number] != number:
                group[number] = group[group[number]]
                number = group[number]
            return number

        owner: dict[int, int] = {}
        for number, atom in enumerate(atoms):
            for index in atom.bindings:
                if index not in self.constant and not self._is_cheap(index):
                    group[find(number)] = find(owner.setdefault(index, number))
        members: dict[int, list[Atom]] = {}
        for number, atom in enumerate(atoms):
            members.setdefault(find(number), []).append(atom)
        joined = [_union(part) for part in members.values()]
        made_by = {variable: number for number, atom in enumerate(joined) for variable in atom.outputs}
        before = [[made_by[v] for v in a.inputs if v in made_by and made_by[v] != i] for i, a in enumerate(joined)]
        try:
            Dag(before)
        except ValueError:
            return atoms
        return joined

    def _is_cheap(self, index: int) -> bool:
        value = self.bindings[index].value
        if isinstance(value, tvm.ir.Call):
            return isinstance(value.op, tvm.ir.Op) and value.op.name in CHEAP
        return not isinstance(value, relax.If)

    # --- what is in no atom ---

    def _live(self, atoms: Iterable[Atom]) -> list[int]:
        """Bindings that the results of the function need, those inside of atoms left out."""
        inside = {variable: atom for atom in atoms for variable in atom.outputs}
        seen = set(self.results)
        stack = list(self.results)
        found = []
        while stack:
            variable = stack.pop()
            atom = inside.get(variable)
            if atom is None and variable not in self.index:
                continue
            if atom is None:
                found.append(self.index[variable])
            for used in self.uses[self.index[variable]] if atom is None else atom.inputs:
                if used not in seen:
                    seen.add(used)
                    stack.append(used)
        return found

    def _left_over(self, index: int) -> Atom:
        """A binding by itself, for the host: a tuple that the function returns, or what NIR does not stand for."""
        variable = self.bindings[index].var
        why = "NIR has no tensor that is the same as this result"
        return Atom((index,), (), tuple(self.uses[index]), (variable,), why)

    def _variables(self, expr: Any) -> list[Any]:
        return list(relax.analysis.free_vars(expr))


def _union(atoms: list[Atom]) -> Atom:
    if len(atoms) == 1:
        return atoms[0]
    outputs = dict.fromkeys(variable for atom in atoms for variable in atom.outputs)
    return Atom(
        tuple(sorted({index for atom in atoms for index in atom.bindings})),
        tuple(dict.fromkeys(op for atom in atoms for op in atom.operations)),
        tuple(dict.fromkeys(v for atom in atoms for v in atom.inputs if v not in outputs)),
        tuple(outputs),
    )


def bindings_of(function: relax.Function) -> Iterator[Any]:
    """The bindings of a function in order. Raises `PartitionError` for a body that is no sequence of them."""
    if not isinstance(function.body, relax.SeqExpr):
        raise PartitionError("the body of the function is no sequence of bindings")
    for block in function.body.blocks:
        yield from block.bindings


__all__ = ["Atom", "AtomBuilder", "AtomGraph", "bindings_of"]
