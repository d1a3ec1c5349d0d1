"""All oracles by name, and which of them can be asked on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from nir.errors import NirError, suggestion
from nir.testing.fuzzing import back_end_oracles, module_oracles
from nir.testing.fuzzing.oracle import Oracle

ORACLES: dict[str, Oracle] = {oracle.name: oracle for oracle in (*module_oracles.ORACLES, *back_end_oracles.ORACLES)}
"""Every oracle by its name."""


def missing_for(oracle: Oracle) -> list[str]:
    """Packages that the oracle needs and that are not installed."""
    return [name for name in oracle.needs if importlib.util.find_spec(name) is None]


def chosen(names: Sequence[str] | None) -> list[Oracle]:
    """The oracles of these names, or all that can be asked here. Raises `NirError` for those that cannot."""
    if names is None:
        return [oracle for oracle in ORACLES.values() if not missing_for(oracle)]
    for name in names:
        if name not in ORACLES:
            raise NirError(f"there is no oracle '{name}'", expected=", ".join(ORACLES), hint=suggestion(name, ORACLES))
        missing = missing_for(ORACLES[name])
        if missing:
            raise NirError(f"the oracle '{name}' needs {', '.join(missing)}, which is not installed")
    if not names:
        raise NirError("no oracle is named", expected=", ".join(ORACLES))
    return [ORACLES[name] for name in dict.fromkeys(names)]
