"""What targets have against the atoms of a Relax function, and what each atom weighs. Importing this module imports TVM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tvm
from tvm import relax

from nir.ir import ElementType, Module, Operation, Origin, Trait, copy_module
from nir.passes import fold_constants, to_nhwc
from nir.passes.partition import Weighed
from nir.targets import Reason, Target
from nir.tvm.partitioning_atoms import Atom, AtomGraph

_ELEMENTS = frozenset(element.numpy.name for element in ElementType)


def weigh(graph: AtomGraph, module: Module, targets: Sequence[Target]) -> Weighed:
    """The graph with what each target has against each atom; `module` is what the function was converted to."""
    forms = in_nhwc(module)
    objections = [[_against(graph, atom, target, forms) for target in targets] for atom in graph.atoms]
    sizes = [len(atom.operations) if atom.host_only is None else _calls(graph, atom) for atom in graph.atoms]
    macs = [sum(op.macs() for op in atom.operations) for atom in graph.atoms]
    return Weighed(graph.dag, objections, sizes, macs)


def in_nhwc(module: Module) -> dict[Operation, tuple[Operation, ...]]:
    """For the operations of `@main` what they become where images lie as NHWC, as they do inside of regions.

    The transposes that this takes at the borders are not among them. An operation of which nothing is left, such as a
    transpose, stands for itself.
    """
    originals = list(module["main"].operations)
    copied = copy_module(module)
    for number, op in enumerate(copied["main"].operations):
        op.location = Origin(str(number))  # the passes keep it, whatever they make of the operation
    to_nhwc(copied)
    fold_constants(copied)
    found: dict[int, list[Operation]] = {}
    for op in copied["main"].operations:
        if isinstance(op.location, Origin) and Trait.CONSTANT not in op.traits:
            original = int(op.location.name)
            if op.name != "transpose" or originals[original].name == "transpose":
                found.setdefault(original, []).append(op)
    return {op: tuple(found.get(number, [op])) for number, op in enumerate(originals)}


def _against(
    graph: AtomGraph, atom: Atom, target: Target, forms: Mapping[Operation, tuple[Operation, ...]]
) -> tuple[Reason, ...]:
    """What a target has against an atom: what it has against its operations, and what a region cannot hold."""
    if atom.host_only is not None:
        return (Reason(target.name, "no-tensor", "The result is a tensor that NIR has as well", atom.host_only),)
    reasons = [reason for op in atom.operations for form in forms[op] for reason in target.reasons(form)]
    strange = next((v for v in (*atom.inputs, *atom.outputs) if not _crosses(v)), None)
    if strange is not None:
        sentence = "Tensors that go into and out of a region have an element type of NIR and a known shape"
        reasons.append(Reason(target.name, "border", sentence, f"'{strange.name}' is {strange.ty}"))
    bindings = map(graph.bindings.__getitem__, atom.bindings)
    calling = next((binding.var for binding in bindings if not _is_plain(binding.value)), None)
    if calling is not None:
        sentence = "A region holds operators; calls of functions stay with the host"
        reasons.append(Reason(target.name, "no-calls", sentence, f"'{calling.name}' is a call"))
    return tuple(dict.fromkeys(reasons))


def _crosses(variable: Any) -> bool:
    """Whether a variable can be a parameter or result of a region."""
    type = variable.ty
    return (
        isinstance(type, relax.TensorType)
        and type.shape is not None
        and all(isinstance(extent, tvm.tirx.IntImm) for extent in type.shape)
        and str(type.dtype) in _ELEMENTS
    )


def _is_plain(value: Any) -> bool:
    """Whether a region can hold a binding of `value`: operators, what NIR knows of tensor programs, and tuples."""
    return not isinstance(value, tvm.ir.Call) or isinstance(value.op, tvm.ir.Op)


def _calls(graph: AtomGraph, atom: Atom) -> int:
    return sum(isinstance(graph.bindings[index].value, tvm.ir.Call) for index in atom.bindings)
