"""What a template cannot do without, and how many open leads lack it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.messaging.rendering.needs import needed_in
from app.messaging.rendering.variants import Variant
from app.messaging.templates.missing_fields import count_lacking


def missing_fields(session: Session, actor: Actor, variants: Sequence[Variant]) -> dict[str, Any]:
    """What `MissingFieldsOut` shows."""
    return lacking_of(session, actor, {variant.name: (variant.subject, variant.body) for variant in variants})


def lacking_of(session: Session, actor: Actor, texts: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    """The fields that these texts (by the name of what they are part of) need, of the leads that the actor may see."""
    needed = {name: frozenset[str]().union(*(needed_in(text) for text in of if text)) for name, of in texts.items()}
    fields = sorted(frozenset[str]().union(*needed.values()))
    found = count_lacking(session, actor.within(Permission.LEAD_READ), fields)
    return {
        "open_leads": found.looked_at,
        "is_all": found.is_all,
        "fields_": [
            {
                "field": field,
                "variants": [name for name, of in needed.items() if field in of],
                "leads": found.of_field.get(field),
            }
            for field in fields
        ],
    }
