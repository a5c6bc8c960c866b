"""The geospatial functions of the language reference, over GeoJSON records of the types Point, LineString, Polygon.

ST_DISTANCE is the length of the geodesic on the WGS 84 ellipsoid. For the other functions an edge is the arc in which
a plane through the Earth's centre cuts that ellipsoid, as in SQL Server's geography type, whose words the reference
uses. Such planes stay planes when the ellipsoid is stretched to a sphere, and its arcs are straight lines on a plane
that is seen from the sphere's centre. So a shape, or two near each other, must lie on one half of the globe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .functions import NoResult, define
from .values import Value

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Position = tuple[float, float]
Vector = tuple[float, float, float]
_least = {"Point": 1, "LineString": 2, "Polygon": 4}
# What counts as touching, in radii of the Earth: 0.06 mm.
_touch = 1e-11
# Farther than any two places of the plane are from each other.
_apart = 1000.0


@dataclass(frozen=True)
class _Shape:
    """A geometry's positions (longitude, latitude) in degrees, in order; a polygon is its one closed ring."""

    kind: str
    positions: tuple[Position, ...]


@dataclass(frozen=True)
class _Seen:
    """A geometry in the plane; a polygon whose inside is to the right of its ring is all the globe but `plane`."""

    plane: BaseGeometry
    inverted: bool = False


def _shape(record: dict[str, Value]) -> _Shape:
    fields = {name.lower(): value for name, value in record.items()}
    kind, found = fields.get("type"), fields.get("coordinates")
    if kind not in _least or not isinstance(found, list):
        raise NoResult("a GeoJSON record has a type Point, LineString or Polygon, and coordinates")
    if kind == "Point":
        found = [found]
    elif kind == "Polygon" and found and _nested(found[0]):
        if len(found) > 1:
            raise NoResult("a Polygon has no holes")
        found = found[0]
    return _checked(_Shape(kind, tuple(_position(each) for each in found)))


def _nested(value: Value) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)


def _position(value: Value) -> Position:
    numbers = value if isinstance(value, list) else []
    plain = [float(each) for each in numbers if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if len(plain) < 2 or len(plain) != len(numbers) or not -90 <= plain[1] <= 90:
        raise NoResult("a position is [longitude, latitude], with a latitude from -90 to 90")
    return plain[0], plain[1]


def _checked(shape: _Shape) -> _Shape:
    if len(shape.positions) < _least[shape.kind]:
        raise NoResult(f"a {shape.kind} has at least {_least[shape.kind]} positions")
    if shape.kind == "Polygon" and shape.positions[0] != shape.positions[-1]:
        raise NoResult("the first and last position of a Polygon are equal")
    return shape


def _create_point(latitude: float, longitude: float) -> Value:
    record = {"type": "Point", "coordinates": [float(longitude), float(latitude)]}
    _shape(record)
    return record


def _joined(kind: str, points: Sequence[dict[str, Value]]) -> dict[str, Value]:
    shapes = [_shape(point) for point in points]
    if any(shape.kind != "Point" for shape in shapes):
        raise NoResult(f"a {kind} is made of points")
    ring = [list(shape.positions[0]) for shape in shapes]
    record = {"type": kind, "coordinates": [ring] if kind == "Polygon" else ring}
    _shape(record)
    return record


def _distance(first: dict[str, Value], second: dict[str, Value]) -> float:
    """In metres; 0 for polygons. Source: language reference, ST_DISTANCE."""
    from geographiclib.geodesic import Geodesic

    shapes = _shape(first), _shape(second)
    kinds = {shape.kind for shape in shapes}
    if "Polygon" in kinds:
        return 0.0
    if kinds != {"Point"}:
        raise NoResult("it measures between points")
    (left, bottom), (right, top) = (shape.positions[0] for shape in shapes)
    return Geodesic.WGS84.Inverse(bottom, left, top, right, Geodesic.DISTANCE)["s12"]


def _vector(position: Position) -> Vector:
    """A position on a sphere of radius 1."""
    longitude, latitude = map(math.radians, position)
    return math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(a: Vector) -> Vector:
    size = math.sqrt(_dot(a, a)) or 1.0
    return a[0] / size, a[1] / size, a[2] / size


def _middle(vectors: Sequence[Vector]) -> tuple[Vector, float]:
    """The middle of a cap of the globe that holds all of them, and the cap's angle: small if it can be."""
    middle = _unit((sum(v[0] for v in vectors), sum(v[1] for v in vectors), sum(v[2] for v in vectors)))
    for step in range(2, 200):
        far = min(vectors, key=lambda v: _dot(v, middle))
        if _dot(far, middle) > 0.1:
            break
        x, y, z = (m + (f - m) / step for m, f in zip(middle, far, strict=True))
        middle = _unit((x, y, z))
    return middle, math.acos(min(max(min(_dot(v, middle) for v in vectors), -1.0), 1.0))


@lru_cache(1024)
def _cap(shape: _Shape) -> tuple[list[Vector], Vector, float]:
    """A shape's positions on the sphere, and the cap that holds them."""
    vectors = [_vector(position) for position in shape.positions]
    return vectors, *_middle(vectors)


def _see(first: _Shape, second: _Shape) -> tuple[_Seen, _Seen]:
    """Both shapes in one plane, where their lines are straight."""
    (one, left, near), (other, right, far) = _cap(first), _cap(second)
    if near + far < math.acos(min(max(_dot(left, right), -1.0), 1.0)):
        # Nothing of one is near the other: where in the plane they lie does not matter, but for being apart.
        return _seen(first, _flat(one, left, near)), _seen(second, _flat(other, right, far, _apart))
    middle, angle = _middle(one + other)
    return _seen(first, _flat(one, middle, angle)), _seen(second, _flat(other, middle, angle))


def _flat(vectors: Sequence[Vector], middle: Vector, angle: float, shift: float = 0) -> list[Position]:
    """Positions as seen from the centre of the globe, on the plane that touches it in `middle`."""
    if math.cos(angle) < 0.01:
        raise NoResult("the shapes span more than half of the globe")
    axis = min(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), key=lambda each: abs(_dot(each, middle)))
    right = _unit(_cross(axis, middle))
    up = _cross(middle, right)
    return [(_dot(v, right) / _dot(v, middle) + shift, _dot(v, up) / _dot(v, middle)) for v in vectors]


