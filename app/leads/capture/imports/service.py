"""Lead imports: upload a file, preview and start the import, list results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session, aliased

from app.audit import audit_log
from app.clock import now
from app.core.db import AnyRow, insert_many, new_id
from app.core.files.exports import FileFormat, write_file
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.engine.jobs.models import ItemReason, ItemStatus, Job, JobItem, JobState
from app.engine.jobs.outlook import follow_ups_of
from app.engine.jobs.split import IN_ORDER, chunks_of, plan_chunks
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.attribution.sources import require_source
from app.leads.capture.bulk.known_people import require_update_of_all
from app.leads.capture.imports.mapping import guess_mapping
from app.leads.capture.imports.models import Import, ImportRow
from app.leads.capture.imports.rows import decrypted_cells, encrypted_row
from app.leads.capture.imports.same_rows import forget_rows
from app.leads.capture.imports.spec import ImportSpec
from app.leads.capture.imports.tables import Table
from app.leads.custom_fields.values import definitions_of
from app.leads.enums import OnDuplicate
from app.leads.fields import CUSTOM_PREFIX, IMPORTED

AT_A_TIME: Final = 1000  # rows that are written together
SAMPLE: Final = 5
MOST_WARNINGS: Final = 50
NEWEST_FIRST: Final[list[Key]] = [(Import.id, "desc")]
BY_POSITION: Final[list[Key]] = [(JobItem.position, "asc")]

_ITEMS: Final = text(
    "INSERT INTO job_items (job_id, position, status)"
    " SELECT :job, position, 'pending' FROM import_rows WHERE import_id = :import"
)


IS_DUPLICATE: Final = or_(JobItem.matched_lead_id.is_not(None), JobItem.matched_position.is_not(None))
_SAME_ROW: Final = aliased(ImportRow)


class ImportIsRunning(Conflict):
    """The import is running: wait until it has finished, or cancel its job."""


def upload(session: Session, actor: Actor, table: Table, *, name: str) -> Import:
    """Store the rows of a file. Raises Invalid (if the file is malformed or has no rows)."""
    import_ = Import(
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
    session.add(import_)
    session.flush()
    rows = enumerate(table.rows)
    while some := list(islice(rows, AT_A_TIME)):
        insert_many(session, ImportRow, [encrypted_row(import_.id, place, *row) for place, row in some])
        import_.rows += len(some)
    if not import_.rows:
        raise Invalid.at("", "The file has no rows below its header row.")
    return import_


def list_imports(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's imports, newest first."""
    return page(session, select(Import).where(Import.clinic_id == actor.clinic.id), NEWEST_FIRST, query)


def describe(session: Session, actor: Actor, import_id: UUID) -> JsonDict:
    """Return the fields of ImportDetailOut: the import, guessed mapping, sample rows and job. Raises NotFound."""
    import_ = _find(session, actor, import_id)
    rows = select(ImportRow.position, ImportRow.cells_sealed).where(ImportRow.import_id == import_.id)
    first = session.execute(rows.order_by(ImportRow.position).limit(SAMPLE))
    columns = ("id", "name", "kind", "encoding", "columns", "rows", "created_at", "created_by")
    job = session.get(Job, import_.job_id) if import_.job_id else None
    spec = ImportSpec.from_json(job.spec) if job else None
    return {
        **{column: getattr(import_, column) for column in columns},
        "mapping": _guess(session, actor, import_),
        "sample": [decrypted_cells(import_.id, row) for row in first],
        "job": job,
        "options": spec and _options(spec),
        "follow_ups": _follow_ups(session, job) if job and spec and spec.is_rehearsal else None,
        **_duplicates(session, import_),
        "warnings": _warnings(session, import_),
    }


def _guess(session: Session, actor: Actor, import_: Import) -> dict[str, str]:
    own = definitions_of(session, actor.clinic).items()
    return guess_mapping(import_.columns, {f"{CUSTOM_PREFIX}{key}" for key, one in own if not one.archived})


