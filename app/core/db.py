"""Database: engine, sessions, the declarative base, and bulk INSERT and UPDATE."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

import orjson
import psycopg
from psycopg.adapt import Loader
from pydantic import SecretStr
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Engine,
    MetaData,
    Row,
    Select,
    Uuid,
    bindparam,
    create_engine,
    event,
    func,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from uuid_utils.compat import uuid7

from app import clock
from app.config import get_settings
from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.database.session import LINK_CHECKS, OPTIONS, support_poolers
from app.core.type_aliases import ColumnValues, JsonDict

AnyRow: TypeAlias = Row[*tuple[Any, ...]]  # a row of a result, whose columns are read by name
AnySelect: TypeAlias = Select[*tuple[Any, ...]]  # a SELECT of any columns

APP_ROLE = "relance_app"


class Base(DeclarativeBase):
    """Declarative base of all models. It names every constraint, so that migrations can refer to them."""

    private_fields: ClassVar[frozenset[str]] = frozenset()  # those that need `lead:private`

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's contract)
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        JsonDict: JSONB,
        list[Any]: JSONB,
    }


def new_id() -> UUID:
    """Return a UUIDv7: unique without a query, and ordered by creation time."""
    return uuid7(nanoseconds=clock.moved_nanoseconds())


def first_id_at(instant: datetime) -> UUID:
    """Return the smallest UUIDv7 of a time: 48 bits of milliseconds, then zeros."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return the engine of this process. It is created on first use, so that a forked child creates its own."""
    return _new_engine(get_settings().database_url, **_pool())


@lru_cache(maxsize=1)
def counter_engine() -> Engine:
    """Return an engine for rate counters, without transactions.

    Its connections are apart, because a call counts while it holds a connection: it must not wait for another call.
    """
    return _new_engine(get_settings().database_url, pool_size=1, max_overflow=1, isolation_level="AUTOCOMMIT")


@lru_cache(maxsize=1)
def replica_engine() -> Engine:
    """Return an engine for the streaming replica that REPLICA_DATABASE_URL names."""
    return _new_engine(get_settings().replica_database_url, **_pool())


def _pool() -> JsonDict:
    """Return the size of a pool. Connections opened under load stay open: a new one plans every statement again."""
    return {"pool_size": 2 * get_settings().database_pool, "max_overflow": 0}


def _new_engine(url: SecretStr, **options: object) -> Engine:
    settings = get_settings()
    role = f"-c role={APP_ROLE} " if settings.app_owns_tables else ""
    made = create_engine(
        url.get_secret_value(),
        **options,
        pool_pre_ping=False,
        pool_recycle=1800,
        hide_parameters=True,  # errors are logged, and parameters contain personal data
        json_serializer=to_json,
        connect_args={
            "options": f"{role}{OPTIONS}",
            "application_name": f"relance:{os.getpid()}",
            "connect_timeout": 5,
            **LINK_CHECKS,
            "prepare_threshold": None,  # chosen once it is known whether a pooler is in between
        },
    )
    support_poolers(made)
    event.listen(made, "connect", _read_json_fast)
    return made


def _read_json_fast(connection: psycopg.Connection, _: object) -> None:
    for kind in ("json", "jsonb"):
        connection.adapters.register_loader(kind, _JsonLoader)


class _JsonLoader(Loader):
    """Parse JSON without a call in Python. psycopg's own loader copies each value first."""

    load = staticmethod(orjson.loads)  # type: ignore[assignment]


@contextmanager
def transaction() -> Iterator[Session]:
    """Run one transaction: commit at the end, roll back on an error. Only entry points (route, job, CLI) open one."""
    with sessions().begin() as session:
        yield session


@lru_cache(maxsize=1)
def sessions() -> sessionmaker[Session]:
    """Return the session factory. Objects do not expire on commit, because responses are rendered after it."""
    return sessionmaker(engine(), expire_on_commit=False)


def to_json(value: object) -> str:
    """Return a parameter as JSON. bytes become PostgreSQL hex text; values orjson does not know become text."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def dispose() -> None:
    """Drop the pool after a fork without closing its sockets, because the parent still uses them."""
    for one in (engine, counter_engine, replica_engine):
        if one.cache_info().currsize:
            one().dispose(close=False)
        one.cache_clear()
    sessions.cache_clear()


def is_among(column: Any, values: Sequence[object]) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values, with one parameter.

    `in_` has a parameter for each value. Such a statement is compiled and planned again for each number of values.
    """
    return column == func.any(bindparam(None, list(values), type_=ARRAY(column.type)))  # type: ignore[no-any-return]


