"""The page of results: whole, readable without network, without drawing, and for any number of series."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from operations.errors import OperationError
from operations.page.charts import Band, Series, chart
from operations.page.columns import parts
from operations.page.render import AccountLine, Page, RunLine, Tile, render, spans
from operations.page.scales import Scale, time_ticks, value_ticks
from scoring.contract import Column, Contract, Row
from scoring.sensors.contract import CONTRACT
from tests.operations.rows import DAY

FIVE = timedelta(minutes=5)


def series(device: str = "pump-001", sensor: str = "flow", **changes) -> Series:
    times = [DAY + FIVE * n for n in range(1, 289)]
    anomalies = [100 <= n < 103 for n in range(288)]
    values = {
        "times": times,
        "values": [10 + n % 7 + 20 * bad for n, bad in enumerate(anomalies)],
        "expected": [12.0] * 288,
        "scores": [0.5 + 4 * bad for bad in anomalies],
        "anomalies": anomalies,
        "bands": [Band(start=times[99], end=times[102], kind="drift")],
    }
    return Series(key=(device, sensor), value_name=sensor, unit="bar", threshold=1.0, **(values | changes))


def page(*members: Series, **changes) -> Page:
    values = {
        "title": "Sensors, 5 January 2026",
        "subtitle": "of the test",
        "begin": DAY,
        "end": DAY + timedelta(days=1),
        "key_names": ("DeviceId", "SensorId"),
        "series": members,
    }
    return Page(**(values | changes))


def run(window: str, *, job: str = "job-1") -> RunLine:
    return RunLine(window=window, rows=288, scored=287, rejected=1, anomalies=3, job=job)


class Document(HTMLParser):
    """Elements of a page, and whether every one that is opened is closed in order."""

    VOID = frozenset({"meta", "link", "path", "rect", "circle", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.elements = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_needs_no_network_and_every_link_has_its_place():
    text = render(page(series(), series(sensor="heat"), series(device="pump-002")))
    document = Document(text)
    assert all(link == "data:," or link.removeprefix("#") in document.ids for link in document.links)
    assert not re.search(r"https?://|@import|url\(|<script", text)
    assert len(document.ids) == len(set(document.ids))


def test_every_drawing_says_in_words_what_it_shows():
    document = Document(render(page(series())))
    drawings = [attributes for tag, attributes in document.elements if tag == "svg" and "aria-hidden" not in attributes]
    assert len(drawings) == 2
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert set(attributes["aria-labelledby"].split()) <= set(document.ids)
    words = render(page(series()))
    assert "288 rows, flow from 10 to 34 bar; 3 anomalies; known faults: drift 08:20 to 08:35." in words
    assert "Flagged: 08:25 to 08:35 (3 rows). Known fault: drift 08:20 to 08:35." in words


def test_what_comes_from_data_is_text_and_never_markup():
    evil = "<script>alert(1)</script>"
    text = render(
        page(
            series(device=evil),
            title=evil,
            origin=[(evil, evil)],
            tiles=[Tile(label=evil, value=evil)],
            runs=[run(evil)],
        )
    )
    assert evil not in text
    assert "&lt;script&gt;" in text


def test_the_account_says_whether_its_lines_add_up():
    line = AccountLine(label="in windows", count=90, meaning="a reading", source="the features")
    assert "equals the 90 events sent" in " ".join(render(page(series(), account=[line], sent=90)).split())
    assert "differs from the 91 events sent" in " ".join(render(page(series(), account=[line], sent=91)).split())


def test_with_many_series_the_overview_has_all_and_the_worst_are_drawn():
    calm = [False] * 288
    many = [series(f"pump-{n:03d}", anomalies=calm, scores=[0.1] * 288) for n in range(60)] + [series("zz")]
    text = render(page(*many), most_charts=3)
    assert text.count('class="strip"') == 61
    assert text.count('class="chart"') == 3
    assert "3 of 61 series" in text
    assert "zz / flow" in text
    assert text.count('<details class="device" open>') < 5


def test_a_gap_breaks_the_line_and_missing_values_are_left_out():
    values = [None if 100 <= n < 120 else 1.0 + n for n in range(288)]
    drawn = chart(series(values=values, bands=()), DAY, DAY + timedelta(days=1), "x")
    measured = re.search(r'class="measured" d="([^"]+)"', drawn)
    assert measured is not None
    assert measured[1].count("M") == 2
    assert 'class="anomaly"' not in drawn  # the flagged windows have no value to mark


def test_a_series_of_one_window_or_of_none_is_drawn_too():
    for length in (0, 1):
        cut = {
            name: getattr(series(), name)[:length] for name in ("times", "values", "expected", "scores", "anomalies")
        }
        assert "</svg>" in chart(series(**cut), DAY, DAY + timedelta(days=1), "x")


def test_neighbouring_rows_are_told_as_one_span():
    times, day = [DAY, DAY + FIVE, DAY + 3 * FIVE], timedelta(days=1)
    assert spans(times, FIVE, DAY, DAY + day) == ["00:00 to 00:05 (2 rows)", "00:15"]
    assert spans(times, FIVE, DAY, DAY + 3 * day) == ["5 Jan 00:00 to 00:05 (2 rows)", "5 Jan 00:15"]


def test_a_series_with_very_many_anomalies_is_told_in_short():
    text = render(page(series(anomalies=[n % 2 == 0 for n in range(288)])))
    assert "01:55 and 132 more. Known fault" in text


def test_over_several_days_each_known_fault_is_drawn_large_and_days_are_named():
    text = render(page(series(), end=DAY + timedelta(days=3)))
    assert "pump-001 / flow: drift, 5 Jan 08:20 to 08:35" in text
    assert text.count('class="chart"') == 2
    assert re.findall(r'class="tick-x"[^>]*>([^<]+)<', text)[:7] == DAYS
    assert "Known fault: drift 5 Jan 08:20 to 08:35." in text


DAYS = ["5 Jan", "12:00", "6 Jan", "12:00", "7 Jan", "12:00", "8 Jan"]


def test_a_fault_has_its_name_above_it_unless_that_would_run_into_another():
    near = [Band(start=DAY + FIVE * n, end=DAY + FIVE * (n + 3), kind=f"kind {n}") for n in (10, 14, 150)]
    drawn = chart(series(bands=[*near, Band(start=DAY + 250 * FIVE, end=DAY + 251 * FIVE)]), DAY, DAY + 288 * FIVE, "x")
    assert re.findall(r'class="band"[^>]*>([^<]+)<', drawn) == ["kind 10", "kind 150", "known fault"]


def test_runs_are_told_one_a_line_with_their_sum():
    text = render(page(series(), runs=[run("5 Jan 00:00 to 12:00"), run("5 Jan 12:00 to 6 Jan 00:00", job="job-2")]))
    cells = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", text)]
    assert cells[-1] == ["sum", "576", "574", "2", "6"]
    assert [row[-1] for row in cells[-3:-1]] == ["job-1", "job-2"]


def test_what_is_drawn_is_told_in_the_contracts_words():
    told = " ".join(render(page(series(), noun="measurements", meaning=("Flow in the pipe (l/s)", "", ""))).split())
    assert "measured: flow in the pipe (l/s)" in told
    assert "3 of 288 measurements flagged" in told


@pytest.mark.parametrize("hours", [0.5, 1, 6, 23, 24, 25, 72, 24 * 30])
def test_time_has_few_round_ticks(hours):
    ticks = time_ticks(DAY, DAY + timedelta(hours=hours))
    assert 2 <= len(ticks) <= 9
    assert all(DAY <= tick <= DAY + timedelta(hours=hours) and tick.second == 0 for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-5, 5), (0.0261, 0.0348), (1090, 1440), (1e-9, 2e-9), (99.9, 100.1)]
)
def test_values_have_few_round_ticks_inside_the_drawing(low, high):
    scale = Scale(low=low, high=high, start=100, end=0)
    ticks = value_ticks(scale)
    assert 1 <= len(ticks) <= 4
    assert all(low <= tick <= high * (1 + 1e-9) for tick in ticks)


def without(contract: Contract, name: str) -> Contract:
    row = contract.prediction
    columns = tuple(Column(name="Other", type=c.type, description="") if c.name == name else c for c in row.columns)
    prediction = Row(name=row.name, columns=columns, key=())
    return Contract(problem=contract.problem, event=contract.event, feature=contract.feature, prediction=prediction)


@pytest.mark.parametrize("name", ["Expected", "Score", "Anomaly"])
def test_a_column_that_the_page_shows_cannot_leave_the_contract_unnoticed(name):
    with pytest.raises(OperationError, match=rf"column {name} is missing in row prediction of scoring/sensors"):
        parts(without(CONTRACT, name))


def test_the_columns_of_sensors_play_their_parts():
    found = parts(CONTRACT)
    assert (found.time, found.series, found.value) == ("WindowEnd", ("DeviceId", "SensorId"), "Mean")
