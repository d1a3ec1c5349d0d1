"""Float networks from PyTorch: converted, run, and compared with PyTorch itself."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import nir
from nir.errors import ConvertError, ParseError

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-torch")
pytest.importorskip("tvm")

from examples.networks.pytorch import DeePixBiS, MobileNetV2, SmallNetwork, TransformerBlock, seeded  # noqa: E402

NETWORKS = {
    "mobilenet_v2": (MobileNetV2(classes=100, width=0.5), (1, 3, 96, 96)),
    "deepixbis": (DeePixBiS(growth=16, blocks=(3, 4), features=32, side=7), (1, 3, 112, 112)),
    "transformer": (TransformerBlock(), (1, 16, 64)),
    "small": (SmallNetwork(), (2, 3, 32, 32)),
}


def example(shape: tuple[int, ...]):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    network, shape = NETWORKS[name]
    image = example(shape)
    with torch.no_grad():
        expected = seeded(network)(image)
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(network, (image,)), path)
    outputs = list(nir.run(nir.tvm.convert(path), [image.numpy()]).values())
    wanted = [tensor.numpy() for tensor in (expected if isinstance(expected, tuple) else (expected,))]
    assert [array.shape for array in outputs] == [array.shape for array in wanted]
    for found, array in zip(outputs, wanted, strict=True):
        assert np.abs(found - array).max() <= 1e-5 * np.abs(array).max()
        assert array.size == 1 or array.std() > 1e-3 * np.abs(array).max()


def test_normalisations_and_activations_go_into_convolutions() -> None:
    network, shape = NETWORKS["mobilenet_v2"]
    module = nir.tvm.convert(seeded(network), example_inputs=(example(shape),))
    names = [op.name for op in nir.ir.walk(module)]
    assert names.count("conv_2d") + names.count("depthwise_conv_2d") == 52
    assert set(names) == {"const", "conv_2d", "depthwise_conv_2d", "add", "transpose", "mean", "fully_connected"}
    assert names.count("transpose") == 1


def test_open_dimensions_are_fixed_by_name() -> None:
    network, shape = NETWORKS["small"]
    batch = torch.export.Dim("batch")
    program = torch.export.export(seeded(network), (example(shape),), dynamic_shapes=({0: batch},))
    with pytest.raises(ConvertError, match="--shape x=1,3,32,32"):
        nir.tvm.load_model(program)
    loaded = nir.tvm.load_model(program, shapes={"x": (5, 3, 32, 32)})
    assert [str(one) for one in loaded.inputs] == ["x: 5x3x32x32 float32"]
    images = example((5, 3, 32, 32))
    with torch.no_grad():
        expected = network(images).numpy()
    np.testing.assert_allclose(
        next(iter(nir.run(nir.tvm.convert(loaded.module), [images.numpy()]).values())), expected, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ConvertError, match="does not fit"):
        nir.tvm.load_model(program, shapes={"x": (5, 3, 32, 33)})


def test_modules_need_examples_and_inference_mode() -> None:
    network = SmallNetwork()
    with pytest.raises(ConvertError, match="example_inputs"):
        nir.tvm.load_model(network.eval())
    with pytest.raises(ConvertError, match="training mode"):
        nir.tvm.load_model(network.train(), example_inputs=(example((1, 3, 32, 32)),))


def test_a_damaged_program_is_told() -> None:
    network, shape = NETWORKS["small"]
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(seeded(network), (example(shape),)), buffer)
    content = bytearray(buffer.getvalue())
    place = bytes(content).index(b'"graph_module"')
    content[place : place + 14] = b'"graph_modulo"'
    with pytest.raises(ParseError):
        nir.tvm.load_model(bytes(content))


def test_weights_in_a_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(SmallNetwork().state_dict(), path)
    with pytest.raises(ParseError, match=r"torch\.export\.save"):
        nir.tvm.load_model(path)
