"""The start of a simulation with an existing lead: as a new lead, or as it is now."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import texts
from app.automation.sequences.models import Enrollment, EnrollmentState
from app.automation.simulation.lead import as_new
from app.automation.simulation.run import Beginning
from app.automation.simulation.state import Setting, SimulatedEnrollment, SimulatedStep
from app.engine.events.chains import chains_of
from app.engine.models import PENDING, Step
from app.engine.sequences.progression import EnrollmentContext
from app.engine.step_kind import STEP_KINDS
from app.leads.facts.condition_facts import load_facts
from app.leads.search.open_task import IS_OPEN_TASK
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.contact_facts import address_for
from app.messaging.contact_policy.facts import SentMessage
from app.messaging.contact_policy.suppression_list import find_suppressed
from app.messaging.models import CONTACTED_AT, IS_CONTACT
from app.tasks.models import Task

MOST: Final = 500  # tasks, steps and messages each; of messages the latest

_WENT: Final = text(
    f"SELECT {CONTACTED_AT} AS at, series FROM notifications WHERE lead_id = :lead AND {IS_CONTACT}"  # noqa: S608  (ours)
    " ORDER BY id DESC LIMIT :most"
)
_COLUMNS: Final = ("id", "name", "due_at", "params", "cause", "guard", "stop_on", "lateness", "created_at")


def begin_as_new(session: Session, setting: Setting, lead: SimpleNamespace, *, at: datetime) -> Beginning:
    """As if this lead came in then."""
    _look_up(session, lead)
    as_new(lead, stage=setting.first_stage, at=at)
    return Beginning(setting, lead, suppressed=_suppressed(session, setting, lead))


def begin_as_it_is(session: Session, setting: Setting, lead: SimpleNamespace) -> Beginning:
    """With its open tasks, what is planned for it, and what went to it."""
    _look_up(session, lead)
    went = session.execute(_WENT, {"lead": lead.id, "most": MOST})
    tasks = _open_tasks(session, lead)
    return Beginning(
        setting,
        lead,
        is_new=False,
        tasks=tasks,
        chains=chains_of(session, {task["step_id"] for task in tasks if task["step_id"]}),
        steps=_pending_steps(session, lead),
        enrollments=_enrollments(session, lead),
        went=[SentMessage(row.at, row.series) for row in went],
        suppressed=_suppressed(session, setting, lead),
    )


def _look_up(session: Session, lead: SimpleNamespace) -> None:
    """Load the facts that rules may ask and that are not columns of the lead."""
    vars(lead).update(load_facts(session, [lead.id], ("source", "source_category"))[lead.id])


def _open_tasks(session: Session, lead: SimpleNamespace) -> list[Mapping[str, Any]]:
    table = Task.__table__
    of_lead = select(table).where(table.c.lead_id == lead.id, IS_OPEN_TASK).order_by(table.c.due_at).limit(MOST)
    return [dict(row) for row in session.execute(of_lead).mappings()]


def _pending_steps(session: Session, lead: SimpleNamespace) -> list[SimulatedStep]:
    table, kinds = Step.__table__, STEP_KINDS.for_rules()
    of_lead = select(table).where(table.c.lead_id == lead.id, table.c.state.in_(PENDING), table.c.kind.in_(kinds))
    rows = session.execute(of_lead.order_by(table.c.due_at).limit(MOST))
    return [
        SimulatedStep(
            kind=row.kind,
            dedupe_key=row.dedupe_key,
            lead_id=lead.id,
            **{name: getattr(row, name) for name in _COLUMNS},
        )
        for row in rows
    ]


def _enrollments(session: Session, lead: SimpleNamespace) -> list[SimulatedEnrollment]:
    """Those that are over, too: a sequence may ask whether the lead was in it before."""
    of_lead = select(Enrollment.__table__).where(Enrollment.lead_id == lead.id).order_by(Enrollment.id.desc())
    rows = session.execute(of_lead.limit(MOST)).all()
    known = texts(session, rows)
    return [
        SimulatedEnrollment(
            known[row.sequence_id, row.sequence_version],
            EnrollmentContext(row.id, lead.timezone, row.cause),
            enrolled_at=row.enrolled_at,
            label=row.label,
            state=EnrollmentState(row.state),
            step=row.step or "",
            step_id=row.step_id,
            waits_for=row.waits_for_task_id,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


def _suppressed(session: Session, setting: Setting, lead: SimpleNamespace) -> set[str]:
    clinic_id = setting.clinic.id
    known = {
        channel: (clinic_id, (way, address))
        for channel in CHANNELS.names_for_leads()
        if (way := CHANNELS.suppressed_by(channel)) and (address := address_for(lead, channel))
    }
    found = find_suppressed(session, known.values())
    return {channel for channel, address in known.items() if address in found}
