"""Merge of two leads that are the same person. The history of both is kept."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.clock import now
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.engine.steps.cancel import cancel_stopped_steps, move_steps
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.activities.attempts import attempts_since_response
from app.leads.duplicates.merge_fields import fill_missing_fields, merge_contact_facts
from app.leads.enums import OPEN_STATUSES
from app.leads.errors import LeadIsClosed
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.personal_data.columns import Rows
from app.leads.personal_data.tables import tables_merged_as
from app.leads.pipeline.lead_state import mark_activity, mark_updated, save_stage_change, set_stage
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.pipeline.stages import after_contact, can_move, stages_of
from app.leads.search.lookup import get_lead, require_unlocked, visible_to
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType, CountsAs

MOVED_TABLES: Final = tables_merged_as(Rows.MOVED)
_MOVES: Final = [text(f"UPDATE {table} SET lead_id = :survivor WHERE lead_id = :duplicate") for table in MOVED_TABLES]  # noqa: S608
_MERGED_EARLIER: Final = text("UPDATE leads SET merged_into_id = :survivor WHERE merged_into_id = :duplicate")


# Called in the same transaction before a merge: the lead was not contacted, and the other one was.
contact_merged: Listeners[[Session, Actor, Lead, datetime]] = Listeners("contact_merged")
# Called in the same transaction when the rows of the duplicate, the second lead, have moved to the survivor.
rows_moved: Listeners[[Session, Lead, Lead]] = Listeners("rows_moved")

_OWN_LEAD: Final = "Not a lead of your clinic."


def merge(session: Session, actor: Actor, lead_id: UUID, *, duplicate_id: UUID) -> Lead:
    """Merge the duplicate into the lead: move its rows, and fill the lead's empty fields from it.

    Raises NotFound, LeadWasMerged, LeadIsLocked, LeadIsClosed (when an open lead would merge into a closed one),
    Invalid.
    """
    _require_other(lead_id, duplicate_id)
    survivor, duplicate = _lock_both(session, actor, lead_id, duplicate_id)
    has_opted_out = survivor.opted_out_at is not None
    _end_first_contact(session, actor, survivor, duplicate)
    _move_rows(session, survivor, duplicate)
    _delete_duplicate(session, actor, duplicate, survivor)
    fill_missing_fields(survivor, duplicate)
    merge_contact_facts(survivor, duplicate)
    survivor.failed_attempts = attempts_since_response(session, survivor)
    return _record_merge(session, actor, survivor, duplicate, has_opted_out=has_opted_out)


def check_duplicate(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID) -> None:
    """Check that the duplicate is another lead of the clinic. Raises Invalid."""
    _require_other(lead_id, data["lead_id"])
    if not session.scalar(select(Lead.id).where(Lead.id == data["lead_id"], *visible_to(actor))):
        raise Invalid.at("/lead_id", _OWN_LEAD)


def _require_other(lead_id: UUID, duplicate_id: UUID) -> None:
    if lead_id == duplicate_id:
        raise Invalid.at("/lead_id", "A lead cannot be a duplicate of itself.")


def _lock_both(session: Session, actor: Actor, lead_id: UUID, duplicate_id: UUID) -> tuple[Lead, Lead]:
    """Lock both leads in the order of their ids, to avoid deadlocks."""
    both = select(Lead).where(Lead.id.in_((lead_id, duplicate_id)), *visible_to(actor)).order_by(Lead.id)
    locked = both.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = {lead.id: lead for lead in session.scalars(locked)}
    survivor = found.get(lead_id) or get_lead(session, actor, lead_id)  # raises the reason
    if duplicate_id not in found:
        raise Invalid.at("/lead_id", _OWN_LEAD)
    duplicate = found[duplicate_id]
    for lead in (survivor, duplicate):
        require_unlocked(lead)
    if survivor.status not in OPEN_STATUSES and duplicate.status in OPEN_STATUSES:
        raise LeadIsClosed
    return survivor, duplicate


def _end_first_contact(session: Session, actor: Actor, survivor: Lead, duplicate: Lead) -> None:
    """If only one of the leads was contacted, end what asks for contact with the other one: they are one person."""
    waiting = [lead for lead in (survivor, duplicate) if lead.contacted_at is None]
    if len(waiting) == 1:
        at = now()
        cancel_stopped_steps(session, [lead_event(EventName.LEAD_CONTACTED, waiting[0], at)])
        contact_merged(session, actor, waiting[0], at)


def _move_after_contact(session: Session, actor: Actor, survivor: Lead) -> list[Event]:
    """Move the lead to the stage `contacted` if it is before it, and a user was in contact with either lead."""
    if survivor.contacted_at is None or survivor.status not in OPEN_STATUSES:
        return []
    stages = stages_of(session, survivor)
    stage = after_contact(stages, survivor, survivor.pipeline_stage)
    if not can_move(stages, survivor.pipeline_stage, stage):
        return []
    moved = set_stage(survivor, stage, at=now())
    save_stage_change(session, actor, survivor, moved, counts_as=CountsAs.FOLLOWS)
    return [moved]


def _move_rows(session: Session, survivor: Lead, duplicate: Lead) -> None:
    leads = {"survivor": survivor.id, "duplicate": duplicate.id}
    # Steps first: handlers of late provider responses lock the step, then its message.
    move_steps(session, survivor=survivor.id, duplicate=duplicate.id)
    for statement in (*_MOVES, _MERGED_EARLIER):
        session.execute(statement, leads)
    rows_moved(session, survivor, duplicate)


def _delete_duplicate(session: Session, actor: Actor, duplicate: Lead, survivor: Lead) -> None:
    """Mark the duplicate as merged and deleted. Move its external id, unless the survivor has one."""
    at = now()
    duplicate.merged_into_id, duplicate.deleted_at = survivor.id, at
    external = duplicate.external_source, duplicate.external_id
    if survivor.external_id is None:
        duplicate.external_source = duplicate.external_id = None
    mark_updated(duplicate, actor, at)
    session.flush()  # before the survivor gets the external id, which is unique
    if survivor.external_id is None:
        survivor.external_source, survivor.external_id = external


def _record_merge(session: Session, actor: Actor, survivor: Lead, duplicate: Lead, *, has_opted_out: bool) -> Lead:
    at = now()
    mark_updated(survivor, actor, at)
    mark_activity(survivor, at)
    update_rotting_date(session, actor.clinic, survivor)
    notes = f"Merged with a duplicate, {duplicate.id}."
    write_entry(session, actor, survivor, type=ActivityType.NOTE, at=at, notes=notes)
    moved = _move_after_contact(session, actor, survivor)
    merged = lead_event(EventName.LEAD_MERGED, survivor, at, about={"merged_lead_id": str(duplicate.id)})
    opted_out = _opt_out_events(session, survivor, at, has_opted_out=has_opted_out)
    record(session, actor.clinic, merged, *moved, *opted_out)
    return survivor


def _opt_out_events(session: Session, survivor: Lead, at: datetime, *, has_opted_out: bool) -> list[Event]:
    """Stop pending steps if either lead opted out. Return the event only if the survivor had not opted out."""
    if survivor.opted_out_at is None:
        return []
    opted_out = lead_event(EventName.LEAD_OPTED_OUT, survivor, at)
    if not has_opted_out:
        return [opted_out]
    cancel_stopped_steps(session, [opted_out])
    return []
