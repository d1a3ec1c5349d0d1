"""The recorded Relay networks by way of Relax: the NIR that comes of it computes what the direct conversion does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from data import data_folder

import nir
from nir import relay
from nir.errors import ConvertError
from nir.interp import random_inputs
from nir.ir import Module, walk
from nir.passes import relax_to_nir, relay_to_nir, relay_to_relax

RELAY = (data_folder() or Path("absent")) / "relay"
NETWORKS = sorted(path for path in RELAY.glob("models/*") if path.is_dir())

_STORED = {"requantize", "subtract_zero_point"}
PROGRAMS = {
    "tflite_emotion_i8": _STORED,
    "tflite_mixed_f32": {"pad", "resize2d"},
    "tflite_mixed_i8": {*_STORED, "dequantize", "pad", "pool2d", "quantize", "resize2d", "saturate"},
    "tflite_mobilenet_v1_i8": _STORED,
}
"""Networks with operators that are tensor programs in Relax: arithmetic on stored integers just as `qnn` does it, padding
along any dimension, Relay's resizing.
"""

pytestmark = pytest.mark.skipif(not NETWORKS, reason="no recorded data: set NIR_DATA to its folder")


def loaded(folder: Path) -> relay.Module:
    """A network; the weights of those that are stored without are parameters."""
    if (folder / "model.json").exists():
        return relay.load(folder / "model.json", folder / "model.params")
    return relay.load(folder / "model.relay")


def programs(module: Module) -> set[str]:
    """The tensor programs that stayed foreign, without the numbers that TVM gives them."""
    names = (str(op.attributes["operator"]) for op in walk(module) if op.name == "foreign")
    return {re.sub(r"\d+$", "", name.removeprefix("relax.call_tir.")) for name in names if name.startswith("relax.")}


@pytest.mark.parametrize("folder", NETWORKS, ids=lambda folder: folder.name)
def test_it_comes_back_or_names_what_does_not(folder: Path) -> None:
    network = loaded(folder)
    relax_module = relay_to_relax(network)
    expected = PROGRAMS.get(folder.name)
    if expected is not None:
        with pytest.raises(ConvertError) as caught:
            relax_to_nir(relax_module)
        refused = [found.message for found in caught.value.diagnostics]
        named = {re.sub(r".*'relax\.call_tir\.(.*?)\d*'$", r"\1", message) for message in refused}
        assert named == programs(relax_to_nir(relax_module, foreign=True)) == expected
        return
    direct, back = relay_to_nir(network), relax_to_nir(relax_module)
    inputs = scaled_inputs(direct)
    pairs = zip(nir.run(back, inputs).values(), nir.run(direct, inputs).values(), strict=True)
    for found, wanted in pairs:
        assert found.shape == wanted.shape
        assert wanted.std() > 0
        assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


def scaled_inputs(module: Module) -> dict[str, np.ndarray]:
    """Numbers that keep a signal alive: weights by the size of what they are summed over, variances above 0."""
    drawn = random_inputs(module.main)
    for name, array in drawn.items():
        if array.ndim > 1:
            array *= np.float32(np.sqrt(2 / max(1, array[0].size)) if "weight" in name else 1)
        elif "var" in name:
            np.abs(array, out=array)
            array += 0.5
    return drawn
