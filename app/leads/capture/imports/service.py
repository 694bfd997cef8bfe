"""Taking a file of leads, and starting what is to be made of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.core.db import insert_many, new_id
from app.core.files.csv_files import write_csv
from app.core.pagination import Key, Page, page
from app.engine.jobs.models import Job, JobItem, JobState
from app.engine.jobs.planning import chunks_of, plan_chunks
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.capture.capture import require_source
from app.leads.capture.imports.cells import CUSTOM
from app.leads.capture.imports.mapping import KNOWN_AS, guess
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.capture.imports.reading import Table
from app.leads.capture.imports.rows import cells_of, row_of
from app.leads.capture.imports.spec import ImportSpec, OnDuplicate

AT_A_TIME: Final = 1000  # rows that are written together
SAMPLE: Final = 5
NEWEST_FIRST: Final[list[Key]] = [(Import.id, "desc")]
BY_PLACE: Final[list[Key]] = [(JobItem.position, "asc")]

_ITEMS: Final = text(
    "INSERT INTO job_items (job_id, position, status)"
    " SELECT :job, position, 'pending' FROM import_rows WHERE import_id = :import"
)


class ImportIsRunning(Conflict):
    """The import is being worked off: wait for it, or cancel its job."""


def upload(session: Session, actor: Actor, table: Table, *, name: str) -> Import:
    """Keep a file's rows. Raises Invalid where it cannot be read."""
    kept = Import(
        id=new_id(),
        clinic_id=actor.clinic.id,
        name=name,
        kind=table.kind,
        encoding=table.encoding,
        columns=list(table.columns),
        rows=0,
        created_by=actor.user_id,
        created_at=now(),
    )
    session.add(kept)
    session.flush()
    rows = enumerate(table.rows)
    while some := list(islice(rows, AT_A_TIME)):
        insert_many(session, ImportRow, [row_of(kept.id, place, *row) for place, row in some])
        kept.rows += len(some)
    if not kept.rows:
        raise Invalid.at("", "There is no row below the names of the columns.")
    return kept


