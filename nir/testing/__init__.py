"""Help for tests of what is built on NIR: Hypothesis strategies. Needs Hypothesis, which only this package imports.

@given(program=nir.testing.relay_programs(max_operators=12), seed=st.integers(0, 99))
def test_something(program: RelayProgram, seed: int) -> None:
    module = program.load()
    arrays = program.arrays(seed)
"""

from __future__ import annotations

from nir.testing.relay_draft import Tensor
from nir.testing.relay_programs import RelayProgram, relay_programs

__all__ = ["RelayProgram", "Tensor", "relay_programs"]
