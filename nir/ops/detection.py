"""Operators of object detectors: boxes moved, proposed, suppressed and labelled."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import numpy as np

from nir.errors import RunError
from nir.ir import (
    ElementType,
    Operation,
    QuantisationRule,
    Shape,
    Value,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ir.types import FLOATS, INT32, QUANTISED_8
from nir.ops.axes import divide, merge_dimension, times
from nir.ops.boxes import (
    best_first,
    check_corners,
    damp,
    drop,
    gaussian,
    hard,
    is_coordinate_type,
    linear,
    suppress,
    transform_boxes,
)
from nir.ops.common import Layout
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile

SCORES = FLOATS | QUANTISED_8
BOXES = FLOATS | {ElementType.U16}


class DetectionOperation(PerTensorOperation):
    """Base of detection operators: all operands but counts are float of one type, or all quantised."""

    __slots__ = ()

    def real(self, profile: Profile, *operands: Array) -> list[Array]:
        """Operands, in order, as float32."""
        values = [value for value in self.operands if value is not None]
        return [profile.dequantise(array, value.type) for array, value in zip(operands, values, strict=True)]

    def stored(self, profile: Profile, index: int, real: Array) -> Array:
        """A result as it is stored."""
        return profile.quantise(np.asarray(real, np.float32), self.results[index].type)

    @constraint("C1: operands, but for batch indices, are floats of one type, or all integers")
    def elements_agree(self) -> bool:
        elements = {value.element for value in self.operands if value is not None and value.element not in INT32}
        return len(elements) == 1 or all(element.is_integer for element in elements)

    @constraint("Q2: integers are quantised, and coordinates (u16) have scale 1/8 and zero point 0")
    def coordinates_in_eighths(self) -> bool:
        return all(
            is_coordinate_type(v.type) if v.element is ElementType.U16 else v.type.quantisation is not None
            for v in self.tensors()
            if v.element.is_integer and v.element not in INT32
        )


class AxisAlignedBboxTransform(DetectionOperation, name="axis_aligned_bbox_transform", nnapi=41):
    """Moves and resizes boxes, once per class, and cuts them to their image.

    The centre of a box moves by (dx, dy) times its width and height; these are multiplied by exp(dw) and exp(dh).
    Boxes are x1, y1, x2, y2; the deltas of a class dx, dy, dw, dh.

        func @example(%deltas: tensor<2x8xf32>) -> tensor<2x8xf32> {
          %boxes = const dense<[[1.0, 2.0, 9.0, 12.0], [4.0, 4.0, 8.0, 8.0]]> : tensor<2x4xf32>
          %batch = const dense<0> : tensor<2xi32>
          %images = const dense<32.0> : tensor<1x2xf32>
          %0 = axis_aligned_bbox_transform(%boxes, %deltas, %batch, %images) : tensor<2x8xf32>
          return %0
        }
    """

    __slots__ = ()

    boxes: Value = operand("the boxes [boxes, 4]", BOXES, rank=2)
    deltas: Value = operand("the deltas [boxes, 4 x classes]", SCORES, rank=2)
    batch: Value = operand("the image of each box", INT32, rank=1)
    images: Value = operand("height and width of each image [images, 2]", BOXES, rank=2)
    output: Value = result("the moved boxes [boxes, 4 x classes]", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        count = merge_dimension(
            self.boxes.shape[0], self.deltas.shape[0], "boxes and deltas differ in number", "deltas"
        )
        count = merge_dimension(count, self.batch.shape[0], "there is not one batch index for each box", "batch")
        require_size(self.boxes, 4, "boxes")
        require_size(self.images, 2, "images")
        divide(self.deltas.shape[1], 4, "the last dimension", "deltas")
        return [(count, self.deltas.shape[1])]

    def reference(self, profile: Profile, boxes: Array, deltas: Array, batch: Array, images: Array) -> Array:
        real_boxes, real_deltas, _, sizes = self.real(profile, boxes, deltas, batch, images)
        check_batch(self.name, batch, len(images))
        check_corners(self.name, real_boxes)
        by_class = real_deltas.reshape(len(boxes), deltas.shape[1] // 4, 4)
        moved = transform_boxes(real_boxes[:, np.newaxis], by_class, sizes[batch][:, np.newaxis])
        return self.stored(profile, 0, moved.reshape(deltas.shape))


class Damping(enum.Enum):
    """What overlapping a better box does to a score: NNAPI's NMS kernels 0, 1 and 2."""

    HARD = "hard"
    LINEAR = "linear"
    GAUSSIAN = "gaussian"


