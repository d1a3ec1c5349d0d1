"""The package of passes: what importing it brings, names of values and weights, dead code."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import nir.passes
from nir.ir import tensor
from nir.ops.builder import Builder
from nir.passes import eliminate_dead_code
from nir.passes.names import UniqueNames, WeightNames
from nir.passes.relay_to_nir.names import readable_name


def imported_by(code: str) -> str:
    script = f"{code}\nimport sys\nprint('tvm' in sys.modules)"
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()


def test_passes_do_not_import_tvm() -> None:
    assert imported_by("import nir.passes\nnir.passes.relay_to_nir") == "False"
    assert "relay_to_relax" in dir(nir.passes)


def test_functions_keep_their_names_beside_packages_of_the_same_name() -> None:
    code = "import nir.passes, nir.passes.relay_to_nir.table\nassert callable(nir.passes.relay_to_nir)"
    assert imported_by(code) == "False"
    nir.passes.relay_to_relax = "what Python does when the package is imported"  # type: ignore[assignment]
    assert "relay_to_relax" not in vars(nir.passes)


def test_dead_code_goes_and_what_is_returned_stays() -> None:
    b = Builder("main")
    x = b.parameter("x", tensor((2, 4)))
    kept = b.tanh(x, name="kept")
    b.exp(b.log(x))
    first, _ = b.split(kept, axis=0, parts=2)
    b.returns(first)
    assert eliminate_dead_code(b.module) == 2
    assert [op.name for op in b.function] == ["tanh", "split"]
    assert eliminate_dead_code(b.function) == 0


def test_readable_names() -> None:
    assert readable_name("a/b/conv_1/Relu6;a/b/conv_1/BiasAdd") == "conv_1.Relu6"
    assert readable_name("weights:0") == "weights_0"
    assert readable_name("größe/x y") == "gr_e.x_y"
    assert [readable_name(name) for name in (None, "", "/", "12", ";;", "///::")] == [None] * 6


def test_unique_names_in_any_number() -> None:
    names = UniqueNames()
    assert [names.take(name) for name in ("a", "a", "a_1", "a")] == ["a", "a_1", "a_1_1", "a_2"]
    assert len({names.take("x") for _ in range(20_000)}) == 20_000


def test_weights_of_one_name_and_other_elements_are_told_apart() -> None:
    names = WeightNames()
    a, b = np.arange(4), np.arange(1, 5)
    assert [names.take("w", array) for array in (a, b, a.copy(), b)] == ["w", "w_1", "w", "w_1"]
