"""Runs the file tests below tests/filetests, and tests the harness that runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nir.errors import ParseError
from nir.filetests import Outcome, differences, failures, find, read, update
from nir.ir import first_difference
from nir.text import format_text, parse, print_module

FILETESTS = Path(__file__).resolve().parent / "filetests"
FILES = find(FILETESTS)
every_file = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FILETESTS)) for path in FILES])


@every_file
def test_file(path: Path) -> None:
    wrong = failures(path)
    assert not wrong, "\n".join([f"{path}:", *wrong, "(nir test --update writes what came into the files)"])


@every_file
def test_what_can_be_read_comes_back_from_its_printed_form(path: Path) -> None:
    """Also where the verifier refuses it: what is printed for an error message must be what was read."""
    test = read(path)
    try:
        module = parse(test.source, path.name, directory=path.parent)
    except ParseError:
        assert "error: " in str(test.block) or test.errors or test.command == "fmt"
        return
    printed = print_module(module)
    again = parse(printed, path.name, directory=path.parent)
    difference = first_difference(module, again, names=True)
    assert difference is None or "nan" in str(difference), str(difference)
    assert print_module(again) == printed
    assert format_text(format_text(test.source)) == format_text(test.source)


def test_there_is_a_gallery_of_errors() -> None:
    """At least a hundred files that are refused, of all kinds."""
    refused = [path for path in FILES if "error: " in (read(path).block or "") or read(path).errors]
    folders = {str(path.relative_to(FILETESTS).parent) for path in refused}
    assert len(refused) >= 200
    assert folders >= {
        *(f"parse/{kind}" for kind in ("lexical", "syntax", "names", "attributes", "types", "constants")),
        *(f"check/{kind}" for kind in ("structure", "operators", "quantisation")),
    }


# --- the harness ---

RIGHT = "func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %x\n}\n"
WRONG = "func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = relu(%x) : tensor<5xf32>\n  return %x\n}\n"
MESSAGE = "relu: result 'output' has another shape than its operands give"


def make(folder: Path, content: str) -> Path:
    path = folder / "made.nir"
    path.write_text(content, "utf-8")
    return path


def test_right_file_needs_to_say_so(tmp_path: Path) -> None:
    assert failures(make(tmp_path, f"// test: check\n{RIGHT}")) == ["expected nothing, came:\nok"]
    assert failures(make(tmp_path, f"// test: check\n{RIGHT}// expect:\n// ok\n")) == []


def test_unexpected_error(tmp_path: Path) -> None:
    [failure] = failures(make(tmp_path, f"// test: check\n{WRONG}"))
    assert MESSAGE in failure
    [failure] = failures(make(tmp_path, f"// test: check\n{WRONG}// expect:\n// ok\n"))
    assert MESSAGE in failure


def test_missing_error(tmp_path: Path) -> None:
    annotated = RIGHT.replace("return %x", "return %x  // error: something")
    assert failures(make(tmp_path, f"// test: check\n{annotated}")) == [
        "line 3: expected error did not come: something"
    ]


def test_error_beside_its_line(tmp_path: Path) -> None:
    annotated = WRONG.replace("5xf32>", f"5xf32>  // error: {MESSAGE}")
    assert failures(make(tmp_path, f"// test: check\n{annotated}")) == []
    elsewhere = WRONG.replace("return %x", f"return %x  // error: {MESSAGE}")
    assert failures(make(tmp_path, f"// test: check\n{elsewhere}")) == [
        f"line 3: unexpected error: {MESSAGE}",
        f"line 4: expected error did not come: {MESSAGE}",
    ]


def test_several_errors_in_one_line(tmp_path: Path) -> None:
    path = make(tmp_path, "// test: check\n")
    test = read(path)
    test.errors = {1: ["first", "second"]}
    assert differences(test, Outcome("", {1: ["first", "second"]})) == []
    assert differences(test, Outcome("", {1: ["second"]})) == ["line 1: expected error did not come: first"]


@pytest.mark.parametrize(
    "content",
    [
        f"// test: check\n{RIGHT}",
        f"// test: check\n{WRONG}",
        f"// test: check\n{WRONG.replace('return %x', 'return %x  // error: wrong place')}",
        f"// test: check\n{WRONG}// expect:\n// something\n",
        "// test: parse\nfunc",
        f"// test: fmt\n  {RIGHT}",
        f"// test: run\n{RIGHT}// run: ([1, 2, 3, 4])\n",
        f"// test: run\n{RIGHT}// run: ([1, 2, 3, 4])\n// gives: [5]\n",
        f"// test: run\n{WRONG}// run: ([1, 2, 3, 4])\n",
        f"// test: run\n{RIGHT}// run: main\n",
    ],
)
def test_updated_file_passes_and_is_left_alone(tmp_path: Path, content: str) -> None:
    path = make(tmp_path, content)
    assert failures(path)
    assert update(path)
    assert failures(path) == []
    assert not update(path)


def test_first_line_must_be_a_known_command(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="no file test"):
        failures(make(tmp_path, RIGHT))
    with pytest.raises(ParseError, match="there is no command 'chekc'"):
        failures(make(tmp_path, "// test: chekc\n"))


def test_result_of_a_run(tmp_path: Path) -> None:
    path = make(tmp_path, f"// test: run\n{RIGHT}// run: ([1, 2, 3, 0.1])\n// gives: [1.0, 2.0, 3.0, 0.1]\n")
    assert failures(path) == []
    assert failures(make(tmp_path, path.read_text().replace("0.1]\n", "0.2]\n"))) == [
        "run ([1, 2, 3, 0.1])\nexpected: ['[1.0, 2.0, 3.0, 0.2]']\ncame:     ['[1.0, 2.0, 3.0, 0.1]']"
    ]
