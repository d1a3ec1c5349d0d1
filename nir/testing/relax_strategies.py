"""Relax modules for tests of what reads Relax. Needs TVM when it draws."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nir.passes import relay_to_relax
from nir.passes.tvm_requirement import require_tvm
from nir.testing.relay_programs import RelayProgram, relay_programs


def relax_modules(**options: Any) -> st.SearchStrategy[Any]:
    """Relax modules (`tvm.IRModule`) with one function, `main`: drawn Relay programs, lowered by `relay_to_relax`.

    Options are those of `relay_programs`. Raises `RunError` where TVM is missing, and what `relay_programs` raises.
    """
    require_tvm("drawing Relax modules")
    return relay_programs(**options).map(_lowered)


def _lowered(program: RelayProgram) -> Any:
    return relay_to_relax(program.load())
