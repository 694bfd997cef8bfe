"""Preview a message for a lead or for sample data. Nothing is written."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.core.validation.json_pointer import pointer
from app.core.validation.language_tags import fallbacks
from app.core.validation.validation_errors import one_of
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.identity.users.lookup import active_users
from app.leads.assignment.coordinators import coordinator_of
from app.leads.custom_fields.values import definitions_of
from app.leads.facts.template_values import display_names, lead_template_values
from app.leads.search.lookup import read_lead
from app.messaging.channels.base import Channel
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.render import InvalidTemplate, MessageTooLong, Wording
from app.messaging.rendering.samples import sample_values
from app.messaging.rendering.variables import CUSTOM_GROUP, VARIABLES, Values, message_values
from app.messaging.rendering.variants import Variant, choose_variant, lookup_order, variant_name
from app.messaging.templates.service import check_texts

LEAD_GROUPS: Final = (
    "lead",
    "patient",
    "coordinator",
    CUSTOM_GROUP,
)  # other groups depend on the trigger of the message


def preview(session: Session, actor: Actor, variants: Sequence[Variant], options: JsonObject) -> JsonDict:
    """Return the preview for MessagePreviewOut; `options` as loaded by MessagePreviewIn.

    Raises Forbidden, NotFound, LeadWasMerged, Invalid.
    """
    lead = lead_for_preview(session, actor, options["lead_id"])
    values = _values(session, actor, lead, options["values"])
    languages = fallbacks(options["language"] or (lead.language if lead else None), actor.clinic.language)
    variant = choose_variant(variants, options["channel"], languages)
    message, missing = render_with_placeholders(CHANNELS[options["channel"]], variant.wording, values)
    return {
        "variant": variant.name,
        "looked_for": _names_tried(variant, options["channel"], languages),
        "subject": message.subject or None,
        "body": message.body,
        "media": variant.media and variant.media._asdict(),
        "missing": missing,
    }


def check_preview(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the names of the given values. Raises Invalid with every error."""
    _require_known(data["values"], sample_values(actor.clinic, definitions_of(session, actor.clinic)))


def check_unsaved_preview(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the texts and the names of the given values. Raises Invalid with every error."""
    check_all(lambda: check_texts(session, actor, data), lambda: check_preview(session, actor, data))


def lead_for_preview(session: Session, actor: Actor, lead_id: UUID | None) -> Any:
    """Return the lead of a preview, or None without a `lead_id`.

    Raises Forbidden (no permission to read leads), NotFound, LeadWasMerged.
    """
    if lead_id is None:
        return None
    actor.require(Permission.LEAD_READ)
    return read_lead(session, actor.within(Permission.LEAD_READ), lead_id)


def render_with_placeholders(channel: Channel, wording: Wording, values: Values) -> tuple[Wording, list[str]]:
    """Render the message and return it with the variables that have no value.

    Such a variable prints its name in brackets. Raises Invalid.
    """
    missing: dict[str, None] = {}

    def placeholder(field: str) -> str:
        missing[field] = None
        return f"[{field}]"

    try:
        return channel.write(wording, values, placeholder=placeholder), list(missing)
    except (InvalidTemplate, MessageTooLong) as mistake:
        raise Invalid(detail=str(mistake)) from mistake


def _names_tried(found: Variant, channel: str, languages: Sequence[str]) -> list[str]:
    names = [variant_name(*key) for key in lookup_order(channel, languages)]
    return names[: names.index(found.name) + 1]


def _values(session: Session, actor: Actor, lead: Any, given: Mapping[str, str | None]) -> Values:
    """Return sample values, replaced by the lead's values and then by the given ones. Raises Invalid."""
    sample = sample_values(actor.clinic, definitions_of(session, actor.clinic))
    values = {**sample, **(_lead_values(session, actor, lead) if lead else {})}
    _require_known(given, sample)
    for field, value in given.items():
        group, _, name = field.partition(".")
        values[group] = {**values[group], name: value}
    return values


def _lead_values(session: Session, actor: Actor, lead: Any) -> dict[str, dict[str, object]]:
    coordinator = coordinator_of(lead.id, lead.assigned_to_id, active_users(session, actor.clinic.id))
    values = message_values(
        actor.clinic,
        lead=lead_template_values(lead, display_names(session, actor.clinic)),
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
    )
    return {group: values[group] for group in LEAD_GROUPS}


def _require_known(given: Mapping[str, str | None], sample: Values) -> None:
    known = [
        f"{group}.{name}"
        for group, names in {**VARIABLES, CUSTOM_GROUP: sample[CUSTOM_GROUP]}.items()
        for name in names
    ]
    mistakes = chain.from_iterable(one_of(field, known, field) for field in given)
    if errors := [FieldError(pointer("values", mistake.place), mistake.problem) for mistake in mistakes]:
        raise Invalid(*errors)
