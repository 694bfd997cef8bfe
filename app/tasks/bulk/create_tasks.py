"""Create the follow-ups of a chunk's items: tasks, events, and the result of each item."""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.audit.models import Act
from app.core.db import insert_many
from app.core.type_aliases import JsonDict
from app.engine.events.events import Event
from app.engine.jobs.items import ItemResults, Match, Position, lock_pending, write_results
from app.engine.jobs.kinds import DEFAULT_KIND, JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason
from app.engine.jobs.split import Span
from app.engine.service import record
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import active_users, users_by_id
from app.leads.enums import LeadStatus
from app.leads.events import FACT_COLUMNS, LazyContact, lead_created
from app.leads.facts.template_values import TEMPLATE_COLUMNS, display_names
from app.tasks.bulk.assignees import choose_strategy
from app.tasks.bulk.new_leads import NO_LEADS, capture_leads
from app.tasks.bulk.spec import Spec
from app.tasks.bulk.work import Work
from app.tasks.lifecycle.assignment_notices import notify_of_many
from app.tasks.models import Task
from app.tasks.rows import task_created, task_row

REASON_BY_STATUS: Final[Mapping[str, ItemReason]] = {
    LeadStatus.CONVERTED: ItemReason.LEAD_IS_LOCKED,
    LeadStatus.LOST: ItemReason.LEAD_IS_CLOSED,
    LeadStatus.ARCHIVED: ItemReason.LEAD_IS_CLOSED,
}

# Columns for a lead's facts and for the decision about its follow-up. Rows are read into named tuples, because
# reading the columns of a thousand SQLAlchemy rows takes as long as fetching them.
_COLUMNS: Final = tuple(dict.fromkeys(("id", *FACT_COLUMNS, *TEMPLATE_COLUMNS, "restricted_at", "sealed")))
_Columns: Any = namedtuple("_Columns", ("position", *_COLUMNS))  # type: ignore[misc]  # noqa: PYI024  (the query names the fields)


class _Known(_Columns, LazyContact):
    __slots__ = ()


_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id"
    " WHERE i.job_id = :job AND i.position BETWEEN :first AND :last AND i.status = 'pending' AND i.lead_sealed IS NULL"
    " AND l.clinic_id = :clinic AND l.deleted_at IS NULL"
    " AND (CAST(:owners AS uuid[]) IS NULL OR l.assigned_to_id = ANY(CAST(:owners AS uuid[])))"
)
_TAKE: Final = text(
    f"SELECT position, {', '.join(f'l.{name}' for name in _COLUMNS)} {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED"
)
_TASKS_BY_USER: Final = text(
    "SELECT t.assigned_to_id, count(DISTINCT t.id) FROM job_items i JOIN lead_tasks t ON t.id = i.task_id"
    " WHERE i.job_id = :job AND t.assigned_to_id IS NOT NULL GROUP BY 1"
)
_WHICH_EXIST: Final = text(f"SELECT position {_WANTED}")


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Read the settings that all items of a chunk share. Return the function that creates their follow-ups."""
    spec, staff = Spec.from_json(job.spec), active_users(session, clinic.id)
    names = display_names(session, clinic)
    work = Work(job.id, job.created_by, clinic, spec, staff, choose_strategy(spec, staff), names)
    return partial(make_follow_ups, work=work)


def make_follow_ups(session: Session, span: Span, *, work: Work) -> ItemResults:
    """Create the tasks of the span's pending items. Return and store the result of each item."""
    at, ends = clock.now(), ItemResults()
    items = lock_pending(session, work.job_id, span)
    known = _known_leads(session, work, span, ends, wanted={item.position for item in items if item.lead is None})
    given = {item.position: item.lead for item in items if item.lead is not None}
    new = capture_leads(session, work, given, ends, at=at) if given else NO_LEADS
    events = [lead_created(lead, at) for lead in new.created.values()] + new.events
    events += _tasks(session, work, {**known, **new.created, **new.updated}, ends, at=at, matches=new.matches)
    record(session, work.clinic, *events, of_many=True)
    write_results(session, work.job_id, ends)
    return ends


def _known_leads(
    session: Session, work: Work, span: Span, ends: ItemResults, *, wanted: set[Position]
) -> dict[Position, Any]:
    """Lock the existing leads that are not locked by others. Mark the other items as busy or unknown."""
    if not wanted:
        return {}
    owners = None if work.spec.lead_owners is None else list(work.spec.lead_owners)
    query = {"job": work.job_id, "first": span.first, "last": span.last, "clinic": work.clinic.id, "owners": owners}
    taken = {row[0]: _Known(*row) for row in session.execute(_TAKE, query).all()}
    if missing := wanted - taken.keys():
        busy = missing & set(session.scalars(_WHICH_EXIST, query))
        ends.left += busy
        for place in missing - busy:
            ends.fail(place, ItemReason.UNKNOWN_LEAD)
    return taken


def _tasks(
    session: Session,
    work: Work,
    leads: Mapping[Position, Any],
    ends: ItemResults,
    *,
    at: datetime,
    matches: Mapping[Position, UUID],
) -> Sequence[Event]:
    tasks: list[JsonDict] = []
    events: list[Event] = []
    made: dict[UUID, UUID] = {}  # the task of each lead: a person who is listed twice gets one
    for place, lead in leads.items():
        match = Match(matches.get(place))
        reason = ItemReason.UPDATED if lead.id == match.lead_id else None
        if reason and lead.id in made:
            ends.succeed(place, lead_id=lead.id, task_id=made[lead.id], reason=reason, match=match)
            continue
        user_id = work.assign(place, lead)
        if refusal := refusal_of(lead, user_id):
            ends.fail(place, refusal, match=match)
            continue
        task = _task(work, place, lead, user_id=user_id, at=at)
        tasks.append(task)
        events.append(task_created(task, lead))
        made[lead.id] = task["id"]
        ends.succeed(place, lead_id=lead.id, task_id=task["id"], reason=reason, match=match)
    insert_many(session, Task, tasks)
    audit_log.note_change(session, "task", [task["id"] for task in tasks], act=Act.CREATE, after=dict(work.spec.task))
    return events


def refusal_of(lead: Any, user_id: UUID | None) -> ItemReason | None:
    """Return why the lead gets no task, if it gets none. `user_id`: the user who would get it."""
    if lead.restricted_at:
        return ItemReason.LEAD_IS_RESTRICTED
    return REASON_BY_STATUS.get(lead.status) or (None if user_id else ItemReason.NOBODY_TO_ASSIGN)


def _task(work: Work, place: Position, lead: Any, *, user_id: UUID | None, at: datetime) -> JsonDict:
    return task_row(
        work.clinic.id,
        lead.id,
        at=at,
        **{**work.spec.task, **work.words_for(lead)._asdict()},
        assigned_to_id=user_id,
        due_at=work.spec.due_at_place(place),
        created_by=work.created_by,
    )


def notify_assignees_of_job(session: Session, job: JobRow, clinic: ClinicContext) -> None:
    """Send each user one notice of the tasks that the job gave them."""
    numbers = {row[0]: row[1] for row in session.execute(_TASKS_BY_USER, {"job": job.id})}
    names = [user.name for user in users_by_id(session, clinic.id, [job.created_by]).values()]
    notify_of_many(session, clinic, numbers, by=(job.created_by, names[0] if names else clinic.name))


KIND: Final = JobKind(DEFAULT_KIND, work_on, end=notify_assignees_of_job)
