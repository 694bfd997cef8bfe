"""Sample values for previews: a fictional lead and task."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from app.clock import now
from app.core.type_aliases import JsonObject
from app.identity.clinic_context import ClinicContext
from app.leads.custom_fields.models import FieldType
from app.leads.custom_fields.values import Definition, Definitions
from app.leads.fields import IN_TEMPLATES, Form, LeadField
from app.messaging.rendering.variables import message_values

_READ: Final[Mapping[Form, Callable[[str], object]]] = {
    Form.MONEY: Decimal,
    Form.CHOICES: lambda sample: [sample],
    Form.TAGS: lambda sample: [sample],
}  # others are text


def _sample(field: LeadField) -> object:
    given = (field.template and field.template.sample) or field.examples[0]
    return _READ.get(field.kind.form, str)(given)


_LEAD: Final[JsonObject] = {
    **{field.name: _sample(field) for field in IN_TEMPLATES.values()},
    "stage": "New lead",
    "source": "Web search",
}
_OF_TYPE: Final[Mapping[FieldType, object]] = {
    FieldType.TEXT: "text",
    FieldType.NUMBER: 7,
    FieldType.BOOLEAN: True,
    FieldType.DATE: date(2030, 1, 31),
}
_DUE_IN, _MEETS_IN = timedelta(days=1), timedelta(days=3)


def sample_values(clinic: ClinicContext, definitions: Definitions) -> dict[str, dict[str, object]]:
    """Return a value for every variable of a template, by group and name."""
    return message_values(
        clinic,
        lead={**_LEAD, "custom": {key: _value(one) for key, one in definitions.items()}},
        task={"title": "Call back", "due_at": now() + _DUE_IN},
        coordinator_name="Nina Weber",
        coordinator_email="nina@clinic.example",
        user_name="Tom Berg",
        scheduled_for=now() + _MEETS_IN,
    )


def _value(definition: Definition) -> object:
    if definition.type == FieldType.CHOICE:
        return next(iter(definition.options), "text")
    return _OF_TYPE[FieldType(definition.type)]
