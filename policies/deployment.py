"""Batch endpoints and deployments: who may call, what exactly runs, and how much of it before it gives up."""

import re
from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policies.graph import linked, of_kind
from policies.inputs import ABSENT, UNKNOWN, read, show
from policies.machinelearning import COMPUTE, SCALE, outlasts
from policies.rule import CRITICAL, HIGH, MEDIUM, Problem, Rules, Settings, exceeds, inputs

rules = Rules("Azure Machine Learning: endpoints and deployments")

ENDPOINT, DEPLOYMENT = "machinelearningservices:BatchEndpoint", "machinelearningservices:BatchDeployment"
MODEL, CODE, ENVIRONMENT = (
    "machinelearningservices:ModelVersion",
    "machinelearningservices:CodeVersion",
    "machinelearningservices:EnvironmentVersion",
)
ASSETS = {
    "properties.model.assetId": MODEL,
    "properties.codeConfiguration.codeId": CODE,
    "properties.environmentId": ENVIRONMENT,
}
DIGEST = re.compile(r"[0-9a-f]{12,64}")
PINNED = re.compile(r"/versions/(?!latest$)[^/@:]+$")

rules.requires(
    "endpoint-entra-only",
    "AADToken",
    on=ENDPOINT,
    property="properties.authMode",
    title="A batch endpoint is called with an Entra token.",
    why="The job then reads data with the caller's own rights, and the log says who called.",
    fix='set auth_mode="AADToken".',
    severity=CRITICAL,
    sources=("AML",),
)

rules.requires(
    "deployment-no-lost-files",
    0,
    on=DEPLOYMENT,
    property="properties.errorThreshold",
    title="A batch job fails when a single file does.",
    why="With -1, Azure's default, the rows of a failed file are neither scored nor rejected, and the job is green.",
    fix="set error_threshold=0; bad rows are diverted by the script.",
    severity=HIGH,
    sources=("AML", "design"),
)


@rules.rule(
    "deployment-retries",
    on=DEPLOYMENT,
    property="properties.retrySettings.timeout, properties.retrySettings.maxRetries",
    expected="at most `timeout`, and 0 to `retries`",
    title="A mini-batch is stopped when it hangs, and is not tried for ever.",
    why="A hanging mini-batch keeps its node, and the hour is never scored.",
    fix="set retry_settings=BatchRetrySettingsArgs(timeout=…, max_retries=…).",
    severity=MEDIUM,
    sources=("AML",),
    settings={
        "timeout": {"type": "string", "default": "PT1H"},
        "retries": {"type": "number", "default": 5},
    },
)
def retries(deployment: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from outlasts(deployment, "properties.retrySettings.timeout", settings["timeout"])
    yield from exceeds(deployment, "properties.retrySettings.maxRetries", settings["retries"])


@rules.rule(
    "deployment-load",
    on=DEPLOYMENT,
    property="properties.maxConcurrencyPerInstance, properties.miniBatchSize",
    expected="1 to `concurrency`, and 1 to `files`",
    title="A deployment says how many workers a node has and how many files one takes.",
    why="Azure's defaults are one worker and ten files, on any machine; too many run it out of memory.",
    fix="set max_concurrency_per_instance and mini_batch_size.",
    severity=MEDIUM,
    sources=("AML",),
    settings={
        "concurrency": {"type": "number", "default": 8},
        "files": {"type": "number", "default": 1000},
    },
)
def load(deployment: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    yield from exceeds(deployment, "properties.maxConcurrencyPerInstance", settings["concurrency"], least=1)
    yield from exceeds(deployment, "properties.miniBatchSize", settings["files"], least=1)


@rules.stack_rule(
    "deployment-fits-cluster",
    on=DEPLOYMENT,
    property="properties.resources.instanceCount",
    expected="1 to the cluster's maxNodeCount",
    title="A deployment asks for no more nodes than its cluster may have.",
    why="A job that wants more waits in the queue for ever, without an error.",
    fix="lower instance_count, or raise the cluster's max_node_count.",
    severity=HIGH,
    sources=("AML",),
)
def fits_cluster(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    path = "properties.resources.instanceCount"
    for deployment in of_kind(resources, DEPLOYMENT):
        wanted = read(inputs(deployment), path)
        clusters = linked(deployment, "properties", COMPUTE)
        limits = [read(inputs(cluster), f"{SCALE}.maxNodeCount") for cluster in clusters]
        if not limits:
            yield Problem(
                resource=deployment,
                property="properties.compute",
                found="no declared cluster",
                expected="the id of a Compute of this stack",
            )
        for limit in limits:
            if not isinstance(limit, (int, float)):
                continue  # cluster-max-nodes reports it
            if not isinstance(wanted, (int, float)) or not 1 <= wanted <= limit:
                expected = f"1 to {show(limit)}, the cluster's maxNodeCount"
                yield Problem(resource=deployment, property=path, found=show(wanted), expected=expected)


@rules.rule(
    "asset-version",
    on=(MODEL, CODE, ENVIRONMENT),
    property="version",
    expected="12 to 64 hexadecimal digits",
    title="The version of a model, of code or of an environment is the digest of what is inside.",
    why="Any other version says nothing, and where it is left out the provider makes one up.",
    fix="pass the content's digest as version.",
    severity=HIGH,
    sources=("supply chain", "design"),
)
def asset_version(asset: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    found = read(asset.props, "version")
    if not isinstance(found, str) or not DIGEST.fullmatch(found):
        yield Problem(property="version", found=show(found), expected="the content's digest as a plain value")


@rules.stack_rule(
    "deployment-pinned",
    on=DEPLOYMENT,
    property="properties.model.assetId, properties.codeConfiguration.codeId, properties.environmentId",
    expected="…/versions/<version>",
    title="A deployment names the exact version of its model, code and environment.",
    why="With a label such as latest, what runs in production would change unseen.",
    fix="pass the id of the ModelVersion, CodeVersion and EnvironmentVersion.",
    severity=HIGH,
    sources=("supply chain", "design"),
)
def pinned(resources: list[PolicyResource], settings: Settings) -> Iterator[Problem]:
    for deployment in of_kind(resources, DEPLOYMENT):
        for path, token in ASSETS.items():
            found = read(inputs(deployment), path)
            declared = found is UNKNOWN and linked(deployment, "properties", token)
            if not declared and not (isinstance(found, str) and PINNED.search(found)):
                expected = f"the id of a {token.split(':')[1]}, ending in /versions/<version>"
                yield Problem(resource=deployment, property=path, found=show(found), expected=expected)


@rules.rule(
    "environment-image",
    on=ENVIRONMENT,
    property="properties.image",
    expected="a tag or digest that stays",
    title="An environment's base image does not move.",
    why="With `latest`, or no tag, the same version would be built differently tomorrow.",
    fix="name the image by @sha256:… or by a dated tag; or build it from a context with `build`.",
    severity=HIGH,
    sources=("supply chain",),
    settings={"digest": {"type": "boolean", "default": False}},
)
def image(environment: ResourceValidationArgs, settings: Settings) -> Iterator[Problem]:
    found = read(environment.props, "properties.image")
    if found is ABSENT and read(environment.props, "properties.build") is not ABSENT:
        return
    by_digest = isinstance(found, str) and re.search(r"@sha256:[0-9a-f]{64}$", found)
    by_tag = isinstance(found, str) and re.search(r":(?!latest$)[\w.-]+$", found)
    if not by_digest and (settings["digest"] or not by_tag):
        expected = "an image by @sha256:…" + ("" if settings["digest"] else " or by a tag other than latest")
        yield Problem(property="properties.image", found=show(found), expected=expected)
