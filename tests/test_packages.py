"""What is installed: every folder with code is listed in setup.cfg, and importing NIR stays cheap."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

import nir

HEAVY = ("click", "graphviz", "hypothesis", "lark", "matplotlib", "numpy", "pygraphviz", "rich", "tvm", "tvm_ffi")
OPTIONAL = ("click", "graphviz", "hypothesis", "matplotlib", "pygraphviz", "rich", "tvm", "tvm_ffi")
EVERYDAY = (
    "import nir; m = nir.parse('func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x }'); nir.verify.verify(m)"
)


def folders_with_code(root: Path) -> set[str]:
    """Import names of all folders under nir/, passes/ and grammar/ that hold Python files."""
    names = {".".join(path.parent.relative_to(root).parts) for path in root.glob("nir/**/*.py")}
    for mapped in ("passes", "grammar"):
        names |= {"nir." + ".".join(path.parent.relative_to(root).parts) for path in root.glob(f"{mapped}/**/*.py")}
    return names


def settings_of(root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg")
    return parser


def imported_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has imported after running `code`."""
    probe = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_every_folder_with_code_is_installed(repository: Path) -> None:
    listed = set(settings_of(repository)["options"]["packages"].split())
    assert listed == folders_with_code(repository)


def test_every_package_has_an_init_file(repository: Path) -> None:
    folders = {path.parent for top in ("nir", "passes", "grammar") for path in repository.glob(f"{top}/**/*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_other_file_is_package_data(repository: Path) -> None:
    data = settings_of(repository)["options.package_data"]
    missing = []
    for package in settings_of(repository)["options"]["packages"].split():
        folder = repository / package.replace(".", "/").replace("nir/passes", "passes").replace(
            "nir/grammar", "grammar"
        )
        for path in folder.iterdir():
            code = path.is_dir() or path.suffix in (".py", ".pyc")
            if not code and not any(path.match(pattern) for pattern in data.get(package, "").split()):
                missing.append(f"{package}: {path.name}")
    assert missing == []


def test_a_missing_package_is_noticed(tmp_path: Path) -> None:
    for name in ("nir/ir", "nir/new/deep", "passes/quant"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
    assert folders_with_code(tmp_path) == {"nir.ir", "nir.new.deep", "nir.passes.quant"}


def test_public_names_are_the_same_for_type_checkers_and_at_run_time() -> None:
    tree = ast.parse(Path(nir.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == {(module, name) for module, names in nir._NAMES.items() for name in names}


@pytest.mark.parametrize("name", nir.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(nir, name) is not None


def test_subpackages_are_all_packages_but_tests_of_users(repository: Path) -> None:
    packages = {name.split(".")[1] for name in folders_with_code(repository) if "." in name}
    assert packages - set(nir.__all__) == set()


def test_importing_nir_imports_nothing_heavy() -> None:
    assert imported_by("import nir") & set(HEAVY) == set()


def test_parsing_and_verifying_imports_nothing_optional() -> None:
    assert imported_by(EVERYDAY) & set(OPTIONAL) == set()


@pytest.mark.parametrize("package", ["passes", "grammar"])
def test_mapped_packages_refuse_their_folder_names(repository: Path, package: str) -> None:
    """From the repository's root `import passes` would make second copies of all classes."""
    result = subprocess.run(
        [sys.executable, "-c", f"import {package}"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert f"import this package as nir.{package}" in result.stderr
