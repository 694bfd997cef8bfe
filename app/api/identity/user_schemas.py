"""People, teams, roles and passwords, in and out."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.identity.sign_in_schemas import LONGEST_PASSWORD, LONGEST_TOKEN
from app.http.schemas.fields import Boolean, Choice, Email, Id, Instant, Integer, ListOf, Secret, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.identity.permissions import Permission, Scope

SLUG: Final = (r"^[a-z][a-z0-9_]{0,62}$", "Small letters, digits and underscores.")
_CHOSEN: Final = {"format": "password", "description": "At least 12 characters, and not one of the common ones."}


class Invitation(Schema):
    """A new colleague."""

    email = Email(required=True)
    name = Text(100, least=1, required=True)
    role = Text(63, least=1, required=True, metadata={"description": "A slug of `GET /api/roles`."})
    team_id = Id(allow_none=True)


class UserChanges(Schema):
    """The fields of a person that can be edited. Those given are replaced; those not given stay as they are."""

    name = Text(100, least=1)
    role = Text(63, least=1, metadata={"description": "A slug of `GET /api/roles`."})
    team_id = Id(allow_none=True)


class Departure(Schema):
    """Who takes over from somebody who leaves."""

    to_ids = ListOf(Id(), least=1, most=50, metadata={"description": "Else as the assignment rules say."})
    reason = Text(500, allow_none=True, metadata={"description": "For the history of each lead."})


class UserOut(Schema):
    """Somebody who works for the clinic."""

    id = Id(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    team_id = Id(required=True, allow_none=True)
    is_active = Boolean(required=True)
    has_password = Boolean(
        required=True, metadata={"description": "False while they have not followed the invitation."}
    )
    created_at = Instant(required=True)
    version = Integer(required=True)


class UserQuery(PageQuery):
    """Which of the clinic's people to list."""

    role = Text(63, least=1)
    team_id = Id()
    is_active = Boolean()


class TeamIn(Schema):
    """A team."""

    name = Text(100, least=1, required=True)


class TeamOut(Schema):
    """A team."""

    id = Id(required=True)
    name = fields.String(required=True)
    version = Integer(required=True)


class GrantsField(fields.Dict):
    """Permissions, each with its scope."""

    def __init__(self, **options: Any) -> None:
        super().__init__(keys=Choice(Permission), values=Choice(Scope), **options)


class RoleChanges(Schema):
    """A role of the clinic's own, all of it but its slug."""

    name = Text(100, least=1, required=True)
    grants = GrantsField(
        required=True, metadata={"description": "What it may do: permissions, each with whose leads it is good for."}
    )


class RoleIn(RoleChanges):
    """A new role of the clinic's own."""

    slug = Text(63, required=True, form=SLUG, metadata={"description": "What a user's `role` says."})


class RoleOut(Schema):
    """A role. Those that every clinic has have no id, and cannot be changed."""

    id = Id(allow_none=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    grants = GrantsField(required=True)
    version = Integer()


class RolesOut(Schema):
    """All roles of the clinic."""

    items = fields.List(fields.Nested(RoleOut), required=True)


class PasswordChange(Schema):
    """The password of before, and the one from now on."""

    current_password = Secret(LONGEST_PASSWORD, required=True, metadata={"format": "password"})
    new_password = Secret(LONGEST_PASSWORD, required=True, metadata=_CHOSEN)

    @validates_schema(skip_on_field_errors=True)
    def _changes_something(self, data: dict[str, Any], **_: Any) -> None:
        if data["current_password"] == data["new_password"]:
            raise ValidationError({"new_password": ["This is the one you have."]})


class LinkRequest(Schema):
    """Who forgot their password."""

    email = Email(required=True)


class PasswordChoice(Schema):
    """A password, and the link's token that allows to choose it."""

    token = Secret(LONGEST_TOKEN, required=True)
    password = Secret(LONGEST_PASSWORD, required=True, metadata=_CHOSEN)
