"""Write the effects of a batch of steps, with one statement for each table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.context import StepContext
from app.core.db import insert_many, update_many
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.engine.events.events import Event
from app.engine.jobs.process_chunk import process_chunk
from app.engine.outcomes import BaseOutcome, Row
from app.engine.service import add_steps, record
from app.engine.steps.waiting import settled, wake
from app.identity.clinic_context import ClinicContext
from app.leads.models import Lead
from app.leads.timeline.models import Activity
from app.messaging.compose import OriginStep, delivery_steps, insert_notifications
from app.messaging.contact_policy.suppression_list import INVALID_ADDRESS, suppress_addresses
from app.messaging.delivery.write_together import Insert, Update, write_together
from app.messaging.gateways.failure_counts import record_results
from app.messaging.gateways.throttle import count_calls
from app.messaging.models import UNSETTLED, AddressKind, Delivery, Notification
from app.messaging.outages import store as outages
from app.messaging.sending_accounts.usage import add_counts
from app.messaging.tracking.messages import store_tracked
from app.messaging.user_preferences.gone import remove_gone_destinations
from app.messaging.webhooks import results as webhooks
from app.tasks.models import Task
from workers.pipeline.advance_sequences import advance_enrollments
from workers.pipeline.claim import ClaimedStep
from workers.pipeline.enrollments import apply_enrollments
from workers.pipeline.lead_changes import carry_out
from workers.pipeline.recurring import next_steps
from workers.pipeline.waits.missing_gateways import report_missing_gateways


def write(session: Session, decided: Sequence[tuple[StepContext, BaseOutcome]]) -> None:
    """Write all effects in the order that foreign keys need, and plan the follow-up steps."""
    insert_many(session, Task, _gather(decided, "tasks"))
    insert_many(session, Activity, _gather(decided, "activities"))
    insert_notifications(session, _gather(decided, "notifications"))
    store_tracked(session, _gather(decided, "tracked_messages"), _gather(decided, "tracked_links"))
    _update(session, decided)
    if steps := _gather(decided, "steps") + _deliveries(decided) + next_steps(session, decided):
        add_steps(session, steps)
    advance_enrollments(session, decided)
    for clinic, events in _events_by_clinic(decided):
        record(session, clinic, *events)
    carry_out(session, decided)
    apply_enrollments(session, decided)
    report_missing_gateways(session, decided)
    for chunk in _gather(decided, "chunks"):
        process_chunk(session, chunk)


def _deliveries(decided: Iterable[tuple[StepContext, BaseOutcome]]) -> list[Row]:
    """Return the delivery steps for the messages that were written."""
    return [
        delivery
        for context, end in decided
        if end.effects.notifications
        for delivery in delivery_steps(end.effects.notifications, due_at=context.now, origins=_origin(context))
    ]


def _origin(context: StepContext) -> Mapping[UUID, OriginStep]:
    """Return the origin: events that stop the step, its guard and its lateness apply to the delivery too."""
    step = context.step
    origin = {"stop_on": step.stop_on, "guard": step.guard, "lateness": step.lateness}
    return {step.id: {**origin, "params": step.params, "cause": step.cause}}


def _update(session: Session, decided: Sequence[tuple[StepContext, BaseOutcome]]) -> None:
    suggestions, states, delivered = (
        _gather(decided, name) for name in ("lost_suggestions", "notification_states", "delivered")
    )
    suggested = ("lost_suggested_at", "lost_suggested_reason")
    update_many(session, Lead, suggestions, suggested, also="version = t.version + 1")
    since = ("attempts", "handed_over_at", "sent_at", "gateway_id", "account_id")
    write_together(
        session,
        Insert(Delivery, _gather(decided, "deliveries")),
        Update(Notification, states, ("state", "reason", "error"), since),
        Update(Delivery, delivered, ("outcome", "response", "finished_at")),
    )
    _note_messages(session, decided)
    wake(session, [settled(message_id) for message_id in _settled_of_sequences(decided)])
    count_calls(session, _gather(decided, "gateway_minutes"))
    add_counts(session, _gather(decided, "account_counts"))
    record_results(session, _gather(decided, "gateway_results"))
    outages.record_results(session, _gather(decided, "channel_results"))
    webhooks.record_attempts(session, _gather(decided, "webhook_attempts"))
    webhooks.record_results(session, _gather(decided, "webhook_results"))
    remove_gone_destinations(session, _gather(decided, "gone_destinations"))
    for found in _gather(decided, "suppressions"):
        address = (AddressKind(found["kind"]), found["address"])
        suppress_addresses(session, found["clinic_id"], [address], reason=INVALID_ADDRESS)


def _note_messages(session: Session, decided: Iterable[tuple[StepContext, BaseOutcome]]) -> None:
    """Note the messages to leads whose state changes, for live updates."""
    for context, end in decided:
        step = cast("ClaimedStep", context.step)  # the context of a poisoned step has no clinic
        if step.lead_id is not None and end.effects.notification_states:
            changed = [(UUID(str(row["id"])), About(step.lead_id)) for row in end.effects.notification_states]
            note(session, step.clinic_id, LiveKind.MESSAGE_CHANGED, changed)


def _settled_of_sequences(decided: Iterable[tuple[StepContext, BaseOutcome]]) -> Iterator[UUID | str]:
    """Yield the messages that are sent now, or never: the next messages of their sequences wait for them."""
    for context, end in decided:
        for row in end.effects.notification_states:
            if row["state"] not in UNSETTLED and _may_be_of_sequence(context):
                yield row["id"]


def _may_be_of_sequence(context: StepContext) -> bool:
    """Whether the message may belong to a sequence; the context of a poisoned step does not tell."""
    note = context.notification
    return note is None or note.series in context.sequences.by_slug


def _gather(decided: Iterable[tuple[StepContext, BaseOutcome]], name: str) -> list[Any]:
    of = attrgetter(name)
    return [row for _, end in decided for row in of(end.effects)]


def _events_by_clinic(
    decided: Iterable[tuple[StepContext, BaseOutcome]],
) -> Iterable[tuple[ClinicContext, list[Event]]]:
    clinics: dict[UUID, ClinicContext] = {}
    events: dict[UUID, list[Event]] = defaultdict(list)
    for context, end in decided:
        if end.effects.events:
            clinics[context.clinic.id] = context.clinic
            events[context.clinic.id] += end.effects.events
    return [(clinics[clinic_id], found) for clinic_id, found in events.items()]
