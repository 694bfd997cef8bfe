"""New leads of a bulk follow-up: create them, and handle those whose person exists as `on_duplicate` says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.engine.events.events import Event
from app.engine.jobs.items import ItemResults, Match, Position
from app.engine.jobs.models import ItemReason
from app.leads.capture.bulk.known_people import match_rows, update_leads
from app.leads.capture.bulk.new_leads import insert_leads, load_capture_context, read_new_leads
from app.leads.duplicates.known_leads import lock_capture
from app.leads.enums import OnDuplicate
from app.tasks.bulk.work import Work


class CapturedLeads(NamedTuple):
    """Leads that get a follow-up, by item; the lead that each item matched; events of updates."""

    created: Mapping[Position, Any]
    updated: Mapping[Position, Any]
    matches: Mapping[Position, UUID]
    events: list[Event]


NO_LEADS: Final = CapturedLeads({}, {}, {}, [])


def capture_leads(
    session: Session, work: Work, given: Mapping[Position, JsonObject], ends: ItemResults, *, at: datetime
) -> CapturedLeads:
    """Create or update leads. Add the results of items without a follow-up to `ends`."""
    into = load_capture_context(session, work.clinic, work.staff, by=work.created_by, may_assign=work.spec.may_assign)
    rows, mistakes = read_new_leads(given.items(), into, at=at)
    for place, words in mistakes.items():
        ends.fail(place, ItemReason.INVALID, words)
    policy = work.spec.on_duplicate
    creates_all = policy is OnDuplicate.CREATE
    if not creates_all:
        lock_capture(session, work.clinic.id)
    matches = match_rows(session, work.clinic.id, rows, creates_all=creates_all)
    new = {place: row for place, row in rows.items() if creates_all or place not in matches}
    insert_leads(session, into, list(new.values()), at=at)
    created = {place: row.to_object() for place, row in new.items()}
    if policy is not OnDuplicate.UPDATE:
        for place in matches.keys() - new.keys():
            _leave(ends, place, matches[place], policy)
        return CapturedLeads(created, {}, matches, [])
    updated = update_leads(session, into.actor, matches, given)
    ends.left += updated.busy
    for place, words in updated.errors.items():
        ends.fail(place, ItemReason.INVALID, words, match=Match(matches[place]))
    return CapturedLeads(created, updated.leads, matches, updated.events)


def _leave(ends: ItemResults, place: Position, lead_id: UUID, policy: OnDuplicate) -> None:
    if policy is OnDuplicate.REFUSE:
        ends.fail(place, ItemReason.DUPLICATE_LEAD, match=Match(lead_id))
    else:
        ends.succeed(place, lead_id=lead_id, reason=ItemReason.SKIPPED, match=Match(lead_id))
