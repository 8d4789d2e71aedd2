"""Coordinates of results: pixels of the frame as displayed, origin top left, clipped to it, rounded to 0.1."""

Point = tuple[float, float]
"""`(x, y)` in pixels of the frame, x to the right, y down."""

Box = tuple[float, float, float, float]
"""`(x1, y1, x2, y2)` in pixels of the frame: top left and bottom right corner."""

Polygon = tuple[Point, Point, Point, Point]
"""Four corners, clockwise from the top left of what is framed."""

PIXEL_DIGITS = 1


def clipped(point: Point, width: int, height: int) -> Point:
    """Return the nearest point of an image of this size, rounded to a tenth of a pixel."""
    x, y = point
    return rounded(min(max(x, 0), width), PIXEL_DIGITS), rounded(min(max(y, 0), height), PIXEL_DIGITS)


def clockwise(polygon: Polygon) -> Polygon:
    """Return the corners clockwise, from the same first one, by the sign of the area (shoelace formula)."""
    first, second, third, fourth = polygon
    edges = zip(polygon, (second, third, fourth, first), strict=True)
    area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in edges)  # with y down, positive is clockwise
    return polygon if area >= 0 else (first, fourth, third, second)


def rounded(value: float, digits: int) -> float:
    """Return a plain float rounded to so many digits; never negative zero."""
    return round(float(value), digits) + 0.0
