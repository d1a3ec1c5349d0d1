"""Operators that do not compile through Relax, or not in full, and why. What compiles is in the tables of `lowerings`."""

from __future__ import annotations

from nir.ir import Operation
from nir.ops.activation import Elu, Logistic, Tanh
from nir.ops.bidirectional_lstm import BidirectionalSequenceLstm
from nir.ops.control import Foreign
from nir.ops.control_flow import While
from nir.ops.creation import Fill, RandomMultinomial
from nir.ops.detection import AxisAlignedBboxTransform, BoxWithNmsLimit, GenerateProposals
from nir.ops.lookup import EmbeddingLookup, HashtableLookup, LshProjection
from nir.ops.lstm import UnidirectionalSequenceLstm
from nir.ops.normalisation import L2Normalization
from nir.ops.postprocessing import DetectionPostprocessing, HeatmapMaxKeypoint
from nir.ops.quantised_lstm import Quantized16bitLstm, QuantizedLstm
from nir.ops.recurrent import BidirectionalSequenceRnn, UnidirectionalSequenceRnn
from nir.ops.regions import RoiAlign, RoiPooling
from nir.ops.resize import ResizeBilinear
from nir.ops.search import TopkV2
from nir.ops.slicing import Gather
from nir.ops.softmax import Softmax
from nir.ops.unary import Erf, Exp, Log, Sin

_RUN_TIME_SIZE = "how many detections there are is known only at run time"
_REGIONS = "which cells a region takes in is known only at run time"
_FLOATS_DECIDE = "rounding of float32 decides which box or point wins"

REFUSED: dict[type[Operation], str] = {
    AxisAlignedBboxTransform: "boxes that lie outside of their image are an error, which compiled code cannot raise",
    BoxWithNmsLimit: _RUN_TIME_SIZE,
    DetectionPostprocessing: _FLOATS_DECIDE,
    Foreign: "NIR does not know what it means",
    GenerateProposals: _RUN_TIME_SIZE,
    HeatmapMaxKeypoint: _FLOATS_DECIDE,
    LshProjection: "it hashes bytes with FarmHash64",
    Quantized16bitLstm: "its integer cell is not written for Relax",
    QuantizedLstm: "its integer cell is not written for Relax",
    RandomMultinomial: "its random numbers are numpy's",
    RoiAlign: _REGIONS,
    RoiPooling: _REGIONS,
    While: "Relax has no loops, and recursion would need the stack for every round",
}
"""Operator class -> why it has no lowering."""

_NOT_WIDE = "not of quantised 32-bit integers"
_BROUGHT_INTO_RANGE = "an index out of range, an error in the interpreter, is brought into it"
_STEPS = "at most 1024 steps, which are written out"

PARTLY: dict[type[Operation], str] = {
    **dict.fromkeys((Elu, Erf, Exp, Log, Logistic, Sin, Tanh), _NOT_WIDE),
    **dict.fromkeys((EmbeddingLookup, Gather), _BROUGHT_INTO_RANGE),
    **dict.fromkeys(
        (
            BidirectionalSequenceLstm,
            BidirectionalSequenceRnn,
            UnidirectionalSequenceLstm,
            UnidirectionalSequenceRnn,
        ),
        _STEPS,
    ),
    Fill: "the declared shape counts, which the interpreter holds against the operand",
    HashtableLookup: "keys out of order, an error in the interpreter, are searched all the same",
    L2Normalization: "quantised: 8 bits, to scale 1/128 around the middle, under profiles tflite and xnnpack",
    ResizeBilinear: "not of bool",
    Softmax: "quantised: 8 bits to scale 1/256 under tflite; scales up to 1 under relay, relay-f32 and relay-f64",
    TopkV2: "of at most 4096 elements",
}
"""Operator class -> what of it does not compile, or is not the interpreter's, where the rest does."""
