"""SQL for the driver is what SQLAlchemy would send."""

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg

from app.core.database.driver_sql import driver_sql

STATEMENTS = [
    "SELECT :one, CAST(:two AS uuid[]), x::text, :one::int",
    r"SELECT jsonb_exists(grants, 'lead\:update') AND slug = :slug",
    "SELECT '12:30', a % 2, name LIKE '%x' FROM t WHERE id = :id",
    "SELECT x -> 'a' #>> '{b,c}', ARRAY[1]::int[] || :more, :a_b1",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_sql_is_that_of_sqlalchemy(statement: str):
    compiled = str(text(statement).compile(dialect=psycopg.dialect(paramstyle="pyformat")))
    assert driver_sql(statement) == compiled
