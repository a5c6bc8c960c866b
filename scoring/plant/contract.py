"""The data of the problem `plant`: one row per measurement of the plant, and what `tag100` should have been."""

from scoring.contract import Column, Contract, Row

DEVICE, SENSOR = "plant", "tag100"
"""The one series. Devices are this project's own grouping: the data has none."""
TEXT_TAGS = ("tag2", "tag34", "tag36", "tag70", "tag72")
"""Tags that hold `Bad` or `Inp OutRange` in place of a number at times; the row then has no value there."""
NUMBER_TAGS = (
    *("tag8", "tag17", "tag22", "tag24", "tag25", "tag29", "tag38", "tag39", "tag40", "tag41"),
    *("tag44", "tag74", "tag84", "tag91", "tag97", "tag102", "tag103", "tag104", "tag105", "tag106"),
)
"""The 20 tags that a forest over all 102 numeric ones found most useful, on the rows that training fits on."""
_UNIT = "standardised"

_WINDOW = Column(name="WindowEnd", type="timestamp", description="When the plant was measured", unit="UTC")
_DEVICE = Column(name="DeviceId", type="string", description="Always plant: the data tells no devices apart")
_SENSOR = Column(name="SensorId", type="string", description="The tag that is predicted: always tag100")


def _tag(name: str) -> Column:
    if name in TEXT_TAGS:
        return Column(name=name, type="double", description="Measured, or missing", unit=_UNIT, nullable=True)
    return Column(name=name, type="double", description="Measured", unit=_UNIT)


FEATURE = Row(
    name="feature",
    columns=(_WINDOW, _DEVICE, _SENSOR, *(_tag(name) for name in (SENSOR, *NUMBER_TAGS, *TEXT_TAGS))),
    key=("WindowEnd", "DeviceId", "SensorId"),
)

PREDICTION = Row(
    name="prediction",
    columns=(
        _WINDOW,
        _DEVICE,
        _SENSOR,
        Column(name="Mean", type="double", description="tag100 as measured", unit=_UNIT),
        Column(name="Expected", type="double", description="tag100 as the other tags have it", unit=_UNIT),
        Column(
            name="Score",
            type="double",
            description="Distance of the two as a multiple of the threshold: higher is more anomalous",
        ),
        Column(name="Anomaly", type="int64", description="1 when Score is above 1, else 0"),
        Column(name="ModelDigest", type="string", description="Digest of the model folder that scored the row"),
        Column(name="CodeDigest", type="string", description="Digest of the code that scored the row"),
        Column(name="Job", type="string", description="Name of the job that scored the row"),
    ),
    key=("WindowEnd", "DeviceId", "SensorId", "ModelDigest"),
)

CONTRACT = Contract(problem="plant", event=None, feature=FEATURE, prediction=PREDICTION)
