"""Relax modules as diagrams, partitioned ones too: in the same visual language as NIR and Relay.

nir.draw.save(nir.tvm.diagram(relax_module), "model.svg")
"""

from __future__ import annotations

from typing import Any

from nir.draw import diagram_of
from nir.draw.diagram import Diagram
from nir.passes import relax_to_relay


def diagram(relax_module: Any) -> Diagram:
    """What `nir.draw` draws of a Relax module's `main`: operators by Relay's names, regions in their target's colour.

    Raises `ConvertError` for what Relay's syntax cannot hold, `RunError` without TVM.
    """
    return diagram_of(relax_to_relay(relax_module))
