"""Targets: what each accelerator supports, as tables of named rules over NIR operators.

    target = nir.targets.get_target("neuron")
    for reason in target.reasons(op): print(reason)

A target of one's own is a `Target`, made from rules or from another target; everything that takes a target's name takes
such an object, too.
"""

from __future__ import annotations

from nir.errors import PartitionError, require_type, suggestion
from nir.targets.cpu import CPU
from nir.targets.litert import MTK_LITERT
from nir.targets.nnapi import HIGHEST_LEVEL, NEURON, nnapi
from nir.targets.target import Reason, Rule, Target, rule

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (NEURON, MTK_LITERT, CPU, *(nnapi(level) for level in range(1, HIGHEST_LEVEL + 1)))
}
"""Every target by its name."""

ALIASES = {"apu": "neuron", "nnapi": f"nnapi-{HIGHEST_LEVEL}"}
"""Other names: MediaTek's AI processing unit, which the Neuron API programs; the newest NNAPI."""


def get_target(target: str | Target) -> Target:
    """The target of a name or alias, named as it was asked for; a target is returned as it is.

    Raises `PartitionError` for an unknown name.
    """
    if isinstance(target, Target):
        return target
    require_type(target, str, "the name of a target or a Target")
    found = TARGETS.get(ALIASES.get(target, target))
    if found is None:
        known = (*TARGETS, *ALIASES)
        raise PartitionError(
            f"there is no target '{target[:100]}'", expected=", ".join(known), hint=suggestion(target, known)
        )
    return found.renamed(target)


__all__ = ["ALIASES", "TARGETS", "Reason", "Rule", "Target", "get_target", "nnapi", "rule"]
