"""Regions of a Relax module: its functions with the attribute Codegen = "nir", and lowering them to calls of NIR's runtime.

A region becomes a NIR module; the call of it becomes a call of `nir.runtime.invoke` on the encoded module, its weights
and the arguments. The weights are constants of the Relax module, of which TVM keeps equal ones once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nir import passes
from nir.errors import ConvertError, suggestion
from nir.ir import Function, Module, TensorType
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.runtime_program import Program, encode

CODEGEN = "nir"
"""The value of the attribute Codegen of a region."""

PROFILE = "nir.profile"
"""The attribute of a region that names the numeric profile it runs under, where it is not that of the whole."""

INVOKE = "nir.runtime.invoke"
"""The function that compiled modules call; `nir.tvm.runtime` registers it."""


def is_region(tvm: Any, function: Any) -> bool:
    """True for a Relax function that is to run on NIR."""
    return (
        isinstance(function, tvm.relax.Function) and bool(function.attrs) and function.attrs.get("Codegen") == CODEGEN
    )


def region_functions(module: Any) -> dict[str, Any]:
    """The regions of a Relax module by name, in the order of their names. Raises `RunError` without TVM."""
    tvm = require_tvm("looking at Relax modules")
    found = {symbol.name_hint: f for symbol, f in module.functions_items() if is_region(tvm, f)}
    return {name: found[name] for name in sorted(found, key=lambda name: (len(name), name))}


def region_to_nir(module: Any, name: str) -> Module:
    """The region `name` of a Relax module as a NIR module with one function of that name and of the region's signature.

    Images lie as NHWC inside. Raises `ConvertError` where the region contains an operator that NIR does not have.
    """
    tvm = require_tvm("converting regions")
    function = module[name]
    plain = tvm.relax.Function(function.params, function.body, function.ret_ty, function.is_pure)
    functions = {symbol: f for symbol, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)}
    functions[tvm.ir.GlobalVar("main")] = plain.with_attr("global_symbol", "main")
    main = passes.relax_to_nir(tvm.IRModule(functions), layout="nhwc").functions["main"]
    return Module([Function(name, main.parameters, main.operations, main.results, main.attributes)])


def lower_regions(
    module: Any,
    *,
    programs: Mapping[str, Module] | None = None,
    profile: str = "qdq",
    embed: bool = False,
) -> Any:
    """The Relax module with calls of NIR's runtime in place of calls of its regions; regions are gone.

    `programs` has NIR modules by region for those that shall not be converted anew; each has a function of the region's
    name and signature. `profile` is for regions that name none. With `embed` a program holds its weights, for runtimes
    that want everything in one piece; otherwise weights are constants that regions and host operators share. A module
    without regions comes back as it is.

    Raises `ConvertError` for what cannot be lowered, `RunError` for an unknown profile and without TVM.
    """
    tvm = require_tvm("lowering regions")
    regions = region_functions(module)
    given = dict(programs or {})
    unknown = [name for name in given if name not in regions]
    if unknown:
        raise ConvertError(f"there is no region '{unknown[0]}'", hint=suggestion(unknown[0], regions))
    if not regions:
        return module
    encoded = {}
    for name, function in regions.items():
        body = given.get(name) or region_to_nir(module, name)
        _check_signature(tvm, name, function, body)
        encoded[name] = encode(body, str(function.attrs.get(PROFILE, profile)), function=name, embed=embed)
    return _replace_calls(tvm, module, encoded)


def _check_signature(tvm: Any, name: str, function: Any, body: Module) -> None:
    """Raises `ConvertError` where the NIR function takes or gives other tensors than the region."""
    if name not in body.functions:
        raise ConvertError(f"the program for region '{name}' has no function @{name}")
    entry = body.functions[name]
    wanted = [[p.ty for p in function.params], _fields(tvm, function.ret_ty)]
    for what, types, values in zip(("parameter", "result"), wanted, (entry.parameters, entry.results), strict=True):
        if len(types) != len(values):
            message = f"the program for region '{name}' has another number of {what}s than the region"
            raise ConvertError(message, expected=str(len(types)), found=str(len(values)))
        for index, (type, value) in enumerate(zip(types, values, strict=True)):
            if not _is_same_type(tvm, type, value.type):
                message = f"{what} {index} of the program for region '{name}' is of another type than the region's"
                raise ConvertError(message, expected=str(type), found=str(value.type))


def _fields(tvm: Any, type: Any) -> list[Any]:
    return list(type.fields) if isinstance(type, tvm.relax.TupleType) else [type]


def _is_same_type(tvm: Any, relax_type: Any, type: TensorType) -> bool:
    if not isinstance(relax_type, tvm.relax.TensorType) or relax_type.shape is None:
        return False
    extents = tuple(int(extent) if isinstance(extent, tvm.tirx.IntImm) else None for extent in relax_type.shape)
    return extents == type.shape and str(relax_type.dtype) == type.element.numpy.name


def _replace_calls(tvm: Any, module: Any, programs: Mapping[str, Program]) -> Any:
    """`module` without its regions, calls of which invoke the programs."""
    constants = {
        name: [tvm.relax.const(array) for array in (np.frombuffer(program.encoded, np.uint8), *program.weights)]
        for name, program in programs.items()
    }
    builder = tvm.relax.BlockBuilder()

    def invocation(call: Any) -> Any:
        name = call.op.name_hint
        types = _fields(tvm, call.ty)
        arguments = tvm.relax.Tuple([*constants[name], *call.args])
        lowered = tvm.relax.call_dps_packed(INVOKE, arguments, types[0] if len(types) == 1 else types)
        if len(types) == 1 and isinstance(call.ty, tvm.relax.TupleType):
            raise ConvertError(f"region '{name}' returns a tuple of one tensor", expected="the tensor itself")
        return builder.normalize(lowered)

    functions = {}
    for symbol, function in module.functions_items():
        if isinstance(function, tvm.relax.Function) and symbol.name_hint not in programs:
            function = _with_values(tvm, function, set(programs), invocation)
        if symbol.name_hint not in programs:
            functions[symbol] = function
    return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)


def _with_values(tvm: Any, function: Any, names: set[str], change: Callable[[Any], Any]) -> Any:
    """`function` with what `change` makes of each call of a function in `names`."""
    relax = tvm.relax

    def is_call(value: Any) -> bool:
        return isinstance(value, tvm.ir.Call) and isinstance(value.op, tvm.ir.GlobalVar) and value.op.name_hint in names

    blocks = []
    for block in function.body.blocks:
        bindings = [
            relax.VarBinding(binding.var, change(binding.value))
            if isinstance(binding, relax.VarBinding) and is_call(binding.value)
            else binding
            for binding in block.bindings
        ]
        made = relax.DataflowBlock if isinstance(block, relax.DataflowBlock) else relax.BindingBlock
        blocks.append(made(bindings))
    changed = relax.Function(
        function.params, relax.SeqExpr(blocks, function.body.body), function.ret_ty, function.is_pure, function.attrs
    )
    left: list[str] = []
    relax.analysis.post_order_visit(changed, lambda part: left.append(part.op.name_hint) if is_call(part) else None)
    if left:
        raise ConvertError(
            f"region '{left[0]}' is called inside of a branch",
            expected="calls of regions among the bindings of a function",
        )
    return changed
