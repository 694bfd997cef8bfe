"""Leads whose rules wait: they were imported without follow-ups.

No rule and no sweep plans a follow-up for them. The wait ends when something happens to the lead (`end_waits`), when a
user begins the follow-ups, or on a date that the import sets. The last two are like the creation of the lead: rules on
`lead.created` run.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event
from app.engine.service import occasions_of, record
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.clinics import load_contexts
from app.leads.enums import OPEN_STATUSES
from app.leads.events import lead_created
from app.leads.models import Lead
from app.leads.search.lookup import get_lead, visible_to
from app.security.encrypted_fields import decrypt_rows

BATCH: Final = 500
MOST_AT_ONCE: Final = 1000  # leads of one request
COLUMNS: Final = ("rules_wait_since", "rules_wait_until")

_END: Final = text(
    "UPDATE leads SET rules_wait_since = NULL, rules_wait_until = NULL"
    " WHERE id = ANY(:ids) AND rules_wait_since IS NOT NULL RETURNING id"
)
_DUE: Final = text(
    "WITH due AS (SELECT id FROM leads WHERE rules_wait_until <= :now ORDER BY rules_wait_until LIMIT :batch"
    " FOR NO KEY UPDATE SKIP LOCKED)"
    " UPDATE leads AS l SET rules_wait_since = NULL, rules_wait_until = NULL FROM due WHERE l.id = due.id RETURNING l.*"
)


def end_waits(session: Session, _: ClinicContext, events: Sequence[Event]) -> None:
    """End the wait of the leads to which something happened. Steps of the engine run no query."""
    if ids := occasions_of(event for event in events if event.chain.root is None):
        for lead_id in session.scalars(_END, {"ids": sorted(ids)}):
            _forget_wait(session, lead_id)


def _forget_wait(session: Session, lead_id: UUID) -> None:
    """Update the lead if the session has loaded it."""
    if lead := session.identity_map.get(session.identity_key(Lead, lead_id)):
        for name in COLUMNS:
            set_committed_value(lead, name, None)


def begin(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """Begin the follow-ups of a lead whose rules wait. Does nothing if they do not. Raises NotFound."""
    lead = get_lead(session, actor, lead_id, lock=True)
    _begin(session, actor, [lead])
    return lead


def begin_many(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Begin the follow-ups of the leads in `data["lead_ids"]`. Return the numbers of leads begun and left alone.

    Leads that do not wait, and leads that the actor may not see, are left alone.
    """
    wanted = select(Lead).where(Lead.id.in_(data["lead_ids"]), *visible_to(actor), Lead.rules_wait_since.is_not(None))
    leads = session.scalars(wanted.order_by(Lead.id).with_for_update(key_share=True)).all()
    _begin(session, actor, leads)
    return {"begun": len(leads), "left": len({*data["lead_ids"]}) - len(leads)}


def _begin(session: Session, actor: Actor, leads: Iterable[Lead]) -> None:
    waiting = [lead for lead in leads if lead.rules_wait_since is not None]
    for lead in waiting:
        lead.rules_wait_since = lead.rules_wait_until = None
    session.flush()
    audit_log.note_change(
        session, "lead", [one.id for one in waiting], act=Act.UPDATE, after={"rules_wait_since": None}
    )
    _record(session, actor.clinic, waiting)


def begin_due(session: Session) -> int:
    """Begin the follow-ups of the next leads whose date has come. Returns their number."""
    leads = decrypt_rows(Lead, session.execute(_DUE, {"now": now(), "batch": BATCH}))
    for clinic_id, clinic in load_contexts(session, {lead.clinic_id for lead in leads}).items():
        _record(session, clinic, [lead for lead in leads if lead.clinic_id == clinic_id])
    return len(leads)


def _record(session: Session, clinic: ClinicContext, leads: Iterable[Any]) -> None:
    at = now()
    record(
        session,
        clinic,
        *(lead_created(lead, at) for lead in leads if lead.status in OPEN_STATUSES and lead.deleted_at is None),
        of_many=True,
    )
