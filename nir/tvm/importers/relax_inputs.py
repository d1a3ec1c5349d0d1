"""The inputs of a Relax module: binding of open dimensions and of weights, and what `main` then takes.

Importing this module imports TVM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nir.errors import ConvertError, suggestion
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.importers.guarding import front_end
from nir.tvm.importers.model import ModelInput, fixed_shape, reject_unknown_names

require_tvm("importing models")  # before the imports that would fail less kindly

import tvm  # noqa: E402
from tvm import relax  # noqa: E402


def fixed_inputs(
    module: tvm.IRModule, shapes: Mapping[str, Sequence[int]]
) -> tuple[tvm.IRModule, tuple[ModelInput, ...]]:
    """`module` with every input of `main` of the shape that it states or that is given, and these inputs.

    Raises ConvertError for a module without `main`, for inputs that are no tensors, and where shapes stay open.
    """
    parameters = list(_main(module).params)
    reject_unknown_names(shapes, (variable.name for variable in parameters))
    bound: dict[Any, int] = {}
    inputs = []
    for variable in parameters:
        extents = _extents(variable)
        known = [int(e) if isinstance(e, tvm.tirx.IntImm) else bound.get(e) for e in extents]
        shape = fixed_shape(variable.name, known, shapes.get(variable.name))
        bound.update((e, n) for e, n in zip(extents, shape, strict=True) if isinstance(e, tvm.tirx.Var))
        inputs.append(ModelInput(variable.name, shape, str(variable.ty.dtype)))
    if bound:
        with front_end("Relax", "the module with fixed shapes"):
            module = relax.transform.BindSymbolicVars({str(v.name): n for v, n in bound.items()}, "main")(module)
    return module, tuple(inputs)


def bind_weights(module: tvm.IRModule, weights: Mapping[str, Any]) -> tvm.IRModule:
    """`module` with parameters of `main` made constants, by name. Raises ConvertError for what no parameter takes."""
    parameters = {variable.name: variable for variable in _main(module).params}
    for name, value in weights.items():
        if name not in parameters:
            known = list(parameters)
            raise ConvertError(
                f"the module has no parameter '{name}'", expected=", ".join(known)[:200], hint=suggestion(name, known)
            )
        array, wanted = np.asarray(value), parameters[name]
        shape = tuple(int(e) if isinstance(e, tvm.tirx.IntImm) else -1 for e in _extents(wanted))
        if array.shape != shape or array.dtype.name != str(wanted.ty.dtype):
            raise ConvertError(
                f"the weight for '{name}' does not fit",
                expected=str(wanted.ty),
                found=f"{array.dtype.name} of shape {array.shape}",
            )
    constants = {name: tvm.runtime.tensor(np.require(value, requirements="C")) for name, value in weights.items()}
    with front_end("Relax", "the module with weights"):
        return relax.transform.BindParams("main", constants)(module)


def _main(module: tvm.IRModule) -> relax.Function:
    found = next((f for variable, f in module.functions_items() if variable.name_hint == "main"), None)
    if not isinstance(found, relax.Function):
        raise ConvertError(
            "the module has no Relax function 'main'", found=f"{len(module.functions_items())} functions"
        )
    return found


def _extents(variable: Any) -> list[Any]:
    kind = variable.ty
    if not isinstance(kind, relax.TensorType) or kind.shape is None or not isinstance(kind.shape, relax.ShapeExpr):
        raise ConvertError(f"input '{variable.name}' is no tensor of known rank", found=str(kind)[:200])
    for extent in kind.shape.values:
        if not isinstance(extent, tvm.tirx.IntImm | tvm.tirx.Var):
            raise ConvertError(f"the shape of input '{variable.name}' has a computed dimension", found=str(kind)[:200])
    return list(kind.shape.values)
