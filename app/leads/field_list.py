"""List of the fields of a lead, with what the caller may do with each."""

from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.custom_fields.service import declared_fields
from app.leads.fields import COLUMNS, Form, LeadField

_WITH_LENGTH = frozenset({Form.TEXT, Form.LINES, Form.EMAIL})


def list_fields(session: Session, actor: Actor) -> list[JsonDict]:
    """Return all fields in the shape of LeadFieldOut: those of every clinic, then the custom fields in use."""
    own = [
        _described(field, actor, is_custom=False) for field in COLUMNS.values() if field.kind.form is not Form.CUSTOM
    ]
    custom = declared_fields(session, actor.clinic.id).values()
    return own + [_described(field, actor, is_custom=True) for field in custom]


def _described(field: LeadField, actor: Actor, *, is_custom: bool) -> JsonDict:
    kind, sees = field.kind, not field.is_private or actor.allows(Permission.LEAD_PRIVATE)
    return {
        **{name: getattr(field, name) for name in ("name", "label", "description", "examples")},
        "type": kind.form,
        "choices": [*(kind.options or kind.own_options)],
        "longest": kind.most if kind.form in _WITH_LENGTH else None,
        "highest": kind.most if kind.form is Form.WHOLE else None,
        "is_required": field.is_required,
        "is_private": field.is_private,
        "is_custom": is_custom,
        "can_read": sees and actor.allows(Permission.LEAD_READ),
        "can_give": actor.allows(Permission.LEAD_CREATE),
        "can_change": sees and actor.allows(Permission.LEAD_UPDATE),
    }
