"""The start of a simulation with an existing lead: as a new lead, or as it is now."""

from datetime import datetime
from types import SimpleNamespace
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import sequence_texts
from app.automation.sequences.models import Enrollment, EnrollmentState
from app.automation.simulation.lead import reset_history
from app.automation.simulation.run import StartState
from app.automation.simulation.state import Setting, SimulatedEnrollment, SimulatedStep
from app.core.type_aliases import JsonObject
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

MAX_ROWS: Final = 500  # tasks, steps and messages each; the latest messages

_CONTACTS: Final = text(
    f"SELECT {CONTACTED_AT} AS at, series FROM notifications WHERE lead_id = :lead AND {IS_CONTACT}"  # noqa: S608  (ours)
    " ORDER BY id DESC LIMIT :most"
)
_COLUMNS: Final = ("id", "name", "due_at", "params", "cause", "guard", "stop_on", "lateness", "created_at")


def start_as_new(session: Session, setting: Setting, lead: SimpleNamespace, *, at: datetime) -> StartState:
    """Return the initial state with the lead as if it were created at that time."""
    _load_source(session, lead)
    reset_history(lead, stage=setting.first_stage, at=at)
    return StartState(setting, lead, suppressed=_suppressed(session, setting, lead))


def start_as_is(session: Session, setting: Setting, lead: SimpleNamespace) -> StartState:
    """Return the initial state with the lead's open tasks, pending steps, enrollments and sent messages."""
    _load_source(session, lead)
    contacts = session.execute(_CONTACTS, {"lead": lead.id, "most": MAX_ROWS})
    tasks = _open_tasks(session, lead)
    return StartState(
        setting,
        lead,
        is_new=False,
        tasks=tasks,
        chains=chains_of(session, {task["step_id"] for task in tasks if task["step_id"]}),
        steps=_pending_steps(session, lead),
        enrollments=_enrollments(session, lead),
        contacts=[SentMessage(row.at, row.series) for row in contacts],
        suppressed=_suppressed(session, setting, lead),
    )


def _load_source(session: Session, lead: SimpleNamespace) -> None:
    """Load the lead's source, which rules may use and which is no column of the lead."""
    vars(lead).update(load_facts(session, [lead.id], ("source", "source_category"))[lead.id])


def _open_tasks(session: Session, lead: SimpleNamespace) -> list[JsonObject]:
    table = Task.__table__
    of_lead = select(table).where(table.c.lead_id == lead.id, IS_OPEN_TASK).order_by(table.c.due_at).limit(MAX_ROWS)
    return [dict(row) for row in session.execute(of_lead).mappings()]


def _pending_steps(session: Session, lead: SimpleNamespace) -> list[SimulatedStep]:
    table, kinds = Step.__table__, STEP_KINDS.for_rules()
    of_lead = select(table).where(table.c.lead_id == lead.id, table.c.state.in_(PENDING), table.c.kind.in_(kinds))
    rows = session.execute(of_lead.order_by(table.c.due_at).limit(MAX_ROWS))
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
    """Return all enrollments, ended ones included, because re-entry rules depend on them."""
    of_lead = select(Enrollment.__table__).where(Enrollment.lead_id == lead.id).order_by(Enrollment.id.desc())
    rows = session.execute(of_lead.limit(MAX_ROWS)).all()
    known = sequence_texts(session, rows)
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
