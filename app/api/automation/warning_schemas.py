"""Warnings: parts of a definition that cannot run as the clinic is set up now."""

from typing import Any

from marshmallow import fields

from app.http.schemas.schema import Schema


class WarningOut(Schema):
    """A part of a definition that cannot run yet, and what is missing."""

    pointer = fields.String(required=True, metadata={"examples": ["/do/0/send_message"]})
    message = fields.String(required=True)


def warnings_field() -> "fields.List[Any]":
    """Return the field `warnings` of a response."""
    description = (
        "Messages and webhooks without a gateway, which wait until there is one; commercial e-mails of a clinic without"
        " a postal address."
    )
    return fields.List(fields.Nested(WarningOut), required=True, metadata={"description": description})
