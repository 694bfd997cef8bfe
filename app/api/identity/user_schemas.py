"""Request and response schemas for users, teams, roles and passwords."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.identity.sign_in_schemas import LONGEST_PASSWORD, LONGEST_TOKEN
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Email, Id, Instant, Integer, ListOf, Secret, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.identity.permissions import Permission, Scope

SLUG: Final = (r"^[a-z][a-z0-9_]{0,62}$", "Use lower-case letters, digits and underscores.")
_CHOSEN: Final = {"format": "password", "description": "At least 12 characters, and not a common password."}


class Invitation(Schema):
    """A new user."""

    email = Email(required=True)
    name = Text(100, least=1, required=True)
    role = Text(63, least=1, required=True, metadata={"description": "A slug of `GET /api/roles`."})
    team_id = Id(allow_none=True)


class UserChanges(Schema):
    """The editable fields of a user. Fields that are left out stay unchanged."""

    name = Text(100, least=1)
    role = Text(63, least=1, metadata={"description": "A slug of `GET /api/roles`."})
    team_id = Id(allow_none=True)


class UserIn(UserChanges):
    """A user as a whole, except the e-mail address."""

    name = Text(100, least=1, required=True)
    role = Text(63, least=1, required=True, metadata={"description": "A slug of `GET /api/roles`."})
    team_id = Id(allow_none=True, load_default=None)


class Departure(Schema):
    """The new owners of the leads and tasks of a deactivated user."""

    to_ids = ListOf(Id(), least=1, most=50, metadata={"description": "Default: the assignment rules decide."})
    reason = Text(500, allow_none=True, metadata={"description": "Shown in the history of each lead."})


class UserOut(Schema):
    """A user of the clinic."""

    id = Id(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    team_id = Id(required=True, allow_none=True)
    is_active = Boolean(required=True)
    has_password = Boolean(required=True, metadata={"description": "False until the user accepts the invitation."})
    created_at = Instant(required=True)
    version = Integer(required=True)


class UserQuery(PageQuery):
    """Filters for the list of users."""

    role = Text(63, least=1)
    team_id = Id()
    is_active = Boolean()


class TeamIn(Schema):
    """The editable fields of a team."""

    name = Text(100, least=1, required=True)


class TeamOut(Schema):
    """A team."""

    id = Id(required=True)
    name = fields.String(required=True)
    version = Integer(required=True)


class GrantsField(MapOf):
    """Permissions with their scopes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(keys=Choice(Permission), values=Choice(Scope), **options)


class RoleChanges(Schema):
    """A custom role without its slug."""

    name = Text(100, least=1, required=True)
    grants = GrantsField(required=True, metadata={"description": "Permissions, each with its scope."})


class RoleIn(RoleChanges):
    """A new custom role."""

    slug = Text(63, required=True, form=SLUG, metadata={"description": "Value for `role` of a user."})


class RoleOut(Schema):
    """A role. Built-in roles have no id and cannot be changed."""

    id = Id(allow_none=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    grants = GrantsField(required=True)
    version = Integer()


class RolesOut(Schema):
    """All roles of the clinic."""

    items = fields.List(fields.Nested(RoleOut), required=True)


class PasswordChange(Schema):
    """The current password and the new one."""

    current_password = Secret(LONGEST_PASSWORD, required=True, metadata={"format": "password"})
    new_password = Secret(LONGEST_PASSWORD, required=True, metadata=_CHOSEN)

    @validates_schema
    def _changes_something(self, data: JsonDict, **_: object) -> None:
        if data["current_password"] == data["new_password"]:
            raise ValidationError({"new_password": ["Must differ from the current password."]})


class LinkRequest(Schema):
    """The address of a user who forgot their password."""

    email = Email(required=True)


class PasswordChoice(Schema):
    """A new password, and the token of a link."""

    token = Secret(LONGEST_TOKEN, required=True)
    password = Secret(LONGEST_PASSWORD, required=True, metadata=_CHOSEN)
