"""TFLite models as Relax modules, through TVM's front end."""

from __future__ import annotations

from typing import Any

import tflite

from nir.errors import ConvertError, ParseError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.importers.guarding import front_end
from nir.tvm.importers.model import LoadedModel, Opened, Settings, fixed_shape, reject_unknown_names
from nir.tvm.importers.relax_inputs import fixed_inputs
from nir.tvm.importers.tflite_checks import check_structure

require_tvm("reading TFLite models")

from tvm import relax  # noqa: E402
from tvm.relax.frontend.tflite import from_tflite  # noqa: E402

from nir.tvm.importers.tflite_converter import Converter  # noqa: E402


def load_tflite(opened: Opened, settings: Settings) -> LoadedModel:
    """The first subgraph of a model in a flatbuffer.

    Raises ParseError for what is damaged, ConvertError for what cannot be converted.
    """
    content, name, given = opened.content, opened.name, settings.shapes
    try:
        model = tflite.Model.GetRootAsModel(content, 0)
        check_structure(model, len(content))
        subgraph = model.Subgraphs(0)
        open_shapes = {
            _name(subgraph, index): _open_shape(subgraph.Tensors(index)) for index in subgraph.InputsAsNumpy()
        }
        outputs = tuple(_name(subgraph, index) for index in subgraph.OutputsAsNumpy())
    except ParseError:
        raise
    except Exception as error:  # the flatbuffer library trusts every offset in a file
        raise ParseError(f"{name}: a damaged TFLite model", found=str(error)[:200]) from None
    reject_unknown_names(given, open_shapes)
    fixed = {key: fixed_shape(key, extents, given.get(key)) for key, extents in open_shapes.items()}
    with front_end("TFLite", name) as watch:
        module = from_tflite(model, shape_dict=fixed, op_converter=Converter)
        module["main"] = module["main"].without_attr("params")  # a second copy of the weights
        module = relax.transform.DeadCodeElimination()(module)
    module, inputs = fixed_inputs(module, {})
    return LoadedModel(module, "TFLite", inputs, outputs, tuple(watch.notes), watch.seconds)


def _name(subgraph: Any, index: int) -> str:
    """A tensor's name as TVM's reader spells it."""
    name = subgraph.Tensors(index).Name()
    return name.decode("utf-8") if name is not None else f"tvmgen_tensor_{index}"


def _open_shape(tensor: Any) -> list[int | None]:
    """The shape of an input; None for dimensions that the file leaves open."""
    shape = [int(extent) for extent in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []
    if tensor.ShapeSignatureLength() == len(shape) and shape:
        signature = [int(extent) for extent in tensor.ShapeSignatureAsNumpy()]
        if any(extent > 1 and wanted == -1 for extent, wanted in zip(shape, signature, strict=True)):
            return [None if wanted < 0 else wanted for wanted in signature]
    if any(extent < 0 for extent in shape):
        raise ConvertError("TFLite: an input has a negative dimension", found=str(shape))
    return list(shape)
