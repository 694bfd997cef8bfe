"""Custom events, reported by integrators for automation rules."""

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.service import record
from app.identity.actor import Actor
from app.leads.events import lead_event
from app.leads.pipeline.lead_state import mark_updated
from app.leads.search.lookup import lock_editable_lead


def record_custom_event(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Record a custom event from `data` (fields of EventIn). Rules evaluate it as of `occurred_at`.

    Returns id, name, lead_id and occurred_at. Raises NotFound, LeadIsLocked.
    """
    lead = lock_editable_lead(session, actor, data["lead_id"])
    mark_updated(lead, actor, at := now())
    about = {f"data.{key}": value for key, value in data["data"].items()}
    event = lead_event(data["name"], lead, data.get("occurred_at", at), about=about, key=data.get("key"))
    record(session, actor.clinic, event)
    return {"id": event.id, "name": event.name, "lead_id": lead.id, "occurred_at": event.occurred_at}