def list_imports(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's imports, newest first."""
    return page(session, select(Import).where(Import.clinic_id == actor.clinic.id), NEWEST_FIRST, query)


def describe(session: Session, actor: Actor, import_id: UUID) -> dict[str, Any]:
    """The import with its first rows, what its columns seem to be, and how far its job is. Raises NotFound."""
    kept = _find(session, actor, import_id)
    rows = select(ImportRow.position, ImportRow.cells_sealed).where(ImportRow.import_id == kept.id)
    first = session.execute(rows.order_by(ImportRow.position).limit(SAMPLE))
    columns = ("id", "name", "kind", "encoding", "columns", "rows", "created_at", "created_by")
    return {
        **{column: getattr(kept, column) for column in columns},
        "mapping": guess(kept.columns),
        "sample": [cells_of(kept.id, row) for row in first],
        "job": session.get(Job, kept.job_id) if kept.job_id else None,
    }


def start(session: Session, actor: Actor, import_id: UUID, data: Mapping[str, Any], *, is_rehearsal: bool) -> None:
    """Begin to take in the leads of the file, or to rehearse it, as `StartIn` says.

    Raises NotFound, Forbidden, Invalid, ImportIsRunning.
    """
    if data["on_duplicate"] is OnDuplicate.UPDATE and actor.permissions.get(Permission.LEAD_UPDATE) is not Scope.ALL:
        raise Forbidden("Your role does not allow changing all leads.")
    kept = _find(session, actor, import_id, lock=True)
    mapping = data.get("mapping") or guess(kept.columns)
    _check_mapping(kept, mapping)
    _check_source(session, actor, mapping, data.get("source_id"))
    spec = ImportSpec(
        import_id=kept.id,
        mapping=mapping,
        source_id=data.get("source_id"),
        date_order=data["date_order"],
        on_duplicate=data["on_duplicate"],
        is_rehearsal=is_rehearsal,
        runs_rules=data["runs_rules"],
        may_assign=actor.allows(Permission.LEAD_ASSIGN),
    )
    kept.job_id = _job(session, actor, kept, spec)


def rows_with_results(session: Session, actor: Actor, import_id: UUID, query: Mapping[str, Any]) -> Page:
    """How each row of the last preview or run ended, in the order of the file. Raises NotFound."""
    kept = _find(session, actor, import_id)
    found = page(session, _results(kept, query.get("status")), BY_PLACE, query)
    return replace(found, items=[{**row._mapping, "cells": cells_of(kept.id, row)} for row in found.items])  # noqa: SLF001  (a Row's public way to its names)


def errors_file(session: Session, actor: Actor, import_id: UUID) -> IO[bytes]:
    """The rows that failed, with why, as CSV: to be mended and sent again. Raises NotFound."""
    kept = _find(session, actor, import_id)
    failed = session.execute(_results(kept, "failed").order_by(JobItem.position).execution_options(yield_per=AT_A_TIME))
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115  (closed by who sends it)
    write_csv(_with_errors(kept, failed), file)
    file.seek(0)
    return file


def _results(kept: Import, status: str | None) -> Any:
    results = (
        select(JobItem.position, ImportRow.number, JobItem.status, JobItem.lead_id, JobItem.reason, JobItem.error)
        .add_columns(ImportRow.cells_sealed)
        .join(ImportRow, (ImportRow.import_id == kept.id) & (ImportRow.position == JobItem.position))
        .where(JobItem.job_id == kept.job_id)
    )
    return results if status is None else results.where(JobItem.status == status)


def _with_errors(kept: Import, failed: Any) -> Iterator[Sequence[str]]:
    yield [*kept.columns, "Error"]
    for row in failed:
        cells = [str(cell) for cell in cells_of(kept.id, row)][: len(kept.columns)]
        yield [*cells, *[""] * (len(kept.columns) - len(cells)), row.error]


def _find(session: Session, actor: Actor, import_id: UUID, *, lock: bool = False) -> Import:
    of_clinic = select(Import).where(Import.id == import_id, Import.clinic_id == actor.clinic.id)
    found = session.scalars(of_clinic.with_for_update() if lock else of_clinic).one_or_none()
    if found is None:
        raise NotFound
    audit_log.saw(session, "import", [found.id])
    return found


def _check_mapping(kept: Import, mapping: Mapping[str, str]) -> None:
    for column, field in mapping.items():
        if column not in kept.columns:
            raise Invalid.at("/mapping", f"The file has no column {column!r}.")
        if field not in KNOWN_AS and not field.startswith(CUSTOM):
            raise Invalid.at("/mapping", f"{field!r} is no field; there are {', '.join(KNOWN_AS)} and {CUSTOM}<key>.")
    if len(set(mapping.values())) < len(mapping):
        raise Invalid.at("/mapping", "Two columns cannot be one field.")
    if not {"full_name", "first_name"} & {*mapping.values()}:
        raise Invalid.at("/mapping", "Say which column holds the name.")


def _check_source(session: Session, actor: Actor, mapping: Mapping[str, str], source_id: UUID | None) -> None:
    if source_id is not None:
        require_source(session, actor.clinic.id, source_id)
    elif "source" not in mapping.values():
        raise Invalid.at("/source_id", "Say where these leads come from, or which column does.")


def _job(session: Session, actor: Actor, kept: Import, spec: ImportSpec) -> UUID:
    before: Row[Any] | None = session.execute(select(Job.state).where(Job.id == kept.job_id)).one_or_none()
    if before and before.state == JobState.RUNNING:
        raise ImportIsRunning
    at = now()
    job = Job(
        id=new_id(),
        clinic_id=actor.clinic.id,
        spec=spec.to_json(),
        state=JobState.RUNNING,
        total=kept.rows,
        created_by=actor.user_id,
        created_at=at,
    )
    session.add(job)
    session.flush()
    session.execute(_ITEMS, {"job": job.id, "import": kept.id})
    plan_chunks(session, actor.clinic.id, job.id, chunks_of(kept.rows), at=at, once=True)
    return job.id
