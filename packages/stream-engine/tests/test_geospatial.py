"""Geospatial functions: the examples of Microsoft's pages, and random shapes against definitions on the sphere."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from stream_engine import QueryError, StreamError, compile_query
from stream_engine.testing import run

Shape = dict[str, Any]


def point(*position: float) -> Shape:
    return {"type": "Point", "coordinates": list(position)}


def line(*positions: tuple[float, float]) -> Shape:
    return {"type": "LineString", "coordinates": [list(each) for each in positions]}


def polygon(*positions: tuple[float, float]) -> Shape:
    return {"type": "Polygon", "coordinates": [[list(each) for each in (*positions, positions[0])]]}


def box(left: float, bottom: float, right: float, top: float) -> Shape:
    return polygon((left, bottom), (right, bottom), (right, top), (left, top))


def value(expression: str, **record: object) -> Any:
    return run(f"SELECT {expression} AS result FROM input", {"input": [record]})["output"][0]["result"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CreatePoint(3.0, -10.2)", point(-10.2, 3.0)),
        ("CreatePoint(3, NULL)", None),
        (
            "CreateLineString(CreatePoint(-87.33, 20.2321), CreatePoint(10.0, 10.0), CreatePoint(10.5, 10.5))",
            line((20.2321, -87.33), (10.0, 10.0), (10.5, 10.5)),
        ),
        (
            """CreatePolygon(CreatePoint(3.0, -10.2), CreatePoint(10.0, 10.0), CreatePoint(10.5, 10.5),
                             CreatePoint(3.0, -10.2))""",
            polygon((-10.2, 3.0), (10.0, 10.0), (10.5, 10.5)),
        ),
    ],
)
def test_shapes_are_geojson_with_the_longitude_first(expression: str, expected: Shape | None) -> None:
    assert value(expression) == expected


def test_a_distance_is_that_of_the_geodesic_on_the_ellipsoid() -> None:
    # The page's own figure; the service's series is a millimetre off the geodesic, as SQL Server's.
    assert value("ST_DISTANCE(a, b)", a=point(-5.0, -5.0), b=point(0.0, 0.0)) == pytest.approx(
        784028.74077501823, abs=2e-3
    )
    assert value("ST_DISTANCE(a, b)", a=point(0, 0), b=point(180, 0)) == pytest.approx(20003931.4586, abs=1e-3)
    assert value("ST_DISTANCE(a, b)", a=point(0, 90), b=point(50, 90)) == pytest.approx(0, abs=1e-6)
    assert value("ST_DISTANCE(a, b)", a=box(0, 0, 1, 1), b=point(50, 50)) == 0.0


unclosed_in_the_page = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("function", "first", "second", "expected"),
    [
        ("ST_INTERSECTS", line((-10, 0), (0, 0), (10, 0)), line((0, 10), (0, 0), (0, -10)), 1),
        ("ST_INTERSECTS", line((-10, 0), (0, 0), (10, 0)), line((-10, 10), (0, 10), (10, 10)), 0),
        ("ST_INTERSECTS", line((-10, 0), (10, 0)), line((3, 0), (3, 9)), 1),
        ("ST_INTERSECTS", line((-60, 0), (60, 0)), line((120, 0), (180, 0), (-120, 0)), 0),
        ("ST_INTERSECTS", line((170, 1), (-170, -1)), line((180, 5), (180, -5)), 1),
        ("ST_INTERSECTS", box(0, 0, 10, 10), point(5, 0), 1),
        ("ST_INTERSECTS", box(0, 0, 10, 10), box(10, 0, 20, 10), 1),
        ("ST_INTERSECTS", box(0, 0, 10, 10), line((20, 20), (30, 30)), 0),
        ("ST_OVERLAPS", box(0, 0, 10, 10), box(30, 30, 40, 40), 0),
        ("ST_OVERLAPS", box(0, 0, 20, 20), box(10, 10, 40, 40), 1),
        ("ST_OVERLAPS", box(0, 0, 20, 20), box(5, 5, 10, 10), 0),
        ("ST_OVERLAPS", box(5, 5, 10, 10), box(0, 0, 20, 20), 0),
        ("ST_OVERLAPS", box(0, 0, 10, 10), box(10, 0, 20, 10), 0),
        ("ST_OVERLAPS", box(0, 0, 10, 10), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", point(76.6, 10.1), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", point(15, 15), box(10, 10, 20, 20), 1),
        ("ST_WITHIN", point(15, 15), {"type": "Polygon", "coordinates": unclosed_in_the_page}, 0),
        ("ST_WITHIN", point(5, 5), {"Type": "Polygon", "Coordinates": unclosed_in_the_page}, 1),
        ("ST_WITHIN", point(5, 0), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", point(10, 10), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", point(180, 0), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", point(75, 1), box(-79, -5, 79, 5), 1),
        ("ST_WITHIN", point(89, 1), box(-79, -5, 79, 5), 0),
        ("ST_WITHIN", point(-179, 0), box(170, -5, -170, 5), 1),
        ("ST_WITHIN", point(0, 89), polygon((0, 80), (90, 80), (180, 80), (-90, 80)), 1),
        ("ST_WITHIN", box(5, 5, 10, 10), box(0, 0, 20, 20), 1),
        ("ST_WITHIN", box(0, 0, 10, 10), box(0, 0, 10, 10), 1),
        ("ST_WITHIN", box(0, 0, 20, 20), box(5, 5, 10, 10), 0),
        ("ST_WITHIN", line((0, 0), (10, 0)), box(0, 0, 10, 10), 0),
        ("ST_WITHIN", line((0, 0), (10, 10)), box(0, 0, 10, 10), 1),
        ("ST_WITHIN", None, box(0, 0, 10, 10), None),
    ],
)
def test_shapes_relate_as_documented(function: str, first: Shape, second: Shape, expected: int | None) -> None:
    assert value(f"{function}(a, b)", a=first, b=second) == expected


around = polygon((0, 0), (0, 10), (10, 10), (10, 0))


@pytest.mark.parametrize(
    ("function", "first", "second", "expected"),
    [
        ("ST_INTERSECTS", around, box(2, 2, 3, 3), 0),
        ("ST_INTERSECTS", around, box(2, 2, 10, 3), 1),
        ("ST_INTERSECTS", around, box(0, 0, 10, 10), 1),
        ("ST_INTERSECTS", box(2, 2, 3, 3), around, 0),
        ("ST_INTERSECTS", around, around, 1),
        ("ST_OVERLAPS", around, box(2, 2, 3, 3), 0),
        ("ST_OVERLAPS", around, box(5, 5, 15, 8), 1),
        ("ST_OVERLAPS", box(50, 50, 60, 60), around, 0),
        ("ST_OVERLAPS", around, polygon((20, 0), (20, 10), (30, 10), (30, 0)), 1),
        ("ST_WITHIN", point(50, 50), around, 1),
        ("ST_WITHIN", point(180, 0), around, 1),
        ("ST_WITHIN", point(5, 5), around, 0),
        ("ST_WITHIN", point(5, 0), around, 0),
        ("ST_WITHIN", box(20, 0, 30, 10), around, 1),
        ("ST_WITHIN", box(10, 0, 30, 10), around, 1),
        ("ST_WITHIN", box(5, 5, 15, 8), around, 0),
        ("ST_WITHIN", around, box(20, 0, 30, 10), 0),
        ("ST_WITHIN", around, polygon((2, 2), (2, 3), (3, 3), (3, 2)), 1),
        ("ST_WITHIN", polygon((2, 2), (2, 3), (3, 3), (3, 2)), around, 0),
    ],
)
def test_a_ring_with_its_inside_on_the_right_is_all_the_globe_but_what_it_surrounds(
    function: str, first: Shape, second: Shape, expected: int
) -> None:
    assert value(f"{function}(a, b)", a=first, b=second) == expected


@pytest.mark.parametrize(
    ("expression", "first", "message"),
    [
        ("CreatePoint(90.1, 0)", None, "a latitude from -90 to 90"),
        ("CreatePolygon(a, b, b, b)", point(1, 1), "first and last position of a Polygon are equal"),
        ("CreateLineString(a, b)", line((0, 0), (1, 1)), "made of points"),
        ("ST_DISTANCE(a, b)", line((0, 0), (1, 1)), "it measures between points"),
        ("ST_OVERLAPS(a, b)", box(0, 0, 1, 1), "Polygons overlap"),
        ("ST_WITHIN(a, b)", point(0, 0), "within a Polygon only"),
        ("ST_INTERSECTS(a, b)", {"type": "Circle", "coordinates": []}, "a type Point, LineString or Polygon"),
        ("ST_INTERSECTS(a, b)", {"type": "LineString", "coordinates": [[0, 0]]}, "at least 2 positions"),
        ("ST_INTERSECTS(a, b)", {"type": "Point", "coordinates": ["0", "0"]}, "a position is [longitude, latitude]"),
        ("ST_INTERSECTS(a, b)", {"type": "Point", "coordinates": [True, 0]}, "a position is [longitude, latitude]"),
        ("ST_INTERSECTS(a, b)", box(-89.9, -5, 89.9, 5), "more than half of the globe"),
        ("ST_INTERSECTS(a, b)", polygon((0, 0), (9, 9), (9, 0), (0, 9)), "touches or crosses itself"),
        (
            "ST_INTERSECTS(a, b)",
            {"type": "Polygon", "coordinates": [box(0, 0, 9, 9)["coordinates"][0], box(1, 1, 2, 2)["coordinates"][0]]},
            "no holes",
        ),
    ],
)
def test_what_is_no_shape_stops_the_query_and_says_why(expression: str, first: Shape | None, message: str) -> None:
    with pytest.raises(StreamError) as caught:
        value(expression, a=first, b=point(0, 0))
    assert message in str(caught.value)


def test_too_few_points_are_refused_before_any_row_is_read() -> None:
    with pytest.raises(QueryError, match="CREATEPOLYGON takes 4 or more arguments, found 3"):
        compile_query("SELECT CreatePolygon(a, b, a) AS p FROM i")
    with pytest.raises(QueryError, match="CREATELINESTRING takes 2 or more arguments, found 1"):
        compile_query("SELECT CreateLineString(a) AS p FROM i")


# ---- Definitions on the sphere; nothing of the engine is used here. ----


def on_sphere(longitude: float, latitude: float) -> tuple[float, float, float]:
    """The place on the ellipsoid, its axis stretched to that of a sphere (by how much does not matter)."""
    around_, up = math.radians(longitude), math.atan((1 - 1 / 298.257223563) * math.tan(math.radians(latitude)))
    return math.cos(up) * math.cos(around_), math.cos(up) * math.sin(around_), math.sin(up)


def triple(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def surrounds(ring: list[tuple[float, float]], place: tuple[float, float]) -> bool:
    """Whether someone at a place turns once around while looking along a ring."""
    here = on_sphere(*place)
    turned = 0.0
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        a, b = on_sphere(*start), on_sphere(*end)
        turned += math.atan2(triple(here, a, b), dot(a, b) - dot(a, here) * dot(b, here))
    return abs(turned) > math.pi


def crosses(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    """Whether two short arcs cross: the ends of each lie on both sides of the other, and not at the far side."""
    p, q, r, s = (on_sphere(*each) for each in (a, b, c, d))
    sides = triple(p, q, r), triple(p, q, s), triple(r, s, p), triple(r, s, q)
    together = dot([x + y for x, y in zip(p, q, strict=True)], [x + y for x, y in zip(r, s, strict=True)]) > 0
    return sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0 and together


def star(rng: random.Random) -> list[tuple[float, float]]:
    """A ring around a middle that may lie at the date line or near a pole, against the clock."""
    longitude, latitude = rng.uniform(-180, 180), rng.uniform(-60, 60)
    ring, corners = [], rng.randint(3, 8)
    for step in range(corners):
        angle, size = 2 * math.pi * (step + rng.uniform(0, 0.4)) / corners, rng.uniform(3, 25)
        ring.append((longitude + size * math.cos(angle), latitude + size * math.sin(angle)))
    return ring


@pytest.mark.parametrize("seed", range(8))
def test_random_shapes_relate_as_definitions_on_the_sphere_say(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        ring = star(rng)
        near = (ring[0][0] + rng.uniform(-40, 10), max(min(ring[0][1] + rng.uniform(-25, 25), 90), -90))
        inside = surrounds(ring, near)
        record = {"a": point(*near), "b": polygon(*ring), "c": polygon(*reversed(ring))}
        assert value("ST_WITHIN(a, b)", **record) == int(inside), (ring, near)
        assert value("ST_WITHIN(a, c)", **record) == int(not inside), (ring, near)
        other = (ring[0], (near[0] + rng.uniform(-20, 20), ring[0][1] + rng.uniform(-5, 5)))
        path = (near, (near[0] + rng.uniform(-20, 20), max(min(near[1] + rng.uniform(-20, 20), 90), -90)))
        expected = any(crosses(*path, *edge) for edge in zip(ring, [*ring[1:], ring[0]], strict=True))
        expected = expected or inside
        assert value("ST_INTERSECTS(a, b)", a=line(*path), b=polygon(*ring)) == int(expected), (ring, path)
        assert value("ST_INTERSECTS(a, b)", a=line(*path), b=line(*other)) == int(crosses(*path, *other))
