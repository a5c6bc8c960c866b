"""What a deployment is made of: model, code and environment, each a version named by the digest of its content.

A version's files are uploaded by a hook before the version is created, to a path that the digest names. Versions are
never changed in place and never deleted: a changed byte is another version, and the old one is there for a way back.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_azure_native import machinelearningservices as ml

from components import arm, blobs, steps
from components.place import Place, fingerprint
from components.workspace import Workspace
from scoring.code import code_files, content, digest, model_files
from settings import Scoring

# Microsoft's base image with MPI, which parallel runs need, by digest: `latest` would change under a deployment.
IMAGE = (
    "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    "@sha256:7481fbfbbc1c7d7ab0e9e4633180c809413bd77e108b605d6e4d3a60aa35bf67"
)
PYTHON = "3.11"
REQUIREMENTS = Path("scoring/requirements.txt")  # exported from scoring/uv.lock


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where a problem's assets go: a workspace and its account, and what must be there before an upload."""

    workspace: Workspace
    place: Place
    after: Sequence[pulumi.Resource]

    @property
    def problem(self) -> str:
        return self.place.problem


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of an asset: its digest is its version."""

    id: Output[str]
    digest: str


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What one deployment is made of."""

    model: Version
    code: Version
    environment: Version


def parts(scoring: Scoring, *, workspace: Workspace, place: Place, after: Sequence[pulumi.Resource]) -> Parts | None:
    """The parts of the deployment that the settings ask for; None where no model is named."""
    shelf = Shelf(workspace=workspace, place=place, after=after)
    if scoring.model_path:
        named = model(shelf, Path(scoring.model_path))
    elif scoring.model_version:
        named = registered_model(shelf, scoring.model_version)
    else:
        return None
    return Parts(model=named, code=code(shelf), environment=environment(shelf))


def model(shelf: Shelf, folder: Path) -> Version:
    """The model in a folder, uploaded to models/<problem>/<digest>. Raises RunError when there is none."""
    try:
        files = {name: content(name, path) for name, path in model_files(folder).items()}
    except FileNotFoundError as error:
        raise pulumi.RunError(
            f"modelPath: {error}; train one: batch-scoring train --problem {shelf.problem}"
        ) from error
    version = digest(files)
    made = ml.ModelVersion(
        f"model-{version}",
        name=shelf.problem,
        version=version,
        workspace_name=shelf.workspace.name,
        resource_group_name=shelf.place.group,
        properties=ml.ModelVersionPropertiesArgs(
            model_type="custom_model",
            model_uri=f"{_store(shelf.place)}/models/{shelf.problem}/{version}",
            description=f"Models of problem {shelf.problem}",
            properties={"digest": version},
            tags=shelf.place.tags,
        ),
        opts=_options(shelf, "models", version, files),
    )
    return Version(id=made.id, digest=version)


def registered_model(shelf: Shelf, version: str) -> Version:
    """A model version that is in the workspace already: nothing is uploaded, nothing is made.

    Its id is written from names, so that a policy sees it before the workspace is there.
    """
    return Version(id=Output.from_input(_version_id(shelf.place, "models", version)), digest=version)


def code(shelf: Shelf) -> Version:
    """The scoring code, an explicit list of files, uploaded to code/<problem>/<digest>."""
    try:
        files = {name: content(name, path) for name, path in code_files(shelf.problem).items()}
    except FileNotFoundError as error:
        raise pulumi.RunError(str(error)) from error
    version = digest(files)
    made = ml.CodeVersion(
        f"code-{version}",
        name=shelf.problem,
        version=version,
        workspace_name=shelf.workspace.name,
        resource_group_name=shelf.place.group,
        properties=ml.CodeVersionPropertiesArgs(
            code_uri=f"https://{shelf.place.names.workspace_account}.blob.core.windows.net/assets/code/{shelf.problem}/{version}",
            description=f"Scoring code of problem {shelf.problem}",
            properties={"digest": version},
            tags=shelf.place.tags,
        ),
        opts=_options(shelf, "codes", version, files),
    )
    return Version(id=made.id, digest=version)


def environment(shelf: Shelf) -> Version:
    """The environment of the scoring code: a pinned image and every package pinned as in scoring/uv.lock."""
    try:
        conda = conda_file(shelf.problem, REQUIREMENTS.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise pulumi.RunError(
            f"{REQUIREMENTS}: there is no such file; uv export writes it from scoring/uv.lock"
        ) from error
    version = fingerprint(IMAGE, conda)
    made = ml.EnvironmentVersion(
        f"environment-{version}",
        name=shelf.problem,
        version=version,
        workspace_name=shelf.workspace.name,
        resource_group_name=shelf.place.group,
        properties=ml.EnvironmentVersionPropertiesArgs(
            image=IMAGE,
            conda_file=conda,
            os_type="Linux",
            description=f"Environment of problem {shelf.problem}",
            properties={"digest": version},
            tags=shelf.place.tags,
        ),
        opts=_options(shelf, "environments", version, {}),
    )
    return Version(id=made.id, digest=version)


def conda_file(name: str, requirements: str) -> str:
    """A conda environment, as YAML, with Python and the lines of a requirements file."""
    lines = [line.strip() for line in requirements.splitlines() if line.strip() and not line.strip().startswith("#")]
    pinned = "\n".join(f"      - {json.dumps(line)}" for line in lines)
    return (
        f"name: {name}\nchannels:\n  - conda-forge\ndependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n{pinned}\n"
    )


def _store(place: Place) -> str:
    workspace = f"resourceGroups/{place.names.group}/workspaces/{place.names.workspace}"
    return f"azureml://subscriptions/{place.subscription_id}/{workspace}/datastores/assets/paths"


def _options(shelf: Shelf, kind: str, version: str, files: Mapping[str, bytes]) -> ResourceOptions:
    folder = {"models": "models", "codes": "code"}.get(kind, kind)

    def prepare(_: steps.Values) -> None:
        if files:
            path = f"{folder}/{shelf.problem}/{version}"
            sent = blobs.upload(shelf.place.names.workspace_account, "assets", path, files)
            pulumi.log.info(f"uploaded {path}: {sent} of {len(files)} files, the others were there")
        _forget_retained(shelf.place, kind, version)

    hooks = steps.before_create(f"{folder}-{version}", prepare)
    return ResourceOptions(retain_on_delete=True, depends_on=[*shelf.workspace.datastores, *shelf.after], hooks=hooks)


def _forget_retained(place: Place, kind: str, version: str) -> None:
    """Removes the record that an earlier deployment of the same content left behind.

    Versions are retained, so content that comes back finds its own record, and the provider refuses to create what is
    there. A record under the name that does not carry the digest is somebody else's and stays.
    """
    record = _version_id(place, kind, version)
    found = arm.find(record, api=arm.MACHINE_LEARNING_API)
    if found is None:
        return
    if (found["properties"].get("properties") or {}).get("digest") != version:
        raise RuntimeError(f"{record} is there already and does not say that it was made from this content; delete it")
    arm.call("DELETE", record, api=arm.MACHINE_LEARNING_API)


def _version_id(place: Place, kind: str, version: str) -> str:
    """Resource id of a version of the problem's asset (`kind`: models, codes, environments), written from names."""
    path = f"{place.names.workspace}/{kind}/{place.problem}/versions/{version}"
    return place.id_of(f"Microsoft.MachineLearningServices/workspaces/{path}")
