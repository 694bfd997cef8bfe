"""Validate the texts of a template, as the API receives them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonObject
from app.errors import FieldError, Invalid
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.values import definitions_of
from app.messaging.rendering.render import CustomFieldKeys, check_template
from app.messaging.rendering.variants import Variant
from app.messaging.sending_accounts.choice import choose_account, why_none
from app.messaging.sending_accounts.directory import list_accounts_of


def validated_variants(session: Session, clinic: ClinicContext, given: Sequence[JsonObject]) -> tuple[Variant, ...]:
    """Return the variants of texts loaded by MessageVariantIn. Raises Invalid with a pointer to each mistake."""
    variants = tuple(Variant.from_json(one) for one in given)
    custom_keys = frozenset(definitions_of(session, clinic))
    mistakes = [mistake for i, one in enumerate(variants) for mistake in _mistakes(one, f"/variants/{i}", custom_keys)]
    mistakes += _unknown_accounts(session, clinic.id, variants)
    if mistakes:
        raise Invalid(*mistakes)
    return variants


def _unknown_accounts(session: Session, clinic_id: UUID, variants: Sequence[Variant]) -> list[FieldError]:
    """Return a mistake for each text that names a sending account which the clinic cannot use for its channel."""
    named = [(i, one, one.channel) for i, one in enumerate(variants) if one.account and one.channel]
    known = list_accounts_of(session, clinic_id) if named else ()
    return [
        FieldError(f"/variants/{i}/account", why_none(known, channel, one.account))
        for i, one, channel in named
        if choose_account(known, channel, one.account) is None
    ]


def _mistakes(variant: Variant, place: str, custom_keys: CustomFieldKeys) -> list[FieldError]:
    found = check_template(variant.subject, variant.body, custom_keys=custom_keys)
    parameters = variant.provider_template.parameters if variant.provider_template else ()
    return [FieldError(f"{place}/{mistake.place}", mistake.problem) for mistake in found] + [
        FieldError(f"{place}/provider_template/parameters/{number}", mistake.problem)
        for number, text in enumerate(parameters)
        for mistake in check_template(None, text, custom_keys=custom_keys)
    ]