class BoxWithNmsLimit(DetectionOperation, name="box_with_nms_limit", nnapi=44):
    """Detections: boxes with a good score for a class, but for those that overlap better ones of that class.

    Class 0 is the background and left out. A score must exceed `score_threshold` to enter; what is damped below
    `damped_threshold` is dropped. The best `maximum` detections of each image are kept (all, where negative), and
    given by image, class and descending score. Their number is known when run. The kernel's factors, for an overlap
    (intersection over union) o: hard 1 where o < overlap_threshold, else 0; linear 1 there, else 1 - o; gaussian
    exp(-o^2 / sigma).

        func @example(%scores: tensor<2x2xf32>)
            -> (tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>) {
          %boxes = const dense<[[0.0, 0.0, 9.0, 9.0, 1.0, 1.0, 9.0, 9.0], [0.0, 0.0, 4.0, 4.0, 5.0, 5.0, 8.0, 8.0]]>
              : tensor<2x8xf32>
          %batch = const dense<0> : tensor<2xi32>
          %0, %1, %2, %3 = box_with_nms_limit(%scores, %boxes, %batch)
              {score_threshold = 0.3, overlap_threshold = 0.4, damped_threshold = 0.3}
              : (tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>)
          return %0, %1, %2, %3
        }
    """

    __slots__ = ()

    scores: Value = operand("a score for each class [boxes, classes]", SCORES, rank=2)
    boxes: Value = operand("a box for each class [boxes, 4 x classes]", BOXES, rank=2)
    batch: Value = operand("the image of each box, ascending", INT32, rank=1)
    score_threshold: float = attribute("scores must exceed it")
    maximum: int = attribute("detections per image; negative: no limit", default=-1)
    kernel: Damping = attribute("what an overlap does", default=Damping.HARD)
    overlap_threshold: float = attribute("overlap from which the hard and linear kernels damp", default=0.0)
    sigma: float = attribute("of the gaussian kernel", default=1.0)
    damped_threshold: float = attribute("damped scores below it are dropped", default=0.0)
    output_scores: Value = result("the scores [detections]", quantisation=QuantisationRule.SAME)
    output_boxes: Value = result("the boxes [detections, 4]", like="boxes", quantisation=QuantisationRule.SAME)
    classes: Value = result("the classes", elements=ElementType.I32, quantisation=QuantisationRule.NONE)
    output_batch: Value = result("the images", elements=ElementType.I32, quantisation=QuantisationRule.NONE)

    @constraint("C2: sigma is positive", at="sigma")
    def sigma_is_positive(self) -> bool:
        return self.kernel is not Damping.GAUSSIAN or self.sigma > 0

    @constraint("C3: there is a class besides the background", at="scores")
    def has_classes(self) -> bool:
        classes = self.scores.shape[1]
        return classes is None or classes > 1

    def infer_shapes(self) -> Sequence[Shape]:
        count = merge_dimension(self.scores.shape[0], self.boxes.shape[0], "scores and boxes differ in number", "boxes")
        merge_dimension(count, self.batch.shape[0], "there is not one batch index for each box", "batch")
        message = "there is not one box for each class"
        merge_dimension(times(self.scores.shape[1], 4), self.boxes.shape[1], message, "boxes")
        return [(None,), (None, 4), (None,), (None,)]

    def reference(self, profile: Profile, scores: Array, boxes: Array, batch: Array) -> tuple[Array, ...]:
        real_scores, real_boxes, _ = self.real(profile, scores, boxes, batch)
        by_class = real_boxes.reshape(*scores.shape, 4)
        found = [self._image(real_scores, by_class, np.flatnonzero(batch == image)) for image in np.unique(batch)]
        rows, classes, values = (
            np.concatenate(parts) if parts else np.zeros(0, np.int64)
            for parts in (zip(*found, strict=True) if found else ([], [], []))
        )
        return (
            self.stored(profile, 0, values),
            self.stored(profile, 1, by_class[rows, classes]),
            classes.astype(np.int32),
            batch[rows],
        )

    def _image(self, scores: Array, boxes: Array, rows: Array) -> tuple[Array, Array, Array]:
        """Rows, classes and scores of the detections in one image."""
        rule = damp(self._kernel(), self.damped_threshold)
        picked, classes, values = [rows[:0]], [rows[:0]], [np.zeros(0, np.float32)]
        for label in range(1, scores.shape[1]):
            candidates = rows[scores[rows, label] > np.float32(self.score_threshold)]
            chosen, damped = suppress(boxes[:, label], scores[:, label], candidates, self.maximum, rule)
            order = best_first(damped)
            picked.append(chosen[order])
            classes.append(np.full(len(chosen), label))
            values.append(damped[order])
        all_scores = np.concatenate(values)
        kept = np.sort(best_first(all_scores, self.maximum))
        return np.concatenate(picked)[kept], np.concatenate(classes)[kept], all_scores[kept]

    def _kernel(self) -> Callable[[Array], Array]:
        if self.kernel is Damping.GAUSSIAN:
            return gaussian(self.sigma)
        return (hard if self.kernel is Damping.HARD else linear)(self.overlap_threshold)


