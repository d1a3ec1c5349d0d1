"""Writing one of the networks to a file: `python -m examples.networks inception_v3 -o inception_v3.tflite --int8`."""

from __future__ import annotations

from pathlib import Path

import click

import nir.text
import nir.tflite
from examples.networks import NETWORKS, int8_module, nir_module, onnx_model


@click.command()
@click.argument("name", type=click.Choice(sorted(NETWORKS)))
@click.option(
    "-o", "--output", required=True, help="The file: .nir, .onnx or .tflite; .pt2 (PyTorch) for anti_spoofing."
)
@click.option("--int8", is_flag=True, help="Quantised to int8 (.nir and .tflite).")
@click.option("--size", type=click.IntRange(min=1), help="Height and width of the image; the original's by default.")
def main(name: str, output: str, int8: bool, size: int | None) -> None:
    """Write the network NAME, with drawn weights, to a file."""
    form = Path(output).suffix
    if form == ".onnx" and not int8:
        Path(output).write_bytes(onnx_model(name, size).SerializeToString())
    elif form == ".pt2" and name == "anti_spoofing" and size is None and not int8:
        export_anti_spoofing(output)
    elif form in (".nir", ".tflite"):
        module = int8_module(name, size) if int8 else nir_module(name, size)
        nir.tflite.save(module, output) if form == ".tflite" else nir.text.save(module, output)
    else:
        raise click.UsageError(
            "the output is a .nir, .onnx or .tflite file, or a .pt2 file of anti_spoofing; --int8 is for .nir and .tflite"
        )
    click.echo(output)


def export_anti_spoofing(path: str) -> None:
    """Writes the anti-spoofing network as PyTorch exports it. Needs torch."""
    import torch  # noqa: PLC0415 - an optional dependency

    from examples.networks.pytorch import DeePixBiS, seeded  # noqa: PLC0415

    torch.export.save(torch.export.export(seeded(DeePixBiS()), (torch.zeros(1, 3, 224, 224),)), path)


if __name__ == "__main__":
    main()
