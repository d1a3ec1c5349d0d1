"""The verifier: finds everything that is wrong with a module, in four layers.

1. structure: counts of operands and results, attributes, signatures, calls (structure.py, calls.py);
2. SSA: definitions before uses, unique names (ssa.py);
3. operators: element types, ranks, constraints, shapes (operators.py);
4. quantisation: scales, zero points, rules of operators (quantisation.py).

An operation that fails in one layer is not looked at in later ones, so that one mistake is reported once; all
other operations are. What layers 1, 3 and 4 find depends only on an operation's class, types and attributes, its
signature, and in layers 1 and 3 not on quantisation; so a signature in which nothing is wrong is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nir.errors import Diagnostic, VerifyError, require_type
from nir.garbage import collector_paused
from nir.ir import Constraint, Function, Module, Operation, Trait
from nir.verify.calls import call_findings, recursive_calls
from nir.verify.findings import Finding, function_name, value_name
from nir.verify.operators import operator_findings
from nir.verify.quantisation import is_well_formed, quantisation_findings, type_findings
from nir.verify.report import Report
from nir.verify.ssa import Owners, Scope
from nir.verify.structure import exact_form, function_findings, module_findings, operation_findings, return_findings

__all__ = ["check", "verify"]

SHOWN_ERRORS = 100
"""Diagnostics that `verify` reports at most; the others are counted."""


def verify(module: Module) -> None:
    """Raises `VerifyError` with all that is wrong with the module, in the order of its text (the first
    100, and the number of those not shown); returns where nothing is.
    """
    diagnostics = check(module, limit=SHOWN_ERRORS)
    if diagnostics:
        raise VerifyError(diagnostics)


def check(module: Module, *, limit: int | None = None) -> list[Diagnostic]:
    """All that is wrong with the module, in the order of its text; empty where nothing is.

    With a `limit`, the diagnostics beyond it are left out, and a last one says how many they are.
    """
    require_type(module, Module, "a nir.Module", "nir.load reads a file")
    report = Report(limit)
    with collector_paused():  # nothing here makes cycles
        report.module(module_findings(module))
        verifier = _Verifier(module, report)
        for function in module:
            verifier.function(function)
    return report.finish()


class _Verifier:
    """One run over a module."""

    def __init__(self, module: Module, report: Report) -> None:
        self.module = module
        self.report = report
        self.owners = Owners(module)
        self.recursive = recursive_calls(module)
        self.clean: set[Any] = set()
        """Signatures that layers 1, 3 and 4 found nothing wrong with."""
        self.clean_storage: dict[Any, tuple[Constraint, ...]] = {}
        """Signatures without quantisation that layers 1 and 3 found nothing wrong with, and what is left to layer 4."""

    def function(self, function: Function) -> None:
        """All layers for one function, in the order of its text."""
        scope = Scope(function, self.owners)
        self.report.function(function, self._signature_findings(function, scope))
        for number, op in enumerate(function.operations):
            if not isinstance(op, Operation):
                self.report.function(function, [_no_operation(function, number, op)])
                continue
            found, types_found = self._by_signature(op)
            if found:
                scope.define_quietly(op)
            else:
                found = scope.operation(op) or types_found
            if found:
                self.report.operation(function, number, op, found)
        self.report.function(function, list(return_findings(function)) or scope.returned())

    def _signature_findings(self, function: Function, scope: Scope) -> Iterator[Finding]:
        structure = list(function_findings(function))
        yield from structure
        yield from scope.parameters()
        if structure:
            return
        for index, value in enumerate(function.parameters):
            name = value_name(value) if value.name is not None else str(index)
            yield from type_findings(value.type, f"parameter {name}", ("parameter", index))
        for index, type in enumerate(function.declared_result_types or ()):
            yield from type_findings(type, f"result {index} of {function_name(function.name)}", ("result", index))

    def _by_signature(self, op: Operation) -> tuple[list[Finding], list[Finding]]:
        """What is wrong in layer 1, and, where nothing is, in the first of layers 3 and 4."""
        try:
            form = _attributes_form(op)
            operands = [None if value is None else value.type for value in op.operands]
            results = [value.type for value in op.results]
            signature = (op.__class__, form, *operands, None, *results)
            if signature in self.clean:
                return [], []
            storage = (
                op.__class__,
                form,
                *[None if type is None else (type.element, type.shape) for type in operands],
                None,
                *[(type.element, type.shape) for type in results],
            )
            constraints = self.clean_storage.get(storage)
        except (AttributeError, TypeError):
            return operation_findings(op), []  # something is not of the type it should be
        return self._examine(op, signature, storage, constraints)

    def _examine(
        self, op: Operation, signature: Any, storage: Any, constraints: tuple[Constraint, ...] | None
    ) -> tuple[list[Finding], list[Finding]]:
        """Layers 1, 3 and 4; without 1 and 3 where they are known to find nothing and to leave `constraints`."""
        calls = Trait.CALLS in op.traits
        structure = [] if constraints is not None else operation_findings(op)
        if calls and not structure:
            recursive = self.recursive.get(op)
            structure = [recursive] if recursive is not None else list(dict.fromkeys(call_findings(op, self.module)))
        if structure:
            return structure, []
        if constraints is None:
            found, constraints, general = operator_findings(op)
            if found:
                return [], found
            if general and not calls:
                self.clean_storage[storage] = constraints
        # Malformed operands were reported where they are defined, and no rule of quantisation makes sense on them.
        if not all(value is None or is_well_formed(value.type) for value in op.operands):
            return [], []
        found = quantisation_findings(op, constraints)
        if not found and not calls:
            self.clean.add(signature)
        return [], found


def _no_operation(function: Function, number: int, given: object) -> Finding:
    return Finding(f"operation {number} of {function_name(function.name)} is not an operation", found=repr(given))


def _attributes_form(op: Operation) -> Any:
    attributes = op.attributes
    return tuple([(name, exact_form(value)) for name, value in attributes.items()]) if attributes else None