class GenerateProposals(DetectionOperation, name="generate_proposals", nnapi=52):
    """Regions that may hold an object: anchors at every place of a feature map, moved by deltas, suppressed.

    Of each image the best `before` proposals by score are taken, those removed whose width or height is at most
    `minimum_size` or whose centre is outside of the image, then those that overlap a better one by
    `overlap_threshold` or more; the best `after` are given, by descending score. Limits that are not positive do
    not limit. How many there are is known when run.

        func @example(%scores: tensor<1x2x2x1xf32>, %deltas: tensor<1x2x2x4xf32>)
            -> (tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>) {
          %anchors = const dense<[[0.0, 0.0, 8.0, 8.0]]> : tensor<1x4xf32>
          %images = const dense<32.0> : tensor<1x2xf32>
          %0, %1, %2 = generate_proposals(%scores, %deltas, %anchors, %images)
              {strides = [4.0, 4.0], overlap_threshold = 0.5} : (tensor<?xf32>, tensor<?x4xf32>, tensor<?xi32>)
          return %0, %1, %2
        }
    """

    __slots__ = ()

    scores: Value = operand("[images, height, width, anchors], or in the other layout", SCORES, rank=4)
    deltas: Value = operand("dx, dy, dw, dh for each score [images, height, width, 4 x anchors]", SCORES, rank=4)
    anchors: Value = operand("boxes around the origin [anchors, 4]", FLOATS | {ElementType.I16}, rank=2)
    images: Value = operand("height and width of each image [images, 2]", BOXES, rank=2)
    strides: tuple[float, float] = attribute("image pixels per step of the feature map, along height, width")
    before: int = attribute("proposals before suppression; not positive: no limit", default=-1)
    after: int = attribute("proposals after it; not positive: no limit", default=-1)
    overlap_threshold: float = attribute("overlap from which the worse one goes")
    minimum_size: float = attribute("width and height must exceed it", default=0.0)
    layout: Layout = attribute("order of the dimensions of scores and deltas", default=Layout.NHWC)
    output_scores: Value = result("the scores [proposals]", quantisation=QuantisationRule.SAME)
    boxes: Value = result("the proposals [proposals, 4]", like="images", quantisation=QuantisationRule.SAME)
    batch: Value = result("their images", elements=ElementType.I32, quantisation=QuantisationRule.NONE)

    @constraint("Q3: quantised anchors have scale 1/8 and zero point 0", at="anchors")
    def anchors_in_eighths(self) -> bool:
        return is_coordinate_type(self.anchors.type)

    def infer_shapes(self) -> Sequence[Shape]:
        channels = 3 if self.layout is Layout.NHWC else 1
        for axis, (left, right) in enumerate(zip(self.scores.shape, self.deltas.shape, strict=True)):
            wanted = times(left, 4) if axis == channels else left
            merge_dimension(wanted, right, "there are not four deltas for each score", "deltas")
        message = "there is not one score for each anchor"
        merge_dimension(self.scores.shape[channels], self.anchors.shape[0], message, "anchors")
        merge_dimension(self.scores.shape[0], self.images.shape[0], "there is not one size for each image", "images")
        require_size(self.anchors, 4, "anchors")
        require_size(self.images, 2, "images")
        return [(None,), (None, 4), (None,)]

    def reference(self, profile: Profile, *operands: Array) -> tuple[Array, ...]:
        scores, deltas, anchors, sizes = self.real(profile, *operands)
        if self.layout is Layout.NCHW:
            scores, deltas = scores.transpose(0, 2, 3, 1), deltas.transpose(0, 2, 3, 1)
        check_corners(self.name, anchors)
        images, height, width, kinds = scores.shape
        count = height * width * kinds
        down, across = (
            np.arange(n, dtype=np.float32) * np.float32(s) for n, s in zip((height, width), self.strides, strict=True)
        )
        shifts = np.stack(np.broadcast_arrays(across, down[:, np.newaxis], across, down[:, np.newaxis]), axis=-1)
        placed = (shifts[:, :, np.newaxis] + anchors).reshape(1, count, 4)
        boxes = transform_boxes(placed, deltas.reshape(images, count, 4), sizes[:, np.newaxis])
        by_image = scores.reshape(images, count)
        chosen = [self._image(by_image[i], boxes[i], sizes[i]) for i in range(images)]
        batch = np.repeat(np.arange(images), [len(rows) for rows in chosen])
        rows = np.concatenate([*chosen, np.zeros(0, np.int64)])
        return (
            self.stored(profile, 0, by_image[batch, rows]),
            self.stored(profile, 1, boxes[batch, rows]),
            batch.astype(np.int32),
        )

    def _image(self, scores: Array, boxes: Array, size: Array) -> Array:
        """Indices of the proposals in one image, best first."""
        rows = best_first(scores, self.before if self.before > 0 else -1)
        extents = boxes[rows, 2:] - boxes[rows, :2]
        centres = boxes[rows, :2] + extents / np.float32(2)
        good = (extents > np.float32(self.minimum_size)) & (centres < size[::-1])
        most = self.after if self.after > 0 else -1
        return suppress(boxes, scores, rows[good.all(axis=-1)], most, drop(self.overlap_threshold))[0]


def require_size(value: Value, size: int, at: str) -> None:
    """Raises `InferenceError` unless the last dimension has that size (or is unknown)."""
    merge_dimension(value.shape[-1], size, f"the last dimension is to be {size}", at)


def check_batch(name: str, batch: Array, images: int) -> None:
    """Raises `RunError` for an image that there is not."""
    wrong = batch[(batch < 0) | (batch >= images)]
    if wrong.size:
        raise RunError(f"{name}: batch index {wrong[0]} lies outside of the {images} images")


OPERATORS: tuple[type[Operation], ...] = (AxisAlignedBboxTransform, BoxWithNmsLimit, GenerateProposals)
