"""A workspace with data, model, code, environments, a cluster, an endpoint and two deployments, as a test sees it."""

import time
from typing import Any

import requests
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerClient
from sandbox_world import PLACE, World

SCORE = """
import os, time
def init():
    global out
    out = os.environ["AZUREML_BI_OUTPUT_PATH"]
def run(files):
    for file in files:
        if "slow" in file:
            time.sleep(3)
        with open(file) as source, open(os.path.join(out, os.path.basename(file)), "w") as target:
            target.write(source.read().upper())
    return [os.path.basename(file) for file in files]
"""
CONDA = "name: e\ndependencies:\n  - python=3.11\n  - pip\n"
BROKEN = "name: e\ndependencies:\n  - python=3.11\n  - pip:\n    - this is no requirement\n"
INPUT = "azureml://datastores/input/paths/{}/"
OUTPUT = "azureml://datastores/output/paths/{}/predictions.csv"


class Workspace:
    """A workspace whose cluster reads `assets` and `input`, and writes `output`; the deployer may use all of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.providers = world.group("learning")
        self.account = world.account(self.providers, "learningacc1", "assets", "input", "output", "closed", "hidden")
        self.cluster, self.owner = (world.user_identity(self.providers, name) for name in ("cluster", "workspace"))
        vault = f"{self.providers}/Microsoft.KeyVault/vaults/learningvault1"
        sku = {"family": "A", "name": "standard"}
        tenant = world.identity("deployer")["tenant"]
        properties: Any = {"tenantId": tenant, "sku": sku, "enableRbacAuthorization": True}
        world.put(vault, {"location": PLACE, "properties": properties})
        self.path = f"{self.providers}/Microsoft.MachineLearningServices/workspaces/learning"
        properties = {"storageAccount": self.account, "keyVault": vault, "systemDatastoresAuthMode": "Identity"}
        properties["primaryUserAssignedIdentity"] = self.owner["id"]
        self.registry = f"{self.providers}/Microsoft.ContainerRegistry/registries/learningcr1"
        world.put(self.registry, {"location": PLACE, "sku": {"name": "Basic"}})
        properties["containerRegistry"] = self.registry
        world.put(self.path, self._identity(self.owner) | {"location": PLACE, "properties": properties})
        scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT10M"}
        properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}}
        world.put(
            f"{self.path}/computes/cpu", self._identity(self.cluster) | {"location": PLACE, "properties": properties}
        )
        for container in ("assets", "input", "output", "closed", "hidden"):
            store = {"datastoreType": "AzureBlob", "accountName": "learningacc1", "containerName": container}
            world.put(
                f"{self.path}/datastores/{container}",
                {"properties": store | {"credentials": {"credentialsType": "None"}}},
            )

    def _identity(self, user: dict[str, Any]) -> dict[str, Any]:
        return {"identity": {"type": "UserAssigned", "userAssignedIdentities": {user["id"]: {}}}}

    def grant(self) -> None:
        """`closed` is for the invoker only, `hidden` for the cluster only."""
        cluster, deployer = self.cluster["properties"]["principalId"], self.world.identity("deployer")["objectId"]
        writer, reader = "Storage Blob Data Contributor", "Storage Blob Data Reader"
        container = f"{self.account}/blobServices/default/containers"
        self.pulls = self.world.grant(self.registry, "AcrPull", cluster)
        for name in ("assets", "input", "hidden"):
            self.world.grant(f"{container}/{name}", reader, cluster)
        for name in ("output", "azureml"):
            self.world.grant(f"{container}/{name}", writer, cluster)
        for name in ("assets", "input", "closed", "output"):
            self.world.grant(f"{container}/{name}", writer, deployer)
        default = self.world.arm("GET", f"{self.path}/datastores/workspaceblobstore").json()["properties"][
            "containerName"
        ]
        for principal in (cluster, deployer):
            self.world.grant(f"{container}/{default}", writer, principal)
        self.world.grant(self.account, writer, self.owner["properties"]["principalId"])
        self.world.grant(self.path, "AzureML Data Scientist", deployer)
        self.world.clock(advance=121)

    def fill(self) -> None:
        self.write("assets", "code/score.py", SCORE.encode())
        self.write("assets", "model/model.txt", b"a model")
        for name in ("hour/a.txt", "hour/b.txt", "hour/deep/c.txt", "slow/slow.txt"):
            self.write("input", name, f"row of {name}\n".encode())
        self.write("closed", "hour/a.txt", b"1")
        url = "https://learningacc1.blob.core.windows.net/assets"
        self.world.put(f"{self.path}/codes/c/versions/1", {"properties": {"codeUri": f"{url}/code"}})
        model = {"modelUri": "azureml://datastores/assets/paths/model", "modelType": "custom_model"}
        self.world.put(f"{self.path}/models/m/versions/1", {"properties": model})
        for name, conda in (("e", CONDA), ("broken", BROKEN)):
            self.world.put(
                f"{self.path}/environments/{name}/versions/1", {"properties": {"image": "i", "condaFile": conda}}
            )
        endpoint = f"{self.path}/batchEndpoints/learningep"
        self.world.put(endpoint, {"location": PLACE, "properties": {"authMode": "AADToken"}})
        for name, environment in (("good", "e"), ("unbuildable", "broken")):
            properties = {
                "model": {"referenceType": "Id", "assetId": f"{self.path}/models/m/versions/1"},
                "codeConfiguration": {"codeId": f"{self.path}/codes/c/versions/1", "scoringScript": "score.py"},
                "environmentId": f"{self.path}/environments/{environment}/versions/1",
                "compute": f"{self.path}/computes/cpu",
                "outputAction": "SummaryOnly",
                "miniBatchSize": 1,
                "errorThreshold": 0,
            }
            self.world.put(f"{endpoint}/deployments/{name}", {"location": PLACE, "properties": properties})

    def write(self, container: str, name: str, content: bytes) -> None:
        with self.container(container) as client:
            client.upload_blob(name, content, overwrite=True)

    def names(self, container: str, start: str) -> list[str]:
        with self.container(container) as client:
            return sorted(client.list_blob_names(name_starts_with=start))

    def container(self, name: str) -> ContainerClient:
        url = "https://learningacc1.blob.core.windows.net"
        return ContainerClient(url, name, credential=ManagedIdentityCredential())

    def invoke(
        self, source: str, target: str, *, audience: str = "https://ml.azure.com", **more: Any
    ) -> requests.Response:
        deployment = more.pop("deployment", "good")
        token = ManagedIdentityCredential().get_token(f"{audience}/.default").token
        headers = {"Authorization": f"Bearer {token}"} | (
            {"azureml-model-deployment": deployment} if deployment else {}
        )
        body = {
            "InputData": {"x": {"JobInputType": "UriFolder", "Uri": source}},
            "OutputData": {"score": {"JobOutputType": "UriFile", "Uri": target}},
            **more,
        }
        url = f"https://learningep.{PLACE}.inference.ml.azure.com/jobs"
        return requests.post(url, json={"properties": body}, headers=headers, timeout=30)

    def start(self, source: str, target: str, **more: Any) -> str:
        answer = self.invoke(INPUT.format(source) if "://" not in source else source, OUTPUT.format(target), **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["name"]

    def status(self, job: str) -> str:
        return self.world.arm("GET", f"{self.path}/jobs/{job}").json()["properties"]["status"]

    def wait(self, job: str, *states: str) -> str:
        """Lets the clock run until the job is in one of the states, or has ended."""
        ended = ("Completed", "Failed", "Canceled", *states)
        until = time.monotonic() + 40
        while (status := self.status(job)) not in ended and time.monotonic() < until:
            time.sleep(0.1)
        return status

    def details(self, job: str) -> dict[str, Any]:
        token = ManagedIdentityCredential().get_token("https://ml.azure.com/.default").token
        url = f"https://{PLACE}.api.azureml.ms/history/v1.0{self.path}/runs/{job}/details"
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).json()

    def error(self, job: str) -> str:
        error = self.details(job)["error"]["error"]
        return f"{error['code']}: {error['message']}"
