"""Response schemas of the list of fields."""

from marshmallow import fields

from app.http.schemas.fields import Boolean, Choice, Integer
from app.http.schemas.schema import Schema
from app.leads.fields import Form


class LeadFieldOut(Schema):
    """A field of a lead."""

    name = fields.String(
        required=True,
        metadata={
            "description": "Its name in requests and responses. The value of `custom.<key>` is in `custom`.",
            "examples": ["phone", "custom.braces"],
        },
    )
    label = fields.String(required=True, metadata={"examples": ["Phone"]})
    description = fields.String(required=True, metadata={"description": "The values that it takes."})
    examples = fields.List(fields.String(), required=True)
    type = Choice([form for form in Form if form is not Form.CUSTOM], required=True)
    choices = fields.List(
        fields.String(), required=True, metadata={"description": "The possible values; empty: any value of the type."}
    )
    longest = Integer(required=True, allow_none=True, metadata={"description": "The most characters of a text."})
    highest = Integer(required=True, allow_none=True, metadata={"description": "The highest number."})
    is_required = Boolean(required=True, metadata={"description": "Whether a new lead needs it."})
    is_private = Boolean(required=True, metadata={"description": "Whether it needs `lead:private`."})
    is_custom = Boolean(required=True, metadata={"description": "Whether it is a custom field of the clinic."})
    can_read = Boolean(required=True, metadata={"description": "Whether you see its values."})
    can_give = Boolean(required=True, metadata={"description": "Whether you may give it to a new lead."})
    can_change = Boolean(required=True, metadata={"description": "Whether you may change its value."})


class LeadFieldsOut(Schema):
    """All fields of a lead; custom fields at the end."""

    fields_ = fields.List(fields.Nested(LeadFieldOut), required=True, data_key="fields")
