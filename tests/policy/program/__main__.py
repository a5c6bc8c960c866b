"""Stack `kept` breaks no rule. Stack `broken` declares the same, and for each rule a resource named after it."""

import declare_conduct
import pulumi
from declare import (
    account,
    container,
    group,
    hub,
    insights,
    job,
    logs,
    namespace,
    output,
    registry,
    stream_input,
    vault,
)
from declare_scoring import (
    CONTRIBUTOR,
    RECEIVER,
    assets,
    cluster,
    datastore,
    deployment,
    endpoint,
    identity,
    role,
    workspace,
)
from pulumi_azure_native import machinelearningservices as ml

logs("logs")
insights("insights")
namespace("namespace")
events = hub("hub")
group("reader")
stream = job("job")
stream_input("events")
lake = account("lake", is_hns_enabled=True)
container("features")
output("features-output", lake.name)
scratch = account("account")
safe = vault("vault")
registry("registry")
keeper, nodes = identity("keeper"), identity("nodes")
space = workspace("workspace", keeper, storage_account=scratch.id, key_vault=safe.id)
datastore("datastore", ml.NoneDatastoreCredentialsArgs(credentials_type="None"))
compute = cluster("cluster", nodes)
parts = assets("model")
endpoint("endpoint")
deployment("deployment", parts, compute)
declare_conduct.kept()
role("job-reads-hub", RECEIVER, stream.identity.apply(lambda each: each.principal_id if each else ""), events.id)
role("keeper-manages-vault", CONTRIBUTOR, keeper.principal_id, safe.id)
pulumi.export("workspaceAccount", scratch.name)

if pulumi.get_stack() == "broken":
    import broken

    broken.declare(keeper=keeper, nodes=nodes, parts=parts, compute=compute, safe=safe)
