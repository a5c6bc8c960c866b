"""Stream Analytics: the job's own identity at both ends, time policies written down, nothing hidden inside the job."""

from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import linked, named, of_kind
from policies.inputs import ABSENT, UNKNOWN, items, read, show
from policies.rule import CRITICAL, HIGH, LOW, MEDIUM, Problem, Rules, Settings, differs, exceeds, inputs, kind

rules = Rules("Stream Analytics")

JOB, INPUT, OUTPUT = "streamanalytics:StreamingJob", "streamanalytics:Input", "streamanalytics:Output"
KEYS = ("sharedAccessPolicyKey", "accountKey", "password")

rules.requires(
    "stream-identity",
    "SystemAssigned",
    on=JOB,
    property="identity.type",
    title="A Stream Analytics job has its own identity.",
    why="Without one it can reach its inputs and outputs with keys only.",
    fix='set identity=IdentityArgs(type="SystemAssigned").',
    severity=CRITICAL,
    sources=("AP ea6c4923",),
)

rules.requires(
    "stream-compatibility",
    "1.2",
    on=JOB,
    property="compatibilityLevel",
    title="A Stream Analytics job runs at compatibility level 1.2.",
    why="The default is 1.0, which writes other types and times than the query is tested for.",
    fix='set compatibility_level="1.2".',
    severity=MEDIUM,
    sources=("ASA",),
)


@rules.rule(
    "stream-time-policy",
    on=JOB,
    property="eventsLateArrivalMaxDelayInSeconds, eventsOutOfOrderMaxDelayInSeconds, eventsOutOfOrderPolicy, "
    "outputErrorPolicy",
    expected="all four set",
    title="A Stream Analytics job says what happens to late, unordered and unwritable events.",
    why="Azure's defaults silently drop or move events, and nobody would know by which rule.",
    fix="set all four from the stack's settings.",
    severity=HIGH,
    sources=("ASA", "design"),
)
def time_policy(job: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in ("eventsLateArrivalMaxDelayInSeconds", "eventsOutOfOrderMaxDelayInSeconds"):
        yield from exceeds(job, name, 20 * 24 * 3600)
    yield from differs(job, "eventsOutOfOrderPolicy", "Drop", "Adjust")
    yield from differs(job, "outputErrorPolicy", "Stop", "Drop")


@rules.rule(
    "stream-units",
    on=JOB,
    property="transformation.streamingUnits",
    expected="1 to `most`",
    title="A Stream Analytics job has no more streaming units than the stack allows.",
    why="Each unit is billed by the hour as long as the job runs.",
    fix="lower streaming_units, or raise `most` in the stack's policy settings.",
    severity=LOW,
    sources=("WAF cost",),
    settings={"most": {"type": "number", "default": 3}},
)
def units(job: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(job, "transformation.streamingUnits", settings["most"], least=1)


@rules.rule(
    "stream-parts-apart",
    on=JOB,
    property="inputs, outputs, functions, outputStartMode",
    expected="absent",
    title="Inputs and outputs are resources of their own, and a job does not start by being declared.",
    why="Nested ones are validated before the job's identity has any role, and other rules cannot see them.",
    fix="declare streamanalytics.Input and Output after the role assignments, and start the job in the start step.",
    severity=MEDIUM,
    sources=("ASA", "design"),
)
def parts_apart(job: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    for name in ("inputs", "outputs", "functions", "outputStartMode"):
        found = read(job.props, name)
        if found is not ABSENT:
            yield Problem(property=name, found=show(found), expected="absent")


@rules.rule(
    "stream-managed-identity",
    on=(INPUT, OUTPUT),
    property="properties.datasource.authenticationMode, datasource.authenticationMode",
    expected='"Msi"',
    title="Stream Analytics signs in with its managed identity everywhere.",
    why="The default is a connection string.",
    fix='set authentication_mode="Msi".',
    severity=CRITICAL,
    sources=("AP ea6c4923",),
)
def managed_identity(end: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from differs(end, f"{datasource_of(end)}.authenticationMode", "Msi")


@rules.rule(
    "stream-datasource",
    on=(INPUT, OUTPUT),
    property="properties.datasource.type, datasource.type",
    expected="`inputs` and `outputs`",
    title="Stream Analytics reads from Event Hubs and writes to the lake, by types that know managed identities.",
    why="The older Event Hubs type (Microsoft.ServiceBus/EventHub) fails Azure's policy; private SQL is out of reach.",
    fix="use EventHubV2StreamInputDataSourceArgs and BlobOutputDataSourceArgs; load a warehouse from the lake.",
    severity=HIGH,
    sources=("AP ea6c4923", "design"),
    settings={
        "inputs": {"type": "array", "default": ["Microsoft.EventHub/EventHub"]},
        "outputs": {"type": "array", "default": ["Microsoft.Storage/Blob"]},
    },
)
def datasource(end: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    allowed = settings["inputs" if kind(end.resource_type) == INPUT else "outputs"]
    yield from differs(end, f"{datasource_of(end)}.type", *allowed)


@rules.rule(
    "stream-no-keys",
    on=(JOB, INPUT, OUTPUT),
    property="…sharedAccessPolicyKey, accountKey, password",
    expected="absent",
    title="No key or password is given to Stream Analytics.",
    why="It would lie in the state and in the job, and outlive both.",
    fix="remove it: the job's identity signs in.",
    severity=CRITICAL,
    sources=("AP ea6c4923",),
)
def no_keys(part: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    place = "jobStorageAccount" if kind(part.resource_type) == JOB else datasource_of(part)
    for key in KEYS:
        if read(part.props, f"{place}.{key}") is not ABSENT:
            yield Problem(property=f"{place}.{key}", found="set", expected="absent")
    for index, account in enumerate(items(part.props, f"{place}.storageAccounts")):
        if account is UNKNOWN or read(account, "accountKey") is not ABSENT:
            yield Problem(property=f"{place}.storageAccounts[{index}].accountKey", found="set", expected="absent")


@rules.stack_rule(
    "stream-consumer-group",
    on=INPUT,
    property="properties.datasource.consumerGroupName",
    expected="a ConsumerGroup of its own",
    title="Each input of Stream Analytics has its own consumer group.",
    why="Readers of one group take each other's events, and $Default is where people look around.",
    fix="declare an eventhub.ConsumerGroup for the input and pass its name.",
    severity=MEDIUM,
    sources=("ASA",),
)
def consumer_group(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    path = "properties.datasource.consumerGroupName"
    for end in of_kind(resources, INPUT):
        if not str(read(inputs(end), "properties.datasource.type")).endswith("/EventHub"):
            continue
        groups = linked(end, "properties", "eventhub:ConsumerGroup")
        name = read(inputs(end), path)
        if isinstance(name, str) and name != "$Default" and not groups:
            groups = named(resources, "eventhub:ConsumerGroup", "consumerGroupName", name)
        if not groups:
            yield Problem(
                resource=end, property=path, found=show(name), expected="the name of a declared ConsumerGroup"
            )
        for group in groups:
            other = seen.setdefault(group.urn, end.name)
            if other != end.name:
                found = f"that of the input {other}"
                yield Problem(resource=end, property=path, found=found, expected="a ConsumerGroup of its own")


def datasource_of(end: ResourceValidationArgs) -> str:
    return "properties.datasource" if kind(end.resource_type) == INPUT else "datasource"
