"""Several INSERT and UPDATE statements in one round trip, for the attempts and states of messages."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from sqlalchemy.orm import Session

from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import Base, insert_sql, to_json, update_sql
from app.core.type_aliases import ColumnValues


class Insert(NamedTuple):
    """Rows to insert. All of them have the columns of the first one."""

    model: type[Base]
    rows: Sequence[ColumnValues]

    @property
    def shape(self) -> "_Shape":
        return self.model, tuple(self.rows[0]), None


class Update(NamedTuple):
    """Rows to update by their ids. Columns and `if_given`: as in `update_many`."""

    model: type[Base]
    rows: Sequence[ColumnValues]
    columns: tuple[str, ...]
    if_given: tuple[str, ...] = ()

    @property
    def shape(self) -> "_Shape":
        return self.model, self.columns, self.if_given


_Shape: TypeAlias = tuple[type[Base], tuple[str, ...], tuple[str, ...] | None]  # None: an INSERT


def write_together(session: Session, *writes: Insert | Update) -> None:
    """Write all rows with one statement. No row is written twice: PostgreSQL would keep only one of the changes."""
    if wanted := [write for write in writes if write.rows]:
        given = {f"rows{number}": to_json(write.rows) for number, write in enumerate(wanted)}
        execute_driver_sql(session, _statement(tuple(write.shape for write in wanted)), given)


@lru_cache(maxsize=64)
def _statement(shapes: tuple[_Shape, ...]) -> str:
    *first, last = (_sql(shape, f"rows{number}") for number, shape in enumerate(shapes))
    others = ", ".join(f"write{number} AS ({sql})" for number, sql in enumerate(first))
    return driver_sql(f"WITH {others} {last}" if others else last)


def _sql(shape: _Shape, parameter: str) -> str:
    model, columns, if_given = shape
    if if_given is None:
        return insert_sql(model, columns, parameter=parameter)
    return update_sql(model, columns, if_given, parameter=parameter)
