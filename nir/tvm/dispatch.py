"""`partition_for_nir`, the function that the paper's users call: for Relax modules, Relay modules and NIR modules."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nir.passes
import nir.relay
from nir.ir import Module
from nir.passes.partition import RelayOperators, RelayPartition, partition, partition_relay
from nir.passes.partition.writing import write_partition
from nir.passes.tvm_requirement import require_tvm
from nir.targets import Target

DEBUG_FOLDER = "nir_debug"
"""Where `nir_debug=True` writes, in the current folder."""


def partition_for_nir(
    mod: Any,
    params: Mapping[str, Any] | None = None,
    nir_targets: Sequence[str | Target | RelayOperators] = ("apu",),
    nir_debug: bool | str | os.PathLike[str] = False,
    **options: Any,
) -> Any:
    """The module split between the host and `nir_targets`, of the kind that was given.

    A Relax module gets functions with Codegen = "nir" (see `nir.tvm.partitioning`), a Relay module functions with
    Compiler = "nir", a NIR module functions with a target. `params` become constants of a Relay or Relax module.
    `nir_debug` writes the regions as `.nir` files, the report and the picture to a folder: `nir_debug`, or the one
    named. `options` are those of `nir.passes.partition`: connected, minimum_operators, minimum_macs.

    Raises `PartitionError` for an unknown target and for a module that is partitioned already, `ConvertError` where the
    model holds what NIR cannot, and `RunError` for a Relax module without TVM.
    """
    if isinstance(mod, nir.relay.Module):
        relay = partition_relay(mod, params, nir_targets, **options)
        if nir_debug:
            write_relay_partition(relay, _folder(nir_debug))
        return relay.module
    if isinstance(mod, Module):
        split = partition(mod, nir_targets, **options)  # type: ignore[arg-type]
        if nir_debug:
            write_partition(split.module, split.report, _folder(nir_debug))
        return split.module
    require_tvm("partitioning Relax modules")
    relax = importlib.import_module("nir.tvm.partitioning")
    return relax.partition_for_nir(mod, params, nir_targets, nir_debug, **options)


def write_relay_partition(result: RelayPartition, folder: str | os.PathLike[str]) -> list[Path]:
    """Writes what `write_partition` does, from the partitioned module converted to NIR, and `partitioned.relay`."""
    module = nir.passes.relay_to_nir(result.module, foreign=True)
    written = write_partition(module, result.report, folder)
    text = Path(folder) / "partitioned.relay"
    text.write_text(nir.relay.print_module(result.module), "utf-8")
    return [*written, text]


def _folder(nir_debug: bool | str | os.PathLike[str]) -> str | os.PathLike[str]:
    return DEBUG_FOLDER if isinstance(nir_debug, bool) else nir_debug
