"""Cases of the services that conduct: Azure SQL, Synapse, Data Factory."""

from tests.policy.analyzer import UNKNOWN
from tests.policy.cases import Case, values
from tests.policy.sample import azure

EVERYBODY = {"sqlDoor.startIpAddress": "0.0.0.0", "sqlDoor.endIpAddress": "255.255.255.255"}
TO_SYNAPSE = {path.replace("sqlDoor", "synapseDoor"): address for path, address in EVERYBODY.items()}
SHUT = "sql-public-access"
ENTRA = "server.administrators.azureADOnlyAuthentication"

SQL = [
    *values("sql-entra-only", ENTRA, bad=(False, None, UNKNOWN), good=(True,)),
    *values("sql-tls", "server.minimalTlsVersion", bad=("1.1", None, UNKNOWN), good=("1.2", "1.3")),
    *values("sql-no-password", "server.administratorLogin", bad=("admin", UNKNOWN), good=(None,)),
    *values("sql-no-password", "server.administratorLoginPassword", bad=("p",)),
    *values("sql-zones", "database.zoneRedundant", bad=(False, None, UNKNOWN), good=(True,), required=True),
    *values("sql-zones", "database.zoneRedundant", good=(False,)),
    *values(SHUT, "server.publicNetworkAccess", bad=("Enabled", None, UNKNOWN), good=("Disabled",), shut=True),
    *values(SHUT, "server.publicNetworkAccess", good=("Enabled", None)),
    Case(rule="sql-firewall", breaks="sqlDoor", change=EVERYBODY),
    *values("sql-firewall", "sqlDoor.endIpAddress", bad=(None, UNKNOWN), good=("20.0.0.1",)),
    Case(rule="sql-firewall", breaks="sqlDoor", change={"sqlDoor.endIpAddress": "0.0.0.0"}, settings={"azure": False}),
]
SYNAPSE = [
    *values("synapse-entra-only", "synapse.azureADOnlyAuthentication", bad=(False, None, UNKNOWN), good=(True,)),
    *values("synapse-managed-network", "synapse.managedVirtualNetwork", bad=("", None, UNKNOWN), good=("default",)),
    *values("synapse-no-password", "synapse.sqlAdministratorLoginPassword", bad=("p", UNKNOWN), good=(None,)),
    Case(rule="synapse-firewall", breaks="synapseDoor", change=TO_SYNAPSE),
    *values("synapse-firewall", "synapseDoor.endIpAddress", bad=(None, UNKNOWN), good=("0.0.0.0",)),
    Case(rule="synapse-pools", breaks="pool", add=(azure("pool", "synapse:SqlPool", {}),)),
    Case(rule="synapse-pools", add=(azure("pool", "synapse:SqlPool", {}),), settings={"pools": ["SqlPool"]}),
]
FACTORY = [
    *values("factory-identity", "factory.identity.type", bad=("UserAssigned", UNKNOWN), good=("SystemAssigned",)),
    *values("factory-identity", "factory.identity", bad=(None,)),
    *values("factory-no-secrets", "service.properties.accountKey", bad=("k", UNKNOWN), good=(None,)),
    *values("factory-no-secrets", "service.properties.connectionString", bad=("AccountKey=k",)),
    *values("factory-services", "service.properties.type", bad=("Ftp", None, UNKNOWN), good=("AzureBlobStorage",)),
    *values("factory-services", "service.properties.type", good=("HttpServer",), types=["HttpServer"]),
]
CASES = [*SQL, *SYNAPSE, *FACTORY]
