"""The data of the problem `sensors`."""

from scoring.contract import Column, Contract, Row

_DEVICE = Column(name="DeviceId", type="string", description="The device that carries the sensor")
_SENSOR = Column(name="SensorId", type="string", description="The sensor, unique on its device")
_WINDOW = Column(
    name="WindowEnd",
    type="timestamp",
    description="End of the five-minute window, inclusive; its start is not",
    unit="UTC",
)
_MEAN = Column(name="Mean", type="double", description="Mean of the readings", unit="unit of the sensor")

EVENT = Row(
    name="event",
    columns=(
        Column(name="EventId", type="string", description="Unique per reading; a copy sent again carries the same"),
        Column(name="EventTime", type="timestamp", description="When the sensor took the reading", unit="UTC"),
        _DEVICE,
        _SENSOR,
        Column(name="Value", type="double", description="The reading", unit="unit of the sensor"),
    ),
    key=("EventId",),
)

FEATURE = Row(
    name="feature",
    columns=(
        _WINDOW,
        _DEVICE,
        _SENSOR,
        Column(name="Events", type="int64", description="Distinct readings in the window", unit="readings"),
        Column(name="Duplicates", type="int64", description="Copies of them that were left out", unit="readings"),
        _MEAN,
        Column(name="Minimum", type="double", description="Lowest reading", unit="unit of the sensor"),
        Column(name="Maximum", type="double", description="Highest reading", unit="unit of the sensor"),
        Column(
            name="Deviation",
            type="double",
            description="Standard deviation of the readings (population), 0 for a single one",
            unit="unit of the sensor",
        ),
    ),
    key=("WindowEnd", "DeviceId", "SensorId"),
)

PREDICTION = Row(
    name="prediction",
    columns=(
        _WINDOW,
        _DEVICE,
        _SENSOR,
        _MEAN,
        Column(
            name="Expected", type="double", description="The mean that the model expects", unit="unit of the sensor"
        ),
        Column(
            name="Score",
            type="double",
            description="Distance from normal as a multiple of the series' threshold: higher is more anomalous",
        ),
        Column(name="Anomaly", type="int64", description="1 when Score is above 1, else 0"),
        Column(name="ModelDigest", type="string", description="Digest of the model folder that scored the row"),
        Column(name="CodeDigest", type="string", description="Digest of the code that scored the row"),
        Column(name="Job", type="string", description="Name of the job that scored the row"),
    ),
    # The same window scored by another model is another row; by the same model again, the same row.
    key=("WindowEnd", "DeviceId", "SensorId", "ModelDigest"),
)

CONTRACT = Contract(problem="sensors", event=EVENT, feature=FEATURE, prediction=PREDICTION)