def _follow_ups(session: Session, job: Job) -> list[JsonDict]:
    return follow_ups_of(session, job.clinic_id, job.outlook or {})


def _options(spec: ImportSpec) -> JsonDict:
    names = ("mapping", "source_id", "date_order", "on_duplicate", "runs_rules", "rules_from")
    return {**{name: getattr(spec, name) for name in names}, "is_preview": spec.is_rehearsal}


def _duplicates(session: Session, import_: Import) -> dict[str, int]:
    """Count the rows of persons who exist, by what the last preview or run did with them."""
    counts = {
        "skipped": JobItem.reason == ItemReason.SKIPPED,
        "updated": JobItem.reason == ItemReason.UPDATED,
        "duplicates": IS_DUPLICATE,
        "repeated": JobItem.matched_position.is_not(None),
    }
    counted = select(*(func.count().filter(test).label(name) for name, test in counts.items()))
    return dict(session.execute(counted.where(JobItem.job_id == import_.job_id)).one()._mapping)  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


def _warnings(session: Session, import_: Import) -> list[JsonDict]:
    """Return the warnings of the last preview or run, each with its number of rows; the most frequent first."""
    rows = func.count().label("rows")
    found = select(JobItem.error.label("text"), rows).where(
        JobItem.job_id == import_.job_id, JobItem.status == ItemStatus.DONE, JobItem.error.is_not(None)
    )
    counted = session.execute(found.group_by(JobItem.error).order_by(rows.desc(), JobItem.error).limit(MOST_WARNINGS))
    return [dict(row._mapping) for row in counted]  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


def start(session: Session, actor: Actor, import_id: UUID, data: JsonObject, *, is_rehearsal: bool) -> None:
    """Start the import job with the options in `data` (fields of StartIn). `is_rehearsal`: preview, no writes.

    Raises NotFound, Forbidden, Invalid, ImportIsRunning.
    """
    if data["on_duplicate"] is OnDuplicate.UPDATE:
        require_update_of_all(actor)
    import_ = _find(session, actor, import_id, lock=True)
    mapping = _check(session, actor, import_, data)
    spec = ImportSpec(
        import_id=import_.id,
        mapping=mapping,
        source_id=data.get("source_id"),
        date_order=data["date_order"],
        on_duplicate=data["on_duplicate"],
        is_rehearsal=is_rehearsal,
        runs_rules=data["runs_rules"],
        rules_from=data.get("rules_from"),
        may_assign=actor.allows(Permission.LEAD_ASSIGN),
    )
    import_.job_id = _job(session, actor, import_, spec)
    forget_rows(session, import_.id)


def rows_with_results(session: Session, actor: Actor, import_id: UUID, query: JsonObject) -> Page:
    """List the result of each row of the last preview or run, in file order. Raises NotFound."""
    import_ = _find(session, actor, import_id)
    wanted = _results(import_, query.get("status"))
    if query.get("duplicates"):
        wanted = wanted.where(IS_DUPLICATE)
    found = page(session, wanted, BY_POSITION, query)
    return replace(found, items=[{**row._mapping, "cells": decrypted_cells(import_.id, row)} for row in found.items])  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


def errors_file(session: Session, actor: Actor, import_id: UUID) -> IO[bytes]:
    """Return the failed rows with their errors as a CSV file, for correction. Raises NotFound."""
    import_ = _find(session, actor, import_id)
    failed = session.execute(
        _results(import_, "failed").order_by(JobItem.position).execution_options(yield_per=AT_A_TIME)
    )
    return write_file(FileFormat.CSV, _with_errors(import_, failed))


def _results(import_: Import, status: str | None) -> Any:
    results = (
        select(JobItem.position, ImportRow.number, JobItem.status, JobItem.lead_id, JobItem.reason, JobItem.error)
        .add_columns(ImportRow.cells_sealed, JobItem.matched_lead_id, _SAME_ROW.number.label("same_as_row"))
        .join(ImportRow, (ImportRow.import_id == import_.id) & (ImportRow.position == JobItem.position))
        .outerjoin(_SAME_ROW, (_SAME_ROW.import_id == import_.id) & (_SAME_ROW.position == JobItem.matched_position))
        .where(JobItem.job_id == import_.job_id)
    )
    return results if status is None else results.where(JobItem.status == status)


