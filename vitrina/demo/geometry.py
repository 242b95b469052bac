"""Outlines of shapes: polygons, float64 (points, 2), in a square from -1 to 1 with y downwards."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]


def polygon(*points: Point) -> Outline:
    """The polygon with these corners."""
    return np.array(points, dtype=np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, corners: int = 40) -> Outline:
    """An ellipse with centre (x, y) and radii rx and ry, as a polygon of ``corners`` points."""
    return _arc_points(x, y, rx, ry, 0, 360, corners)


# Seven parameters: coordinates are given one by one, as in SVG, so that drawings stay short.
def arc(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, width: float
) -> Outline:
    """A band along an ellipse between two angles in degrees: 0 is right, 90 is down."""
    outer = _arc_points(x, y, rx + width / 2, ry + width / 2, start, stop, 28)
    inner = _arc_points(x, y, rx - width / 2, ry - width / 2, start, stop, 28)
    return np.concatenate([outer, inner[::-1]])


def half_disc(x: float, y: float, rx: float, ry: float) -> Outline:
    """The upper half of an ellipse with centre (x, y)."""
    return _arc_points(x, y, rx, ry, 180, 360, 28)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.05) -> Outline:
    """A rectangle with rounded corners."""
    centres = (
        (right - radius, top + radius, 270),
        (right - radius, bottom - radius, 0),
        (left + radius, bottom - radius, 90),
        (left + radius, top + radius, 180),
    )
    return np.concatenate(
        [_arc_points(x, y, radius, radius, angle, angle + 90, 6) for x, y, angle in centres]
    )


def line(start: Point, stop: Point, width: float) -> Outline:
    """A straight bar of this width between two points."""
    a, b = np.array(start), np.array(stop)
    along = (b - a) / np.hypot(*(b - a))
    across = np.array([-along[1], along[0]]) * width / 2
    return np.array([a + across, b + across, b - across, a - across])


def smooth(points: Sequence[Point], closed: bool = True, steps: int = 7) -> Outline:
    """A uniform Catmull-Rom spline through the points, with ``steps`` points per segment."""
    knots = np.array(points, dtype=np.float64)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([knots[:1], knots, knots[-1:]])
    p0, p1, p2, p3 = knots[:-3, None], knots[1:-2, None], knots[2:-1, None], knots[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = p1 + 0.5 * t * (
        p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))
    )
    flat: Outline = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, knots[-1:]])


def symmetric(profile: Outline) -> Outline:
    """The mirror-symmetric shape whose right half, from top to bottom, is the profile."""
    return np.concatenate([profile, profile[::-1] * (-1, 1)])


def moved(outline: Outline, x: float, y: float) -> Outline:
    """The outline shifted by x to the right and by y downwards."""
    shifted: Outline = outline + np.array([x, y])
    return shifted


def star(size: float) -> Outline:
    """A five-pointed star with centre (0, 0)."""
    angles = np.deg2rad(np.arange(10) * 36 - 90)
    radii = np.where(np.arange(10) % 2 == 0, size, size * 0.45)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _arc_points(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int
) -> Outline:
    angles = (start + (stop - start) / (count - 1) * np.arange(count)) * (np.pi / 180)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)
