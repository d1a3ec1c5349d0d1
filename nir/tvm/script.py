"""A Relax module as a Python file in TVMScript, which a plain TVM reads and runs without NIR, and its weights beside it.

TVMScript writes tensors into a metadata section that few tools read, and infinities as it does not read them; here they become parameters of `main`, behind its
inputs, and go to a file in TVM's parameter format. Importing this module imports TVM.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from nir.errors import ConvertError, RunError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.execution import summary
from nir.tvm.noise import without_log_lines

require_tvm("writing TVMScript")  # before the imports that would fail less kindly

import tvm  # noqa: E402
from tvm import relax  # noqa: E402

Array: TypeAlias = "np.ndarray[Any, Any]"

_RESERVED = frozenset({"I", "T", "R", "Module", "Axis", "WEIGHTS", "cls", "load", "main", "os", "relax", "tvm"})
"""Names that mean something else in the file."""


@dataclass(frozen=True)
class Script:
    """The text of a Python file, and the tensors that belong to it.

    `inputs` and `weights` together are the parameters of `main`, in order; `inputs` maps the name in the file to the
    name in the module that it was made of.
    """

    source: str
    inputs: dict[str, str]
    weights: dict[str, Array] = field(repr=False)


def to_script(
    module: tvm.IRModule, stem: str, *, origin: str = "A model", names: Mapping[str, Array] | None = None
) -> Script:
    """`module` as a Python file called `stem`.py, with its weights for `stem`.params beside it.

    `origin` is what the opening comment says it was made of. Weights that equal an array of `names` get its name, the
    others a number. Raises RunError when the module has no `main` or `stem` is no name that Python imports, ConvertError
    where TVMScript cannot express the module.
    """
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise RunError(
            f"{stem[:100]!r} cannot be the name of a Python module", expected="letters, digits and underscores"
        )
    if "main" not in {variable.name_hint for variable in module.get_global_vars()}:
        raise RunError("the module has no function 'main'")
    hoister = _Hoister(_names_by_content(names or {}))
    single = hoister.apply(_inlined(module))
    text = _text(single)
    weights_file = f"{stem}.params"
    source = _assembled(text, hoister, single["main"], stem, weights_file, origin)
    return Script(source, hoister.inputs, hoister.weights)


def _text(module: tvm.IRModule) -> str:
    """TVMScript of `module`. Raises ConvertError for what TVM writes and does not read again."""
    text: str = module.script(show_meta=False)
    if re.search(r"elem_offset=[A-Za-z_]", text):  # read from a string, but not from a file, where Python wants a value
        raise ConvertError("TVM cannot read the TVMScript that it writes for a buffer at an unknown offset")
    try:
        with without_log_lines():
            tvm.script.from_source(text)
    except Exception as error:  # TVM raises whatever its parser throws
        raise ConvertError(
            "TVM cannot read the TVMScript that it writes for this module", found=summary(error)
        ) from error
    return text


_GREATEST_SIZE = 100_000
"""How many bindings a module may have once all calls of its functions are inlined."""


def _inlined(module: tvm.IRModule) -> tvm.IRModule:
    """`module` with the functions that `main` calls put in their place, so that all constants stand in `main`."""
    functions = {v.name_hint: f for v, f in module.functions_items() if isinstance(f, relax.Function)}
    if len(functions) == 1:
        return module
    if _inlined_size(functions) > _GREATEST_SIZE:
        raise ConvertError(
            "functions call each other so often that they cannot be inlined",
            expected=f"at most {_GREATEST_SIZE} operations",
        )
    return relax.transform.InlinePrivateFunctions()(module)


def _inlined_size(functions: Mapping[str, Any]) -> int:
    """How many bindings `main` would have with all calls inlined; functions do not call themselves."""
    sizes: dict[str, int] = {}
    stack = ["main"]
    while stack:
        bindings = [b.value for block in functions[stack[-1]].body.blocks for b in block.bindings]
        calls = [v.op.name_hint for v in bindings if isinstance(v, tvm.ir.Call) and isinstance(v.op, tvm.ir.GlobalVar)]
        unknown = [name for name in calls if name in functions and name not in sizes]
        if unknown:
            stack.extend(dict.fromkeys(unknown))
        else:
            name = stack.pop()
            sizes[name] = len(bindings) + sum(sizes.get(callee, 0) for callee in calls)
    return sizes["main"]


def _names_by_content(names: Mapping[str, Array]) -> dict[bytes, str]:
    return {_digest(np.asarray(array)): name for name, array in names.items()}


def _digest(array: Array) -> bytes:
    described = f"{array.dtype} {array.shape}".encode()
    return hashlib.sha256(described + np.ascontiguousarray(array).tobytes()).digest()


def identifier(name: str, taken: Iterable[str]) -> str:
    """`name` as a Python identifier that means nothing else in the file and is not in `taken`."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII) or "p"
    if plain[0].isdigit() or plain.startswith("_"):
        plain = f"p{plain}"
    if keyword.iskeyword(plain) or plain in _RESERVED or re.fullmatch(r"(lv|gv)\d*", plain):
        plain += "_"
    unique, count = plain, 0
    while unique in taken:
        count += 1
        unique = f"{plain}_{count}"
    return unique


