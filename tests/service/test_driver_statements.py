"""Statements on the driver's connection behave like those of SQLAlchemy."""

from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DataError, OperationalError

from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import sessions, transaction

pytest_plugins = ["tests.support.desk"]


def run(session: Any, statement: str, **values: Any) -> list[Any]:
    return execute_driver_sql(session, driver_sql(statement), values)


def test_repeated_parameters_and_percent_signs(postgres: object):
    with transaction() as session:
        [row] = run(
            session, "SELECT concat(CAST(:a AS int), '%', CAST(:b AS int), CAST(:a AS int)) AS joined", a=1, b=2
        )
        assert row.joined == "1%21"
        assert run(session, "SET LOCAL lock_timeout = 1000") == []


def test_error_of_the_driver_becomes_one_of_sqlalchemy(postgres: object):
    with pytest.raises(DataError) as raised, transaction() as session:
        run(session, "SELECT 1 / CAST(:divisor AS int)", divisor=0)
    assert isinstance(raised.value.orig, psycopg.errors.DivisionByZero)
    assert "divisor" in str(raised.value)  # the statement, without its values


def test_closed_connection_is_not_used_again(postgres: object):
    with sessions()() as session:
        driver: Any = session.connection().connection.driver_connection
        driver.close()
        with pytest.raises(OperationalError):
            run(session, "SELECT 1 AS one")
        session.rollback()
        assert run(session, "SELECT 1 AS one")[0].one == 1
