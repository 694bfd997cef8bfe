"""Lead responses with the next follow-up and embedded objects (`expand`), and the names of leads in other lists."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import false, select, true
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.http.schemas.expand import expand_rows
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.permissions import Permission
from app.leads.attribution.models import LeadSource
from app.leads.models import LEGAL_HOLD, Lead
from app.leads.privacy.legal_holds import with_legal_holds
from app.leads.search.listing import LeadPart
from app.leads.search.lookup import visible_to
from app.leads.search.next_follow_up import NEXT_FOLLOW_UP_FIELDS, with_next_follow_ups
from app.security.encrypted_fields import encrypted_fields_of

USER_COLUMNS: Final = select(User.id, User.name)
_PARTS: Final[Mapping[str, tuple[str, object]]] = {
    LeadPart.ASSIGNED_TO: ("assigned_to_id", USER_COLUMNS),
    LeadPart.SOURCE: ("source_id", select(LeadSource.id, LeadSource.name, LeadSource.category)),
}


def lead_responses(session: Session, leads: Sequence[Any], query: JsonObject) -> Sequence[JsonDict]:
    """Return lead rows as responses, with the embedded objects (`expand`) and fields that `query` selects."""
    rows: Sequence[JsonDict] = expand_rows(
        session, map(vars, leads), {part: _PARTS[part] for part in query.get("expand", ())}
    )
    chosen = {*query["chosen"].split(",")} if "chosen" in query else None
    if chosen is None or LEGAL_HOLD in chosen:
        rows = with_legal_holds(session, rows)
    if chosen is None or not NEXT_FOLLOW_UP_FIELDS.isdisjoint(chosen):
        rows = with_next_follow_ups(session, rows)
    return rows


def with_lead_names(session: Session, actor: Actor, rows: Iterable[ColumnValues]) -> list[JsonDict]:
    """Return the rows with `lead_name`, read with one query. The name of a lead that the actor may not see is None."""
    is_reader = true() if actor.allows(Permission.LEAD_READ) else false()
    seen = (is_reader, *visible_to(actor.within(Permission.LEAD_READ)))
    names = select(Lead.id, Lead.first_name, Lead.last_name).where(*seen)
    shown = expand_rows(session, rows, {"_lead": ("lead_id", names)})
    for row in shown:
        lead = row.pop("_lead")
        row["lead_name"] = lead and f"{lead['first_name']} {lead['last_name']}"
    audit_log.note_read(session, "lead", {row["lead_id"] for row in shown if row["lead_name"]})
    return shown


def lead_response(session: Session, lead: Lead) -> JsonDict:
    """Return a lead that was just changed, with the same fields as `GET /api/leads/{id}`."""
    session.flush()
    row = {name: getattr(lead, name) for name in (*Lead.__table__.columns.keys(), *encrypted_fields_of(Lead))}
    return with_legal_holds(session, with_next_follow_ups(session, [row]))[0]
