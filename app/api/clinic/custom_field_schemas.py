"""Request and response schemas for custom fields."""

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.custom_fields.models import (
    FIELD_KEY,
    LONGEST_FIELD_KEY,
    LONGEST_FIELD_LABEL,
    LONGEST_OPTION,
    MOST_OPTIONS,
    FieldType,
    options_error,
)


class CustomFieldChange(Schema):
    """The editable parts of a custom field."""

    label = Text(LONGEST_FIELD_LABEL, least=1, required=True)
    options = ListOf(
        Text(LONGEST_OPTION, least=1),
        most=MOST_OPTIONS,
        load_default=list,
        metadata={"description": "For the type `choice`."},
    )
    required = Boolean(load_default=False)
    archived = Boolean(load_default=False)


class CustomFieldIn(CustomFieldChange):
    """A new custom field. Its key and type cannot be changed later."""

    key = Text(LONGEST_FIELD_KEY, required=True, form=(FIELD_KEY, "Must be a slug such as `school_name`."))
    type = Choice(FieldType, required=True)

    @validates_schema
    def _has_options_to_choose_from(self, data: JsonDict, **_: object) -> None:
        if mistake := options_error(data.get("type"), data.get("options", [])):
            raise ValidationError({"options": [mistake]})


class CustomFieldOut(Schema):
    """A custom field."""

    id = Id(required=True)
    key = fields.String(required=True)
    label = fields.String(required=True)
    type = Choice(FieldType, required=True)
    options = fields.List(fields.String(), required=True)
    required = Boolean(required=True)
    archived = Boolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class CustomFieldQuery(PageQuery):
    """Filters for custom fields."""

    archived = Boolean()
