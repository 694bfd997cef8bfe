"""The start of a simulation with an existing lead: as a new lead, or as it is now."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import sequence_texts
from app.automation.sequences.models import Enrollment
from app.automation.simulation.lead import reset_history
from app.automation.simulation.world import Setting, World
from app.core.type_aliases import ColumnDict
from app.engine.events.chains import chains_of
from app.engine.models import PENDING, Step
from app.engine.step_kind import STEP_KINDS
from app.leads.facts.condition_facts import load_facts
from app.leads.search.open_task import IS_OPEN_TASK
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy.gate_input import SentMessage
from app.messaging.contact_policy.load_facts import address_for, last_inbound
from app.messaging.contact_policy.suppression_list import find_suppressed
from app.messaging.models import CONTACTED_AT, IS_CONTACT
from app.tasks.escalations import open_escalations
from app.tasks.models import Task

_NO_COLUMNS: Final = ("source", "source_category", "best_hours")
MAX_ROWS: Final = 500  # tasks, steps and messages each; the latest messages

_CONTACTS: Final = text(
    f"SELECT {CONTACTED_AT} AS at, series FROM notifications WHERE lead_id = :lead AND {IS_CONTACT}"  # noqa: S608  (ours)
    " ORDER BY id DESC LIMIT :most"
)


def start_as_new(session: Session, setting: Setting, lead: SimpleNamespace, *, at: datetime) -> World:
    """Return the world with the lead as if it were created at that time."""
    _load_source(session, lead)
    reset_history(lead, stage=setting.first_stage, at=at)
    return World(setting, lead, now=at, suppressed=_suppressed(session, setting, lead))


def start_as_is(session: Session, setting: Setting, lead: SimpleNamespace, *, at: datetime) -> World:
    """Return the world with the lead's open tasks, pending steps, enrollments and sent messages."""
    _load_source(session, lead)
    world = World(setting, lead, now=at, suppressed=_suppressed(session, setting, lead))
    world.contacts += [SentMessage(*row) for row in session.execute(_CONTACTS, {"lead": lead.id, "most": MAX_ROWS})]
    asked = {(lead.id, channel) for channel in CHANNELS.names_with_session()}
    world.last_inbound |= {channel: at for (_, channel), at in last_inbound(session, asked).items()}
    world.enrollments += _enrollments(session, lead)
    tasks = _rows(session, Task.__table__, Task.lead_id == lead.id, IS_OPEN_TASK)
    world.chains |= chains_of(session, {task["step_id"] for task in tasks if task["step_id"]})
    for task in tasks:
        world.add_task(task)
    world.escalations |= set(open_escalations(session, [lead.id]).values())
    of_rules = (Step.state.in_(PENDING), Step.kind.in_(STEP_KINDS.for_rules()))
    for step in _rows(session, Step.__table__, Step.lead_id == lead.id, *of_rules):
        world.add_step(step)
    return world


def _load_source(session: Session, lead: SimpleNamespace) -> None:
    """Load the lead's source and best hours, which rules may use and which are no columns of the lead."""
    vars(lead).update({"best_hours": []}, **load_facts(session, [lead.id], _NO_COLUMNS)[lead.id])


def _rows(session: Session, table: Any, *conditions: Any) -> list[ColumnDict]:
    """Return the rows of tasks or steps that are due first."""
    due_first = select(table).where(*conditions).order_by(table.c.due_at).limit(MAX_ROWS)
    return [dict(row) for row in session.execute(due_first).mappings()]


def _enrollments(session: Session, lead: SimpleNamespace) -> list[SimpleNamespace]:
    """Return all enrollments, ended ones included, because re-entry rules depend on them."""
    of_lead = select(Enrollment.__table__).where(Enrollment.lead_id == lead.id).order_by(Enrollment.id.desc())
    rows = session.execute(of_lead.limit(MAX_ROWS)).all()
    known = sequence_texts(session, rows)
    return [SimpleNamespace(**row._mapping, text=known[row.sequence_id, row.sequence_version]) for row in rows]  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


def _suppressed(session: Session, setting: Setting, lead: SimpleNamespace) -> set[str]:
    clinic_id = setting.clinic.id
    known = {
        channel: (clinic_id, (way, address))
        for channel in CHANNELS.names_for_leads()
        if (way := CHANNELS.suppressed_by(channel)) and (address := address_for(lead, channel))
    }
    found = find_suppressed(session, known.values())
    return {channel for channel, address in known.items() if address in found}