def _seen(shape: _Shape, flat: list[Position]) -> _Seen:
    from shapely import LineString, Point, Polygon

    if shape.kind != "Polygon":
        return _Seen(Point(flat[0]) if shape.kind == "Point" else LineString(flat))
    polygon = Polygon(flat)
    if not polygon.is_valid or not polygon.area:
        raise NoResult("the ring of a Polygon touches or crosses itself")
    return _Seen(polygon, inverted=not polygon.exterior.is_ccw)


def _grown(plane: BaseGeometry, by: float) -> BaseGeometry:
    return plane.buffer(by, join_style="mitre")


def _covers(outer: Any, inner: BaseGeometry) -> bool:
    return _grown(outer, _touch).covers(inner)


def _enters(plane: BaseGeometry, polygon: BaseGeometry) -> bool:
    """Whether a shape has a part inside a polygon, not only on its edge."""
    return _grown(polygon, -_touch).intersects(plane)


def _within(first: dict[str, Value], second: dict[str, Value]) -> int:
    shapes = _shape(first), _shape(second)
    if shapes[1].kind != "Polygon":
        raise NoResult("something lies within a Polygon only")
    inner, outer = _see(*shapes)
    if inner.inverted:
        return int(outer.inverted and _covers(inner.plane, outer.plane))
    if not outer.inverted:
        return int(_covers(outer.plane, inner.plane) and _enters(inner.plane, outer.plane))
    if shapes[0].kind == "Point":
        return int(not _grown(outer.plane, _touch).intersects(inner.plane))
    return int(not _enters(inner.plane, outer.plane))


def _intersects(first: dict[str, Value], second: dict[str, Value]) -> int:
    one, other = _see(_shape(first), _shape(second))
    if one.inverted and other.inverted:
        return 1
    if one.inverted or other.inverted:
        missing, plane = (one.plane, other.plane) if one.inverted else (other.plane, one.plane)
        return int(not _grown(missing, -_touch).covers(plane))
    return int(one.plane.distance(other.plane) <= _touch)


def _overlaps(first: dict[str, Value], second: dict[str, Value]) -> int:
    shapes = _shape(first), _shape(second)
    if any(shape.kind != "Polygon" for shape in shapes):
        raise NoResult("Polygons overlap")
    one, other = _see(*shapes)
    if one.inverted != other.inverted:
        missing, plane = (one.plane, other.plane) if one.inverted else (other.plane, one.plane)
        return int(_enters(plane, missing) and not _covers(missing, plane))
    apart = not one.inverted and not _enters(_grown(one.plane, -_touch), other.plane)
    return int(not (apart or _covers(one.plane, other.plane) or _covers(other.plane, one.plane)))


define("CREATELINESTRING", "rr+", "record", lambda *points: _joined("LineString", points))
define("CREATEPOINT", "nn", "record", _create_point)
define("CREATEPOLYGON", "rrrr+", "record", lambda *points: _joined("Polygon", points))
define("ST_DISTANCE", "rr", "float", _distance)
define("ST_INTERSECTS", "rr", "bigint", _intersects)
define("ST_OVERLAPS", "rr", "bigint", _overlaps)
define("ST_WITHIN", "rr", "bigint", _within)
