"""Imports point down. The layers stand in LAYERS, lowest first; within a layer packages do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYERS = (
    ("source", "version", "grammar", "garbage", "shown"),
    ("errors",),
    ("files",),
    ("ir",),
    ("ops",),
    ("text",),
    ("verify", "interp", "relay", "nnapi", "tflite"),
    ("targets", "draw"),
    ("passes", "conformance"),
    ("tvm", "filetests", "display", "reduction"),
    ("testing",),
    ("cli",),
)
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}


def imports_of(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every import of a nir module under `tree`, with the name of the top-level package in nir that it reaches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports are not used here"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "nir" else [module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((node, name.split(".")[1]) for name in names if name.startswith("nir."))


def violations(tree: ast.Module, package: str) -> list[str]:
    """What is wrong with the imports of a file of `package` (the name below nir)."""
    allowed = {name for name, level in LEVEL.items() if level < LEVEL[package]} | {package}
    found = [f"line {node.lineno}: {package} imports {used}" for node, used in imports_of(tree) if used not in allowed]
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    local = {node.lineno for function in functions for node, _ in imports_of(function)}
    return found + [f"line {line}: import of nir inside a function" for line in sorted(local)]


def source_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file with the name of its top-level package below nir; nir/__init__.py imports lazily by a table."""
    for path in sorted(root.glob("nir/**/*.py")):
        name = path.relative_to(root / "nir").parts[0].removesuffix(".py")
        if name != "__init__":
            yield path, name
    yield from (
        (path, path.relative_to(root).parts[0]) for top in ("passes", "grammar") for path in root.glob(f"{top}/**/*.py")
    )


def test_imports_point_down(repository: Path) -> None:
    wrong = [
        f"{path.relative_to(repository)}: {violation}"
        for path, package in source_files(repository)
        for violation in violations(ast.parse(path.read_text("utf-8")), package)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "from nir.passes import relay_to_nir",
        "import nir.tvm.run",
        "from nir import cli",
        "from nir.interp import run",
        "def f():\n    from nir.ir import Module",
    ],
)
def test_a_wrong_import_is_noticed(code: str) -> None:
    assert violations(ast.parse(code), "verify") != []


def test_right_imports_pass() -> None:
    assert (
        violations(ast.parse("from nir.ir import Module\nfrom nir.verify.report import x\nimport numpy"), "verify")
        == []
    )
