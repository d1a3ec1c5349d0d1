"""Operators that read a detector's or key point network's last tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from nir.ir.types import FLOATS
from nir.ops.axes import merge_dimension
from nir.ops.boxes import best_first, check_corners, drop, suppress
from nir.ops.common import Layout
from nir.ops.detection import BOXES, SCORES, DetectionOperation, require_size
from nir.ops.profiles import Array, Profile


class DetectionPostprocessing(DetectionOperation, name="detection_postprocessing", nnapi=47):
    """Detections of a single-shot detector: anchors moved by deltas, and suppressed.

    Anchors are cy, cx, h, w, deltas dy, dx, dh, dw divided by `scales`; the box is cy + dy h, cx + dx w, h exp(dh),
    w exp(dw), given as y1, x1, y2, x2. Class 0 is the background and left out; labels count from the class behind it
    unless `background_in_labels`. Suppression is class by class where `regular` (with at most
    `maximum_boxes_per_class` boxes of a class), and the best `maximum` detections are given; else once, on the score
    of each box's best class, and the best `maximum_classes_per_box` classes of the best `maximum` boxes are given, box
    by box. Rows that are not used are 0.

        func @example(%scores: tensor<1x2x3xf32>, %deltas: tensor<1x2x4xf32>)
            -> (tensor<1x3xf32>, tensor<1x3x4xf32>, tensor<1x3xi32>, tensor<1xi32>) {
          %anchors = const dense<[[0.5, 0.5, 1.0, 1.0], [0.5, 10.5, 1.0, 1.0]]> : tensor<2x4xf32>
          %0, %1, %2, %3 = detection_postprocessing(%scores, %deltas, %anchors)
              {scales = [10.0, 10.0, 5.0, 5.0], maximum = 3, score_threshold = 0.0, overlap_threshold = 0.5}
              : (tensor<1x3xf32>, tensor<1x3x4xf32>, tensor<1x3xi32>, tensor<1xi32>)
          return %0, %1, %2, %3
        }
    """

    __slots__ = ()

    scores: Value = operand("[images, anchors, classes]", FLOATS, rank=3)
    deltas: Value = operand("[images, anchors, 4 or more]; what follows the first 4 is ignored", FLOATS, rank=3)
    anchors: Value = operand("[anchors, 4]", FLOATS, rank=2)
    scales: tuple[float, float, float, float] = attribute("divisors of dy, dx, dh, dw")
    regular: bool = attribute("whether suppression is class by class", default=False)
    maximum: int = attribute("detections per image, or boxes unless regular", minimum=1)
    maximum_classes_per_box: int = attribute("labels of one box, unless regular", default=1, minimum=1)
    maximum_boxes_per_class: int = attribute("boxes of one class, where regular", default=100, minimum=1)
    score_threshold: float = attribute("scores must exceed it")
    overlap_threshold: float = attribute("overlap from which the worse box goes")
    background_in_labels: bool = attribute("whether labels count the background", default=False)
    output_scores: Value = result("[images, rows]", quantisation=QuantisationRule.NONE)
    boxes: Value = result("[images, rows, 4]", quantisation=QuantisationRule.NONE)
    classes: Value = result("[images, rows]", elements=ElementType.I32, quantisation=QuantisationRule.NONE)
    count: Value = result("rows used [images]", elements=ElementType.I32, quantisation=QuantisationRule.NONE)

    @constraint("C2: the scales are positive", at="scales")
    def scales_divide(self) -> bool:
        return min(self.scales) > 0

    @constraint("C3: there are at least four deltas for each anchor", at="deltas")
    def deltas_suffice(self) -> bool:
        size = self.deltas.shape[2]
        return size is None or size >= 4

    @constraint("C4: there is a class besides the background", at="scores")
    def has_classes(self) -> bool:
        classes = self.scores.shape[2]
        return classes is None or classes > 1

    @constraint("C5: thresholds are not negative", at="score_threshold")
    def thresholds_make_sense(self) -> bool:
        return min(self.score_threshold, self.overlap_threshold) >= 0

    @property
    def rows(self) -> int:
        """Rows for each image."""
        return self.maximum if self.regular else self.maximum * self.maximum_classes_per_box

    def infer_shapes(self) -> Sequence[Shape]:
        require_size(self.anchors, 4, "anchors")
        message = "scores and deltas differ in the number of images or anchors"
        images, anchors = (
            merge_dimension(a, b, message, "deltas")
            for a, b in zip(self.scores.shape[:2], self.deltas.shape[:2], strict=True)
        )
        merge_dimension(anchors, self.anchors.shape[0], "scores and anchors differ in number", "anchors")
        return [(images, self.rows), (images, self.rows, 4), (images, self.rows), (images,)]

    def reference(self, profile: Profile, *operands: Array) -> tuple[Array, ...]:
        scores, deltas, anchors = self.real(profile, *operands)
        boxes = self._boxes(deltas[..., :4], anchors)
        images, rows = len(scores), self.rows
        output = np.zeros((images, rows), np.float32), np.zeros((images, rows, 4), np.float32)
        labels, count = np.zeros((images, rows), np.int32), np.zeros(images, np.int32)
        detect = self._by_class if self.regular else self._by_box
        for image in range(images):
            found, classes = detect(boxes[image], scores[image])
            used = count[image] = len(found)
            output[0][image, :used] = scores[image][found, classes]
            output[1][image, :used] = boxes[image][found]
            labels[image, :used] = classes - (not self.background_in_labels)
        return self.stored(profile, 0, output[0]), self.stored(profile, 1, output[1]), labels, count

    def _boxes(self, deltas: Array, anchors: Array) -> Array:
        scaled = deltas / np.array(self.scales, np.float32)
        centres = scaled[..., :2] * anchors[:, 2:] + anchors[:, :2]
        halves = np.exp(scaled[..., 2:]) * anchors[:, 2:] * np.float32(0.5)
        return np.concatenate([centres - halves, centres + halves], axis=-1)

    def _by_class(self, boxes: Array, scores: Array) -> tuple[Array, Array]:
        """Boxes and classes that are left after suppression in each class, the best first."""
        found, classes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for label in range(1, scores.shape[1]):
            chosen = self._suppressed(boxes, scores[:, label], self.maximum_boxes_per_class)
            found.append(chosen)
            classes.append(np.full(len(chosen), label))
        rows, labels = np.concatenate(found), np.concatenate(classes)
        best = best_first(scores[rows, labels], self.maximum)
        return rows[best], labels[best]

    def _by_box(self, boxes: Array, scores: Array) -> tuple[Array, Array]:
        """Boxes that are left after suppression by their best score, each with its best classes."""
        objects = scores[:, 1:]
        chosen = self._suppressed(boxes, objects.max(axis=1, initial=-np.inf), self.maximum)
        order = np.argsort(-objects[chosen], axis=1, kind="stable")[:, : self.maximum_classes_per_box] + 1
        return np.repeat(chosen, order.shape[1]), order.ravel()

    def _suppressed(self, boxes: Array, scores: Array, most: int) -> Array:
        candidates = np.flatnonzero(scores > np.float32(self.score_threshold))
        return suppress(boxes, scores, candidates, most, drop(self.overlap_threshold))[0]


class HeatmapMaxKeypoint(DetectionOperation, name="heatmap_max_keypoint", nnapi=56):
    """Where in a box each key point lies: the maximum of its heat map, refined between the cells, and its score.

    The first maximum and its neighbours (mirrored at the edges) give a parabola by finite differences. Its extremum
    is the point, at most 1.5 cells away in either direction; where the parabola has none that is certain, the cell's
    centre is. A point x of the S x S map lies at x1 + (x + 1/2) (x2 - x1) / S of the box x1, y1, x2, y2.

        func @example(%maps: tensor<2x8x8x3xf32>) -> (tensor<2x3xf32>, tensor<2x3x2xf32>) {
          %boxes = const dense<[[5.0, 2.0, 10.0, 20.0], [1.0, 7.0, 30.0, 10.0]]> : tensor<2x4xf32>
          %0, %1 = heatmap_max_keypoint(%maps, %boxes) : (tensor<2x3xf32>, tensor<2x3x2xf32>)
          return %0, %1
        }
    """

    __slots__ = ()

    maps: Value = operand("[boxes, size, size, key points], or in the other layout", SCORES, rank=4)
    boxes: Value = operand("[boxes, 4]", BOXES, rank=2)
    layout: Layout = attribute("order of the dimensions of the heat maps", default=Layout.NHWC)
    scores: Value = result("value of the parabola [boxes, key points]")
    points: Value = result("x, y [boxes, key points, 2]", like="boxes", quantisation=QuantisationRule.SAME)

    @constraint("C2: the heat maps are square, of two cells or more", at="maps")
    def maps_are_square(self) -> bool:
        height, width = self._image_sizes()
        return (
            (height is None or width is None or height == width)
            and 1 not in (height, width)
            and 0 not in (height, width)
        )

    def _image_sizes(self) -> Shape:
        return self.maps.shape[1:3] if self.layout is Layout.NHWC else self.maps.shape[2:4]

    def infer_shapes(self) -> Sequence[Shape]:
        require_size(self.boxes, 4, "boxes")
        boxes = merge_dimension(
            self.maps.shape[0], self.boxes.shape[0], "there is not one box for each heat map", "boxes"
        )
        points = self.maps.shape[3 if self.layout is Layout.NHWC else 1]
        return [(boxes, points), (boxes, points, 2)]

    def reference(self, profile: Profile, maps: Array, boxes: Array) -> tuple[Array, Array]:
        real_maps, real_boxes = self.real(profile, maps, boxes)
        check_corners(self.name, real_boxes)
        maps_first = real_maps.transpose(0, 3, 1, 2) if self.layout is Layout.NHWC else real_maps
        size = maps_first.shape[-1]
        flat = maps_first.reshape(*maps_first.shape[:2], size * size)
        best = flat.argmax(axis=-1)
        rows, columns = best // size, best % size
        tolerance = np.float32(1e-3 if maps.dtype == np.float16 else 1e-5)
        steps, gains = _refine(_neighbours(maps_first, rows, columns), tolerance)
        peaks = np.take_along_axis(flat, best[..., np.newaxis], axis=-1)[..., 0]
        places = np.stack([columns, rows], axis=-1).astype(np.float32) + steps + np.float32(0.5)
        origins, extents = real_boxes[:, np.newaxis, :2], real_boxes[:, np.newaxis, 2:] - real_boxes[:, np.newaxis, :2]
        points = origins + places * (extents / np.float32(size))
        return self.stored(profile, 0, peaks + gains), self.stored(profile, 1, points)


def _neighbours(maps: Array, rows: Array, columns: Array) -> Array:
    """The 3 x 3 cells around a place of each map [boxes, points, size, size]: [boxes, points, 3, 3]."""
    size, around = maps.shape[-1], np.arange(-1, 2)

    def mirrored(places: Array) -> Array:
        near = places[..., np.newaxis] + around
        return np.where(near < 0, 1, np.where(near >= size, size - 2, near))

    box, point = np.ogrid[: maps.shape[0], : maps.shape[1]]
    return maps[
        box[..., np.newaxis, np.newaxis],
        point[..., np.newaxis, np.newaxis],
        mirrored(rows)[..., :, np.newaxis],
        mirrored(columns)[..., np.newaxis, :],
    ]


_LONGEST_STEP = np.float32(1.5)


def _refine(cells: Array, tolerance: np.float32) -> tuple[Array, Array]:
    """Steps (x, y) from the middle of 3 x 3 cells to the extremum of their parabola, and how much higher that is.

    Both are 0 where the second derivatives' determinant is nearly so: below the tolerance, by itself and in relation
    to the product of the straight ones.
    """
    half, quarter = np.float32(0.5), np.float32(0.25)
    middle = cells[..., 1, 1]
    slope_x, slope_y = (cells[..., 1, 2] - cells[..., 1, 0]) * half, (cells[..., 2, 1] - cells[..., 0, 1]) * half
    bend_xx = cells[..., 1, 0] - 2 * middle + cells[..., 1, 2]
    bend_yy = cells[..., 0, 1] - 2 * middle + cells[..., 2, 1]
    bend_xy = (cells[..., 2, 2] - cells[..., 2, 0] - cells[..., 0, 2] + cells[..., 0, 0]) * quarter
    determinant = bend_xx * bend_yy - bend_xy * bend_xy
    certain = np.abs(determinant) >= tolerance + tolerance * (bend_xx * bend_yy)
    divisor = np.where(certain, determinant, np.float32(1))
    steps = np.stack([bend_xy * slope_y - bend_yy * slope_x, bend_xy * slope_x - bend_xx * slope_y], axis=-1)
    steps = np.where(certain[..., np.newaxis], steps / divisor[..., np.newaxis], np.float32(0))
    longest = np.abs(steps).max(axis=-1, keepdims=True)
    steps = steps * np.where(longest > _LONGEST_STEP, _LONGEST_STEP / np.maximum(longest, _LONGEST_STEP), np.float32(1))
    x, y = steps[..., 0], steps[..., 1]
    gains = slope_x * x + slope_y * y + half * (bend_xx * x * x + 2 * bend_xy * x * y + bend_yy * y * y)
    return steps, gains


OPERATORS: tuple[type[Operation], ...] = (DetectionPostprocessing, HeatmapMaxKeypoint)
