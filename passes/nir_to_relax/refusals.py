"""Operators that do not compile through Relax, and why. One that compiles stands in the tables of `lowerings`."""

from __future__ import annotations

from nir.ir import Operation
from nir.ops.control import Foreign
from nir.ops.control_flow import While
from nir.ops.creation import RandomMultinomial
from nir.ops.detection import AxisAlignedBboxTransform, BoxWithNmsLimit, GenerateProposals, HeatmapMaxKeypoint
from nir.ops.lookup import LshProjection
from nir.ops.postprocessing import DetectionPostprocessing
from nir.ops.quantised_lstm import Quantized16bitLstm, QuantizedLstm
from nir.ops.regions import RoiAlign, RoiPooling

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
