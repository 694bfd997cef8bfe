"""A message as it would be written, for a lead or for somebody made up. Nothing is."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.validation.language_tags import in_order
from app.core.validation.mistakes import one_of
from app.errors import FieldError, Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.assignment.coordinators import colleagues, coordinator_of
from app.leads.custom_fields.values import definitions_of
from app.leads.facts.merge_fields import names_of, said_of
from app.leads.lookup import read_lead
from app.messaging.channels.base import Channel
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.render import InvalidTemplate, MessageTooLong, Wording
from app.messaging.rendering.samples import sample_values
from app.messaging.rendering.variables import OWN, VARIABLES, Values, message_values
from app.messaging.rendering.variants import Variant, choose, name_of, ways

OF_THE_LEAD: Final = ("lead", "patient", "coordinator", OWN)  # the rest comes with what sets a message off


def preview(session: Session, actor: Actor, variants: Sequence[Variant], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `MessagePreviewOut` shows, for what `MessagePreviewIn` read. Raises Forbidden, NotFound, Invalid."""
    lead = lead_for(session, actor, asked["lead_id"])
    values = _values(session, actor, lead, asked["values"])
    languages = in_order(asked["language"] or (lead.language if lead else None), actor.clinic.language)
    variant = choose(variants, asked["channel"], languages)
    message, missing = written(CHANNELS[asked["channel"]], variant.wording, values)
    return {
        "variant": variant.name,
        "looked_for": _looked_for(variant, asked["channel"], languages),
        "subject": message.subject or None,
        "body": message.body,
        "media": variant.media and variant.media._asdict(),
        "missing": missing,
    }


def lead_for(session: Session, actor: Actor, lead_id: UUID | None) -> Any:
    """The lead that somebody wants to see words for, if they may see it. Raises Forbidden, NotFound, LeadWasMerged."""
    if lead_id is None:
        return None
    if not actor.allows(Permission.LEAD_READ):
        raise Forbidden("Your role does not allow looking at leads.")
    return read_lead(session, actor.within(Permission.LEAD_READ), lead_id)


def written(channel: Channel, wording: Wording, values: Values) -> tuple[Wording, list[str]]:
    """The message on a channel, with fields that have no value by their names, and which those are. Raises Invalid."""
    missing: dict[str, None] = {}

    def gap(field: str) -> str:
        missing[field] = None
        return f"[{field}]"

    try:
        return channel.write(wording, values, gap=gap), list(missing)
    except (InvalidTemplate, MessageTooLong) as mistake:
        raise Invalid(detail=str(mistake)) from mistake


def _looked_for(found: Variant, channel: str, languages: Sequence[str]) -> list[str]:
    names = [name_of(*way) for way in ways(channel, languages)]
    return names[: names.index(found.name) + 1]


def _values(session: Session, actor: Actor, lead: Any, given: Mapping[str, str | None]) -> Values:
    """The lead's own; where nobody is named, and for what no lead has, made up; and what is given instead of either."""
    sample = sample_values(actor.clinic, definitions_of(session, actor.clinic))
    said = {**sample, **(_of_lead(session, actor, lead) if lead else {})}
    _require_known(given, sample)
    for field, value in given.items():
        group, _, name = field.partition(".")
        said[group] = {**said[group], name: value}
    return said


def _of_lead(session: Session, actor: Actor, lead: Any) -> dict[str, dict[str, object]]:
    coordinator = coordinator_of(lead.id, lead.assigned_to_id, colleagues(session, actor.clinic.id))
    values = message_values(
        actor.clinic,
        lead=said_of(lead, names_of(session, actor.clinic)),
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
    )
    return {group: values[group] for group in OF_THE_LEAD}


def _require_known(given: Mapping[str, str | None], sample: Values) -> None:
    known = [f"{group}.{name}" for group, names in {**VARIABLES, OWN: sample[OWN]}.items() for name in names]
    mistakes = chain.from_iterable(one_of(field, known, field) for field in given)
    if errors := [FieldError(f"/values/{mistake.place}", mistake.problem) for mistake in mistakes]:
        raise Invalid(*errors)
