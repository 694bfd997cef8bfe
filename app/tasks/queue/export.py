"""The work queue as a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any, Final

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.files.csv_files import write_csv
from app.core.files.xlsx import write_xlsx
from app.core.pagination import ordered_by
from app.errors import Conflict
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Scope
from app.leads.lookup import visible_to
from app.leads.models import Lead
from app.security.encrypted_fields import open_or_none
from app.tasks.models import Task, TaskStatus
from app.tasks.queue.queue import ORDERS, has_status, looked_up, tasks_of


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


MOST_ROWS: Final = 100_000
AT_A_TIME: Final = 1000  # rows in memory

_OF_THE_TASK: Final = (
    *(Task.id, Task.lead_id, Task.title, Task.description, Task.type, Task.priority, Task.status, Task.due_at),
    *(Task.completed_at, Task.outcome, Task.completion_notes, Task.cancelled_reason, Task.tags, Task.pinned),
    *(Task.created_at, Task.version),
)
_OF_THE_LEAD: Final = (Lead.first_name, Lead.last_name, Lead.sealed, Lead.pipeline_stage)
HEADINGS: Final = (
    *(column.key for column in _OF_THE_TASK),
    "assigned_to",
    *("lead_first_name", "lead_last_name", "lead_phone", "lead_email", "lead_pipeline_stage"),
)
_WRITERS: Final[Mapping[FileFormat, Callable[[Iterable[Sequence[Any]], IO[bytes]], None]]] = {
    FileFormat.CSV: write_csv,
    FileFormat.XLSX: write_xlsx,
}


class TooMuchToExport(Conflict):
    """A file has at most 100,000 tasks: narrow the filters."""


def export(session: Session, actor: Actor, query: Mapping[str, Any]) -> IO[bytes]:
    """The tasks that pass the filters, with their leads' names, in a file that is read from its beginning.

    The file is whole before any of it is sent: no transaction waits for whoever downloads it, and what is too much
    is refused. Raises Invalid, TooMuchToExport.
    """
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115  (closed by who sends it)
    try:
        _WRITERS[query["format"]](chain([HEADINGS], _rows(session, actor, query)), file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _of_the_lead(actor: Actor) -> Sequence[Any]:
    """Whoever has a task of somebody else's lead learns no more of the lead than the task says."""
    if actor.scope is Scope.ALL:
        return _OF_THE_LEAD
    return [case((and_(*visible_to(actor)), column)).label(column.key) for column in _OF_THE_LEAD]


def _rows(session: Session, actor: Actor, query: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    query = looked_up(session, actor, query)
    tasks = (
        tasks_of(actor, query)
        .outerjoin(User, User.id == Task.assigned_to_id)
        .with_only_columns(*_OF_THE_TASK, User.name, *_of_the_lead(actor))
        .where(has_status(query.get("status", TaskStatus)))
        .order_by(*ordered_by(ORDERS[query["sort"]]))
    )
    _require_few(session, tasks)
    found = session.execute(tasks.execution_options(yield_per=AT_A_TIME))
    for rows in found.partitions(AT_A_TIME):
        audit_log.saw(session, "task", [row.id for row in rows])
        audit_log.saw(session, "lead", {row.lead_id for row in rows if row.first_name is not None})
        yield from map(_cells, rows)


def _require_few(session: Session, tasks: Select[*tuple[Any, ...]]) -> None:
    """Said at once, not when most of a file is written. Raises TooMuchToExport."""
    some = tasks.with_only_columns(Task.id).order_by(None).limit(MOST_ROWS + 1).subquery()
    if session.scalars(select(func.count()).select_from(some)).one() > MOST_ROWS:
        raise TooMuchToExport


def _cells(row: Any) -> Sequence[Any]:
    *of_task, first_name, last_name, sealed, stage = row
    lead = open_or_none(Lead, row.lead_id, sealed)
    return [*of_task, first_name, last_name, lead["phone"], lead["email"], stage]
