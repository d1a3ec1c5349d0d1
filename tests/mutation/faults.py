"""All faults, in the order of the page."""

from __future__ import annotations

from tests.mutation import faults_conversion, faults_language, faults_operators, faults_passes
from tests.mutation.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *faults_operators.FAULTS,
    *faults_language.FAULTS,
    *faults_passes.FAULTS,
    *faults_conversion.FAULTS,
)