def _with_errors(import_: Import, failed: Any) -> Iterator[Sequence[str]]:
    yield [*import_.columns, "Error"]
    for row in failed:
        cells = [str(cell) for cell in decrypted_cells(import_.id, row)][: len(import_.columns)]
        yield [*cells, *[""] * (len(import_.columns) - len(cells)), row.error]


def _find(session: Session, actor: Actor, import_id: UUID, *, lock: bool = False) -> Import:
    of_clinic = select(Import).where(Import.id == import_id, Import.clinic_id == actor.clinic.id)
    found = session.scalars(of_clinic.with_for_update() if lock else of_clinic).one_or_none()
    if found is None:
        raise NotFound
    audit_log.note_read(session, "import", [found.id])
    return found


def _check_mapping(import_: Import, mapping: Mapping[str, str]) -> None:
    problems = [f"The file has no column {column!r}." for column in mapping if column not in import_.columns]
    problems += [
        f"{field!r} is not a field. Available fields: {', '.join(IMPORTED)}, {CUSTOM_PREFIX}<key>."
        for field in mapping.values()
        if field not in IMPORTED and not field.startswith(CUSTOM_PREFIX)
    ]
    if len(set(mapping.values())) < len(mapping):
        problems.append("Two columns cannot map to the same field.")
    if not {"full_name", "first_name"} & {*mapping.values()}:
        problems.append("Map a column to full_name or first_name.")
    if problems:
        raise Invalid(*(FieldError("/mapping", problem) for problem in problems))


def check_start(session: Session, actor: Actor, data: JsonObject, /, *, import_id: UUID) -> None:
    """Check the mapping, the source and the day of the rules.

    Raises Invalid with every error, and NotFound without the import.
    """
    _check(session, actor, _find(session, actor, import_id), data)


def _check(session: Session, actor: Actor, import_: Import, data: JsonObject) -> Mapping[str, str]:
    """Return the mapping. Raises Invalid."""
    mapping: Mapping[str, str] = data.get("mapping") or _guess(session, actor, import_)
    check_all(
        lambda: _check_mapping(import_, mapping),
        lambda: _check_source(session, actor, mapping, data.get("source_id")),
        lambda: _check_rules_from(actor, data),
    )
    return mapping


def _check_rules_from(actor: Actor, data: JsonObject) -> None:
    """Check the day on which the rules begin for the imported leads. Raises Invalid."""
    if (day := data.get("rules_from")) is None:
        return
    if data["runs_rules"]:
        raise Invalid.at("/rules_from", "Leave this out, or set runs_rules to false.")
    if day <= actor.clinic.calendar.local(now()).date():
        raise Invalid.at("/rules_from", "Must be a later day than today.")


def _check_source(session: Session, actor: Actor, mapping: Mapping[str, str], source_id: UUID | None) -> None:
    if source_id is not None:
        require_source(session, actor.clinic.id, source_id)
    elif "source" not in mapping.values():
        raise Invalid.at("/source_id", "Give the source of these leads, or map a column to source.")


def _job(session: Session, actor: Actor, import_: Import, spec: ImportSpec) -> UUID:
    before: AnyRow | None = session.execute(select(Job.state).where(Job.id == import_.job_id)).one_or_none()
    if before and before.state == JobState.RUNNING:
        raise ImportIsRunning
    at = now()
    job = Job(
        id=new_id(),
        clinic_id=actor.clinic.id,
        spec=spec.to_json(),
        state=JobState.RUNNING,
        total=import_.rows,
        created_by=actor.user_id,
        created_at=at,
    )
    session.add(job)
    session.flush()
    session.execute(_ITEMS, {"job": job.id, "import": import_.id})
    plan_chunks(session, actor.clinic.id, job.id, chunks_of(import_.rows), at=at, every=IN_ORDER, once=True)
    return job.id
