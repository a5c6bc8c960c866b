"""Checks at preview that need more than one room: the query against the stack and the contract.

Stream Analytics would accept a query whose columns are not the model's, and refuse one whose aliases are not the
job's only at its start. Here both are errors before anything is deployed, each with file, line and column.
"""

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import factory_engine
import pulumi
import stream_engine

from components import schema, stream
from components.lake import LAKE
from components.pipelines import Definitions, Plan
from scoring import preparation
from scoring.contract import Contract, query_problems
from settings import Settings


class QueryProblems(pulumi.RunError, ValueError):
    """What is wrong with a problem's files or the factory's definitions: one line for each; ends the program."""


def contract_of(problem: str) -> Contract:
    """The contract of scoring/<problem>. Raises QueryProblems where there is none."""
    try:
        return importlib.import_module(f"scoring.{problem}.contract").CONTRACT
    except ModuleNotFoundError as error:
        if error.name and f"scoring.{problem}.contract".startswith(error.name):
            raise QueryProblems(f"problem: found {problem!r}, but there is no scoring/{problem}/contract.py") from error
        raise


def checked_query(problem: str, *, inputs: Iterable[str], outputs: Iterable[str], root: Path = Path()) -> str:
    """The text of the problem's query, once it fits the job's aliases and the contract's rows.

    Raises QueryProblems with every problem (a syntax error alone, since nothing is known beyond it).
    """
    file = root / "scoring" / problem / "query.asaql"
    try:
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise QueryProblems(f"{file}: there is no such file; every streaming problem has a query") from error
    try:
        query = stream_engine.compile_query(text, name=str(file))
    except stream_engine.QueryError as error:
        raise QueryProblems(str(error)) from error
    problems = [
        *_aliases(file, text, "FROM", set(query.inputs), set(inputs), "input"),
        *_aliases(file, text, "INTO", set(query.outputs), set(outputs), "output"),
        *(_located(file, text, found) for found in query_problems(contract_of(problem), query.outputs, file=str(file))),
    ]
    if problems:
        raise QueryProblems("\n".join(problems))
    return text


def checked_preparation(
    problem: str, *, ingestion: str, containers: Iterable[str], table: bool = False, root: Path = Path()
) -> str:
    """The text of the problem's statement, once it gives the contract's rows and reads containers that are there.

    Raises QueryProblems with every problem, also where the problem has no events and the stack expects some.
    """
    file = root / "scoring" / problem / preparation.file_of(ingestion=ingestion, table=table)
    try:
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise QueryProblems(f"{file}: there is no such file; it prepares the rows of ingestion {ingestion}") from error
    contract = contract_of(problem)
    problems = preparation.preparation_problems(contract, text, file=str(file))
    if contract.event is None and ingestion != "static":
        problems.append(f"ingestion: found {ingestion!r}, but problem {problem} has no events; allowed: static")
    there = sorted(containers)
    if table and "OPENROWSET" in text:
        problems.append(f"{file}, {_position(text, text.index('OPENROWSET'))}: reads files; expected a table alone")
    for found in re.finditer(r"dfs\.core\.windows\.net/([a-z0-9-]+)/", text):
        if found[1] not in there:
            reads = f"reads the container {found[1]}; with ingestion {ingestion} the lake has {', '.join(there)}"
            problems.append(f"{file}, {_position(text, found.start(1))}: {reads}")
    if problems:
        raise QueryProblems("\n".join(problems))
    return text


@dataclass(frozen=True, kw_only=True)
class Sources:
    """A problem's own files, read: `query` is "" where no events come in."""

    contract: Contract
    preparation: str
    query: str


def checked_sources(config: Settings) -> Sources:
    """The files of the stack's problem, once they fit the stack and each other. Raises QueryProblems."""
    problem, ingestion = config.problem, config.ingestion
    template = checked_preparation(problem, ingestion=ingestion, containers=LAKE[ingestion], table=config.static_table)
    query = checked_query(problem, inputs=stream.INPUTS, outputs=stream.OUTPUTS) if config.streams else ""
    contract = contract_of(problem)
    if problems := schema.problems(contract):
        raise QueryProblems("\n".join(problems))
    return Sources(contract=contract, preparation=template, query=query)


def checked_pipelines(plan: Plan, definitions: Definitions) -> Definitions:
    """The factory's definitions, once the engine that knows its rules finds nothing wrong. Raises QueryProblems."""
    factory = factory_engine.Factory(
        name=plan.factory,
        pipelines={name: {"properties": each} for name, each in definitions.pipelines.items()},
        datasets={name: {"properties": each} for name, each in definitions.datasets.items()},
        linked_services={name: {"properties": each} for name, each in definitions.linked_services.items()},
    )
    typed = {**definitions.trigger["typeProperties"], "startTime": "2026-01-01T00:00:00Z"}  # Azure's clock says when
    trigger = {"properties": {**definitions.trigger, "typeProperties": typed}}
    problems = [*factory_engine.check_factory(factory), *factory_engine.check_trigger("hours", trigger, factory)]
    if problems:
        raise QueryProblems("\n".join(str(problem) for problem in problems))
    return definitions


def _aliases(file: Path, text: str, word: str, found: set[str], declared: set[str], kind: str) -> list[str]:
    names = ", ".join(sorted(declared))
    unknown = [
        f"{file}, {_place(text, word, alias)}: {word} {alias}: the job declares no such {kind}; it has {names}"
        for alias in sorted(found - declared)
    ]
    unused = sorted(declared - found)
    return unknown + [
        f"{file}: the job declares the {kind} {alias}, the query has no {word} {alias}" for alias in unused
    ]


def _located(file: Path, text: str, problem: str) -> str:
    """A problem of an output's column with its place: where the column gets its name, else where the output does."""
    output, column = re.match(r".*?: output (\w+)(?:: column (\w+))?", problem, re.DOTALL).groups()  # type: ignore[union-attr]
    into = re.search(rf"\bINTO\s+\[?{re.escape(output)}\b", text, re.IGNORECASE)
    names = list(re.finditer(rf"\bAS\s+\[?({re.escape(column)})\b", text[: into.start()])) if column and into else []
    where = names[-1].start(1) if names else into.start() if into else 0
    return problem.replace(f"{file}:", f"{file}, {_position(text, where)}:", 1)


def _place(text: str, word: str, alias: str) -> str:
    """Line and column of an alias's first use."""
    use = re.search(rf"\b(?:{word}|JOIN)\s+\[?({re.escape(alias)})\b", text, re.IGNORECASE)
    return _position(text, use.start(1) if use else 0)


def _position(text: str, offset: int) -> str:
    before = text[:offset].split("\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"
