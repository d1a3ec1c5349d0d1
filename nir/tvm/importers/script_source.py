"""The part of a Python file that is TVMScript, found without executing anything. Needs no TVM.

TVM's parser evaluates decorators, annotations and arguments as Python. Whatever is no TVMScript must not get there: a
name that means something else than TVM's dialects, or an attribute that leads out of them.
"""

from __future__ import annotations

import ast
import builtins

from nir.errors import ConvertError, ParseError
from nir.source import Source, Span

_HARMLESS = frozenset(
    [
        "abs",
        "bool",
        "dict",
        "enumerate",
        "float",
        "int",
        "len",
        "list",
        "max",
        "min",
        "range",
        "reversed",
        "str",
        "sum",
        "tuple",
        "zip",
        "True",
        "False",
        "None",
    ]
)
"""Python's own names that an expression may use."""

_LEADS_OUT = frozenset(
    [
        "builtins",
        "collections",
        "contextlib",
        "contrib",
        "core",
        "ctypes",
        "entry",
        "frame",
        "functools",
        "importlib",
        "inspect",
        "ir_builder",
        "np",
        "numbers",
        "numpy",
        "operator",
        "os",
        "parser",
        "pathlib",
        "runtime",
        "script",
        "subprocess",
        "support",
        "sys",
        "tvm",
        "tvm_ffi",
        "types",
        "typing",
        "utils",
        "warnings",
    ]
)
"""Attributes of the dialects' modules that are other modules."""


def script_parts(text: str, name: str) -> tuple[str, str | None]:
    """The class or function that is the module, as text, and the JSON of its metadata, if there is any.

    Raises ParseError for a file that is no Python or holds no TVMScript, ConvertError for expressions that TVMScript
    does not consist of.
    """
    tree = _parsed(text, name)
    source = Source(name, text)
    modules = [node for node in tree.body if isinstance(node, ast.ClassDef) and _is_decorated(node, "ir_module")]
    found: list[ast.ClassDef | ast.FunctionDef] = [*modules]
    if not found:
        found += [n for n in tree.body if isinstance(n, ast.FunctionDef) and _is_decorated(n, "function")]
    if len(found) != 1:
        raise ParseError(
            f"{name}: not one module in TVMScript" if found else f"{name}: Python without a module in TVMScript",
            expected="one class with the decorator @I.ir_module, or one function with @R.function",
            found=", ".join(node.name for node in found) or None,
        )
    node = found[0]
    assigned = [n for n in tree.body if isinstance(n, ast.Assign) and _targets(n) == "metadata"]
    _check(node, source, set(_type_variables(tree)))
    lines = text.split("\n")
    first = min(decorator.lineno for decorator in node.decorator_list)
    variables = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Assign) and _is_type_variable(n)]
    body = "\n".join([*variables, *lines[first - 1 : node.end_lineno]])
    return body + "\n", _metadata(assigned[-1], name) if assigned else None


def _parsed(text: str, name: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        span = _line_span(Source(name, text), line) if line else None
        raise ParseError(f"this is no Python: {getattr(error, 'msg', error)}", span) from None
    except (RecursionError, MemoryError):
        raise ParseError(f"{name}: Python that is nested too deeply") from None


def _line_span(source: Source, line: int) -> Span:
    lines = source.text.split("\n")
    line = min(line, len(lines))
    start = sum(len(before) + 1 for before in lines[: line - 1])
    return Span(source, start, start + max(1, len(lines[line - 1])))


def _is_decorated(node: ast.ClassDef | ast.FunctionDef, word: str) -> bool:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == word:
            return True
    return False


def _targets(node: ast.Assign) -> str:
    return node.targets[0].id if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) else ""


def _is_type_variable(node: ast.Assign) -> bool:
    """`n = TypeVar("n")`, as TVM writes symbolic dimensions that several functions share."""
    value = node.value
    return (
        bool(_targets(node))
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "TypeVar"
        and all(isinstance(argument, ast.Constant) for argument in value.args)
        and not value.keywords
    )


def _type_variables(tree: ast.Module) -> list[str]:
    return [_targets(node) for node in tree.body if isinstance(node, ast.Assign) and _is_type_variable(node)]


def _metadata(node: ast.Assign, name: str) -> str:
    """The text in `metadata = tvm.ir.load_json(\"\"\"...\"\"\")`."""
    value = node.value
    if isinstance(value, ast.Call) and len(value.args) == 1 and isinstance(value.args[0], ast.Constant):
        text = value.args[0].value
        if isinstance(text, str):
            return text
    raise ParseError(f"{name}: the metadata is no text", expected="metadata = tvm.ir.load_json(...)")


def _check(tree: ast.AST, source: Source, known: set[str]) -> None:
    """Raises ConvertError for the first expression that leads out of TVMScript."""
    for node in ast.walk(tree):
        problem = ""
        if isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr in _LEADS_OUT):
            problem = f"the attribute '{node.attr[:50]}' leads out of TVMScript"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
            if node.id.startswith("__") or (hasattr(builtins, node.id) and node.id not in _HARMLESS):
                problem = f"the name '{node.id[:50]}' is Python's own"
            elif node.id in ("tvm", "TypeVar"):
                problem = f"the name '{node.id}' leads out of TVMScript"
        elif isinstance(node, ast.Import | ast.ImportFrom | ast.Lambda | ast.Await | ast.Yield | ast.Global | ast.Try):
            problem = "this statement is no part of TVMScript"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and _is_explosive(node):
            problem = "a few characters of this expression can make any amount of data"
        if problem:
            span = _line_span(source, getattr(node, "lineno", 1))
            raise ConvertError(
                f"{problem}; the file is not evaluated", span, hint="run it yourself, and pass the module"
            )


def _is_explosive(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether Python may take memory and time without bounds for it: powers, shifts, and sequences many times over."""
    if isinstance(node.op, ast.Pow | ast.LShift):
        return True
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return isinstance(node.op, ast.Mult) and any(
        isinstance(side, ast.List | ast.Tuple | ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in sides
    )
