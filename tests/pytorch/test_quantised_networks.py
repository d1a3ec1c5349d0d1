"""Networks that torchao has quantised (PT2E): unfolded they give PyTorch's numbers, folded they are within steps of it.

PyTorch's reference of a quantised program computes in floats between dequantize and quantize. Left so, NIR gives the
same bits, but for sums of floats in another order, which now and then fall on the other side of a half (TVM itself is
two steps from PyTorch after the 52 convolutions of a MobileNet). Folded, an operator works on integers: biases, which
PyTorch keeps as floats, are rounded to the sum's step, and under the profile `qdq` that is nearly all that is left. Given
the same operands, 194 of the 228,404 elements in a MobileNet are one step away, none is further, which is tested operator
by operator; in the whole network with its drawn weights this runs on through the layers behind.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import nir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-torch")
pytest.importorskip("torchao")
pytest.importorskip("tvm")

from folded_steps import steps_by_operator  # noqa: E402
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e  # noqa: E402

from examples.networks.pytorch import MobileNetV2, SmallNetwork, seeded  # noqa: E402


def _symmetric(per_channel: bool):
    module = importlib.import_module("torchao.testing.pt2e._xnnpack_quantizer")
    settings = module.get_symmetric_quantization_config(is_per_channel=per_channel)
    return module.XNNPACKQuantizer().set_global(settings)


def quantised(network, shape: tuple[int, ...], quantizer):
    """The quantised program of a network, calibrated on seeded images, and one image more."""
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(shape, generator=generator) for _ in range(2)]
    prepared = prepare_pt2e(torch.export.export(seeded(network), (images[0],)).module(), quantizer)
    with torch.no_grad():
        for image in images:
            prepared(image)
    return torch.export.export(convert_pt2e(prepared), (images[0],)), torch.randn(shape, generator=generator)


# What each network differs by, in steps of the result, of which there are about 237: unfolded, and folded.
NETWORKS = {
    "small": (SmallNetwork(), (1, 3, 32, 32), False, 0, 1),
    "small per channel": (SmallNetwork(), (1, 3, 32, 32), True, 0, 1),
    "mobilenet_v2 per channel": (MobileNetV2(classes=20, width=0.35), (1, 3, 64, 64), True, 2, 28),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_torch_computes(name: str) -> None:
    network, shape, per_channel, unfolded_steps, folded_steps = NETWORKS[name]
    program, image = quantised(network, shape, _symmetric(per_channel))
    with torch.no_grad():
        expected = program.module()(image).numpy()
    loaded = nir.tvm.load_model(program)
    folded = nir.passes.relax_to_nir(loaded.module)
    names = [op.name for op in nir.ir.walk(folded)]
    assert (names.count("quantize"), names.count("dequantize")) == (1, 1)
    step = next(op for op in nir.ir.walk(folded) if op.name == "dequantize").operands[0].type.quantisation.scale
    assert np.ptp(expected) > 20 * step

    differences = steps_by_operator(loaded.module, [image.numpy()], "qdq")
    assert len(differences) >= 5
    assert max(found.steps for found in differences.values()) <= 1
    assert sum(found.differing for found in differences.values()) <= 0.002 * sum(f.total for f in differences.values())

    unfolded = nir.passes.relax_to_nir(loaded.module, fold=False)
    for module, profile, steps in ((unfolded, "qdq", unfolded_steps), (folded, "qdq", folded_steps)):
        found = next(iter(nir.run(module, [image.numpy()], profile=profile).values()))
        assert np.abs(found - expected).max() <= (steps + 0.001) * step


def test_a_program_in_a_file_is_read_where_nothing_else_has_imported_its_operators(tmp_path) -> None:
    program, image = quantised(SmallNetwork(), (1, 3, 32, 32), _symmetric(True))
    path = tmp_path / "quantised.pt2"
    torch.export.save(program, path)
    module = nir.tvm.convert(path)
    assert next(iter(nir.run(module, [image.numpy()]).values())).shape == (1, 10)
