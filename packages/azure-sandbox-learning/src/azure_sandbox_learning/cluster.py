"""Compute clusters: nodes that come when jobs wait for them, take time to start, and go when they have been idle.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
"""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from azure_sandbox.context import Sandbox
from azure_sandbox.ids import normal

COMPUTES = "microsoft.machinelearningservices/workspaces/computes"
ALLOCATION = 180.0  # seconds of the clock until a node is there
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


@dataclass
class Node:
    state: Literal["preparing", "idle", "running"]
    since: datetime


@dataclass(frozen=True)
class Waiting:
    nodes: int
    granted: "asyncio.Future[list[Node]]"


class Clusters:
    """The nodes of every declared cluster. They live as long as this process: after it a job waits for new ones."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._nodes: dict[str, list[Node]] = {}
        self._waiting: dict[str, list[Waiting]] = {}
        sandbox.clock.listen(self.step)

    async def acquire(self, compute_id: str, nodes: int) -> list[Node]:
        """Waits until that many nodes run for the caller."""
        waiting = Waiting(nodes, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(normal(compute_id), []).append(waiting)
        await self.step(self._sandbox.clock.now())
        try:
            return await waiting.granted
        finally:
            if waiting in self._waiting.get(normal(compute_id), []):
                self._waiting[normal(compute_id)].remove(waiting)

    async def release(self, nodes: list[Node]) -> None:
        for node in nodes:
            node.state, node.since = "idle", self._sandbox.clock.now()
        await self.step(self._sandbox.clock.now())

    async def step(self, now: datetime) -> None:
        declared = {normal(c["id"]): c for c in self._sandbox.store.resources(kind=COMPUTES)}
        for key in [key for key in self._nodes if key not in declared]:
            del self._nodes[key]
        for key, compute in declared.items():
            self._move(self._nodes.setdefault(key, []), self._waiting.get(key, []), _scale(compute), now)
            self._note(compute, self._nodes[key])

    def _move(self, nodes: list[Node], waiting: list[Waiting], scale: dict[str, Any], now: datetime) -> None:
        allocation = timedelta(seconds=float(self._sandbox.store.value("allocation", ALLOCATION)))
        for node in nodes:
            if node.state == "preparing" and now - node.since >= allocation:
                node.state, node.since = "idle", now
        while waiting:
            idle = [node for node in nodes if node.state == "idle"]
            if len(idle) < waiting[0].nodes:
                break
            first = waiting.pop(0)
            for node in idle[: first.nodes]:
                node.state, node.since = "running", now
            if not first.granted.done():
                first.granted.set_result(idle[: first.nodes])
        busy = sum(node.state == "running" for node in nodes)
        wanted = min(scale["most"], max(scale["least"], busy + sum(one.nodes for one in waiting)))
        nodes += [Node("preparing", now) for _ in range(wanted - len(nodes))]
        for node in [node for node in nodes if node.state == "idle"] if not waiting else []:
            if len(nodes) > scale["least"] and now - node.since >= scale["idle"]:
                nodes.remove(node)

    def _note(self, compute: dict[str, Any], nodes: list[Node]) -> None:
        """Writes into the resource what Azure shows of the cluster, when it has changed."""
        counts = Counter(node.state for node in nodes)
        states = ("idle", "leaving", "preempted", "preparing", "running", "unusable")
        shown = {
            "currentNodeCount": counts["idle"] + counts["running"],
            "targetNodeCount": len(nodes),
            "allocationState": "Resizing" if counts["preparing"] else "Steady",
            "nodeStateCounts": {f"{state}NodeCount": counts[state] for state in states},
        }
        inner = compute["properties"]["properties"]
        if any(inner.get(key) != value for key, value in shown.items()):
            moment = {"allocationStateTransitionTime": self._sandbox.clock.stamp()}
            compute["properties"]["properties"] = inner | shown | moment
            self._sandbox.store.put_resource(compute["id"], compute)

    def status(self) -> dict[str, str]:
        shown = {}
        for compute in self._sandbox.store.resources(kind=COMPUTES):
            counts = Counter(node.state for node in self._nodes.get(normal(compute["id"]), []))
            shown[compute["name"]] = ", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "0 nodes"
        return shown


def _scale(compute: dict[str, Any]) -> dict[str, Any]:
    settings = compute["properties"]["properties"].get("scaleSettings") or {}
    return {
        "least": int(settings.get("minNodeCount") or 0),
        "most": most_nodes(compute),
        "idle": seconds(settings.get("nodeIdleTimeBeforeScaleDown") or "PT120S"),
    }


def most_nodes(compute: dict[str, Any]) -> int:
    return int((compute["properties"]["properties"].get("scaleSettings") or {}).get("maxNodeCount") or 0)


def seconds(duration: str) -> timedelta:
    found = DURATION.fullmatch(duration)
    days, hours, minutes, rest = (float(part or 0) for part in found.groups()) if found else (0.0, 0.0, 2.0, 0.0)
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=rest)
