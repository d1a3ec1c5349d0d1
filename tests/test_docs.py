"""The documentation is true: examples in it parse, are formatted, and run; generated pages are fresh; links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import REPOSITORY

import nir
from nir.cli import COMMANDS, cli
from nir.cli.operator_page import page
from nir.interp import PROFILES
from nir.ops import OPERATORS_BY_NAME

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("examples/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, pages: list[Path] = PAGES) -> list[pytest.ParameterSet]:
    """Fenced blocks of one language, named after page and line."""
    found = []
    for path in pages:
        text = path.read_text("utf-8")
        for match in FENCE.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{path.relative_to(REPOSITORY)}:{line}"))
    return found


def commands() -> list[pytest.ParameterSet]:
    """Lines in shell blocks that call `nir`."""
    found = []
    for block in blocks("sh"):
        for line in str(block.values[0]).replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["nir"] and "|" not in words:
                found.append(pytest.param(words[1:], id=line.partition("#")[0].strip()))
    return found


@pytest.mark.parametrize("text", blocks("nir", [page for page in PAGES if page.name != "language.md"]))
def test_nir_examples_are_well_formed_and_formatted(text: str) -> None:
    """docs/language.md, which shows fragments too, has tests of its own."""
    nir.verify.verify(nir.parse(text))
    whole = text if re.search(r"^nir \d", text, re.MULTILINE) else f"nir 1.0\n\n{text}"  # snippets may leave it out
    assert nir.format_text(whole) == whole


@pytest.mark.parametrize("code", blocks("python", [REPOSITORY / "README.md"]))
def test_the_python_session_prints_what_its_comments_say(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec", dont_inherit=True), {"__name__": "session"})
    assert capsys.readouterr().out.split() == re.findall(r"^print\(.*\)  # (\w+)", code, re.MULTILINE)


@pytest.mark.parametrize("words", commands())
def test_shell_examples_name_commands_and_options_that_exist(words: list[str]) -> None:
    if words[0].startswith("-"):
        return
    assert words[0] in COMMANDS
    context = cli.make_context("nir", [words[0]], resilient_parsing=True)
    command = cli.get_command(context, words[0])
    assert command is not None
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words[1:] if word.startswith("-") and word != "-"} <= known


def test_the_readme_shows_both_commands_and_a_session() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert {match[1] for match in FENCE.finditer(text)} >= {"sh", "nir", "python"}


def test_the_demo_agrees_and_writes_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("tvm")
    pytest.importorskip("pygraphviz")
    demo = [sys.executable, REPOSITORY / "examples" / "demo.py"]
    result = subprocess.run(demo, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"NIR interpreter +│ +1000 │ +0 ", result.stdout)
    for name in ("mobilenet.nir", "mobilenet.safetensors", "mobilenet.svg"):
        assert f"build/demo/{name}" in result.stdout
        assert (tmp_path / "build" / "demo" / name).stat().st_size > 10_000


def test_the_operator_page_is_fresh() -> None:
    is_fresh = (REPOSITORY / "docs" / "operators.md").read_text("utf-8") == page()
    assert is_fresh, "docs/operators.md is stale: run `make docs` and read the difference"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = FENCE.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{path.name} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("code", blocks("python", [REPOSITORY / "CONTRIBUTING.md"]))
def test_the_operator_of_the_walk_through_works(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {"__name__": "walk_through"}
    exec(compile(code, "CONTRIBUTING.md", "exec", dont_inherit=True), scope)
    operator = scope["CumulativeSum"]
    monkeypatch.setitem(OPERATORS_BY_NAME, operator.name, operator)
    module = nir.parse(operator.example())
    assert nir.check(module) == []
    assert nir.print_module(module).endswith(operator.example())
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    assert nir.run(module, [x])["output_0"].tolist() == [[1, 3, 6], [4, 9, 15]]
    empty = nir.parse(operator.example().replace("2x3", "2x0"))
    (diagnostic,) = nir.check(empty)
    assert diagnostic.message.endswith("the dimension is not empty")


def test_the_readme_lists_the_profiles() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    table = re.findall(r"^\| (`.*?) +\|", text[text.index("numeric **profile**") :], re.MULTILINE)
    assert re.findall(r"`([\w-]+)`", " ".join(table)) == list(PROFILES)


def test_the_walk_through_names_files_that_exist() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    names = re.findall(r"`((?:nir|passes|grammar|tests|docs|benchmarks|examples)/[\w./]*)`", text)
    assert names
    assert [name for name in names if not (REPOSITORY / name).exists()] == []
