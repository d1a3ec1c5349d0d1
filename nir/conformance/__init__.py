"""Conformance: running recorded NNAPI cases in the interpreter and holding the results against what they expect."""

from nir.conformance.comparison import Mismatch, mismatch
from nir.conformance.examination import Examination, Outcome, Status, examine
from nir.conformance.pool import run_cases
from nir.conformance.summary import Counts, count_by_operator, report

__all__ = [
    "Counts",
    "Examination",
    "Mismatch",
    "Outcome",
    "Status",
    "count_by_operator",
    "examine",
    "mismatch",
    "report",
    "run_cases",
]
