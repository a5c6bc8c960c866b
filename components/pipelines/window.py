"""What the pipeline `score` calls its run: expressions of the factory, for texts and paths."""

START, END = "pipeline().parameters.windowStart", "pipeline().parameters.windowEnd"
WINDOW = f"@{{formatDateTime({START}, 'yyyyMMddTHH')}}-@{{formatDateTime({END}, 'yyyyMMddTHH')}}"
FOLDER = f"{WINDOW}/@{{pipeline().RunId}}"
JOB = "activity('Invoke').output.name"


def moment(value: str, style: str = "yyyy-MM-ddTHH:mm:ss") -> str:
    """A time as text in UTC, in a .NET format."""
    return f"@{{formatDateTime({value}, '{style}')}}"
