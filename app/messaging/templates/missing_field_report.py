"""Report of a template's required fields, and how many open leads lack them."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.messaging.rendering.required_fields import required_fields_in
from app.messaging.rendering.variants import Variant
from app.messaging.templates.missing_field_counts import count_missing_fields


def report_missing_fields(session: Session, actor: Actor, variants: Sequence[Variant]) -> JsonDict:
    """Return the report for MissingFieldsOut.

    For each required field it counts the open leads, of those that the actor may see, that lack it.
    """
    return report_for_texts(session, actor, {variant.name: (variant.subject, variant.body) for variant in variants})


def report_for_texts(session: Session, actor: Actor, texts: Mapping[str, Sequence[str | None]]) -> JsonDict:
    """Return the report for texts by name, such as the name of a variant. It counts leads that the actor may see."""
    required = {
        name: frozenset[str]().union(*(required_fields_in(text) for text in of if text)) for name, of in texts.items()
    }
    fields = sorted(frozenset[str]().union(*required.values()))
    counts = count_missing_fields(session, actor.within(Permission.LEAD_READ), fields)
    return {
        "open_leads": counts.checked,
        "is_all": counts.is_all,
        "fields_": [
            {
                "field": field,
                "variants": [name for name, of in required.items() if field in of],
                "leads": counts.by_field.get(field),
            }
            for field in fields
        ],
    }