@relax.expr_functor.mutator
class _Hoister(relax.PyExprMutator):
    """Makes parameters of the constants of `main`, and gives its own parameters names that a file may have."""

    def __init__(self, names: Mapping[bytes, str]) -> None:
        super().__init__()
        self.names = names
        self.inputs: dict[str, str] = {}
        self.weights: dict[str, Array] = {}
        self.renamed: dict[relax.Var, relax.Var] = {}
        self.hoisted: dict[bytes, relax.Var] = {}

    def apply(self, module: tvm.IRModule) -> tvm.IRModule:
        """The module whose `main` has the weights behind its own parameters."""
        symbol, main = module.get_global_var("main"), module["main"]
        for variable in main.params:
            name = identifier(variable.name, self.inputs)
            self.inputs[name] = variable.name
            self.renamed[variable] = relax.Var(name, variable.ty)
        body = self.visit_expr(main.body)
        parameters = [*self.renamed.values(), *self.hoisted.values()]
        functions = dict(module.functions_items())
        functions[symbol] = relax.Function(parameters, body, main.ret_ty, main.is_pure, main.attrs)
        return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)

    def visit_var_(self, op: Any) -> Any:
        return self.renamed.get(op, op)

    def visit_generic_const_(self, op: Any) -> Any:
        array = op.value.numpy()
        if array.ndim == 0 and np.isfinite(array):  # TVMScript writes these as numbers that it reads again
            return op
        digest = _digest(array)
        if digest not in self.hoisted:
            wanted = self.names.get(digest, f"constant_{len(self.hoisted)}")
            name = identifier(wanted, {*self.inputs, *self.weights})
            self.weights[name] = array
            self.hoisted[digest] = relax.Var(name, op.ty)
        return self.hoisted[digest]


# --- the text around the module ---

_HEADER = """\
# {origin} as a Relax module for TVM {version}, made by NIR, which is not needed to run it:
#
#     import tvm, {stem}
#     outputs = {stem}.load()({call})
#
# The inputs are tensors of TVM, made by tvm.runtime.tensor(array):
{inputs}
# The weights, {count} tensors, are in {weights_file} beside this file.
"""

_LOADER = """\
WEIGHTS = {names}


def load(target="llvm"):
    \"\"\"The compiled model: a function of the inputs, as tensors of TVM, in order.\"\"\"
    weights = tvm.runtime.load_param_dict_from_file(os.path.join(os.path.dirname(__file__), {weights_file}))
    machine = relax.VirtualMachine(tvm.compile(Module, target), tvm.cpu())
    return lambda *inputs: machine["main"](*inputs, *(weights[name] for name in WEIGHTS))
"""


def _assembled(text: str, hoister: _Hoister, main: Any, stem: str, weights_file: str, origin: str) -> str:
    """The file: what it is, TVM's text of the module, how to load it."""
    described = []
    for (name, original), parameter in zip(hoister.inputs.items(), main.params, strict=False):
        called = "" if name == original else f", which was called {_one_line(original)}"
        described.append(f"#     {name}: {_one_line(str(parameter.ty))}{called}")
    header = _HEADER.format(
        origin=_one_line(origin),
        version=tvm.__version__,
        stem=stem,
        call=", ".join(hoister.inputs),
        inputs="\n".join(described) or "#     none",
        count=len(hoister.weights),
        weights_file=_one_line(weights_file),
    )
    body = text[text.index("@I.ir_module") :].split("\n# Metadata omitted")[0].rstrip()
    names = "".join(f"\n    {name!r}," for name in hoister.weights)
    loader = _LOADER.format(names=f"[{names}{chr(10) if names else ''}]", weights_file=repr(weights_file))
    return f"{header}\n{_IMPORTS}\n\n{body}\n\n\n{loader}"


_IMPORTS = """\
import os

import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T
from tvm.tirx.layout import Axis
"""


def _one_line(text: str) -> str:
    """`text` as it may stand in a comment, whatever a name contains."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
