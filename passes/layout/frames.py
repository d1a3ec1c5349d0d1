"""Frames: in which order the dimensions of a tensor are stored.

A frame of a tensor names its dimensions, as the program numbers them, in the order in which they are stored. A frame
may hold `NEW` where a dimension of size 1 is stored that the tensor does not have, and may leave out dimensions of
size 1. Two frames with the same key store the same elements in the same sequence: a reshape leads from one to the
other, and no transpose is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from nir.ir import Quantisation, Shape, TensorType

Frame = tuple[int, ...]

NEW = -1
TO_NHWC: Frame = (0, 2, 3, 1)
"""How an image that the program has as NCHW is stored as NHWC."""


@functools.lru_cache(maxsize=64)
def identity(rank: int) -> Frame:
    """The frame of a tensor that is stored as the program says."""
    return tuple(range(rank))


@functools.lru_cache(maxsize=4096)
def through(view: Frame, frame: Frame) -> Frame:
    """A frame of transpose(x, view) as a frame of x."""
    return tuple([NEW if axis == NEW else view[axis] for axis in frame])


@functools.lru_cache(maxsize=4096)
def inverse(frame: Frame) -> Frame:
    """The permutation that undoes a permutation."""
    places = [0] * len(frame)
    for place, axis in enumerate(frame):
        places[axis] = place
    return tuple(places)


@functools.lru_cache(maxsize=65536)
def key(frame: Frame, shape: Shape) -> Frame:
    """The dimensions that are longer than 1, in the order of the frame."""
    return tuple([axis for axis in frame if axis != NEW and shape[axis] != 1])


def stored_shape(frame: Frame, shape: Shape) -> Shape:
    """The shape of a tensor of `shape` as it is stored."""
    return tuple([1 if axis == NEW else shape[axis] for axis in frame])


def stored_type(type: TensorType, frame: Frame) -> TensorType:
    """The type of a tensor of `type` as it is stored; a scale per channel stays with its dimension."""
    parameters = type.quantisation
    if parameters is not None and parameters.axis is not None:
        axis = frame.index(parameters.axis)
        parameters = Quantisation(parameters.scales, parameters.zero_points, axis, parameters.scales_name)
    return TensorType(type.element, stored_shape(frame, type.shape), parameters)


def permutation_between(source: Frame, target: Frame) -> tuple[int, ...]:
    """The permutation that brings what is stored as `source` into `target`, both complete."""
    return tuple([source.index(axis) for axis in target])


def is_complete(frame: Frame, rank: int) -> bool:
    """True for a frame that has every dimension once and no new ones."""
    return len(frame) == rank and NEW not in frame


def is_batch_first(axes: Iterable[int], leading: int) -> bool:
    """True where the dimensions below `leading` come first, in order."""
    listed = list(axes)
    batch = [axis for axis in listed if axis < leading]
    return listed[: len(batch)] == sorted(batch)
