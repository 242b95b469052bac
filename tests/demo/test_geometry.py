"""Outlines of shapes."""

import numpy as np

from vitrina.demo.geometry import arc, box, ellipse, line, moved, polygon, smooth, star, symmetric


def area(outline: np.ndarray) -> float:
    """The area of a polygon, by the shoelace formula."""
    x, y = outline.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_shapes_have_their_size() -> None:
    """Areas are those of the exact shapes, up to the corners of curves."""
    np.testing.assert_allclose(area(ellipse(0.1, 0.2, 0.5, 0.3, 200)), np.pi * 0.15, rtol=1e-3)
    np.testing.assert_allclose(area(arc(0, 0, 0.5, 0.5, 0, 90, 0.2)), np.pi * 0.05, rtol=1e-2)
    np.testing.assert_allclose(area(line((0, 0), (0.3, 0.4), 0.1)), 0.05)
    np.testing.assert_allclose(area(box(-0.5, -0.4, 0.5, 0.4, 1e-6)), 0.8, rtol=1e-4)
    np.testing.assert_allclose(np.hypot(*star(0.34)[::2].T), 0.34)


def test_a_smooth_curve_passes_through_its_points() -> None:
    """Open or closed; an open one ends at its last point."""
    points = [(-0.5, 0.0), (0.0, 0.6), (0.7, 0.1)]
    for closed in (False, True):
        curve = smooth(points, closed=closed)
        distances = np.hypot(*(curve[:, None] - np.array(points)).transpose(2, 0, 1))
        np.testing.assert_allclose(distances.min(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(smooth(points, closed=False)[-1], points[-1])


def test_a_profile_is_mirrored_and_an_outline_moved() -> None:
    """The mirrored half has opposite x; a moved outline keeps its shape."""
    shape = symmetric(polygon((0.2, -0.5), (0.4, 0.5)))
    assert shape.tolist() == [[0.2, -0.5], [0.4, 0.5], [-0.4, 0.5], [-0.2, -0.5]]
    np.testing.assert_allclose(moved(shape, 0.1, -0.2) - shape, [[0.1, -0.2]] * 4)