class UnknownTable(LookupError):
    """This process has not imported the model of the table: call app.wiring.connect() when it starts."""


@cache
def model_of(table: str) -> type[Base]:
    """Return the model of a table, among the imported models. Raises UnknownTable."""
    for mapper in Base.registry.mappers:
        if mapper.class_.__tablename__ == table:
            return mapper.class_
    raise UnknownTable(f"{table}: {UnknownTable.__doc__}")


Rows: TypeAlias = Sequence[ColumnValues]


def insert_many(
    session: Session,
    model: type[Base],
    rows: Rows,
    *,
    columns: tuple[str, ...] | None = None,
    tail: str = "",
    besides: tuple[type[Base], Rows] | None = None,
) -> list[Any]:
    """Insert rows in one statement. `tail` is SQL such as ON CONFLICT or RETURNING.

    The rows have the same columns, unless `columns` names all of them; then a missing value becomes NULL.
    The rows are one JSON parameter: one parse, one plan and one round trip, for 1 row or for 10,000. `besides` is
    another model and its rows, inserted by the same statement. Returns the rows of RETURNING, else an empty list.
    """
    if not rows:
        return insert_many(session, *besides) if besides else []
    given, more = {"rows": to_json(rows)}, None
    if besides and besides[1]:
        given["more"], more = to_json(besides[1]), (besides[0], tuple(besides[1][0]))
    return execute_driver_sql(session, _insert(model, columns or tuple(rows[0]), tail, more), given)


@lru_cache(maxsize=256)
def _insert(
    model: type[Base], columns: tuple[str, ...], tail: str, more: tuple[type[Base], tuple[str, ...]] | None
) -> str:
    first = f"WITH besides AS ({insert_sql(*more, parameter='more')}) " if more else ""
    return driver_sql(f"{first}{insert_sql(model, columns)} {tail}")


def insert_sql(model: type[Base], columns: tuple[str, ...], *, parameter: str = "rows") -> str:
    """Return the statement of `insert_many`."""
    names = ", ".join(columns)
    rows = recordset(model, columns, parameter=parameter)
    return f"INSERT INTO {model.__tablename__} ({names}) SELECT {names} FROM {rows}"  # noqa: S608  (names come from the code, never from input)


def update_many(
    session: Session,
    model: type[Base],
    rows: Sequence[ColumnValues],
    columns: tuple[str, ...],
    *,
    if_given: tuple[str, ...] = (),
    also: str = "",
) -> None:
    """Update the rows with the ids of `rows`, in one statement. A column that a row does not name becomes NULL.

    Columns of `if_given` keep their value instead. `also` is SQL for columns that get the same value in
    all rows; `t` is the table.
    """
    if rows:
        execute_driver_sql(session, _update(model, columns, if_given, also), {"rows": to_json(rows)})


@lru_cache(maxsize=64)
def _update(model: type[Base], columns: tuple[str, ...], if_given: tuple[str, ...], also: str) -> str:
    return driver_sql(update_sql(model, columns, if_given, also))


def update_sql(
    model: type[Base], columns: tuple[str, ...], if_given: tuple[str, ...], also: str = "", *, parameter: str = "rows"
) -> str:
    """Return the statement of `update_many`."""
    changes = [f"{name} = r.{name}" for name in columns]
    changes += [f"{name} = coalesce(r.{name}, t.{name})" for name in if_given]
    return (
        f"UPDATE {model.__tablename__} AS t SET {', '.join([*changes, also] if also else changes)}"  # noqa: S608  (as above)
        f" FROM {recordset(model, ('id', *columns, *if_given), parameter=parameter)} WHERE t.id = r.id"
    )


def recordset(model: type[Base], columns: Iterable[str], *, alias: str = "r", parameter: str = "rows") -> str:
    """Return SQL that reads a JSON parameter as a table with these columns. Missing values are NULL.

    This costs PostgreSQL half as much as `jsonb_populate_recordset`.
    """
    types = model.__table__.c
    spelled = ", ".join(f"{name} {types[name].type.compile(_POSTGRESQL)}" for name in columns)
    return f"json_to_recordset(CAST(:{parameter} AS json)) AS {alias} ({spelled})"


_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
