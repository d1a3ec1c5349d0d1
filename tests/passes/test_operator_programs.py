"""Recorded programs of single operators, and stress vectors of quantised ones, through the conversion."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from data import REPOSITORY
from relay_cases import RELAY, operator_programs, outputs, recorded

from nir import relay
from nir.errors import ConvertError
from nir.passes import relay_to_nir

pytestmark = pytest.mark.skipif(not RELAY.is_dir(), reason="no recorded data: set NIR_DATA to its folder")

PROGRAMS = operator_programs()
REFUSED = set(re.findall(r"^\| `([\w.]+\.\d+)` \| .+ \|$", (REPOSITORY / "docs" / "relay.md").read_text("utf-8"), re.M))
"""Programs that cannot be converted, as docs/relay.md lists them with the reasons."""


def is_refused(program: dict[str, Any]) -> bool:
    return program["name"] in REFUSED


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program["name"])
def test_operator_program(program: dict[str, Any]) -> None:
    source = relay.load(program["relay"])
    if is_refused(program):
        with pytest.raises(ConvertError, match=re.escape(f"'{program['op']}'")):
            relay_to_nir(source)
        return
    module = relay_to_nir(source)
    inputs = {name: recorded(entry) for name, entry in program["inputs"].items()}
    found = outputs(module, inputs, str(module.main.attributes.get("profile", "relay")))
    for result, entry in zip(found, program["outputs"], strict=True):
        expected = recorded(entry)
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(result, expected)


def test_most_operator_programs_are_converted() -> None:
    assert len(PROGRAMS) == 208
    assert len([program for program in PROGRAMS if not is_refused(program)]) == 208 - len(REFUSED) == 199


PROFILES = {"int64": "relay", "float32": "relay-f32", "float64": "relay-f64"}
ROUNDINGS = {"UPWARD": "upward", "TONEAREST": "to_nearest"}
VECTORS = sorted(path.stem for path in RELAY.glob("qnn/*.json"))
BOUND = ("w", "bias")
"""Inputs of the programs that are weights: they become constants, as they are in models."""


@pytest.mark.parametrize("operator", VECTORS)
def test_stress_vectors(operator: str) -> None:
    arrays = np.load(RELAY / "qnn" / f"{operator}.npz")
    compared = 0
    for record in json.loads((RELAY / "qnn" / f"{operator}.json").read_text()):
        prefix = f"s{record['set']}."
        inputs = {name: arrays[f"{prefix}in.{name}"] for name in record["inputs"]}
        source = relay.load(record["relay"], {name: inputs.pop(name) for name in BOUND if name in inputs})
        for mode, names in modes(record["outputs"]).items():
            rounding = ROUNDINGS[mode.split(".")[0]] if mode else "upward"
            module = relay_to_nir(source, rounding=rounding)
            results: dict[str, list[np.ndarray]] = {}
            for index, name in enumerate(names):
                profile = PROFILES[(mode or name).split(".")[1]] if "." in (mode or name) else "relay"
                if profile not in results:
                    results[profile] = outputs(module, inputs, profile)
                expected = arrays[f"{prefix}out.{name}"]
                assert results[profile][index].dtype == expected.dtype
                np.testing.assert_array_equal(results[profile][index], expected)
                compared += expected.size
    assert compared > 500


def modes(names: list[str]) -> dict[str, list[str]]:
    """Output names by the mode behind their `@`; those without, in their order, under the empty mode."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.partition("@")[2], []).append(name)
    return found
