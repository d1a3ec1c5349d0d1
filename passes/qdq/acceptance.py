"""Whether NIR has an operation: what the verifier says of it alone."""

from __future__ import annotations

from nir.ir import Operation
from nir.verify.operators import operator_findings
from nir.verify.quantisation import quantisation_findings


def is_accepted(op: Operation) -> bool:
    """True where element types, shapes, constraints and quantisation of an operation are right."""
    found, left, _ = operator_findings(op)
    return not found and not quantisation_findings(op, left)
