"""Record the statements of the application and read PostgreSQL's plans for them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine, event

from tests.support.large_database import LARGE_TABLES


@dataclass(frozen=True)
class Statement:
    """A statement sent to the database, with its values."""

    sql: str
    values: Any

    @property
    def is_explainable(self) -> bool:
        return self.sql.lstrip().split()[0].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}


@contextmanager
def listening() -> Iterator[list[Statement]]:
    heard: list[Statement] = []

    def hear(_: object, __: object, sql: str, values: Any, *___: object) -> None:
        heard.append(Statement(sql, values))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


@dataclass
class Plan:
    """PostgreSQL's plan of a statement: its cost in the planner's units and its nodes."""

    cost: float
    nodes: list[dict[str, Any]]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def read_whole(self) -> set[str]:
        """The large tables that are read by a sequential scan."""
        found = {node.get("Relation Name") for node in self.nodes if node["Node Type"] == "Seq Scan"}
        return {name for name in found if name in LARGE_TABLES}


def explain(connection: psycopg.Connection[Any], statement: Statement) -> Plan:
    [[plans]] = connection.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.values).fetchall()  # type: ignore[arg-type]
    plan = plans[0]["Plan"]
    return Plan(plan["Total Cost"], list(_nodes(plan)))


def explain_prepared(connection: psycopg.Connection[Any], statement: Statement) -> Plan:
    """Return the generic plan, as for a prepared statement."""
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        return f"${numbers.setdefault(name, len(numbers) + 1)}{_cast(statement.values[name])}"

    sql = re.sub(r"%\((\w+)\)s", numbered, statement.sql).replace("%%", "%")
    [[plans]] = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}".encode(), prepare=False).fetchall()
    plan = plans[0]["Plan"]
    return Plan(plan["Total Cost"], list(_nodes(plan)))


_CASTS = {
    UUID: "::uuid",
    datetime: "::timestamptz",
    date: "::date",
    int: "::bigint",
    float: "::double precision",
    bool: "::boolean",
    str: "::text",
    bytes: "::bytea",
    psycopg.Binary: "::bytea",
    timedelta: "::interval",
}


def _cast(value: Any) -> str:
    """Return a cast to the type that the driver sends; it sends none for NULL and for an empty list."""
    if isinstance(value, list):
        return f"{_cast(value[0])}[]" if value and value[0] is not None else "::uuid[]"
    return _CASTS.get(type(value), "::text" if isinstance(value, str) else "")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
