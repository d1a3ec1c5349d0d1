"""Help for tests of what is built on NIR: Hypothesis strategies, and checks that two programs compute the same.

Needs Hypothesis, which only this package imports.

@given(module=nir.testing.modules(max_operators=12))
def test_my_pass(module: nir.Module) -> None:
    nir.testing.assert_equivalent(module, my_pass(module))

@given(program=nir.testing.relay_programs(max_operators=12), seed=st.integers(0, 99))
def test_something(program: RelayProgram, seed: int) -> None:
    module = program.load()
    arrays = program.arrays(seed)
"""

from __future__ import annotations

from nir.reduction import reduce
from nir.testing.conversion_check import assert_conversion
from nir.testing.equivalence import NoErrorBound, NotEquivalent, assert_equivalent
from nir.testing.relax_strategies import relax_modules
from nir.testing.relay_draft import Tensor
from nir.testing.relay_programs import RelayProgram, drawable_operators, relay_programs
from nir.testing.strategies import DrawnModule, inputs_for, modules, operations
from nir.testing.type_strategies import element_types, quantisations, shapes, tensor_types, tensors

__all__ = [
    "DrawnModule",
    "NoErrorBound",
    "NotEquivalent",
    "RelayProgram",
    "Tensor",
    "assert_conversion",
    "assert_equivalent",
    "drawable_operators",
    "element_types",
    "inputs_for",
    "modules",
    "operations",
    "quantisations",
    "reduce",
    "relax_modules",
    "relay_programs",
    "shapes",
    "tensor_types",
    "tensors",
]
