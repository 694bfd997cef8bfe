"""Common updates of a lead: version, last activity, status and stage."""

from datetime import datetime
from types import SimpleNamespace
from typing import TypeAlias

from sqlalchemy.orm import Session

from app.core.ports import Listeners
from app.engine.events.events import Event, EventName
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.leads.enums import LeadStatus
from app.leads.events import lead_event
from app.leads.models import Lead
from app.leads.pipeline.rotting import update_rotting_date
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import ActivityType, CountsAs

WritableLead: TypeAlias = Lead | SimpleNamespace  # the simulation's lead is a namespace with the columns of `Lead`

# Called in the same transaction when a lead enters a stage.
stage_entered: Listeners[[Session, ClinicContext, Lead, datetime]] = Listeners("stage_entered")
# Called in the same transaction when a stage tells that a user has been in contact with the lead.
contact_told: Listeners[[Session, Actor, Lead, datetime]] = Listeners("contact_told")


def mark_updated(lead: WritableLead, actor: Actor, at: datetime) -> None:
    """Set the lead's author and time of update, and increment its version."""
    lead.updated_at = at
    lead.updated_by = actor.user_id
    lead.version += 1


def mark_activity(lead: WritableLead, at: datetime) -> None:
    """Set the lead's last activity and clear the stale flag, unless a later activity is known."""
    if at >= lead.last_activity_at:
        lead.last_activity_at = at
        lead.stale_since = None


def mark_active(lead: WritableLead) -> None:
    """Change the status from NEW to ACTIVE, after a contact attempt."""
    if lead.status == LeadStatus.NEW:
        lead.status = LeadStatus.ACTIVE


def save_stage_change(
    session: Session, actor: Actor, lead: Lead, moved: Event, *, counts_as: CountsAs | None = None
) -> None:
    """Write the rotting date and the timeline entry of a stage change (`moved`: its event), and call the listeners."""
    at, about = moved.occurred_at, moved.facts["event"]
    update_rotting_date(session, actor.clinic, lead)
    stages = {"previous_stage": about["previous_stage"], "new_stage": about["stage"]}
    write_entry(session, actor, lead, type=ActivityType.STAGE_CHANGE, at=at, counts_as=counts_as, **stages)
    stage_entered(session, actor.clinic, lead, at)


def note_contact(lead: WritableLead, at: datetime) -> None:
    """Set the times of the last contact and of the first one, and forget the attempts before it."""
    lead.contacted_at = max(lead.contacted_at, at) if lead.contacted_at else at
    lead.first_contact_at = min(lead.first_contact_at or at, at)
    lead.failed_attempts = 0
    lead.lost_suggested_at = lead.lost_suggested_reason = None


def set_stage(lead: WritableLead, stage: str, *, at: datetime) -> Event:
    """Set the lead's stage fields. Returns the event, which the caller records. Call `mark_updated` first."""
    previous = lead.pipeline_stage
    spent = seconds_by_stage(lead)
    spent[previous] = spent.get(previous, 0.0) + max((at - lead.stage_entered_at).total_seconds(), 0.0)
    lead.past_stages, lead.past_stage_seconds = list(spent), list(spent.values())
    lead.pipeline_stage = stage
    lead.stage_entered_at = at
    lead.stage_overdue_since = None
    mark_active(lead)
    mark_activity(lead, at)
    return lead_event(EventName.LEAD_STAGE_CHANGED, lead, at, about={"previous_stage": previous, "stage": stage})


def seconds_by_stage(lead: WritableLead) -> dict[str, float]:
    """Return the time in each stage that the lead has left, all stays together, in the order of `past_stages`."""
    return dict(zip(lead.past_stages or (), lead.past_stage_seconds or (), strict=True))
