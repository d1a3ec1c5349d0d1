"""Where a module came from: its format, the version of TVM that wrote it as far as it says so, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """What reading has found out about a source.

    `format` names it in words. `tvm_version` is the version that the source states, or None: texts do not state one.
    `read_as` is the version whose operators and defaults were assumed, `evidence` why. `notes` are sentences on what
    the source does not bring or what was lost on the way.
    """

    format: str
    tvm_version: str | None = None
    read_as: str = ""
    evidence: str = ""
    notes: tuple[str, ...] = ()
