"""The nine light models of the onnx package, partitioned: as few regions as TVM makes, and the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nir

pytest.importorskip("onnx")
pytest.importorskip("tvm")

from onnx_peer import run_model

from .light_models import light_models, with_weights
from .light_regions import row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "partition.md"


@pytest.mark.parametrize("path", list(light_models()), ids=lambda path: path.stem)
def test_no_more_regions_than_tvm(path: Path) -> None:
    """Given the same operators in regions and outside; docs/partition.md has the counts."""
    line, counts = row(path.stem, nir.tvm.load_model(path).module)
    assert all(ours <= theirs for ours, theirs in counts)
    assert line in PAGE.read_text("utf-8"), f"docs/partition.md has another line than {line}"


@pytest.mark.parametrize("name", ["inception_v1", "shufflenet"])
def test_partitioned_networks_compute_what_onnx_runtime_computes(name: str) -> None:
    """Networks with channel shuffles and with normalisations over neighbouring channels."""
    pytest.importorskip("onnxruntime")
    model = with_weights(next(path for path in light_models() if path.stem == f"light_{name}"))
    loaded = nir.tvm.load_model(model)
    compiled = nir.tvm.compile(nir.tvm.partition_relax(loaded.module, targets=["apu"]).module)
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    (found,) = compiled.run({compiled.parameters[0].name: image})
    (expected,) = run_model(model.SerializeToString(), {loaded.inputs[0].name: image})
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 1e-3 * np.abs(expected).max()
